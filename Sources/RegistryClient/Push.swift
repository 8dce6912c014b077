public import OCI
public import SystemPackage

/// A blob that is to be sent.
public struct PushBlob: Sendable {
    /// Where the bytes are.
    public enum Content: Sendable {
        /// In a file, from its beginning to its end.
        case file(FilePath)
        /// In memory.
        case bytes([UInt8])
    }

    /// Type, digest and size.
    public var descriptor: Descriptor
    /// The bytes.
    public var content: Content
    /// How the layer is called in displays: the first 12 digits of its diff ID, as Docker shows it; by default those of
    /// its digest.
    public var displayID: String
    /// Repositories of the same registry (`library/alpine`) that are known to have the blob.
    public var mountFrom: [String]

    /// Makes a blob to be sent; see the properties for the meaning of each part.
    public init(descriptor: Descriptor, content: Content, displayID: String? = nil, mountFrom: [String] = []) {
        self.descriptor = descriptor
        self.content = content
        self.displayID = displayID ?? descriptor.digest.short
        self.mountFrom = mountFrom
    }
}

/// An image that is to be sent.
public struct PushImage: Sendable {
    /// The name: registry, repository, tag.
    public var reference: Reference
    /// The layers, base first.
    public var layers: [PushBlob]
    /// The image configuration.
    public var config: PushBlob
    /// The manifest, byte for byte.
    public var manifest: RawManifest

    /// Makes an image to be sent.
    public init(reference: Reference, layers: [PushBlob], config: PushBlob, manifest: RawManifest) {
        self.reference = reference
        self.layers = layers
        self.config = config
        self.manifest = manifest
    }
}

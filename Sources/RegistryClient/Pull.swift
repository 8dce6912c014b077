public import Diagnostics
public import OCI

/// A manifest or an index as the registry has it, byte for byte.
public struct RawManifest: Sendable, Equatable {
    /// The type that the registry named, or the document's own.
    public var mediaType: MediaType
    /// The digest of `bytes`, verified.
    public var digest: Digest
    /// The document.
    public var bytes: [UInt8]

    /// Makes a raw manifest; the digest is computed.
    public init(mediaType: MediaType, bytes: [UInt8]) {
        self.mediaType = mediaType
        self.bytes = bytes
        digest = Digest.sha256(bytes)
    }

    init(mediaType: MediaType, digest: Digest, bytes: [UInt8]) {
        self.mediaType = mediaType
        self.digest = digest
        self.bytes = bytes
    }

    /// Type, digest and size.
    public var descriptor: Descriptor {
        Descriptor(mediaType: mediaType, digest: digest, size: Int64(bytes.count))
    }
}

/// What a name stands for on its registry, for one platform.
public struct ResolvedImage: Sendable {
    /// The name, with its tag or digest.
    public var reference: Reference
    /// The digest that the name points at: an index where the registry has one. This is what Docker shows as `Digest:`
    /// and keeps in `RepoDigests`.
    public var digest: Digest
    /// The index, where the name points at one.
    public var index: RawManifest?
    /// The manifest of the image for the platform, byte for byte.
    public var raw: RawManifest
    /// The same manifest, read.
    public var manifest: Manifest
}

/// A layer that is on its way, handed to the reader that stores it.
public struct LayerDownload: Sendable {
    /// The layer's place among those that were asked for, from 0.
    public var index: Int
    /// The layer.
    public var descriptor: Descriptor
    /// Its bytes; read them to the end.
    public var bytes: BlobStream { stream(Digester(descriptor.digest.algorithm)) }
    /// The span of the layer (`pull.layer`), for what is done with the bytes.
    public var span: Span

    let client: RegistryClient
    let reference: Reference

    /// The bytes behind the first `offset`, for a reader that has those and that verifies the digest of the whole by
    /// itself. The stream counts, but does not hash.
    public func bytes(from offset: Int64) -> BlobStream {
        BlobStream(client: client, descriptor: descriptor, reference: reference, span: span, check: .count(offset))
    }

    private func stream(_ digester: Digester) -> BlobStream {
        BlobStream(client: client, descriptor: descriptor, reference: reference, span: span, check: .digest(digester))
    }
}

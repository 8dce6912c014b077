public import Diagnostics
public import OCI
public import SystemPackage

/// An image as lists show it. Its configuration is read with `ImageStore.config(of:)`.
public struct ImageRecord: Sendable, Hashable {
    /// The image's ID: the digest of its configuration.
    public var id: Digest
    /// The image that it was made from with `commit` or a build on this machine.
    public var parent: Digest?
    /// When it was made, in RFC 3339, as its configuration says; nil where that says nothing.
    public var created: String?
    /// The sum of the sizes of its layers, unpacked, in bytes.
    public var size: Int64
    /// Its labels.
    public var labels: [String: String] {
        // Lists of thousands of images do not parse what they do not show.
        if labelsText == "{}" { return [:] }
        var map: [String: String] = [:]
        for (key, value) in (try? JSONValue(parsing: labelsText))?.pairs ?? [] { map[key] = value.string }
        return map
    }
    /// Its tags, sorted: `alpine:3.5`.
    public var tags: [Reference]
    /// Its digest references, sorted: `alpine@sha256:…`.
    public var digests: [Reference]
    /// When a tag last came to point to it: seconds since 1970.
    public var lastTagged: Int64
    /// The chain IDs of its layers, base first.
    public var chain: [Digest] {
        chainText.split(separator: " ").compactMap { Digest(algorithm: .sha256, hex: $0) }
    }

    /// The chain IDs as the database has them.
    let chainText: String
    /// The labels as the database has them: a JSON object.
    let labelsText: String

    /// Whether no tag points to it.
    public var isDangling: Bool { tags.isEmpty }
}

/// A layer of an image.
public struct LayerRecord: Sendable, Hashable {
    /// The layer together with all below it.
    public var chainID: Digest
    /// The digest of its uncompressed tar.
    public var diffID: Digest
    /// The layer below.
    public var parent: Digest?
    /// The sum of the sizes of its files, unpacked, in bytes.
    public var size: Int64
    /// The unpacked directory.
    public var directory: FilePath
}

/// A container as the store knows it. Whether it runs is in the small files of its monitor.
public struct ContainerRecord: Sendable, Hashable {
    /// 64 hexadecimal digits.
    public var id: String
    /// The name without the leading `/`.
    public var name: String
    /// The image it was made from.
    public var image: Digest?
    /// The image's top layer; nil where the image has none.
    public var chain: Digest?
    /// When it was made: nanoseconds since 1970.
    public var created: Int64
    /// The engine's document about it, as JSON text.
    public var document: String

    /// Makes a record.
    public init(id: String, name: String, image: Digest?, chain: Digest?, created: Int64, document: String) {
        self.id = id
        self.name = name
        self.image = image
        self.chain = chain
        self.created = created
        self.document = document
    }
}

/// A container as lists show it: a few values of its document, and not the document.
public struct ContainerEntry: Sendable {
    /// 64 hexadecimal digits.
    public var id: String
    /// The name without the leading `/`.
    public var name: String
    /// The image it was made from.
    public var image: Digest?
    /// When it was made: nanoseconds since 1970.
    public var created: Int64
    /// What the document has at the paths that were asked for, in their order; null where it has nothing.
    public var values: [JSONValue]
}

/// What `docker image rm` did, one line of its output each.
public enum RemovedItem: Sendable, Hashable {
    /// `Untagged: …`
    case untagged(String)
    /// `Deleted: sha256:…`: an image or a layer (by chain ID).
    case deleted(Digest)

    /// The line as Docker prints it.
    public var line: String {
        switch self {
        case .untagged(let name): "Untagged: \(name)"
        case .deleted(let digest): "Deleted: \(digest)"
        }
    }
}

/// What a removal or a prune did.
public struct Removal: Sendable, Hashable {
    /// What was untagged and deleted, in Docker's order.
    public var items: [RemovedItem]
    /// The bytes of the unpacked layers that were deleted.
    public var reclaimed: Int64

    /// Makes a result.
    public init(items: [RemovedItem] = [], reclaimed: Int64 = 0) {
        self.items = items
        self.reclaimed = reclaimed
    }
}

/// What an image is registered from.
public struct NewImage: Sendable {
    /// The configuration, exactly as it came or was made: its digest becomes the image's ID.
    public var config: [UInt8]
    /// The manifest, exactly as it came, with its type; nil for an image made here.
    public var manifest: (bytes: [UInt8], mediaType: MediaType)?
    /// The names: tags (taken away from the images that had them) and digest references.
    public var references: [Reference]
    /// The image it was made from, for `commit` and builds.
    public var parent: Digest?
    /// Whether it is tagged now, as by `docker tag`; a name that comes with an image from elsewhere is older.
    public var isTaggedNow: Bool

    /// Makes a description.
    public init(
        config: [UInt8], manifest: (bytes: [UInt8], mediaType: MediaType)? = nil, references: [Reference] = [],
        parent: Digest? = nil, isTaggedNow: Bool = false
    ) {
        self.config = config
        self.manifest = manifest
        self.references = references
        self.parent = parent
        self.isTaggedNow = isTaggedNow
    }
}

public import OCI

/// A line of `docker image ls`.
public struct ImageSummary: Sendable, Hashable {
    /// The image's ID: the digest of its configuration.
    public var id: Digest
    /// The repository as Docker shows it, or nil (`<none>`).
    public var repository: String?
    /// The tag, or nil (`<none>`).
    public var tag: String?
    /// The digests of the manifests under which it was pulled from or pushed to that repository.
    public var digests: [Digest]
    /// When it was made: seconds since 1970.
    public var created: Int64
    /// The size of all its layers, unpacked, in bytes.
    public var size: Int64
    /// The number of containers made from it; nil where nobody counted.
    public var containers: Int?

    /// The first of `digests`.
    public var digest: Digest? { digests.first }

    /// Makes a line.
    public init(
        id: Digest, repository: String?, tag: String?, digest: Digest?, created: Int64, size: Int64
    ) {
        self.id = id
        self.repository = repository
        self.tag = tag
        digests = digest.map { [$0] } ?? []
        self.created = created
        self.size = size
    }
}

/// A line of `docker image history`, newest first.
public struct HistoryLine: Sendable, Hashable {
    /// The image that the line ends at, where it is known here (`<missing>` otherwise).
    public var id: Digest?
    /// When: seconds since 1970.
    public var created: Int64
    /// The command that made the layer.
    public var createdBy: String
    /// The unpacked size of the layer in bytes; 0 for lines without a layer.
    public var size: Int64
    /// The comment.
    public var comment: String
    /// The tags of `id`.
    public var tags: [String]

    /// Makes a line.
    public init(id: Digest?, created: Int64, createdBy: String, size: Int64, comment: String, tags: [String]) {
        self.id = id
        self.created = created
        self.createdBy = createdBy
        self.size = size
        self.comment = comment
        self.tags = tags
    }
}

/// What `docker image rm` and `docker image prune` print.
public enum RemovedImage: Sendable, Hashable {
    /// `Untagged: …` with the name as Docker shows it.
    case untagged(String)
    /// `Deleted: …` with an image ID or a chain ID.
    case deleted(Digest)
}

/// What a prune removed.
public struct PruneReport<Removed: Sendable>: Sendable {
    /// What was removed, in order.
    public var removed: [Removed]
    /// Bytes that are free again.
    public var reclaimed: Int64

    /// Makes a report.
    public init(removed: [Removed], reclaimed: Int64) {
        self.removed = removed
        self.reclaimed = reclaimed
    }
}

/// A filter of `--filter name=value`; several values of one name are alternatives, several names must all hold.
public typealias Filters = [String: [String]]

/// What `docker pull` asks for.
public struct PullRequest: Sendable {
    /// The image.
    public var reference: Reference
    /// All tags of the repository (`-a`).
    public var allTags = false
    /// The platform, where it is not this machine's.
    public var platform: Platform?

    /// Makes a request.
    public init(reference: Reference, allTags: Bool = false, platform: Platform? = nil) {
        self.reference = reference
        self.allTags = allTags
        self.platform = platform
    }
}

/// What a pull came to.
public struct PullResult: Sendable, Hashable {
    /// The image as it is now named here.
    public var reference: Reference
    /// The image's ID.
    public var image: Digest
    /// The digest of the manifest (or of the index that led to it): the `Digest:` line.
    public var digest: Digest
    /// Whether anything was new: `Downloaded newer image for …` or `Image is up to date for …`.
    public var isNew: Bool
    /// What a course image stands for, where it is one.
    public var courseImage: String?
    /// What Docker warns of: an image for another platform than the one asked for.
    public var warning: String?

    /// Makes a result.
    public init(
        reference: Reference, image: Digest, digest: Digest, isNew: Bool, courseImage: String? = nil,
        warning: String? = nil
    ) {
        self.warning = warning
        self.reference = reference
        self.image = image
        self.digest = digest
        self.isNew = isNew
        self.courseImage = courseImage
    }
}

/// A manifest or an index, as a registry has it.
public struct RemoteManifest: Sendable, Hashable {
    /// The name that it was asked for by; an image of an index is named by its digest.
    public var reference: Reference
    /// Type, digest, size and platform.
    public var descriptor: Descriptor
    /// The document, byte for byte.
    public var bytes: [UInt8]
    /// The images of an index, in its order; nil for a manifest.
    public var images: [RemoteManifest]?

    /// Makes a value.
    public init(reference: Reference, descriptor: Descriptor, bytes: [UInt8], images: [RemoteManifest]? = nil) {
        self.reference = reference
        self.descriptor = descriptor
        self.bytes = bytes
        self.images = images
    }
}

/// What a push came to: the last line of `docker push`.
public struct PushResult: Sendable, Hashable {
    /// The image's name in the registry.
    public var reference: Reference
    /// The digest of the manifest.
    public var digest: Digest
    /// The size of the manifest in bytes.
    public var size: Int64

    /// Makes a result.
    public init(reference: Reference, digest: Digest, size: Int64) {
        self.reference = reference
        self.digest = digest
        self.size = size
    }
}

/// A line of `docker search`.
public struct SearchResult: Sendable, Hashable {
    /// The repository.
    public var name: String
    /// What it is.
    public var description: String
    /// How many like it.
    public var stars: Int
    /// Whether it is one of Docker's own.
    public var isOfficial: Bool

    /// Makes a line.
    public init(name: String, description: String, stars: Int, isOfficial: Bool) {
        self.name = name
        self.description = description
        self.stars = stars
        self.isOfficial = isOfficial
    }
}

/// What `docker commit` asks for.
public struct CommitRequest: Sendable {
    /// The container.
    public var container: String
    /// The name of the new image; nil leaves it `<none>`.
    public var reference: Reference?
    /// `-a`
    public var author = ""
    /// `-m`
    public var message = ""
    /// `-c`: Dockerfile instructions that change the configuration.
    public var changes: [String] = []
    /// `-p`: pause the container, where it runs, while its files are read.
    public var pause = true

    /// Makes a request.
    public init(container: String, reference: Reference? = nil) {
        self.container = container
        self.reference = reference
    }
}

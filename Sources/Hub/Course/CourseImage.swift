public import Diagnostics
public import OCI
public import SystemPackage

/// An image made on this machine that stands for a well-known one, ready to be put into the hub.
public struct CourseImage: Sendable {
    /// A layer as a file: the compressed tar archive with both of its digests.
    public struct Layer: Sendable {
        /// The compressed archive; belongs to the hub once it is imported (it may be moved).
        public var file: FilePath
        /// Type, digest and size of the compressed archive.
        public var descriptor: Descriptor
        /// The digest of the uncompressed archive.
        public var diffID: Digest

        /// Makes a layer; see the properties.
        public init(file: FilePath, descriptor: Descriptor, diffID: Digest) {
            self.file = file
            self.descriptor = descriptor
            self.diffID = diffID
        }
    }

    /// The repository as the distribution API names it: `library/alpine`.
    public var repository: String
    /// The tags that it gets.
    public var tags: [String]
    /// The configuration; `diffIDs` name the layers.
    public var config: ImageConfig
    /// The layers, base first.
    public var layers: [Layer]
    /// One line that tells a learner what the image is made of and what it stands for.
    public var notice: String

    /// Makes an image; see the properties.
    public init(repository: String, tags: [String], config: ImageConfig, layers: [Layer], notice: String) {
        self.repository = repository
        self.tags = tags
        self.config = config
        self.layers = layers
        self.notice = notice
    }

    /// The label of every course image: `course image made by Drydock, stands for alpine:3.5`.
    public static let label = "dev.drydock.course-image"
}

/// Where course images are put; the hub's storage is one.
public protocol CourseImageSink: Sendable {
    /// Whether a tag exists already.
    func hasTag(_ tag: String, repository: String) throws(DrydockError) -> Bool

    /// Takes an image: blobs first, manifest last, then all tags. Afterwards it is durable.
    func importImage(_ image: CourseImage) throws(DrydockError)
}

public import Diagnostics
public import OCI

/// Where an archive comes from or goes to.
public enum ArchivePlace: Sendable, Hashable {
    /// Standard input or standard output of this process.
    case standard
    /// A file: its absolute path.
    case file(String)
}

/// What `docker load` says about one image, a line each.
public enum LoadedImage: Sendable, Hashable {
    /// The tag pointed to another image before: `The image x already exists, renaming the old one with ID y to empty
    /// string`.
    case renamed(String, old: Digest)
    /// `Loaded image: x`
    case tagged(String)
    /// `Loaded image ID: y`
    case untagged(Digest)
}

/// What `docker import` asks for.
public struct ImportRequest: Sendable {
    /// Where the tar archive comes from.
    public enum Source: Sendable, Hashable {
        /// A file or standard input.
        case place(ArchivePlace)
        /// An `http:` or `https:` address.
        case address(String)
    }

    /// Where the tar archive comes from.
    public var source: Source
    /// How the source was written, for the history: `-`, `rootfs.tar`.
    public var spelling: String
    /// The new image's name.
    public var reference: Reference?
    /// Dockerfile instructions: `-c`.
    public var changes: [String] = []
    /// The comment: `-m`.
    public var message = ""
    /// The platform, where it is not this machine's.
    public var platform: Platform?

    /// Makes a request.
    public init(source: Source, spelling: String, reference: Reference? = nil) {
        self.source = source
        self.spelling = spelling
        self.reference = reference
    }
}

/// What takes room: `docker system df`.
public struct DiskUsageReport: Sendable {
    /// An image with what it shares.
    public struct Image: Sendable {
        /// The lines of `docker image ls` for it.
        public var lines: [ImageSummary]
        /// The bytes of its layers that other images have too.
        public var shared: Int64
        /// The bytes of all its layers.
        public var size: Int64
        /// The number of containers made from it.
        public var containers: Int

        /// Makes an entry.
        public init(lines: [ImageSummary], shared: Int64, size: Int64, containers: Int) {
            self.lines = lines
            self.shared = shared
            self.size = size
            self.containers = containers
        }
    }

    /// A volume with what uses it.
    public struct Volume: Sendable {
        /// Its name.
        public var name: String
        /// The bytes in it.
        public var size: Int64
        /// The number of containers that use it.
        public var links: Int
        /// Where it is on the host.
        public var mountpoint: String
        /// Its labels.
        public var labels: [String: String]

        /// Makes an entry.
        public init(name: String, size: Int64, links: Int, mountpoint: String, labels: [String: String]) {
            self.name = name
            self.size = size
            self.links = links
            self.mountpoint = mountpoint
            self.labels = labels
        }
    }

    /// The bytes of all layers, each counted once.
    public var layersSize: Int64
    /// The images, newest first.
    public var images: [Image]
    /// The containers, newest first, with their sizes.
    public var containers: [ContainerSummary]
    /// The volumes, by name.
    public var volumes: [Volume]

    /// Makes a report.
    public init(layersSize: Int64, images: [Image], containers: [ContainerSummary], volumes: [Volume]) {
        self.layersSize = layersSize
        self.images = images
        self.containers = containers
        self.volumes = volumes
    }
}

/// Images as archives, and what everything takes.
public protocol ImageArchives: Sendable {
    /// Writes images as one archive in Docker's format that is an OCI layout too (`docker save`).
    /// - Throws: code `.notFound` for an unknown name; nothing is written then.
    func save(_ names: [String], platform: Platform?, to place: ArchivePlace, _ span: Span) throws(DrydockError)
    /// Takes in the images of an archive (`docker load`): Docker's format or an OCI layout, compressed or not.
    /// - Throws: code `.corrupt` where it is neither; images that are whole by then stay.
    func load(from place: ArchivePlace, platform: Platform?, _ span: Span) throws(DrydockError) -> [LoadedImage]
    /// Makes an image of one layer from a tar archive of a file system. - Returns: its ID.
    func importImage(_ request: ImportRequest, _ span: Span) async throws(DrydockError) -> Digest
    /// Writes a container's whole file system as a tar archive (`docker export`).
    func export(_ container: String, to place: ArchivePlace, _ span: Span) throws(DrydockError)
    /// What takes room.
    /// - Parameter details: whether each object is described, and not only what it takes; without, images have no lines,
    ///   and containers no more than their IDs, whether they run, and their sizes.
    func diskUsage(details: Bool) throws(DrydockError) -> DiskUsageReport
}

extension ImageArchives {
    private func missing(_ what: String) -> DrydockError {
        DrydockError(.unsupported, "this engine cannot \(what)")
    }
    /// Not there where an engine does not say otherwise.
    public func save(
        _ names: [String], platform: Platform?, to place: ArchivePlace, _ span: Span
    ) throws(DrydockError) { throw missing("save images") }
    /// Not there where an engine does not say otherwise.
    public func load(
        from place: ArchivePlace, platform: Platform?, _ span: Span
    ) throws(DrydockError) -> [LoadedImage] { throw missing("load images") }
    /// Not there where an engine does not say otherwise.
    public func importImage(_ request: ImportRequest, _ span: Span) async throws(DrydockError) -> Digest {
        throw missing("import images")
    }
    /// Not there where an engine does not say otherwise.
    public func export(
        _ container: String, to place: ArchivePlace, _ span: Span
    ) throws(DrydockError) { throw missing("export containers") }
    /// Not there where an engine does not say otherwise.
    public func diskUsage(details: Bool) throws(DrydockError) -> DiskUsageReport { throw missing("measure") }
}

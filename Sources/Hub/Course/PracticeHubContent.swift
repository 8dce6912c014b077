public import Diagnostics
public import SystemPackage

/// What the practice hub has to offer without an internet: course images and the package repository.
///
/// Everything is made from the distribution's own packages: from the files of this machine where they are installed,
/// otherwise from packages fetched with `apt-get download`, which needs no privileges.
public struct PracticeHubContent: Sendable {
    /// What `prepare` did.
    public struct Report: Sendable, Equatable {
        /// What was made now, in order: `alpine:3.5`, `package nodejs`.
        public var made: [String] = []
        /// What was there already.
        public var present: [String] = []
        /// What could not be made although the course does not depend on it, each with the reason.
        public var skipped: [String] = []

        /// Makes an empty report.
        public init() {}
    }

    /// The hub's data directory; the package repository is below `packages`.
    public let directory: FilePath
    /// Where images are put.
    private let sink: any CourseImageSink

    /// Makes the content of one hub.
    /// - Parameters:
    ///   - directory: the hub's data directory (`hub` of a Drydock home).
    ///   - sink: where the images are put.
    public init(directory: FilePath, sink: any CourseImageSink) {
        self.directory = directory
        self.sink = sink
    }

    /// The directory to serve at `/alpine/`: static files, Alpine's layout (`v3.5/main/x86_64/APKINDEX.tar.gz`).
    public var packages: FilePath { directory.appending("packages") }

    /// Makes what is missing of the packages and of the images that are made ahead (`alpine`, `busybox`,
    /// `hello-world`). Instant where nothing is missing; a kill at any time leaves nothing half made.
    ///
    /// Blocking (minutes at worst): call it on a thread of its own.
    /// - Parameters:
    ///   - span: gets one child span for each package and image.
    ///   - skipImages: repositories whose images are not to be made, since the real ones can be had
    ///     (`library/alpine`).
    ///   - progress: gets a line for a person before each step.
    /// - Throws: code `.unavailable` where a package of the course is neither installed nor can be fetched.
    public func prepare(
        _ span: Span, skipImages: Set<String> = [], progress: @Sendable (String) -> Void = { _ in }
    ) throws(DrydockError) -> Report {
        Report()
    }

    /// Makes an image on its first pull (`library/debian`, `library/ubuntu`, and those made ahead).
    ///
    /// Blocking: call it on a thread of its own.
    /// - Returns: false where there is no course image of that name and tag.
    /// - Throws: code `.unavailable` or `.unsupported` with a remedy where it cannot be made here.
    public func makeImage(repository: String, tag: String, _ span: Span) throws(DrydockError) -> Bool { false }

    /// Whether a course image of that name and tag can be made.
    public static func offers(repository: String, tag: String) -> Bool { false }
}

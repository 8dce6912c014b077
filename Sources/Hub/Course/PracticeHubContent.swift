public import Diagnostics
import Glibc
import NIOPosix
import SystemPackage

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

    /// Changes whenever images or packages are made differently, so that what older versions made is made again.
    static let version = 1

    private let registry: HubRegistry
    private let preferInstalled: Bool

    /// Makes the content of one hub.
    /// - Parameters:
    ///   - registry: where the images are put; packages go to its `packages` directory.
    ///   - preferInstalled: false takes nothing from what is installed here but fetches every package.
    public init(registry: HubRegistry, preferInstalled: Bool = true) {
        self.registry = registry
        self.preferInstalled = preferInstalled
    }

    /// Makes what is missing of the packages and of the images that are made ahead (`alpine`, `busybox`,
    /// `hello-world`). Instant where nothing is missing; a kill at any time leaves nothing half made.
    ///
    /// Blocking (a minute at worst): call it on a thread of its own.
    /// - Parameters:
    ///   - span: gets one child span for each package and image.
    ///   - skipImages: repositories whose images are not to be made, since the real ones can be had
    ///     (`library/alpine`).
    ///   - progress: gets a line for a person before each step.
    /// - Throws: code `.unavailable` where a package of the course is neither installed nor can be fetched.
    public func prepare(
        _ span: Span, skipImages: Set<String> = [], progress: @escaping (String) -> Void = { _ in }
    ) throws(DrydockError) -> Report {
        var report = Report()
        if try isComplete(skipImages: skipImages, &report) { return report }
        return try locked { (scratch) throws(DrydockError) in
            var report = Report()
            if try isComplete(skipImages: skipImages, &report) { return report }
            let workshop = Workshop(registry: registry, scratch: scratch, preferInstalled: preferInstalled)
            workshop.source.onFetch = { progress("Fetching the package \($0)") }
            if !isMade(packagesStamp) {
                try workshop.makePackages(span, &report, progress)
                try HostFiles.write(packagesStamp, "\(Self.version)\n")
            }
            let images = try missingImages(skipping: skipImages)
            try workshop.makeImages(images, span, &report, progress)
            if skipImages.isEmpty { try HostFiles.write(imagesStamp, "\(Self.version)\n") }
            return report
        }
    }

    /// Whether packages and images are all there, so that `prepare` has nothing to do.
    public var isPrepared: Bool {
        var report = Report()
        return (try? isComplete(skipImages: [], &report)) ?? false
    }

    /// The repositories whose course images stand for images of the real Docker Hub and are made ahead.
    public static var repositoriesAhead: Set<String> { Set(CourseImageBuilder.ahead) }

    /// Makes an image on its first pull (`library/debian`, `library/ubuntu`, and those made ahead).
    ///
    /// Blocking: call it on a thread of its own.
    /// - Returns: false where there is no course image of that name and tag.
    /// - Throws: code `.unavailable` or `.unsupported` with a remedy where it cannot be made here.
    public func makeImage(repository: String, tag: String, _ span: Span) throws(DrydockError) -> Bool {
        guard Self.offers(repository: repository, tag: tag) else { return false }
        return try locked { (scratch) throws(DrydockError) in
            if try registry.hasTag(tag, of: repository) { return true }
            let builder = CourseImageBuilder(scratch: scratch)
            switch repository {
            case "library/debian", "library/ubuntu":
                for image in try DebianImages(builder: builder).both(span) { try registry.importImage(image) }
            default:
                var report = Report()
                let workshop = Workshop(registry: registry, scratch: scratch, preferInstalled: preferInstalled)
                try workshop.makeImages([repository], span, &report) { _ in }
            }
            return true
        }
    }

    /// Whether a course image of that name and tag can be made.
    public static func offers(repository: String, tag: String) -> Bool {
        switch repository {
        case "library/alpine": AlpineRelease.all.contains { $0.tags.contains(tag) }
        case "library/busybox", "library/hello-world": tag == "latest"
        case "library/debian": DebianImages.debianTags.contains(tag)
        case "library/ubuntu": DebianImages.ubuntuTags.contains(tag)
        default: false
        }
    }

    // MARK: -

    /// Says that the packages of this version are there; written last.
    private var packagesStamp: FilePath { registry.packages.appending(".complete") }
    /// Says of which version the images are.
    private var imagesStamp: FilePath { registry.data.appending("course/images") }

    private func isMade(_ stamp: FilePath) -> Bool { (try? HostFiles.text(stamp)) == "\(Self.version)\n" }

    private func isComplete(skipImages: Set<String>, _ report: inout Report) throws(DrydockError) -> Bool {
        report.present = []
        if isMade(packagesStamp) { report.present.append("packages") }
        let missing = try missingImages(skipping: skipImages)
        report.present += CourseImageBuilder.ahead.filter { !missing.contains($0) && !skipImages.contains($0) }
        return isMade(packagesStamp) && missing.isEmpty
    }

    /// The repositories of images made ahead of which a tag is missing, or which another version made.
    private func missingImages(skipping: Set<String>) throws(DrydockError) -> [String] {
        let made = isMade(imagesStamp) || !HostFiles.exists(imagesStamp)
        var missing: [String] = []
        for repository in CourseImageBuilder.ahead where !skipping.contains(repository) {
            let tags = repository == "library/alpine" ? AlpineRelease.all.flatMap(\.tags) : ["latest"]
            var complete = made
            for tag in tags where complete { complete = try registry.hasTag(tag, of: repository) }
            if !complete { missing.append(repository) }
        }
        return missing
    }

    /// Does work that only one process may do at a time, with a scratch directory that is removed afterwards. The
    /// kernel releases the lock of a process that is killed, and the next one removes its scratch directory.
    private func locked<Result>(
        _ body: (_ scratch: FilePath) throws(DrydockError) -> Result
    ) throws(DrydockError) -> Result {
        let work = registry.data.appending("course")
        try HostFiles.makeDirectories(work)
        let lock = open(work.appending("lock").string, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard lock >= 0 else {
            throw DrydockError(.system, "open \(work)/lock: \(Errno(rawValue: errno).description)", errno: errno)
        }
        defer { close(lock) }
        while flock(lock, LOCK_EX) != 0 {
            guard errno == EINTR else {
                throw DrydockError(.system, "flock \(work)/lock: \(Errno(rawValue: errno).description)", errno: errno)
            }
        }
        let scratch = work.appending("scratch")
        HostFiles.remove(scratch)
        try HostFiles.makeDirectories(scratch)
        defer { HostFiles.remove(scratch) }
        return try body(scratch)
    }
}

extension PracticeHubContent: CourseImageProvider {
    /// Makes an image where there is a course image of that name; see `makeImage`.
    public func provide(repository: String, tag: String) async throws -> Bool {
        try await NIOThreadPool.singleton.runIfActive {
            try makeImage(repository: repository, tag: tag, .none)
        }
    }

    /// Makes the packages, where `prepare` has not been called ahead.
    public func providePackages() async throws {
        if isMade(packagesStamp) { return }
        _ = try await NIOThreadPool.singleton.runIfActive { try prepare(.none) }
    }
}

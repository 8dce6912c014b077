public import Diagnostics
public import SystemPackage

/// How a hub serves.
public struct HubSettings: Sendable {
    /// Where everything of the hub is kept: `hub.sqlite`, `blobs/`, `packages/`, keys.
    public var data: FilePath
    /// The address to listen on, `ADDR:PORT`; nil means 127.0.0.1 with the port that this directory always had, or a free
    /// one the first time.
    public var listen: String?
    /// A second address, for containers that share the host's network; no error where it cannot be had.
    public var extraListen: String?
    /// The registry that misses in public repositories are passed on to (`https://registry-1.docker.io`); nil for none.
    public var upstream: String? = "https://registry-1.docker.io"
    /// How long an upstream may take to answer at first, and for how long one that did not is left alone.
    public var upstreamPatience = Duration.milliseconds(1500)
    /// The hub ends after so long without a request and without a lease; nil means never.
    public var idleExit: Duration?

    /// Makes settings for a data directory.
    public init(data: FilePath, listen: String? = nil) {
        self.data = data
        self.listen = listen
    }
}

/// Makes images that the hub does not have and cannot fetch.
public protocol CourseImageProvider: Sendable {
    /// Puts an image into the hub (through `HubRegistry`'s imports) where this provider knows how to make it.
    ///
    /// - Parameters:
    ///   - repository: `library/debian`
    ///   - tag: `bookworm`
    /// - Returns: whether the image is in the hub now.
    /// - Throws: where the image is known but could not be made; the pull fails with that error.
    func provide(repository: String, tag: String) async throws -> Bool
}

/// Runs a hub in this process.
public enum HubServer {
    /// Serves until the task is cancelled, SIGTERM or SIGINT arrives, or the hub was idle for long enough.
    ///
    /// - Parameters:
    ///   - settings: where and what.
    ///   - courseImages: makes the provider of course images for the hub's registry.
    ///   - ready: is called once, when the address is bound and answers.
    /// - Throws: `.conflict` where another process serves this directory, `.unavailable` where the address is taken.
    public static func run(
        _ settings: HubSettings,
        courseImages: (@Sendable (HubRegistry) -> any CourseImageProvider)? = nil,
        ready: @escaping @Sendable (HubAddress) -> Void = { _ in }
    ) async throws(DrydockError) { throw DrydockError(.internal, "not there yet") }
}

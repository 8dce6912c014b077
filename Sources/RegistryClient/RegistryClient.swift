public import Diagnostics
public import SystemPackage

/// How a client finds registries, knows its user and reacts to trouble.
public struct RegistrySettings: Sendable {
    /// Gives the base URL (`http://127.0.0.1:4123`, no final slash) of what plays `docker.io`. It is asked once, when it
    /// is first needed, so that a hub can be started on demand.
    public var dockerHub: @Sendable () async throws(DrydockError) -> String
    /// What `daemon.json` says: mirrors, insecure registries, proxies.
    public var configuration = RegistryConfiguration()
    /// Where certificates of single registries are (Docker's `certs.d`).
    public var certificateDirectories: [FilePath] = ["/etc/docker/certs.d"]
    /// Where the credentials are.
    public var credentials: CredentialStore
    /// What is tried again, and when.
    public var retry = RetryPolicy()
    /// Uploads go in pieces of this many bytes where it is not nil; otherwise each blob goes in one request.
    public var uploadChunk: Int?
    /// How long a connection may take to come about.
    public var connectTimeout = Duration.seconds(10)
    /// How long a server may be silent in the middle of an answer.
    public var idleTimeout = Duration.seconds(60)
    /// The `User-Agent` header.
    public var userAgent = "drydock"

    /// Makes settings.
    public init(credentials: CredentialStore, dockerHub: @escaping @Sendable () async throws(DrydockError) -> String) {
        self.credentials = credentials
        self.dockerHub = dockerHub
    }
}

/// When a request is tried again: after connection resets, status 429 and 5xx, never after another 4xx.
public struct RetryPolicy: Sendable {
    /// The number of tries altogether.
    public var attempts = 5
    /// The pause before the second try; it doubles for each later one, and each pause is shortened by a random part of
    /// up to its half.
    public var firstPause = Duration.milliseconds(250)
    /// The longest pause. A server that asks for a longer one (`Retry-After`) is not tried again.
    public var longestPause = Duration.seconds(10)

    /// Makes the usual policy.
    public init() {}
}

/// The OCI distribution API as a client: finds, fetches and sends images.
///
/// One client serves any number of operations at once and reuses its connections and tokens. Call `shutdown` when it is
/// no longer needed.
public final class RegistryClient: Sendable {
    let settings: RegistrySettings
    let transport: Transport
    let endpoints: Endpoints

    /// Makes a client; nothing is connected yet.
    public init(_ settings: RegistrySettings) {
        self.settings = settings
        endpoints = Endpoints(settings)
        transport = Transport(settings: settings)
    }

    /// Closes the connections.
    public func shutdown() async { await transport.shutdown() }
}

public import Diagnostics
import Glibc
import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import ImageStore
import Linux
import Logging
import NIOCore
import NIOPosix
import OCI
import RegistryClient
import ServiceLifecycle
import Synchronization
public import SystemPackage
import UnixSignals

/// How a hub serves.
public struct HubSettings: Sendable {
    /// Where everything of the hub is kept: `hub.sqlite`, `blobs/`, `packages/`, keys.
    public var data: FilePath
    /// The address to listen on, `ADDR:PORT`; nil means 127.0.0.1 with the port that this directory always had, or one
    /// that is free the first time.
    public var listen: String?
    /// A second address, for containers that share the host's network; no error where it cannot be had.
    public var extraListen: String?
    /// The registry that misses in public repositories are passed on to (`https://registry-1.docker.io`); nil for none.
    public var upstream: String? = "https://registry-1.docker.io"
    /// Other registries that the hub stands in for, by name: `["quay.io": "https://quay.io"]`. Their repositories begin
    /// with the name.
    public var otherUpstreams: [String: String] = [:]
    /// Serves TLS with this certificate, on the first address.
    public var certificate: HubCertificate?
    /// Never uses the network: no upstream is asked, and no course image is made of what would have to be fetched.
    public var isOffline = false
    /// Whether anybody may make an account over the network, as on Docker Hub.
    public var isRegistrationOpen = true
    /// How long a connection to the upstream may take. One that failed is left alone for five minutes.
    public var upstreamPatience = Duration.milliseconds(1500)
    /// The hub ends after so long without a request and without a lease; nil means never.
    public var idleExit: Duration?
    /// Whether SIGTERM and SIGINT end the hub: right for a process of its own, wrong inside another program.
    public var endsOnSignals = true
    /// Whether manifests and indexes are taken although something that they name is not there.
    public var acceptsSparse = false
    /// A descriptor that the address is written to, with a newline, when the hub answers; it is then closed.
    public var readyDescriptor: Int32?

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

    /// Makes the packages where they are not there yet. Called before packages are served; instant where they are.
    func providePackages() async throws
}

extension CourseImageProvider {
    /// Nothing is made where a provider only knows images.
    public func providePackages() async throws {}
}

/// Runs a hub in this process.
public enum HubServer {
    /// Serves until the task is cancelled, a signal ends it, or the hub was idle for long enough.
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
    ) async throws(DrydockError) {
        let registry = try await blocking { () throws(DrydockError) in try HubRegistry(data: settings.data) }
        let lock = try await soleServer(settings.data)
        defer { lock.unlock() }
        let state = try await blocking { () throws(DrydockError) in
            try registry.blobs.recover()
            var state = HubStateFile.read(settings.data)
            state.ready = false
            try state.write(settings.data)
            return state
        }
        let address = try await bindable(settings, state)
        let hub = try await HubApplication(registry: registry, settings: settings, courseImages: courseImages)
        do {
            try await serve(hub, settings, address, ready)
        } catch let error as DrydockError {
            throw error
        } catch let error as IOError {
            throw inUse(address, error)
        } catch is CancellationError {
        } catch {
            throw DrydockError(.internal, "the hub stopped: \(error)")
        }
        await hub.pulls.flush()
        await hub.misses.shutdown()
        try? await blocking { () throws(DrydockError) in
            var state = HubStateFile.read(settings.data)
            state.ready = false
            try state.write(settings.data)
        }
    }

    /// Takes the lock of the process that serves a directory. Others look at it for moments, so one try is not enough.
    private static func soleServer(_ data: FilePath) async throws(DrydockError) -> FileLock {
        for _ in 0..<20 {
            let lock = try await blocking { () throws(DrydockError) in
                try FileLock.ifFree(HubPaths.serveLock(data))
            }
            if let lock { return lock }
            try? await Task.sleep(for: .milliseconds(10))
        }
        throw DrydockError(
            .conflict, "another process serves the hub in \(data)", remedy: "Use that one, or another directory.")
    }

    private static func serve(
        _ hub: HubApplication, _ settings: HubSettings, _ address: HubAddress,
        _ ready: @escaping @Sendable (HubAddress) -> Void
    ) async throws {
        let announced = Mutex(false)
        let main = try hub.application(on: address, certificate: settings.certificate) { port in
            let isFirst = announced.withLock { announced in
                defer { announced = true }
                return !announced
            }
            guard isFirst else { return }
            let reached = HubAddress(
                host: Self.reachable(address.host), port: port, isSecure: settings.certificate != nil)
            try? await blocking { () throws(DrydockError) in
                try HubStateFile(
                    host: reached.host, port: port, isSecure: reached.isSecure, ready: true, process: getpid()
                ).write(
                    settings.data)
                if let number = settings.readyDescriptor {
                    let descriptor = OwnedDescriptor(number)
                    try Files.write(Array("\(reached.host):\(port)\n".utf8), to: descriptor.number)
                }
            }
            ready(reached)
        }
        var services: [any Service] = [main]
        if let text = settings.extraListen, let extra = HubAddress(text) {
            services.append(BestEffort(service: try hub.application(on: extra) { _ in }))
        }
        var configuration = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: settings.endsOnSignals ? [.sigterm, .sigint] : [],
            logger: HubApplication.logger)
        configuration.maximumGracefulShutdownDuration = .seconds(5)
        let group = ServiceGroup(configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            tasks.addTask { try await hub.housekeeping() }
            if let limit = settings.idleExit {
                tasks.addTask {
                    try await hub.waitUntilIdle(limit, lease: HubPaths.lease(settings.data))
                    await group.triggerGracefulShutdown()
                    try await Task.sleep(for: .seconds(3600))
                }
            }
            defer { tasks.cancelAll() }
            try await tasks.next()
        }
    }

    /// The address that clients on this machine use for one that a hub listens on.
    private static func reachable(_ host: String) -> String {
        ["0.0.0.0", "::", "[::]", "*", ""].contains(host) ? "127.0.0.1" : host
    }

    /// The address to listen on: what was asked for, or the directory's own port, or one near it that is free.
    private static func bindable(_ settings: HubSettings, _ state: HubStateFile) async throws(DrydockError)
        -> HubAddress
    {
        if let text = settings.listen {
            guard let address = HubAddress(text) else {
                throw DrydockError(
                    .invalidArgument, "invalid address to listen on: \(text)", remedy: "Give it as ADDRESS:PORT.")
            }
            if address.port != 0, let error = await probe(address) { throw inUse(address, error) }
            return address
        }
        let start = HubPaths.usualPort(settings.data)
        let candidates = (state.port.map { [$0] } ?? []) + (0..<50).map { 20_000 + (start - 20_000 + $0 * 37) % 10_000 }
        for port in candidates {
            let address = HubAddress(host: "127.0.0.1", port: port)
            if await probe(address) == nil { return address }
        }
        return HubAddress(host: "127.0.0.1", port: 0)
    }

    /// Why an address cannot be listened on, or nil.
    private static func probe(_ address: HubAddress) async -> (any Error)? {
        do {
            let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: address.host, port: address.port).get()
            try await channel.close()
            return nil
        } catch {
            return error
        }
    }

    private static func inUse(_ address: HubAddress, _ error: any Error) -> DrydockError {
        let number = (error as? IOError)?.errnoCode
        let words =
            number == Errno.addressInUse.rawValue
            ? "address already in use"
            : number == Errno.permissionDenied.rawValue ? "permission denied" : "\(error)"
        return DrydockError(
            .unavailable, "listen tcp \(address.host):\(address.port): bind: \(words)",
            remedy: "Choose another port, or stop the program that uses this one.", errno: number)
    }
}

/// The parts of a hub that every listener shares.
struct HubApplication: Sendable {
    let registry: HubRegistry
    let misses: PullThrough
    let responder: HubResponder
    let activity = HubActivity()
    let pulls: PullCounter
    /// After so long without a byte of a request, a connection is closed.
    private static let idleConnection = TimeAmount.seconds(120)

    init(
        registry: HubRegistry, settings: HubSettings,
        courseImages: (@Sendable (HubRegistry) -> any CourseImageProvider)?
    ) async throws(DrydockError) {
        self.registry = registry
        pulls = PullCounter(registry: registry)
        let uploads = try await blocking { () throws(DrydockError) in
            try UploadStore(data: registry.data, blobs: registry.blobs)
        }
        misses = PullThrough(
            registry: registry, uploads: uploads, settings: settings,
            courseImages: settings.isOffline ? nil : courseImages?(registry))
        responder = HubResponder(
            registry: registry, gate: try await HubGate(registry: registry), uploads: uploads, misses: misses,
            activity: activity, pulls: pulls, sparse: settings.acceptsSparse,
            registration: settings.isRegistrationOpen)
    }

    static var logger: Logger {
        var logger = Logger(label: "drydock.hub") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        return logger
    }

    /// One listener.
    /// - Parameter running: is called with the port when it is open.
    func application(
        on address: HubAddress, certificate: HubCertificate? = nil,
        running: @escaping @Sendable (Int) async -> Void
    ) throws -> Application<HubResponder> {
        let plain = HTTPServerBuilder.http1(
            configuration: .init(additionalChannelHandlers: [ConnectionTuning()], idleTimeout: Self.idleConnection))
        var responder = responder
        responder.certificate = certificate?.chain
        return Application(
            responder: responder,
            server: try certificate.map { try .tls(plain, tlsConfiguration: $0.configuration()) } ?? plain,
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: address.port), serverName: "drydock-hub"),
            onServerRunning: { channel in await running(channel.localAddress?.port ?? address.port) },
            logger: Self.logger)
    }

    /// Writes down what was counted, and removes uploads that nobody continues. Ends when it is cancelled.
    func housekeeping() async throws {
        var round = 0
        while true {
            if round % 1800 == 0 {
                let uploads = responder.uploads
                try? await blocking { uploads.expire() }
            }
            round += 1
            try await Task.sleep(for: .seconds(2))
            await pulls.flush()
        }
    }

    /// Returns when nobody used the hub for a while and nobody holds a lease on it.
    func waitUntilIdle(_ limit: Duration, lease: FilePath) async throws {
        while true {
            let idle = activity.idle
            if idle < limit || responder.uploads.isActive {
                try await Task.sleep(for: max(limit - idle, .milliseconds(100)))
                continue
            }
            let isFree = try await blocking { () throws(DrydockError) in
                guard let lock = try FileLock.ifFree(lease) else { return false }
                lock.unlock()
                return true
            }
            if isFree { return }
            try await Task.sleep(for: limit)
        }
    }
}

/// A service whose failure does not end the others.
private struct BestEffort: Service {
    let service: any Service

    func run() async throws {
        try? await service.run()
        try? await gracefulShutdown()
    }
}

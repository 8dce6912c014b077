import Diagnostics
import Hub
import ImageStore
import Linux
import OCI
import RegistryClient
import Synchronization
import SystemPackage
import Testing

/// A directory that is there for one test.
struct TemporaryDirectory {
    let path: FilePath

    init() {
        path = FilePath("/tmp/drydock-hub-test-\(UInt64.random(in: 0 ... .max))")
    }

    func remove() { try? Files.removeTree(path) }
}

/// A hub on a loopback port, for one test.
struct HubFixture {
    let address: HubAddress
    let registry: HubRegistry
    let directory: FilePath

    /// Runs a hub while `body` runs.
    static func run(
        _ change: (inout HubSettings) -> Void = { _ in },
        courseImages: (@Sendable (HubRegistry) -> any CourseImageProvider)? = nil,
        _ body: (HubFixture) async throws -> Void
    ) async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        try await serve(in: directory.path, change, courseImages: courseImages, body)
    }

    /// Runs a hub over a directory while `body` runs.
    static func serve(
        in directory: FilePath, _ change: (inout HubSettings) -> Void = { _ in },
        courseImages: (@Sendable (HubRegistry) -> any CourseImageProvider)? = nil,
        _ body: (HubFixture) async throws -> Void
    ) async throws {
        var settings = HubSettings(data: directory, listen: "127.0.0.1:0")
        settings.upstream = nil
        settings.endsOnSignals = false
        change(&settings)
        let chosen = settings
        let (addresses, report) = AsyncThrowingStream<HubAddress, any Error>.makeStream()
        let server = Task {
            do {
                try await HubServer.run(chosen, courseImages: courseImages) { report.yield($0) }
                report.finish()
            } catch {
                report.finish(throwing: error)
            }
        }
        var iterator = addresses.makeAsyncIterator()
        let address = try #require(try await iterator.next())
        do {
            try await body(
                HubFixture(address: address, registry: try HubRegistry(data: directory), directory: directory))
        } catch {
            server.cancel()
            await server.value
            throw error
        }
        server.cancel()
        await server.value
    }

    /// A client for which this hub is docker.io.
    func client(_ change: (inout RegistrySettings) -> Void = { _ in }) -> RegistryClient {
        let url = address.url
        var settings = RegistrySettings(
            credentials: CredentialStore(file: directory.appending("config-\(UInt32.random(in: 0 ... .max)).json")),
            dockerHub: { () throws(DrydockError) in url })
        settings.retry.firstPause = .milliseconds(5)
        change(&settings)
        return RegistryClient(settings)
    }

    /// A client that is logged in.
    func client(
        user: String, _ change: (inout RegistrySettings) -> Void = { _ in }
    ) async throws -> RegistryClient {
        try registry.createAccount(user, password: "secret of \(user)")
        let client = client(change)
        _ = try await client.login(Credentials(username: user, password: "secret of \(user)"))
        return client
    }
}

/// An image of random bytes.
struct RandomImage {
    var layers: [[UInt8]]
    var config: [UInt8]
    var manifest: RawManifest

    init(layers count: Int = 3, size: Int = 10_000) {
        layers = (0..<count).map { _ in Self.random(size) }
        config = Array(
            #"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"x":"\#(UInt64.random(in: 0 ... .max))"}"#
                .utf8)
        let document = Manifest(
            mediaType: .ociManifest, config: Self.descriptor(config, .ociConfig),
            layers: layers.map { Self.descriptor($0, .ociLayerGzip) })
        manifest = RawManifest(mediaType: .ociManifest, bytes: Array(document.json.compact.utf8))
    }

    static func random(_ size: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size + 8)
        while bytes.count < size { withUnsafeBytes(of: generator.next()) { bytes.append(contentsOf: $0) } }
        return Array(bytes.prefix(size))
    }

    static func descriptor(_ bytes: [UInt8], _ type: MediaType) -> Descriptor {
        Descriptor(mediaType: type, digest: Digest.sha256(bytes), size: Int64(bytes.count))
    }

    func push(as name: String) throws -> PushImage {
        PushImage(
            reference: try Reference(parsing: name),
            layers: layers.map {
                PushBlob(descriptor: Self.descriptor($0, .ociLayerGzip), content: .bytes($0))
            },
            config: PushBlob(descriptor: Self.descriptor(config, .ociConfig), content: .bytes(config)),
            manifest: manifest)
    }

    /// Puts the image into a hub as its owner.
    func store(in registry: HubRegistry, _ repository: String, tags: [String]) throws {
        for layer in layers { _ = try registry.importBlob(layer, to: repository) }
        _ = try registry.importBlob(config, to: repository)
        _ = try registry.importManifest(manifest.bytes, mediaType: manifest.mediaType, to: repository, tags: tags)
    }
}

/// Collects what several tasks say.
final class Collected<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])
    func add(_ value: Value) { values.withLock { $0.append(value) } }
    var all: [Value] { values.withLock { $0 } }
}

/// The error that some work throws.
func failure(_ work: () async throws -> Void) async -> DrydockError? {
    do {
        try await work()
        return nil
    } catch {
        return error as? DrydockError
    }
}

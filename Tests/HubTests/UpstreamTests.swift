import Diagnostics
import Dispatch
import HTTPTypes
import Hummingbird
import ImageStore
import Linux
import Logging
import NIOCore
import OCI
import RegistryClient
import Synchronization
import SystemPackage
import Testing

@testable import Hub

/// An upstream that counts what it is asked, and can be slow, limited or wrong.
private final class CountingUpstream: Sendable {
    let asked = Collected<String>()
    let mode = Mutex(Mode.normal)
    let image: RandomImage

    enum Mode: Sendable { case normal, limited, damaged, broken }

    init(_ image: RandomImage) { self.image = image }

    func run(_ body: (String) async throws -> Void) async throws {
        let (ports, report) = AsyncStream<Int>.makeStream()
        let router = Router()
        router.get("**") { request, _ in try await self.answer(request.uri.path) }
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { report.yield($0.localAddress?.port ?? 0) }, logger: HubApplication.logger)
        let server = Task { try? await application.run() }
        defer { server.cancel() }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        try await body("http://127.0.0.1:\(port)")
    }

    private func answer(_ path: String) async throws -> Response {
        asked.add(path)
        let mode = mode.withLock { $0 }
        if mode == .limited {
            return Response(
                status: .tooManyRequests, headers: [.retryAfter: "77", .contentType: "application/json"],
                body: .init(
                    byteBuffer: ByteBuffer(string: #"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow"}]}"#)))
        }
        if path.contains("/manifests/1") || path.contains("\(image.manifest.digest)") {
            return Response.bytes(image.manifest.bytes, headers: [.contentType: image.manifest.mediaType.rawValue])
        }
        for blob in image.layers + [image.config] where path.hasSuffix("\(Digest.sha256(blob))") {
            let body = mode == .damaged ? blob.map { $0 ^ 1 } : blob
            return Response(
                status: .ok, headers: [:],
                body: .init(contentLength: body.count) { writer in
                    for start in stride(from: 0, to: body.count, by: 20_000) {
                        if mode == .broken, start > 0 { throw ChannelError.eof }
                        try await writer.write(ByteBuffer(bytes: body[start..<min(start + 20_000, body.count)]))
                        // Slow enough that others ask meanwhile.
                        try await Task.sleep(for: .milliseconds(10))
                    }
                    try await writer.finish(nil)
                })
        }
        return Response(status: path == "/v2/" ? .ok : .notFound)
    }

    func count(_ part: String) -> Int { asked.all.filter { $0.contains(part) }.count }
}

@Suite struct UpstreamTests {
    private func withHub(
        _ image: RandomImage, offline: Bool = false, _ body: (HubFixture, CountingUpstream) async throws -> Void
    ) async throws {
        let upstream = CountingUpstream(image)
        try await upstream.run { url in
            try await HubFixture.run({
                $0.upstream = url
                $0.otherUpstreams = ["quay.example": url]
                $0.isOffline = offline
            }) { hub in try await body(hub, upstream) }
        }
    }

    @Test("Twenty that ask at once cause one download, and all get its bytes while it goes on")
    func single() async throws {
        let image = RandomImage(layers: 1, size: 300_000)
        try await withHub(image) { hub, upstream in
            let reference = try Reference(parsing: "remote:1")
            let clients = (0..<20).map { _ in hub.client() }
            try await withThrowingTaskGroup(of: [UInt8].self) { group in
                for client in clients {
                    group.addTask {
                        let found = try await client.resolve(reference)
                        return try await client.blob(found.manifest.layers[0], of: reference)
                    }
                }
                for try await bytes in group { #expect(bytes == image.layers[0]) }
            }
            #expect(upstream.count("\(Digest.sha256(image.layers[0]))") == 1)
            #expect(upstream.count("/manifests/1") == 1)
            #expect(try hub.registry.check().problems.isEmpty)
            for client in clients { await client.shutdown() }
        }
    }

    @Test("Other registries are stood in for below their names")
    func others() async throws {
        let image = RandomImage(layers: 1)
        try await withHub(image) { hub, upstream in
            let client = hub.client()
            let reference = Reference(
                unchecked: Reference.defaultRegistry, repository: "quay.example/a/b", tag: "1", digest: nil)
            let found = try await client.resolve(reference)
            #expect(try await client.blob(found.manifest.layers[0], of: reference) == image.layers[0])
            #expect(upstream.count("/v2/a/b/manifests/1") == 1)
            let error = await failure {
                _ = try await client.resolve(
                    Reference(
                        unchecked: Reference.defaultRegistry, repository: "other.example/x", tag: "1", digest: nil))
            }
            #expect(error != nil)
            #expect(upstream.count("other.example") == 0)
            await client.shutdown()
        }
    }

    @Test("An upstream's limit is passed on with its Retry-After, and not tried again")
    func limits() async throws {
        try await withHub(RandomImage(layers: 1)) { hub, upstream in
            upstream.mode.withLock { $0 = .limited }
            let client = hub.client { $0.retry.attempts = 1 }
            for _ in 0..<3 {
                let error = await failure { _ = try await client.resolve(try Reference(parsing: "remote:1")) }
                #expect(error?.code == .tooManyRequests)
                #expect(error?.reason?.contains("asks to wait 7") == true, "\(error?.reason ?? "")")
            }
            #expect(upstream.count("/manifests/") <= 2)
            await client.shutdown()
        }
    }

    @Test("Damaged bytes are never passed on whole and never kept", arguments: [false, true])
    func damaged(isBroken: Bool) async throws {
        let image = RandomImage(layers: 1, size: 100_000)
        try await withHub(image) { hub, upstream in
            upstream.mode.withLock { $0 = isBroken ? .broken : .damaged }
            let client = hub.client { $0.retry.attempts = 1 }
            let reference = try Reference(parsing: "remote:1")
            let found = try await client.resolve(reference)
            let error = await failure { _ = try await client.blob(found.manifest.layers[0], of: reference) }
            #expect(error != nil)
            #expect(!hub.registry.blobs.has(Digest.sha256(image.layers[0])))
            #expect(try Files.names(in: hub.directory.appending("uploads")).isEmpty)
            await client.shutdown()
        }
    }

    @Test("Offline nothing is asked for")
    func offline() async throws {
        try await withHub(RandomImage(layers: 1), offline: true) { hub, upstream in
            let client = hub.client()
            let error = await failure { _ = try await client.resolve(try Reference(parsing: "remote:1")) }
            #expect(error?.reason?.contains("offline") == true)
            #expect(upstream.asked.all.isEmpty)
            await client.shutdown()
        }
    }

    @Test("Mirroring fetches whole images for chosen platforms, once; an archive carries them to another hub")
    func mirrorAndCarry() async throws {
        try await HubFixture.run { upstream in
            let images = ["amd64": RandomImage(layers: 2), "arm64": RandomImage(layers: 2)]
            var entries: [Descriptor] = []
            for (architecture, image) in images.sorted(by: { $0.key < $1.key }) {
                try image.store(in: upstream.registry, "library/multi", tags: [])
                var entry = image.manifest.descriptor
                entry.platform = Platform(os: "linux", architecture: architecture)
                entries.append(entry)
            }
            let index = Array(Index(manifests: entries).json.compact.utf8)
            _ = try upstream.registry.importManifest(index, mediaType: .ociIndex, to: "library/multi", tags: ["1"])
            let directory = TemporaryDirectory()
            defer { directory.remove() }
            let registry = try HubRegistry(data: directory.path.appending("one"))
            var settings = HubSettings(data: registry.data)
            settings.upstream = upstream.address.url
            let mirror = try HubMirror(registry: registry, settings: settings)
            let arm = [Platform(os: "linux", architecture: "arm64")]
            let report = try await mirror.fetch(try Reference(parsing: "multi:1"), platforms: arm)
            #expect(report.fetched == 3 && report.platforms == ["linux/arm64"])
            let again = try await mirror.fetch(try Reference(parsing: "multi:1"), platforms: arm)
            #expect(again.fetched == 0 && again.present == 3)
            let missing = await failure {
                _ = try await mirror.fetch(
                    try Reference(parsing: "multi:1"), platforms: [Platform(os: "linux", architecture: "s390x")])
            }
            #expect(missing?.code == .notFound)
            #expect(try registry.check().problems.isEmpty)

            // By the name of a registry on this machine: in plain HTTP, and below that name without its port.
            let local = "\(upstream.address.host):\(upstream.address.port)/library/multi:1"
            let byName = try HubRegistry(data: directory.path.appending("by-name"))
            _ = try await HubMirror(registry: byName, settings: HubSettings(data: byName.data)).fetch(
                try Reference(parsing: local), platforms: arm)
            let name = "\(upstream.address.host)/library/multi"
            #expect(try byName.manifest("1", in: name)?.bytes == index)
            let carried = directory.path.appending("by-name.tar")
            _ = try byName.exportArchive(to: carried)
            let receiver = try HubRegistry(data: directory.path.appending("receiver"))
            _ = try receiver.importArchive(from: carried)
            #expect(try receiver.manifest("1", in: name)?.bytes == index)

            try Files.makeDirectories(registry.packages.appending("v3.5"))
            try AtomicFile.write("index".utf8, to: registry.packages.appending("v3.5/APKINDEX.tar.gz"))
            try registry.describe("library/multi", "Two platforms", stars: 3)
            let file = directory.path.appending("stick.tar")
            let written = try registry.exportArchive(to: file)
            #expect(written.images == ["multi:1"] && written.packages == 1)
            let other = try HubRegistry(data: directory.path.appending("two"))
            let read = try other.importArchive(from: file)
            #expect(read.images == ["multi:1"] && read.packages == 1)
            #expect(try other.manifest("1", in: "library/multi")?.bytes == index)
            #expect(try other.check().problems.isEmpty)
            #expect(try other.repositoryPage("library/multi")?.description == "Two platforms")
            #expect(try Files.read(other.packages.appending("v3.5/APKINDEX.tar.gz")) == Array("index".utf8))
            #expect(try Files.names(in: other.data.appending("uploads")).isEmpty)
            #expect(try other.importArchive(from: file).blobs == read.blobs)

            let bytes = try Files.read(file)
            for damage in [bytes.count / 3, bytes.count / 2, bytes.count - 5000] {
                try AtomicFile.write(bytes[..<damage], to: file)
                let third = try HubRegistry(data: directory.path.appending("three-\(damage)"))
                let error = await failure { _ = try third.importArchive(from: file) }
                #expect(error?.code == .corrupt, "\(damage)")
                #expect(try third.check().problems.isEmpty)
            }
            var flipped = bytes
            for at in stride(from: 8000, to: flipped.count, by: 4000) { flipped[at] ^= 0xff }
            try AtomicFile.write(flipped, to: file)
            let fourth = try HubRegistry(data: directory.path.appending("four"))
            #expect(await failure { _ = try fourth.importArchive(from: file) } != nil)
            #expect(try fourth.check().problems.isEmpty)
        }
    }
}

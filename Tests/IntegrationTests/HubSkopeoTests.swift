import Diagnostics
import Dispatch
import Hub
import Linux
import OCI
import RegistryClient
import SystemPackage
import Testing

/// Interoperability of the practice hub with skopeo, over a loopback socket.
@Suite(.enabled(if: ChildProcess.find("skopeo") != nil, "skopeo is not installed"))
struct HubSkopeoTests {
    @Test("skopeo pulls what we pushed, and we pull what skopeo pushed, bit for bit")
    func roundTrip() async throws {
        try await withHub { hub in
            let client = hub.client()
            try hub.registry.createAccount("ann", password: "secret")
            _ = try await client.login(Credentials(username: "ann", password: "secret"))
            let image = try sampleImage("ann/web:1.0")
            _ = try await client.push(image)

            let layout = hub.directory.appending("layout")
            try await skopeo(
                "copy", "--preserve-digests", "--src-tls-verify=false", hub.name("ann/web:1.0"), "dir:\(layout)")
            let copied = try Files.read(layout.appending("manifest.json"))
            #expect(copied == image.manifest.bytes)

            try await skopeo(
                "copy", "--preserve-digests", "--dest-tls-verify=false", "--dest-creds", "ann:secret",
                "dir:\(layout)", hub.name("ann/again:2"))
            let found = try await client.resolve(try Reference(parsing: "ann/again:2"))
            #expect(found.raw == image.manifest)
            for layer in image.layers {
                guard case .bytes(let expected) = layer.content else { continue }
                let bytes = try await client.blob(layer.descriptor, of: found.reference)
                #expect(bytes == expected)
            }
            let tags = try await skopeo("list-tags", "--tls-verify=false", "docker://127.0.0.1:\(hub.port)/ann/again")
            #expect(tags.contains("\"2\""))
        }
    }

    @Test("skopeo is refused without credentials, with wrong ones, and in another's namespace")
    func refusals() async throws {
        try await withHub { hub in
            try hub.registry.createAccount("ann", password: "secret")
            try hub.registry.createAccount("bob", password: "other")
            let client = hub.client()
            _ = try await client.login(Credentials(username: "ann", password: "secret"))
            _ = try await client.push(try sampleImage("ann/web:1.0"))
            let source = hub.name("ann/web:1.0")
            for credentials in [["--dest-no-creds"], ["--dest-creds", "ann:wrong"], ["--dest-creds", "bob:other"]] {
                let output = try await run(
                    ["copy", "--src-tls-verify=false", "--dest-tls-verify=false"] + credentials
                        + [source, hub.name("ann/stolen:1")])
                #expect(output.status != 0, "\(credentials)")
            }
            let stolen = try await client.head(try Reference(parsing: "ann/stolen:1"))
            #expect(stolen == nil)
        }
    }

    @Test("skopeo inspects, logs in, and deletes")
    func rest() async throws {
        try await withHub { hub in
            try hub.registry.createAccount("ann", password: "secret")
            let client = hub.client()
            _ = try await client.login(Credentials(username: "ann", password: "secret"))
            let image = try sampleImage("ann/web:1.0")
            _ = try await client.push(image)
            let seen = try await skopeo("inspect", "--raw", "--tls-verify=false", hub.name("ann/web:1.0"))
            #expect(Array(seen.utf8) == image.manifest.bytes)
            let auth = hub.directory.appending("auth.json").string
            let server = "127.0.0.1:\(hub.port)"
            try await skopeo(
                "login", "--tls-verify=false", "--authfile", auth, "-u", "ann", "-p", "secret", server)
            let kept = try CredentialStore(file: FilePath(auth)).credentials(for: server)
            #expect(kept == Credentials(username: "ann", password: "secret"))
            try await skopeo("delete", "--tls-verify=false", "--authfile", auth, hub.name("ann/web:1.0"))
            let left = try await client.head(try Reference(parsing: "ann/web:1.0"))
            #expect(left == nil)
        }
    }

    // MARK: Fixture

    struct SkopeoHub {
        let registry: HubRegistry
        let directory: FilePath
        let url: String
        let port: Int

        func name(_ image: String) -> String { "docker://127.0.0.1:\(port)/\(image)" }

        func client() -> RegistryClient {
            let url = url
            return RegistryClient(
                RegistrySettings(
                    credentials: CredentialStore(file: directory.appending("config.json")),
                    dockerHub: { () throws(DrydockError) in url }))
        }
    }

    private func withHub(_ body: (SkopeoHub) async throws -> Void) async throws {
        let directory = FilePath("/tmp/drydock-skopeo-test-\(UInt64.random(in: 0 ... .max))")
        var settings = HubSettings(data: directory, listen: "127.0.0.1:0")
        settings.upstream = nil
        settings.endsOnSignals = false
        let chosen = settings
        let (addresses, report) = AsyncThrowingStream<HubAddress, any Error>.makeStream()
        let server = Task {
            do {
                try await HubServer.run(chosen, ready: { report.yield($0) })
                report.finish()
            } catch {
                report.finish(throwing: error)
            }
        }
        var iterator = addresses.makeAsyncIterator()
        let address = try #require(try await iterator.next())
        let result: Result<Void, any Error>
        do {
            try await body(
                SkopeoHub(
                    registry: try HubRegistry(data: directory), directory: directory, url: address.url,
                    port: address.port))
            result = .success(())
        } catch {
            result = .failure(error)
        }
        server.cancel()
        await server.value
        try? Files.removeTree(directory)
        try result.get()
    }

    /// Runs skopeo on a thread that may block.
    private func run(_ arguments: [String]) async throws -> ChildProcess.Output {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    with: Result { try ChildProcess.run("skopeo", ["skopeo"] + arguments) })
            }
        }
    }

    @discardableResult
    private func skopeo(_ arguments: String...) async throws -> String {
        let output = try await run(arguments)
        #expect(output.status == 0, "skopeo \(arguments): \(String(decoding: output.error, as: UTF8.self))")
        return output.text
    }

    private func sampleImage(_ name: String) throws -> PushImage {
        func descriptor(_ bytes: [UInt8], _ type: MediaType) -> Descriptor {
            Descriptor(mediaType: type, digest: Digest.sha256(bytes), size: Int64(bytes.count))
        }
        let layers = (0..<3).map { _ in (0..<50_000).map { _ in UInt8.random(in: 0...255) } }
        let ids = layers.map { "\"\(Digest.sha256($0))\"" }.joined(separator: ",")
        let text = #"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[\#(ids)]}}"#
        let config = Array(text.utf8)
        let manifest = Manifest(
            mediaType: .ociManifest, config: descriptor(config, .ociConfig),
            layers: layers.map { descriptor($0, .ociLayer) })
        return PushImage(
            reference: try Reference(parsing: name),
            layers: layers.map { PushBlob(descriptor: descriptor($0, .ociLayer), content: .bytes($0)) },
            config: PushBlob(descriptor: manifest.config, content: .bytes(config)),
            manifest: RawManifest(mediaType: .ociManifest, bytes: Array(manifest.json.compact.utf8)))
    }
}

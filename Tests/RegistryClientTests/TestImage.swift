import Diagnostics
import Engine
import Glibc
import ImageStore
import Layers
import Linux
import NIOHTTP1
import OCI
import RegistryClient
import SystemPackage
import Testing

/// An image with real layers, and a registry's answers about it.
struct TestImage: Sendable {
    var layers: [[UInt8]] = []
    var descriptors: [Descriptor] = []
    var config: [UInt8]
    var manifest: RawManifest
    var blobs: [Digest: [UInt8]] = [:]

    /// - Parameters:
    ///   - sizes: the content of each layer in bytes; it does not compress.
    ///   - compression: how the layers are packed.
    init(
        _ sizes: [Int] = [60_000, 200_000, 5_000], compression: LayerCompression = .gzip(level: 1),
        docker: Bool = false
    ) throws {
        var config = ImageConfig(platform: .current)
        for (number, size) in sizes.enumerated() {
            var generator = SystemRandomNumberGenerator()
            let content = (0..<size / 8).flatMap { _ in withUnsafeBytes(of: generator.next()) { Array($0) } }
            var bytes: [UInt8] = []
            let written = try LayerWriter.write(
                entries: [LayerEntry(FilePath("layer-\(number)"), .file(.bytes(content)))], compression: compression
            ) { bytes.append(contentsOf: $0) }
            var descriptor = written.descriptor
            if docker { descriptor.mediaType = .dockerLayerGzip }
            layers.append(bytes)
            descriptors.append(descriptor)
            blobs[written.digest] = bytes
            config.diffIDs.append(written.diffID)
        }
        self.config = Array(config.json.compact.utf8)
        let digest = Digest.sha256(self.config)
        let type: MediaType = docker ? .dockerManifest : .ociManifest
        blobs[digest] = self.config
        let document = Manifest(
            mediaType: type,
            config: Descriptor(
                mediaType: docker ? .dockerConfig : .ociConfig, digest: digest, size: Int64(self.config.count)),
            layers: descriptors)
        manifest = RawManifest(mediaType: type, bytes: Array(document.json.compact.utf8))
    }

    /// What an honest registry answers.
    func answer(_ request: SeenRequest) -> ScriptedAnswer {
        if request.uri.contains("/manifests/") {
            return ScriptedAnswer(
                headers: [
                    "content-type": manifest.mediaType.rawValue, "docker-content-digest": "\(manifest.digest)",
                ], body: manifest.bytes)
        }
        guard let name = request.uri.split(separator: "/").last, let digest = try? Digest(name),
            let bytes = blobs[digest]
        else { return ScriptedAnswer(request.uri.hasSuffix("/v2/") ? .ok : .notFound) }
        let from = request.from
        guard from > 0 else { return ScriptedAnswer(body: bytes) }
        guard from < bytes.count else { return ScriptedAnswer(.rangeNotSatisfiable) }
        return ScriptedAnswer(
            .partialContent, headers: ["content-range": "bytes \(from)-\(bytes.count - 1)/\(bytes.count)"],
            body: Array(bytes[from...]))
    }

    /// Whether a request is for a layer.
    func isLayer(_ request: SeenRequest, _ number: Int) -> Bool {
        request.uri.hasSuffix("/blobs/\(descriptors[number].digest)")
    }

    func push(as name: String) throws -> PushImage {
        let document = try Manifest(try JSONValue(parsing: manifest.bytes))
        return PushImage(
            reference: try Reference(parsing: name),
            layers: zip(descriptors, layers).map { PushBlob(descriptor: $0, content: .bytes($1)) },
            config: PushBlob(descriptor: document.config, content: .bytes(config)), manifest: manifest)
    }
}

/// An engine over a home of its own; `docker.io` is played by an address.
final class TestEngine: Sendable {
    let home: FilePath
    let engine: Engine
    private let owns: Bool

    private struct Hub: PracticeHub {
        let url: String
        func ensureRunning() throws(DrydockError) -> String { url }
        func hasAccount(_ name: String) throws(DrydockError) -> Bool { false }
        func createAccount(_ name: String, password: String) throws(DrydockError) {}
        func removeTag(_ reference: String) throws(DrydockError) {}
        func lease() throws(DrydockError) -> any Sendable { 0 }
        func prepare(_ span: Span) async throws(DrydockError) {}
    }

    init(_ url: String, home given: FilePath? = nil, daemon: String? = nil) throws {
        owns = given == nil
        home = given ?? FilePath("/tmp/drydock-client-test-\(UInt64.random(in: 0 ... .max))")
        let place = Home(home)
        try Files.makeDirectories(home.appending("docker"))
        let text = daemon ?? #"{"max-download-attempts": 4}"#
        try AtomicFile.write(Array(text.utf8), to: home.appending("docker/daemon.json"))
        engine = try Engine(
            Engine.Configuration(
                home: place, hub: Hub(url: url), executable: "/bin/false", dockerConfig: place.dockerConfig,
                programPath: []))
    }

    deinit { if owns { try? LayerApplier.remove(home) } }

    func pull(_ name: String = "x:1", trace: Trace = Trace()) async throws -> [PullResult] {
        try await engine.pull(PullRequest(reference: try Reference(parsing: name)), trace.begin("test"))
    }

    /// What is below a directory of the store.
    func names(_ directory: String) -> [String] {
        ((try? Files.names(in: home.appending("store").appending(directory))) ?? []).filter { !$0.hasPrefix(".") }
    }

    /// Whether the store holds exactly an image, its files as they should be.
    func holds(_ image: TestImage) throws -> Bool {
        let store = try ImageStore(root: home.appending("store"))
        guard let record = try store.image(id: Digest.sha256(image.config)) else { return false }
        for (number, layer) in try store.layers(of: record.id).enumerated() {
            let packed = try LayerWriter.write(directory: layer.directory, compression: .none) { _ in }
            guard packed.diffID == layer.diffID else { return false }
            try store.blobs.verify(image.descriptors[number].digest)
        }
        return names("partial").isEmpty && names("tmp").isEmpty
    }

    /// Whether the store has nothing that an image or a layer could be taken from.
    var isEmpty: Bool {
        get throws {
            try engine.images(all: true, matching: [:]).isEmpty && names("layers").isEmpty && names("tmp").isEmpty
                && names("blobs/sha256").isEmpty
        }
    }
}

import Diagnostics
import Hub
import Linux
import OCI
import RegistryClient
import SystemPackage
import Testing

@Suite struct TransferTests {
    @Test("An image that was pushed comes back byte for byte, layers in parallel")
    func pushAndPull() async throws {
        try await HubFixture.run { hub in
            let image = RandomImage(layers: 5, size: 300_000)
            let client = try await hub.client(user: "ann")
            let pushed = try await client.push(try image.push(as: "ann/web:1.0"))
            #expect(pushed.digest == image.manifest.digest)
            #expect(pushed.size == Int64(image.manifest.bytes.count))

            let reader = hub.client()
            let reference = try Reference(parsing: "ann/web:1.0")
            let found = try await reader.resolve(reference)
            #expect(found.raw == image.manifest)
            #expect(found.digest == image.manifest.digest)
            #expect(try await reader.blob(found.manifest.config, of: reference) == image.config)
            let layers = Collected<(Int, [UInt8])>()
            try await reader.fetch(found.manifest.layers, of: reference) { layer in
                var bytes: [UInt8] = []
                for try await piece in layer.bytes { bytes += piece.array }
                layers.add((layer.index, bytes))
            }
            #expect(layers.all.sorted { $0.0 < $1.0 }.map(\.1) == image.layers)
            #expect(try await reader.head(reference)?.digest == image.manifest.digest)
            let pinned = try await reader.resolve(reference.pinned(to: image.manifest.digest))
            #expect(pinned.raw == image.manifest)
        }
    }

    @Test("Layers from files go up in one piece and in chunks, and say how far they are", arguments: [nil, 70_000])
    func files(chunk: Int?) async throws {
        try await HubFixture.run { hub in
            var image = try RandomImage(layers: 1, size: 1_000_003).push(as: "ann/big")
            let bytes = RandomImage.random(1_000_003)
            let file = hub.directory.appending("layer")
            try AtomicFile.write(bytes, to: file)
            image.layers = [PushBlob(descriptor: RandomImage.descriptor(bytes, .ociLayerGzip), content: .file(file))]
            let document = Manifest(
                mediaType: .ociManifest, config: image.config.descriptor, layers: image.layers.map(\.descriptor))
            image.manifest = RawManifest(mediaType: .ociManifest, bytes: Array(document.json.compact.utf8))
            let client = try await hub.client(user: "ann") { $0.uploadChunk = chunk }
            let trace = Trace()
            let events = Collected<TraceEvent>()
            trace.listen { events.add($0) }
            _ = try await client.push(image, span: trace.begin("push"))
            let progress = events.all.filter { $0.kind == .progress }.compactMap { $0.facts.first?.value }
            #expect(progress.last == .bytes(1_000_003))
            let phases = Self.phases(events.all)
            #expect(phases == ["Preparing", "Pushing", "Pushed"])
            #expect(try await client.blob(image.layers[0].descriptor, of: image.reference) == bytes)
        }
    }

    static func phases(_ events: [TraceEvent]) -> [String] {
        events.filter { $0.name == "push.layer" }.flatMap(\.facts).filter { $0.name == "phase" }.compactMap {
            if case .text(let text) = $0.value { text } else { nil }
        }
    }

    @Test("A second push says that the layers are there, and one to another repository mounts them")
    func secondPush() async throws {
        try await HubFixture.run { hub in
            let client = try await hub.client(user: "ann")
            let image = RandomImage(layers: 1)
            _ = try await client.push(try image.push(as: "ann/one"))
            func phases(_ image: PushImage) async throws -> [String] {
                let trace = Trace()
                let events = Collected<TraceEvent>()
                trace.listen { events.add($0) }
                _ = try await client.push(image, span: trace.begin("push"))
                return Self.phases(events.all)
            }
            #expect(try await phases(try image.push(as: "ann/one:2")) == ["Preparing", "Layer already exists"])
            var mounted = try image.push(as: "ann/two")
            mounted.layers[0].mountFrom = ["ann/one"]
            #expect(try await phases(mounted) == ["Preparing", "Mounted from"])
            #expect(try await client.tags(of: try Reference(parsing: "ann/one")) == ["2", "latest"])
        }
    }

    @Test("An index gives the image of this platform, and says which platforms there are otherwise")
    func platforms() async throws {
        try await HubFixture.run { hub in
            let here = RandomImage()
            let there = RandomImage()
            try here.store(in: hub.registry, "library/multi", tags: [])
            try there.store(in: hub.registry, "library/multi", tags: [])
            var manifests: [Descriptor] = []
            for (image, architecture) in [(here, "amd64"), (there, "s390x")] {
                var descriptor = image.manifest.descriptor
                descriptor.platform = Platform(os: "linux", architecture: architecture)
                manifests.append(descriptor)
            }
            let index = Index(manifests: manifests)
            _ = try hub.registry.importManifest(
                Array(index.json.compact.utf8), mediaType: .ociIndex, to: "library/multi", tags: ["latest"])
            let client = hub.client()
            let reference = try Reference(parsing: "multi")
            let amd = try await client.resolve(reference, platform: Platform(os: "linux", architecture: "amd64"))
            #expect(amd.raw == here.manifest)
            #expect(amd.digest == Digest.sha256(index.json.compact.utf8))
            let error = await failure {
                _ = try await client.resolve(
                    reference, platform: Platform(os: "linux", architecture: "arm", variant: "v7"))
            }
            #expect(error?.message == "no matching manifest for linux/arm/v7 in the manifest list entries")
            #expect(error?.reason?.contains("linux/amd64, linux/s390x") == true)
        }
    }

    @Test("A stream can go on behind bytes that are there already")
    func resume() async throws {
        try await HubFixture.run { hub in
            let bytes = RandomImage.random(500_000)
            _ = try hub.registry.importBlob(bytes, to: "library/x")
            var digester = Digester()
            digester.update(bytes[..<123_456])
            var rest: [UInt8] = []
            let descriptor = RandomImage.descriptor(bytes, .ociLayer)
            let stream = hub.client().stream(descriptor, of: try Reference(parsing: "x"), resuming: digester)
            for try await piece in stream { rest += piece.array }
            #expect(rest == Array(bytes[123_456...]))
        }
    }

    @Test("Search and catalog find what is there, the hub's own first")
    func search() async throws {
        try await HubFixture.run { hub in
            try RandomImage().store(in: hub.registry, "library/alpine", tags: ["3.5"])
            try hub.registry.describe("library/alpine", "A small Linux", stars: 7)
            try RandomImage().store(in: hub.registry, "ann/alpine-web", tags: ["1"])
            try RandomImage().store(in: hub.registry, "ann/other", tags: ["1"])
            let client = hub.client()
            let found = try await client.search("alpine")
            #expect(found.map(\.name) == ["alpine", "ann/alpine-web"])
            #expect(found.first?.stars == 7)
            #expect(found.first?.official == true)
            #expect(try await client.search("100%_").isEmpty)
            #expect(try await client.catalog(of: "docker.io") == ["ann/alpine-web", "ann/other", "library/alpine"])
        }
    }
}

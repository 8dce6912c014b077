import Diagnostics
import Glibc
import ImageStore
import Linux
import OCI
import RegistryClient
import SystemPackage
import Testing

@testable import Hub

@Suite struct MaintenanceTests {
    private func withRegistry(_ body: (HubRegistry) async throws -> Void) async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        try await body(try HubRegistry(data: directory.path))
    }

    @Test("A check finds what is damaged, missing or of the wrong size, and nothing else")
    func check() async throws {
        try await withRegistry { registry in
            let image = RandomImage(layers: 3)
            try image.store(in: registry, "library/x", tags: ["1", "2"])
            let sound = try registry.check()
            #expect(sound.problems.isEmpty)
            #expect(sound.blobs == 4 && sound.manifests == 1 && sound.tags == 2)
            let blobs = image.layers.map { Digest.sha256($0) }
            let damaged = registry.blobs.path(blobs[0])
            try AtomicFile.write([1, 2, 3], to: damaged)
            try registry.blobs.delete(blobs[1])
            try AtomicFile.write([1], to: registry.data.appending("blobs/sha256/odd"))
            let found = try registry.check()
            #expect(
                Set(found.problems.map(\.kind)) == ["damaged-blob", "missing-blob", "stray-file", "wrong-size"])
            #expect(found.problems.contains { $0.kind == "missing-blob" && $0.name == blobs[1].description })
            #expect(found.json["ok"] == false)
        }
    }

    @Test(
        "A check that mends takes damaged blobs away: manifests that need them are refused until they are pushed again")
    func mend() async throws {
        try await withRegistry { registry in
            let image = RandomImage(layers: 2)
            try image.store(in: registry, "library/x", tags: ["1"])
            let blob = Digest.sha256(image.layers[0])
            try AtomicFile.write(Array(image.layers[1]), to: registry.blobs.path(blob))
            #expect(try registry.check().problems.map(\.kind) == ["damaged-blob"])
            #expect(registry.blobs.has(blob))
            #expect(try registry.check(mending: true).problems.map(\.kind) == ["damaged-blob", "missing-blob"])
            #expect(!registry.blobs.has(blob))
            let content = try ManifestContent(image.manifest.bytes, mediaType: image.manifest.mediaType)
            #expect(try registry.missing(content.needs, in: "library/x") == [.blob(blob)])
            _ = try registry.importBlob(image.layers[0], to: "library/x")
            #expect(try registry.check().problems.isEmpty)
            #expect(try registry.missing(content.needs, in: "library/x").isEmpty)
        }
    }

    @Test("Cleaning up removes what nothing refers to, and leaves what is young")
    func garbage() async throws {
        try await withRegistry { registry in
            let image = RandomImage(layers: 2)
            try image.store(in: registry, "library/x", tags: ["1"])
            let loose = try registry.importBlob([1, 2, 3], to: "library/x")
            let shared = try registry.importBlob(image.layers[0], to: "library/other")
            let young = try registry.collectGarbage()
            #expect(young.blobs == 0 && young.young > 0)
            let look = try registry.collectGarbage(grace: 0, onlyLooking: true)
            #expect(look.blobs == 1)
            #expect(registry.blobs.has(loose))
            Self.age(registry)
            let report = try registry.collectGarbage(grace: 60)
            #expect(report.blobs == 1 && report.bytes == 3)
            #expect(!registry.blobs.has(loose))
            #expect(try !registry.hasBlob(shared, in: "library/other"))
            #expect(try registry.check().problems.isEmpty)
            _ = try registry.removeManifest(image.manifest.digest.description, in: "library/x")
            #expect(try registry.collectGarbage(grace: 60).blobs == 3)
            #expect(try registry.blobs.all().isEmpty)
        }
    }

    @Test("Manifests without a tag go only where that is asked for, and never parts of what stays")
    func untagged() async throws {
        try await withRegistry { registry in
            let child = RandomImage(layers: 1)
            let note = RandomImage(layers: 1)
            let loose = RandomImage(layers: 1)
            for image in [child, loose] { try image.store(in: registry, "library/x", tags: []) }
            let index = Index(manifests: [child.manifest.descriptor])
            let digest = try registry.importManifest(
                Array(index.json.compact.utf8), mediaType: .ociIndex, to: "library/x", tags: ["1"])
            _ = try registry.importBlob(note.config, to: "library/x")
            let signature = Manifest(
                mediaType: .ociManifest, config: RandomImage.descriptor(note.config, .ociConfig), layers: [],
                subject: child.manifest.descriptor)
            let signed = try registry.importManifest(
                Array(signature.json.compact.utf8), mediaType: .ociManifest, to: "library/x", tags: [])
            Self.age(registry)
            #expect(try registry.collectGarbage(grace: -5).manifests == 0)
            #expect(try registry.collectGarbage(grace: -5, untagged: true).manifests == 1)
            for kept in [child.manifest.digest, digest, signed] {
                let found = try registry.manifest(kept.description, in: "library/x")
                #expect(found != nil)
            }
            let gone = try registry.manifest(loose.manifest.digest.description, in: "library/x")
            #expect(gone == nil)
            #expect(try registry.check().problems.isEmpty)
        }
    }

    @Test("Cleaning up while pushes go on takes nothing from them")
    func duringPushes() async throws {
        try await withRegistry { registry in
            let done = Collected<Bool>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<4 {
                    group.addTask {
                        for round in 0..<8 {
                            try RandomImage(layers: 2, size: 1000).store(
                                in: registry, "library/r\(number)", tags: ["t\(round)"])
                        }
                        done.add(true)
                    }
                }
                group.addTask {
                    for _ in 0..<1000 where done.all.count < 4 {
                        _ = try registry.collectGarbage(grace: 60)
                        await Task.yield()
                    }
                }
                try await group.waitForAll()
            }
            let report = try registry.check()
            #expect(report.problems.isEmpty)
            #expect(report.tags == 32)
        }
    }

    /// Makes every blob an hour old.
    private static func age(_ registry: HubRegistry) {
        for digest in (try? registry.blobs.all()) ?? [] {
            try? FileAt.setTime(
                FileAt.workingDirectory, registry.blobs.path(digest).string, seconds: Int64(time(nil)) - 3600,
                nanoseconds: 0)
        }
    }
}

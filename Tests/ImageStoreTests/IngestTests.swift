import Diagnostics
import Glibc
import ImageStore
import Layers
import Linux
import OCI
import SystemPackage
import Testing

@Suite("Taking in a layer")
struct IngestTests {
    struct Sample {
        var bytes: [UInt8]
        var written: WrittenLayer
    }

    func sample(_ count: Int = 200_000) throws -> Sample {
        let content = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 7) }
        let bytes = Bytes()
        let written = try LayerWriter.write(
            entries: [LayerEntry("d", .directory), LayerEntry("d/f", .file(.bytes(content)))], to: bytes.sink)
        return Sample(bytes: bytes.all, written: written)
    }

    func send(_ bytes: [UInt8], to ingest: LayerIngest) async throws {
        for start in stride(from: 0, to: bytes.count, by: 5000) {
            try await ingest.send(Array(bytes[start..<min(start + 5000, bytes.count)]))
        }
    }

    @Test("keeps the blob as it came and unpacks it")
    func whole() async throws {
        let fixture = try StoreFixture()
        let sample = try sample()
        let lease = try fixture.store.beginLease()
        let ingest = try lease.ingest(sample.written.descriptor, diffID: sample.written.diffID, parent: nil)
        try await send(sample.bytes, to: ingest)
        let layer = try await ingest.commit()
        #expect(layer.chainID == sample.written.diffID)
        #expect(layer.size == 200_000)
        #expect(try lease.hasLayer(layer.chainID))
        var config = ImageConfig(platform: .current)
        config.diffIDs = [layer.diffID]
        try lease.register(NewImage(config: Array(config.json.compact.utf8)))
        lease.end()
        #expect(try fixture.store.blob(of: layer.diffID) == sample.written.descriptor)
        #expect(try fixture.store.blobs.read(sample.written.digest) == sample.bytes)
        #expect(try fixture.names("tmp").isEmpty)
        #expect(try LayerStack([layer.directory]).lookUp("/d/f")?.status.size == 200_000)
    }

    @Test("of another program, whose order is its own, is whole until a file is changed")
    func foreign() async throws {
        let fixture = try StoreFixture()
        var tar: [UInt8] = []
        for name in ["b", "a"] {
            let bytes = Bytes()
            let entry = LayerEntry(FilePath(name), .file(.bytes(Array(name.utf8))))
            _ = try LayerWriter.write(entries: [entry], compression: .none, to: bytes.sink)
            tar += bytes.all.dropLast(1024)
        }
        tar += [UInt8](repeating: 0, count: 1024)
        let lease = try fixture.store.beginLease()
        var rest: [UInt8]? = tar
        let layer = try lease.unpack(
            { () throws(DrydockError) in
                defer { rest = nil }
                return rest
            }, parent: nil)
        var config = ImageConfig(platform: .current)
        config.diffIDs = [layer.diffID]
        try lease.register(NewImage(config: Array(config.json.compact.utf8)))
        lease.end()
        #expect(layer.diffID == Digest.sha256(tar))
        #expect(try fixture.store.check(repair: true, contents: true).isEmpty)
        let file = try FileDescriptor.open(layer.directory.appending("a"), .writeOnly)
        _ = try file.closeAfter { try file.writeAll([0x78, 0x79]) }
        let problems = try fixture.store.check(repair: true, contents: true)
        #expect(problems.map(\.kind) == [.damaged] && problems.allSatisfy(\.isRepaired))
        #expect(try fixture.store.check(repair: false, contents: true).isEmpty)
        #expect(try LayerStack([layer.directory]).lookUp("/a")?.status.size == 1)
        // Its blob cannot be made again from the files: that is not said to be mended.
        let blob = try FileDescriptor.open(fixture.store.blobs.path(Digest.sha256(tar)), .readWrite)
        _ = try blob.closeAfter { try blob.writeAll([0xff]) }
        let lost = try fixture.store.check(repair: true, contents: true)
        #expect(lost.contains { $0.object.hasPrefix("blob ") && !$0.isRepaired }, "\(lost)")
    }

    enum Damage: CaseIterable {
        case flipped, short, long, otherDiffID, notTar
    }

    @Test("refuses bytes that are not what was promised, and keeps nothing", arguments: Damage.allCases)
    func damaged(_ damage: Damage) async throws {
        let fixture = try StoreFixture()
        let sample = try sample()
        var bytes = sample.bytes
        var diffID = sample.written.diffID
        var descriptor = sample.written.descriptor
        switch damage {
        case .flipped: bytes[bytes.count / 2] ^= 1
        case .short: bytes.removeLast(10)
        case .long: bytes.append(0)
        case .otherDiffID: diffID = Digest.sha256("other".utf8)
        case .notTar:
            bytes = Array("this is no archive, whatever the manifest says".utf8)
            descriptor.digest = Digest.sha256(bytes)
            descriptor.size = Int64(bytes.count)
        }
        let lease = try fixture.store.beginLease()
        let ingest = try lease.ingest(descriptor, diffID: diffID, parent: nil)
        var found: DrydockError?
        do {
            try await send(bytes, to: ingest)
            _ = try await ingest.commit()
        } catch {
            found = error as? DrydockError
        }
        ingest.cancel()
        #expect(found?.code == .corrupt)
        #expect(try !lease.hasLayer(sample.written.diffID))
        lease.end()
        #expect(try fixture.names("layers").isEmpty)
        #expect(try fixture.names("blobs/sha256").isEmpty)
        #expect(try fixture.names("tmp").isEmpty)
    }

    @Test("that is given up, or not made part of an image, leaves nothing")
    func cancelled() async throws {
        let fixture = try StoreFixture()
        let sample = try sample()
        let lease = try fixture.store.beginLease()
        let first = try lease.ingest(sample.written.descriptor, diffID: sample.written.diffID, parent: nil)
        try await first.send(Array(sample.bytes.prefix(1000)))
        first.cancel()
        let second = try lease.ingest(sample.written.descriptor, diffID: sample.written.diffID, parent: nil)
        try await send(sample.bytes, to: second)
        _ = try await second.commit()
        // Garbage collection by another process does not touch what a lease holds.
        try fixture.another().collectGarbage()
        #expect(try lease.hasLayer(sample.written.diffID))
        lease.end()
        #expect(try fixture.names("layers").isEmpty)
        #expect(try fixture.names("blobs/sha256").isEmpty)
        #expect(try fixture.names("tmp").isEmpty)
    }

    @Test("by several leases at once ends with one layer")
    func parallel() async throws {
        let fixture = try StoreFixture()
        let sample = try sample()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                let store = try fixture.another()
                group.addTask {
                    let lease = try store.beginLease()
                    defer { lease.end() }
                    let ingest = try lease.ingest(
                        sample.written.descriptor, diffID: sample.written.diffID, parent: nil)
                    try await send(sample.bytes, to: ingest)
                    let layer = try await ingest.commit()
                    var config = ImageConfig(platform: .current)
                    config.author = "\(number)"
                    config.diffIDs = [layer.diffID]
                    try lease.register(
                        NewImage(
                            config: Array(config.json.compact.utf8),
                            references: [try Reference(parsing: "image:\(number)")]))
                    if number % 2 == 0 { _ = try store.removeImage("image:\(number)") { _ in false } }
                    try store.collectGarbage()
                }
            }
            try await group.waitForAll()
        }
        #expect(try fixture.store.images().count == 4)
        #expect(try fixture.names("layers").count == 1)
        #expect(try fixture.names("blobs/sha256").count == 1)
        #expect(try fixture.names("tmp").isEmpty)
    }
}

@Suite("A blob store")
struct BlobTests {
    @Test("has a blob whole or not at all")
    func blobs() throws {
        let fixture = try StoreFixture()
        let blobs = try BlobStore(root: fixture.root.appending("hub"))
        let digest = Digest.sha256("hello".utf8)
        let writer = try blobs.writer()
        try writer.write(Array("hello".utf8))
        #expect(!blobs.has(digest))
        try blobs.recover()
        #expect(try writer.commit(expecting: digest, size: 5) == digest)
        #expect(blobs.size(digest) == 5)
        #expect(try blobs.read(digest) == Array("hello".utf8))
        #expect(try blobs.all() == [digest])
        let wrong = try blobs.writer()
        try wrong.write(Array("bye".utf8))
        #expect(failure { try wrong.commit(expecting: digest) }?.code == .corrupt)
        #expect(try blobs.put(Array("hello".utf8), expecting: digest) == digest)
        try blobs.delete(digest)
        #expect(failure { _ = try blobs.open(digest) }?.code == .notFound)
        try blobs.delete(digest)
    }
}

import Diagnostics
import ImageStore
import Layers
import OCI
import SystemPackage
import Testing

@Suite struct InterruptedTests {
    private let fixture: StoreFixture
    private let bytes: [UInt8]
    private let written: WrittenLayer

    init() throws {
        fixture = try StoreFixture()
        let content = Bytes()
        let files = (0..<40).map { number in
            LayerEntry(
                FilePath("file-\(number)"),
                .file(.bytes((0..<9000).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761 &+ number) >> 7) })))
        }
        written = try LayerWriter.write(entries: files, compression: .gzip(level: 1), to: content.sink)
        bytes = content.all
    }

    private func begin(_ lease: Lease, resumes: Bool = true) throws -> LayerIngest {
        try lease.ingest(written.descriptor, diffID: written.diffID, parent: nil, resumes: resumes)
    }

    private func interrupt(after count: Int) async throws {
        let lease = try fixture.store.beginLease(isPull: true)
        let ingest = try begin(lease)
        try await ingest.send(Array(bytes[..<count]))
        ingest.cancel(keepingBytes: true)
        lease.end()
    }

    @Test("What an interrupted transfer brought is gone on with, and is gone once the layer is there")
    func goesOn() async throws {
        let half = bytes.count / 2
        try await interrupt(after: half)
        let lease = try fixture.store.beginLease(isPull: true)
        let ingest = try begin(lease)
        #expect(ingest.resumedBytes == Int64(half))
        try await ingest.send(Array(bytes[half...]))
        let layer = try await ingest.commit()
        #expect(layer.diffID == written.diffID)
        try fixture.store.blobs.verify(written.digest)
        #expect(try fixture.names("partial") == [])
        lease.end()
    }

    @Test("Without being asked to, nothing is kept and nothing is taken up")
    func nothing() async throws {
        let lease = try fixture.store.beginLease()
        let ingest = try begin(lease, resumes: false)
        try await ingest.send(Array(bytes[..<1000]))
        ingest.cancel(keepingBytes: true)
        #expect(try begin(lease).resumedBytes == 0)
        lease.end()
    }

    @Test("First bytes that turn out to be wrong are refused with the rest, and are not taken up again")
    func damaged() async throws {
        let half = bytes.count / 2
        try await interrupt(after: half)
        let name = try #require(try fixture.names("partial").first)
        let file = try FileDescriptor.open(
            fixture.store.root.appending("partial").appending(name), .readWrite)
        _ = try file.writeAll(toAbsoluteOffset: Int64(half / 2), [bytes[half / 2] ^ 0xff])
        try file.close()
        let lease = try fixture.store.beginLease(isPull: true)
        let ingest = try begin(lease)
        var refused: DrydockError?
        do {
            try await ingest.send(Array(bytes[half...]))
            _ = try await ingest.commit()
        } catch {
            ingest.cancel()
            refused = error
        }
        #expect(refused?.code == .corrupt)
        let again = try begin(lease)
        #expect(again.resumedBytes == 0)
        try await again.send(bytes)
        #expect(try await again.commit().diffID == written.diffID)
        lease.end()
    }

    @Test("Two that fetch the same layer at once do not share a file")
    func together() async throws {
        try await interrupt(after: 2000)
        let lease = try fixture.store.beginLease(isPull: true)
        let other = try fixture.another().beginLease(isPull: true)
        let (first, second) = (try begin(lease), try begin(other))
        #expect(first.resumedBytes == 2000)
        #expect(second.resumedBytes == 0)
        try await second.send(bytes)
        try await first.send(Array(bytes[2000...]))
        #expect(try await first.commit().chainID == (try await second.commit().chainID))
        lease.end()
        other.end()
    }

    @Test("Whole layers of a pull that failed are there for the next one, until garbage is collected")
    func layers() async throws {
        let lease = try fixture.store.beginLease(isPull: true)
        let ingest = try begin(lease)
        try await ingest.send(bytes)
        let layer = try await ingest.commit()
        try lease.keepLayers()
        lease.end()
        let next = try fixture.another().beginLease(isPull: true)
        #expect(try next.hasLayer(layer.chainID))
        next.end()
        let last = try fixture.another().beginLease(isPull: true)
        #expect(try last.hasLayer(layer.chainID))
        last.end()
        try await interrupt(after: 2000)
        try fixture.store.collectGarbage()
        #expect(try fixture.names("layers") == [])
        #expect(try fixture.names("partial") == [])
        #expect(try fixture.names("blobs/sha256") == [])
    }
}

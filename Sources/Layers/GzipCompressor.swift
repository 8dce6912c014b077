internal import CDeflate
internal import Diagnostics
internal import Glibc
internal import Synchronization

/// Compresses to gzip with libdeflate, on all processors: every mebibyte becomes a member of its own (RFC 1952, 2.2), so
/// that the bytes depend on the content alone, and not on the machine.
final class GzipCompressor {
    private static let blockSize = 1 << 20

    private let level: Int32
    private let sink: ByteSink
    private let most: Int
    private var blocks: [[UInt8]] = []
    private var present: [UInt8] = []
    private var isEmpty = true

    init(level: Int, to sink: @escaping ByteSink) {
        self.level = Int32(clamping: level)
        self.sink = sink
        most = max(1, min(8, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(DrydockError) {
        var rest = bytes
        while !rest.isEmpty {
            if present.capacity < Self.blockSize { present.reserveCapacity(Self.blockSize) }
            let count = min(rest.count, Self.blockSize - present.count)
            present.append(contentsOf: rest[..<count])
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            guard present.count == Self.blockSize else { continue }
            blocks.append(present)
            present = []
            if blocks.count == most { try flush() }
        }
    }

    /// Passes on what is left; nothing at all becomes an empty member.
    func finish() throws(DrydockError) {
        if !present.isEmpty || (blocks.isEmpty && isEmpty) { blocks.append(present) }
        present = []
        try flush()
    }

    private func flush() throws(DrydockError) {
        guard !blocks.isEmpty else { return }
        isEmpty = false
        let results = Mutex<[[UInt8]?]>(Array(repeating: nil, count: blocks.count))
        let work = Shared(results: results)
        var threads: [WorkerThread] = []
        let level = level
        for (index, block) in blocks.enumerated().dropFirst() {
            threads.append(
                try WorkerThread {
                    let member = Self.member(block, level)
                    work.results.withLock { $0[index] = member }
                })
        }
        let first = Self.member(blocks[0], level)
        work.results.withLock { $0[0] = first }
        for thread in threads { thread.join() }
        blocks.removeAll(keepingCapacity: true)
        for member in work.results.withLock({ $0 }) {
            guard let member else { throw DrydockError(.exhausted, "cannot compress layer: out of memory") }
            let outcome: Result<Void, DrydockError> = member.withUnsafeBytes { bytes in
                do throws(DrydockError) { return .success(try sink(bytes)) } catch { return .failure(error) }
            }
            try outcome.get()
        }
    }

    private final class Shared: Sendable {
        let results: Mutex<[[UInt8]?]>
        init(results: consuming Mutex<[[UInt8]?]>) { self.results = results }
    }

    private static func member(_ block: [UInt8], _ level: Int32) -> [UInt8]? {
        guard let compressor = libdeflate_alloc_compressor(level) else { return nil }
        defer { libdeflate_free_compressor(compressor) }
        let bound = libdeflate_gzip_compress_bound(compressor, block.count)
        let member = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            count = block.withUnsafeBytes {
                libdeflate_gzip_compress(compressor, $0.baseAddress, $0.count, buffer.baseAddress, buffer.count)
            }
        }
        return member.isEmpty ? nil : member
    }
}

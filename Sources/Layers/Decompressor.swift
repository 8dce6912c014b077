internal import Diagnostics
internal import Linux

/// Something that gives bytes when asked, and nil at the end.
protocol ByteSource: AnyObject {
    func next() throws(DrydockError) -> [UInt8]?
}

extension ByteQueue: ByteSource {
    func next() throws(DrydockError) -> [UInt8]? { try pop() }
}

/// Undoes gzip, zstd, bzip2 or xz, found by their first bytes; what is not compressed passes through as it comes.
///
/// A large gzip stream goes through `igzip` (ISA-L) where that is installed: it takes a fifth of zlib's time. Figures
/// and reasons are in docs/store.md.
final class Decompressor: ByteSource {
    /// Below so many bytes a process of its own costs more than it saves.
    private static let worthAProcess = 512 << 10

    private let source: Replay
    private var inner: (any ByteSource)?
    private let program: String?

    /// - Parameter program: what large gzip streams go through; nil for zlib.
    init(_ source: any ByteSource, program: String? = ChildProcess.find("igzip")) {
        self.source = Replay(source)
        self.program = program
    }

    func next() throws(DrydockError) -> [UInt8]? {
        if let inner { return try inner.next() }
        let inner = try choose()
        self.inner = inner
        return try inner.next()
    }

    private func choose() throws(DrydockError) -> any ByteSource {
        try source.gather(6)
        let first = source.first
        if first.starts(with: [0x1f, 0x8b]) {
            if let program {
                try source.gather(Self.worthAProcess)
                if source.gathered >= Self.worthAProcess, let child = try? ChildFilter([program, "-dc"], source) {
                    return child
                }
            }
            return try GzipFilter(source)
        }
        let isZstd = first.starts(with: [0x28, 0xb5, 0x2f, 0xfd])
        let isBzip2 = first.starts(with: [0x42, 0x5a, 0x68])
        let isXz = first.starts(with: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])
        return isZstd || isBzip2 || isXz ? try ArchiveFilter(source) : source
    }
}

/// A source whose first bytes can be looked at before they are taken.
private final class Replay: ByteSource {
    private let source: any ByteSource
    private var chunks: [[UInt8]] = []
    private var head = 0
    private(set) var gathered = 0

    init(_ source: any ByteSource) { self.source = source }

    /// The first bytes that have been gathered.
    var first: [UInt8] { Array(chunks.joined().prefix(6)) }

    /// Gathers so many bytes, or all where there are fewer.
    func gather(_ count: Int) throws(DrydockError) {
        while gathered < count, let chunk = try source.next() {
            chunks.append(chunk)
            gathered += chunk.count
        }
    }

    func next() throws(DrydockError) -> [UInt8]? {
        guard head < chunks.count else { return try source.next() }
        defer { head += 1 }
        let chunk = chunks[head]
        chunks[head] = []
        return chunk
    }
}

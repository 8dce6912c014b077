internal import Diagnostics
internal import Glibc
internal import Linux
internal import OCI
internal import SystemPackage

/// Puts a tar archive together: headers, contents, the digests of both its forms.
final class TarWriter {
    private let compressor: Compressor
    private let compression: LayerCompression
    private let output: Output
    private var diffID = Digester()
    private var fileBytes: Int64 = 0
    private var entries: Int64 = 0
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
    private var filled = 0

    /// Hashes and passes on what comes out.
    private final class Output {
        var digester: Digester?
        let sink: ByteSink
        init(_ digester: Digester?, _ sink: @escaping ByteSink) {
            self.digester = digester
            self.sink = sink
        }
        func take(_ bytes: UnsafeRawBufferPointer) throws(DrydockError) {
            digester?.update(bytes)
            try sink(bytes)
        }
    }

    init(_ compression: LayerCompression, _ sink: @escaping ByteSink) throws(DrydockError) {
        self.compression = compression
        // Uncompressed bytes are hashed once: their digest is the diff ID.
        let output = Output(compression == .none ? nil : Digester(), sink)
        self.output = output
        compressor = try Compressor(compression) { bytes throws(DrydockError) in try output.take(bytes) }
    }

    deinit { buffer.deallocate() }

    /// Writes an entry without content.
    func write(_ item: TarItem) throws(DrydockError) {
        entries += 1
        if item.hardLink == nil { fileBytes += item.linkBytes }
        try put(TarEncoder.header(item))
    }

    /// Writes a regular file from bytes.
    func write(_ item: TarItem, _ bytes: [UInt8]) throws(DrydockError) {
        var item = item
        item.size = Int64(bytes.count)
        try write(item)
        try put(bytes)
        try put(TarEncoder.padding(after: item.size))
        fileBytes += item.size
    }

    /// Writes a regular file from an open one. Exactly `item.size` bytes are taken: a file that shrinks meanwhile is
    /// filled up with zeros.
    func write(_ item: TarItem, from fd: Int32) throws(DrydockError) {
        try write(item)
        var rest = item.size
        while rest > 0 {
            if filled == buffer.count { try flush() }
            let room = UnsafeMutableRawBufferPointer(
                rebasing: buffer[filled..<min(buffer.count, filled + Int(clamping: rest))])
            let count: Int
            do { count = try FileAt.read(fd, room) } catch { throw systemFailure(error, "read", item.path) }
            if count == 0 {
                room.initializeMemory(as: UInt8.self, repeating: 0)
            }
            let taken = count == 0 ? room.count : count
            filled += taken
            rest -= Int64(taken)
        }
        try put(TarEncoder.padding(after: item.size))
        fileBytes += item.size
    }

    /// Ends the archive.
    func finish() throws(DrydockError) -> WrittenLayer {
        try put(TarEncoder.end)
        try flush()
        try compressor.finish()
        let tar = diffID.digest()
        return WrittenLayer(
            diffID: tar, digest: output.digester?.digest() ?? tar, size: output.digester?.count ?? diffID.count,
            tarSize: diffID.count, fileBytes: fileBytes, entries: entries, mediaType: compression.mediaType)
    }

    private func put(_ bytes: [UInt8]) throws(DrydockError) {
        var start = 0
        while start < bytes.count {
            if filled == buffer.count { try flush() }
            let count = min(bytes.count - start, buffer.count - filled)
            bytes.withUnsafeBytes { source in
                UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + count])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[start..<start + count]))
            }
            filled += count
            start += count
        }
    }

    private func flush() throws(DrydockError) {
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<filled])
        diffID.update(bytes)
        try compressor.write(bytes)
        filled = 0
    }
}

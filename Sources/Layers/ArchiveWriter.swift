public import Diagnostics

/// Writes a tar archive that holds other things than a file system (`docker save`): names and sizes, no owners, the
/// time 0 or the one that is given, so that the same content always gives the same bytes.
public final class ArchiveWriter {
    private let sink: ByteSink
    private var buffer: [UInt8] = []
    private let limit = 256 << 10
    private var rest: Int64 = 0

    /// Makes a writer.
    public init(_ sink: @escaping ByteSink) {
        self.sink = sink
        buffer.reserveCapacity(limit)
    }

    /// Adds a directory: `blobs/`.
    public func directory(_ name: String) throws(DrydockError) { try put(Self.header(name, size: 0, type: 0x35)) }

    /// Adds a whole file.
    /// - Parameter time: seconds since 1970.
    public func file(_ name: String, _ bytes: [UInt8], time: Int64 = 0) throws(DrydockError) {
        try begin(name, size: Int64(bytes.count), time: time)
        try write(bytes)
        try end(name)
    }

    /// Begins a file of a known size; `write` gives its content.
    /// - Parameter time: seconds since 1970.
    public func begin(_ name: String, size: Int64, time: Int64 = 0) throws(DrydockError) {
        try put(Self.header(name, size: size, type: 0x30, time: time))
        rest = size
        padding = TarEncoder.padding(after: size)
    }

    private var padding: [UInt8] = []

    /// Gives content of the file that was begun.
    public func write(_ bytes: [UInt8]) throws(DrydockError) {
        rest -= Int64(bytes.count)
        try put(bytes)
    }

    /// Gives content of the file that was begun.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(DrydockError) {
        rest -= Int64(bytes.count)
        guard bytes.count < limit / 4 else {
            try flush()
            return try sink(bytes)
        }
        try put(bytes)
    }

    /// Ends the file that was begun.
    /// - Throws: code `.corrupt` where it got more or less content than was announced.
    public func end(_ name: String) throws(DrydockError) {
        guard rest == 0 else {
            throw DrydockError(
                .corrupt, "cannot write \(name)",
                reason: rest > 0 ? "\(rest) bytes are missing" : "there are \(-rest) bytes too many")
        }
        try put(padding)
    }

    /// Ends the archive.
    public func finish() throws(DrydockError) {
        try put(TarEncoder.end)
        try flush()
    }

    private func put(_ bytes: some Sequence<UInt8>) throws(DrydockError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= limit { try flush() }
    }

    private func flush() throws(DrydockError) {
        guard !buffer.isEmpty else { return }
        let result: Result<Void, DrydockError> = buffer.withUnsafeBytes { bytes in
            do throws(DrydockError) { return .success(try sink(bytes)) } catch { return .failure(error) }
        }
        buffer.removeAll(keepingCapacity: true)
        try result.get()
    }

    /// A ustar header (POSIX.1-2017, pax); sizes beyond eleven octal digits in GNU's binary form, which every reader of
    /// such archives knows.
    private static func header(_ name: String, size: Int64, type: UInt8, time: Int64 = 0) -> [UInt8] {
        var item = TarItem()
        item.path = Array(name.utf8CString)
        item.type = type == 0x35 ? 0o040000 : 0o100000
        if type == 0x35, name.hasSuffix("/") { item.path.remove(at: item.path.count - 2) }
        item.mode = type == 0x35 ? 0o755 : 0o644
        item.size = size
        item.mtime = Timestamp(seconds: time)
        return TarEncoder.header(item)
    }
}

internal import CDeflate
internal import Diagnostics

/// Decompresses gzip with zlib: every member, with its checksum; what follows the last member and is none is passed over.
final class GzipFilter: ByteSource {
    private static let blockSize = 256 << 10

    private let source: any ByteSource
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    private var chunk: [UInt8] = []
    private var position = 0
    private var isFinished = false

    init(_ source: any ByteSource) throws(DrydockError) {
        self.source = source
        stream.initialize(to: z_stream())
        // 15 bits of window, and 16 for the gzip form.
        let outcome = inflateInit2_(stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard outcome == Z_OK else { throw DrydockError(.exhausted, "cannot decompress layer: out of memory") }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.deallocate()
    }

    func next() throws(DrydockError) -> [UInt8]? {
        if isFinished { return nil }
        var failure: DrydockError?
        let block = [UInt8](unsafeUninitializedCapacity: Self.blockSize) { buffer, count in
            count = 0
            do throws(DrydockError) {
                try inflate(into: buffer, &count)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return block.isEmpty ? nil : block
    }

    private func inflate(into buffer: UnsafeMutableBufferPointer<UInt8>, _ count: inout Int) throws(DrydockError) {
        while count < buffer.count, !isFinished {
            if stream.pointee.avail_in == 0, try !refill() {
                throw archiveFailure("cannot decompress layer: the gzip stream is incomplete")
            }
            stream.pointee.next_out = buffer.baseAddress?.advanced(by: count)
            stream.pointee.avail_out = UInt32(buffer.count - count)
            let outcome = CDeflate.inflate(stream, Z_NO_FLUSH)
            count = buffer.count - Int(stream.pointee.avail_out)
            switch outcome {
            case Z_OK, Z_BUF_ERROR: continue
            case Z_STREAM_END: try beginMember()
            default:
                let reason = stream.pointee.msg.map { String(cString: $0) }
                throw archiveFailure("cannot decompress layer: the gzip stream is damaged", reason: reason)
            }
        }
    }

    /// Goes on with the next member, if there is one.
    private func beginMember() throws(DrydockError) {
        if stream.pointee.avail_in == 0, try !refill() {
            isFinished = true
            return
        }
        guard stream.pointee.next_in?.pointee == 0x1f else {
            isFinished = true
            stream.pointee.avail_in = 0
            while try source.next() != nil {}
            return
        }
        inflateReset(stream)
    }

    private func refill() throws(DrydockError) -> Bool {
        while position == chunk.count {
            guard let next = try source.next() else { return false }
            chunk = next
            position = 0
        }
        let count = min(input.count, chunk.count - position)
        chunk.withUnsafeBytes { bytes in
            input.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[position..<position + count]))
        }
        position += count
        stream.pointee.next_in = input.bindMemory(to: UInt8.self).baseAddress
        stream.pointee.avail_in = UInt32(count)
        return true
    }
}

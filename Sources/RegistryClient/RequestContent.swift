import AsyncHTTPClient
import Diagnostics
import Linux
import NIOCore
import NIOPosix
import OCI
import SystemPackage

/// What a request carries.
enum RequestContent: Sendable {
    case none
    case bytes([UInt8])
    /// A part of a file.
    /// - Parameter total: the size of the whole blob, for progress.
    case file(FilePath, offset: Int64, length: Int64, total: Int64)

    /// The body as the HTTP client takes it; a new one for every try.
    func httpBody(span: Span) -> HTTPClientRequest.Body? {
        switch self {
        case .none: nil
        case .bytes(let bytes): .bytes(ByteBuffer(bytes: bytes))
        case .file(let path, let offset, let length, let total):
            .stream(
                FileSlice(path: path, offset: offset, length: length, total: total, span: span),
                length: .known(length))
        }
    }
}

/// A part of a file as a sequence of buffers, read on a thread that may block.
struct FileSlice: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    let path: FilePath
    let offset: Int64
    let length: Int64
    let total: Int64
    let span: Span

    /// How much is read at once.
    static let piece: Int64 = 256 << 10

    func makeAsyncIterator() -> Iterator { Iterator(slice: self, file: nil, done: 0, told: 0) }

    struct Iterator: AsyncIteratorProtocol {
        let slice: FileSlice
        var file: OwnedDescriptor?
        var done: Int64
        var told: Int64

        mutating func next() async throws -> ByteBuffer? {
            guard done < slice.length else { return nil }
            let path = slice.path
            let known = file
            let at = slice.offset + done
            let count = Int(Swift.min(FileSlice.piece, slice.length - done))
            let (opened, buffer) = try await NIOThreadPool.singleton.runIfActive {
                () throws -> (OwnedDescriptor, ByteBuffer) in
                let file = try known ?? OwnedDescriptor.open(path, .readOnly)
                var buffer = ByteBuffer()
                try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
                    try file.descriptor.read(
                        fromAbsoluteOffset: at, into: UnsafeMutableRawBufferPointer(rebasing: target[..<count]))
                }
                return (file, buffer)
            }
            file = opened
            guard buffer.readableBytes > 0 else {
                throw DrydockError(
                    .corrupt, "\(path) is shorter than it should be", reason: "it ends at byte \(at)")
            }
            // The client learns that the connection takes no more on the connection's event loop: without waiting for
            // what was handed over before to get there, half of a file can be in memory first.
            for loop in MultiThreadedEventLoopGroup.singleton.makeIterator() { try await loop.submit {}.get() }
            done += Int64(buffer.readableBytes)
            if done - told >= 1 << 19 || done == slice.length {
                told = done
                slice.span.progress(slice.offset + done, of: slice.total)
            }
            return buffer
        }
    }
}

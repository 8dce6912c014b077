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
    /// Waits until the connections have taken what was given to them.
    var catchUp: @Sendable () async throws -> Void = FileSlice.waitForLoops

    /// How much is read at once.
    static let piece: Int64 = 256 << 10
    /// How much may be on its way to the connections before anybody looks how they are.
    static let ahead: Int64 = 1 << 20

    func makeAsyncIterator() -> Iterator { Iterator(slice: self, file: nil, done: 0, told: 0, looked: 0) }

    /// Waits until the event loops have done what they were asked to. The HTTP client asks for more until a loop says
    /// that its connection is full; on a busy machine a loop comes to say so late, and a whole layer would be in memory.
    private static func waitForLoops() async throws {
        for loop in MultiThreadedEventLoopGroup.singleton.makeIterator() { try await loop.submit {}.get() }
    }

    struct Iterator: AsyncIteratorProtocol {
        let slice: FileSlice
        var file: OwnedDescriptor?
        var done: Int64
        var told: Int64
        var looked: Int64

        mutating func next() async throws -> ByteBuffer? {
            guard done < slice.length else { return nil }
            if done - looked >= FileSlice.ahead {
                looked = done
                try await slice.catchUp()
            }
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
            done += Int64(buffer.readableBytes)
            if done - told >= 1 << 19 || done == slice.length {
                told = done
                slice.span.progress(slice.offset + done, of: slice.total)
            }
            return buffer
        }
    }
}

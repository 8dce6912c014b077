public import Diagnostics
internal import NIOCore
public import OCI

/// Some bytes of a blob, as they came from the connection; nothing is copied.
public struct BlobBytes: Sendable {
    let buffer: ByteBuffer

    /// The number of bytes.
    public var count: Int { buffer.readableBytes }

    /// Lets `body` read the bytes in place.
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try buffer.withUnsafeReadableBytes(body)
    }

    /// A copy of the bytes.
    public var array: [UInt8] { Array(buffer.readableBytesView) }
}

/// The bytes of a blob while they come from a registry.
///
/// The sequence asks the connection for more only as its reader takes bytes. A connection that breaks is resumed where
/// it stopped, within the bounds of the retry policy. Size and digest are verified on the way: the sequence ends
/// normally only if every byte was right, and throws a `DrydockError` (`.corrupt` for wrong bytes) otherwise. So a
/// reader keeps what it was given only after the end of the sequence.
public struct BlobStream: AsyncSequence, Sendable {
    /// Some bytes.
    public typealias Element = BlobBytes

    let client: RegistryClient
    /// What is being fetched.
    public let descriptor: Descriptor
    let reference: Reference
    let span: Span
    let check: BlobCheck

    /// Reads the blob; each iterator makes a request of its own.
    public struct AsyncIterator: AsyncIteratorProtocol {
        var reader: BlobReader

        /// The next bytes, or nil after the last verified byte.
        public mutating func next() async throws(DrydockError) -> BlobBytes? { try await reader.next() }
    }

    /// Starts to read.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(
            reader: BlobReader(
                client: client, descriptor: descriptor, reference: reference, span: span, check: check))
    }
}

/// How the bytes of a blob are checked while they come.
enum BlobCheck: Sendable {
    /// They are counted and hashed.
    case digest(Digester)
    /// They are counted; whoever reads them hashes them.
    case count(Int64)

    /// The number of bytes so far, with those that were there before.
    var count: Int64 {
        switch self {
        case .digest(let digester): digester.count
        case .count(let count): count
        }
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        switch self {
        case .digest(var digester):
            digester.update(bytes)
            self = .digest(digester)
        case .count(let count): self = .count(count + Int64(bytes.count))
        }
    }
}

public import Diagnostics
internal import Glibc

/// Gives the next bytes of a stream, and nil at its end.
public typealias ByteReader = () throws(DrydockError) -> [UInt8]?

/// Reads a tar archive that holds other things than a file system (`docker save`, an OCI layout): entries in the order
/// in which they stand, whatever the archive is compressed with (gzip, zstd, bzip2, xz, nothing).
///
/// Names are only text here; nothing is unpacked.
public final class ArchiveReader {
    /// What an entry is.
    public enum Kind: Sendable, Hashable {
        /// A regular file.
        case file
        /// A directory.
        case directory
        /// A symbolic link with its target.
        case symbolicLink(String)
        /// Another name of an earlier entry.
        case hardLink(String)
        /// Anything else.
        case other
    }

    /// One entry.
    public struct Entry: Sendable, Hashable {
        /// The name as it stands in the archive.
        public var name: String
        /// What it is.
        public var kind: Kind
        /// The size of its content in bytes.
        public var size: Int64
    }

    private let reader: TarReader

    /// Makes a reader of what `next` gives.
    public init(_ next: @escaping ByteReader) {
        reader = TarReader(Decompressor(ClosureSource(next)))
    }

    /// The next entry, or nil at the end.
    /// - Throws: code `.corrupt` where the bytes are no tar archive, and whatever the source throws.
    public func next() throws(DrydockError) -> Entry? {
        guard let item = try reader.next() else { return nil }
        func text(_ bytes: [CChar]) -> String {
            String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        let kind: Kind =
            if let target = item.hardLink {
                .hardLink(text(target))
            } else {
                switch item.type {
                case S_IFREG: .file
                case S_IFDIR: .directory
                case S_IFLNK: .symbolicLink(text(item.symbolicLink ?? []))
                default: .other
                }
            }
        return Entry(name: text(item.path), kind: kind, size: item.size)
    }

    /// Passes on the content of the entry that `next()` gave last.
    public func content(_ body: (UnsafeRawBufferPointer) throws(DrydockError) -> Void) throws(DrydockError) {
        try reader.content { bytes, _ throws(DrydockError) in try body(bytes) }
    }
}

/// A source that asks a function.
final class ClosureSource: ByteSource {
    private let read: ByteReader

    init(_ read: @escaping ByteReader) { self.read = read }

    func next() throws(DrydockError) -> [UInt8]? {
        while let bytes = try read() {
            if !bytes.isEmpty { return bytes }
        }
        return nil
    }
}

/// How bytes are compressed, found by how they begin.
public enum StreamCompression: Sendable, Hashable {
    /// Not, or in a way that is not known here.
    case none
    /// gzip
    case gzip
    /// Zstandard
    case zstd
    /// bzip2
    case bzip2
    /// xz
    case xz

    /// Looks at the first bytes of a stream.
    public init(_ bytes: [UInt8]) {
        let known: [(StreamCompression, [UInt8])] = [
            (.gzip, [0x1f, 0x8b]), (.zstd, [0x28, 0xb5, 0x2f, 0xfd]), (.bzip2, [0x42, 0x5a, 0x68]),
            (.xz, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]),
        ]
        self = known.first { bytes.starts(with: $0.1) }?.0 ?? .none
    }

    /// A reader of the plain bytes of a compressed stream.
    public static func undone(_ next: @escaping ByteReader) -> ByteReader {
        let decompressor = Decompressor(ClosureSource(next))
        return { () throws(DrydockError) in try decompressor.next() }
    }
}

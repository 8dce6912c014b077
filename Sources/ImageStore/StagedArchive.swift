public import Diagnostics
internal import Glibc
public import Layers
internal import Linux
public import OCI
internal import SystemPackage

/// The files of an archive with images, read from a stream and laid ready to be looked at in any order: small ones in
/// memory, others in the temporary directory of a lease.
public final class StagedArchive {
    /// One file.
    public struct File: Sendable {
        /// Its size in bytes.
        public let size: Int64
        /// The SHA-256 digest of its bytes.
        public let digest: Digest
        fileprivate let bytes: [UInt8]?
        fileprivate let path: FilePath?

        /// A reader of its bytes.
        /// - Throws: code `.system` where it cannot be opened.
        public func reader() throws(DrydockError) -> ByteReader {
            if let bytes {
                var rest: [UInt8]? = bytes
                return { () throws(DrydockError) in
                    defer { rest = nil }
                    return rest
                }
            }
            let open = try OpenFile(path ?? FilePath("/dev/null"))
            return { () throws(DrydockError) in try readBlock(open.fd, "archive") }
        }

        /// All bytes of a document.
        /// - Throws: code `.exhausted` above `limit` bytes.
        public func document(limit: Int64 = 8 << 20) throws(DrydockError) -> [UInt8] {
            guard size <= limit else {
                throw DrydockError(.exhausted, "invalid archive: a document in it has more than \(limit) bytes")
            }
            var all: [UInt8] = []
            let next = try reader()
            while let block = try next() { all += block }
            return all
        }
    }

    private final class OpenFile {
        let fd: Int32
        init(_ path: FilePath) throws(DrydockError) {
            do throws(Errno) {
                fd = try FileAt.open(FileAt.workingDirectory, path.string, O_RDONLY)
            } catch {
                throw DrydockError.system("open \(path)", errno: error.rawValue)
            }
        }
        deinit { FileAt.close(fd) }
    }

    private var files: [String: File] = [:]
    private var links: [String: String] = [:]
    private var inMemory: Int64 = 0

    /// The greatest number of entries, and what may be kept in memory: one file, all together.
    private static let most = 100_000
    private static let smallFile: Int64 = 256 << 10
    private static let memory: Int64 = 16 << 20

    init(_ lease: Lease, _ next: @escaping ByteReader) throws(DrydockError) {
        let reader = ArchiveReader(next)
        var count = 0
        while let entry = try reader.next() {
            count += 1
            guard count <= Self.most else {
                throw DrydockError(.exhausted, "invalid archive: it has more than \(Self.most) entries")
            }
            guard let name = Self.clean(entry.name, in: []) else { continue }
            switch entry.kind {
            case .file: files[name] = try take(reader, entry.size, lease)
            case .hardLink(let target): links[name] = Self.clean(target, in: [])
            case .symbolicLink(let target):
                let directory = name.split(separator: "/").dropLast().map(String.init)
                links[name] = Self.clean(target, in: target.hasPrefix("/") ? [] : directory)
            case .directory, .other: break
            }
        }
    }

    private func take(_ reader: ArchiveReader, _ size: Int64, _ lease: Lease) throws(DrydockError) -> File {
        var digester = Digester()
        if size <= Self.smallFile, inMemory + size <= Self.memory {
            var bytes: [UInt8] = []
            try reader.content { block throws(DrydockError) in bytes.append(contentsOf: block) }
            digester.update(bytes)
            inMemory += Int64(bytes.count)
            return File(size: Int64(bytes.count), digest: digester.digest(), bytes: bytes, path: nil)
        }
        let path = lease.newPath("archive")
        func failure(_ error: Errno) -> DrydockError {
            guard error == .noSpace || error == .diskQuotaExceeded else {
                return DrydockError.system("write \(path)", errno: error.rawValue)
            }
            return DrydockError(
                .exhausted, "write \(path): no space left on device", remedy: "Free some space, then try again.",
                operation: "write", errno: error.rawValue)
        }
        let fd: Int32
        do throws(Errno) {
            fd = try FileAt.open(FileAt.workingDirectory, path.string, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        } catch {
            throw failure(error)
        }
        defer { FileAt.close(fd) }
        try reader.content { block throws(DrydockError) in
            digester.update(block)
            do throws(Errno) { try FileAt.writeAll(fd, block) } catch { throw failure(error) }
        }
        return File(size: digester.count, digest: digester.digest(), bytes: nil, path: path)
    }

    /// A file by its name in the archive; links in it are followed, inside it only.
    public func file(_ name: String) -> File? {
        guard var wanted = Self.clean(name, in: []) else { return nil }
        for _ in 0..<40 {
            if let file = files[wanted] { return file }
            guard let next = links[wanted] else { return nil }
            wanted = next
        }
        return nil
    }

    /// A blob of an OCI layout, where it is there and has the digest that it is named by.
    /// - Throws: code `.corrupt` where it has another.
    public func blob(_ digest: Digest) throws(DrydockError) -> File? {
        guard let file = file("blobs/\(digest.algorithm.rawValue)/\(digest.hex)") else { return nil }
        guard digest.algorithm != .sha256 || file.digest == digest else {
            throw DrydockError(
                .corrupt, "invalid archive: blob \(digest) is damaged",
                reason: "its bytes have the digest \(file.digest)",
                remedy: "Make the archive again.")
        }
        return file
    }

    private static func clean(_ name: String, in directory: [String]) -> String? {
        var names = directory
        for part in name.split(separator: "/") where part != "." {
            if part == ".." {
                guard names.popLast() != nil else { return nil }
            } else {
                names.append(String(part))
            }
        }
        return names.isEmpty ? nil : names.joined(separator: "/")
    }
}

extension Lease {
    /// Reads an archive from a stream, compressed or not. Its files last as long as the lease.
    /// - Throws: code `.corrupt` where it is no tar archive; `.exhausted` where it has too many entries or the disk is
    ///   full.
    public func stage(_ next: @escaping ByteReader) throws(DrydockError) -> StagedArchive {
        try StagedArchive(self, next)
    }
}

public import Diagnostics
internal import Glibc
internal import Linux
public import OCI
public import SystemPackage

/// Content-addressed files: `<root>/blobs/<algorithm>/<hex>`. A blob is there whole and synced, or not at all.
///
/// Any number of processes may use the same root at once.
public struct BlobStore: Sendable {
    /// The directory that contains `blobs` and `tmp`.
    public let root: FilePath

    /// Opens, and makes where needed, a blob store.
    /// - Throws: code `.system` where the directories cannot be made.
    public init(root: FilePath) throws(DrydockError) {
        self.root = root
        for algorithm in Digest.Algorithm.allCases {
            let directory = root.appending("blobs").appending(algorithm.rawValue)
            if !Files.exists(directory) { try Files.makeDirectories(directory) }
        }
        if !Files.exists(temporary) { try Files.makeDirectories(temporary) }
    }

    var temporary: FilePath { root.appending("tmp") }

    func directory(_ algorithm: Digest.Algorithm) -> FilePath {
        root.appending("blobs").appending(algorithm.rawValue)
    }

    /// The file that a blob has or would have.
    public func path(_ digest: Digest) -> FilePath { directory(digest.algorithm).appending(digest.hex) }

    /// The size of a blob in bytes, or nil where it is not there.
    public func size(_ digest: Digest) -> Int64? {
        (try? FileAt.status(FileAt.workingDirectory, path(digest).string))?.size
    }

    /// Whether a blob is there.
    public func has(_ digest: Digest) -> Bool { size(digest) != nil }

    /// Opens a blob for reading; the caller closes it.
    /// - Throws: code `.notFound` where it is not there.
    public func open(_ digest: Digest) throws(DrydockError) -> FileDescriptor {
        do throws(Errno) {
            return FileDescriptor(
                rawValue: try FileAt.open(FileAt.workingDirectory, path(digest).string, O_RDONLY))
        } catch {
            if error == .noSuchFileOrDirectory {
                throw DrydockError(.notFound, "blob \(digest) not found")
            }
            throw DrydockError.system("open blob \(digest)", errno: error.rawValue)
        }
    }

    /// Reads a small blob (a manifest, a configuration) and verifies it.
    /// - Throws: code `.notFound`, `.corrupt` where the bytes do not have the digest, `.exhausted` above `limit` bytes.
    public func read(_ digest: Digest, limit: Int = 8 << 20) throws(DrydockError) -> [UInt8] {
        var bytes: [UInt8] = []
        try stream(digest) { block throws(DrydockError) in
            guard bytes.count + block.count <= limit else {
                throw DrydockError(.exhausted, "blob \(digest) is larger than \(limit) bytes")
            }
            bytes.append(contentsOf: block)
        }
        return bytes
    }

    /// Reads a whole blob and compares.
    /// - Throws: code `.corrupt` where its bytes do not have its digest, `.notFound`.
    public func verify(_ digest: Digest) throws(DrydockError) { try stream(digest) { _ in } }

    /// Passes a blob on in blocks, and verifies it at the end.
    /// - Throws: what `body` throws, `.notFound`, `.corrupt`.
    public func stream(
        _ digest: Digest, _ body: (UnsafeRawBufferPointer) throws(DrydockError) -> Void
    ) throws(DrydockError) {
        let file = try open(digest)
        defer { FileAt.close(file.rawValue) }
        var digester = Digester(digest.algorithm)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count: Int
            do { count = try FileAt.read(file.rawValue, buffer) } catch {
                throw DrydockError.system("read blob \(digest)", errno: error.rawValue)
            }
            if count == 0 { break }
            let block = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            digester.update(block)
            try body(block)
        }
        guard digester.digest() == digest else {
            throw DrydockError(
                .corrupt, "blob \(digest) is damaged", reason: "its bytes have the digest \(digester.digest())",
                remedy: "Remove what uses it and pull it again.")
        }
    }

    /// Begins a new blob. It must be committed or cancelled.
    /// - Parameter algorithm: what the blob's name is to be made with.
    public func writer(_ algorithm: Digest.Algorithm = .sha256) throws(DrydockError) -> BlobWriter {
        let name = "blob-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        return try BlobWriter(self, temporary.appending(name), Digester(algorithm))
    }

    /// Stores bytes as a blob, and verifies the digest where one is given.
    @discardableResult
    public func put(_ bytes: [UInt8], expecting digest: Digest? = nil) throws(DrydockError) -> Digest {
        if let digest, has(digest), Digest.sha256(bytes) == digest { return digest }
        let writer = try writer(digest?.algorithm ?? .sha256)
        try writer.write(bytes)
        return try writer.commit(expecting: digest)
    }

    /// Removes a blob; nothing happens where it is not there.
    public func delete(_ digest: Digest) throws(DrydockError) {
        do throws(Errno) {
            try FileAt.unlink(FileAt.workingDirectory, path(digest).string)
        } catch {
            if error == .noSuchFileOrDirectory { return }
            throw DrydockError.system("remove blob \(digest)", errno: error.rawValue)
        }
    }

    /// The digests of all blobs, in no particular order.
    public func all() throws(DrydockError) -> [Digest] {
        var digests: [Digest] = []
        for algorithm in Digest.Algorithm.allCases {
            for name in try Files.names(in: directory(algorithm)) {
                if let digest = Digest(algorithm: algorithm, hex: name) { digests.append(digest) }
            }
        }
        return digests
    }

    /// Removes the temporary files of writers whose process has ended.
    public func recover() throws(DrydockError) {
        for name in try Files.names(in: temporary) where name.hasPrefix("blob-") {
            let path = temporary.appending(name)
            // A writer holds the lock of its own file for as long as it lives.
            guard let lock = try FileLock.ifFree(path) else { continue }
            try? FileAt.unlink(FileAt.workingDirectory, path.string)
            lock.unlock()
        }
    }
}

/// A blob that is being written: a temporary file, hashed on the way.
///
/// Calls block (they write to a file), and come from one thread at a time.
public final class BlobWriter: @unchecked Sendable {
    /// The number of bytes so far.
    public private(set) var count: Int64 = 0

    private let store: BlobStore
    private let temporary: FilePath
    private let lock: FileLock
    private var digester: Digester?
    private var fd: Int32

    /// - Parameter digester: nil where somebody else computes the digest.
    init(_ store: BlobStore, _ temporary: FilePath, _ digester: Digester?) throws(DrydockError) {
        self.store = store
        self.temporary = temporary
        self.digester = digester
        lock = try FileLock(temporary)
        do throws(Errno) {
            fd = try FileAt.open(FileAt.workingDirectory, temporary.string, O_WRONLY)
        } catch {
            throw DrydockError.system("create \(temporary)", errno: error.rawValue)
        }
    }

    /// Goes on with a file that holds the first bytes of a blob already.
    /// - Parameters:
    ///   - digester: nil where somebody else computes the digest.
    ///   - lock: the lock of the file, taken.
    ///   - count: the number of bytes that are there; they must be given to `replay` before more are written.
    init(
        _ store: BlobStore, _ temporary: FilePath, _ digester: Digester?, lock: FileLock, behind count: Int64
    ) throws(DrydockError) {
        self.store = store
        self.temporary = temporary
        self.digester = digester
        self.lock = lock
        self.count = count
        do throws(Errno) {
            fd = try FileAt.open(FileAt.workingDirectory, temporary.string, O_RDWR)
        } catch {
            throw DrydockError.system("open \(temporary)", errno: error.rawValue)
        }
    }

    deinit { cancel() }

    /// Hands out the bytes that were there when the writer was made, and goes to their end.
    func replay(_ body: ([UInt8]) throws(DrydockError) -> Void) throws(DrydockError) {
        var left = count
        while left > 0 {
            var block = [UInt8](repeating: 0, count: Int(min(left, 256 << 10)))
            let read = block.withUnsafeMutableBytes { (try? FileAt.read(fd, $0)) ?? 0 }
            guard read > 0 else { throw DrydockError(.corrupt, "cannot read the first bytes of a blob again") }
            block.removeLast(block.count - read)
            digester?.update(block)
            left -= Int64(read)
            try body(block)
        }
    }

    /// Gives up for now: the file stays, with the bytes that it has.
    func suspend() { close() }

    /// Adds bytes.
    /// - Throws: code `.exhausted` where the disk is full, `.system`.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(DrydockError) {
        do throws(Errno) {
            try FileAt.writeAll(fd, bytes)
        } catch {
            if error == .noSpace || error == .diskQuotaExceeded {
                throw DrydockError(
                    .exhausted, "write \(temporary): no space left on device",
                    remedy: "Free some space, then try again.", operation: "write", errno: error.rawValue)
            }
            throw DrydockError.system("write blob", errno: error.rawValue)
        }
        digester?.update(bytes)
        count += Int64(bytes.count)
    }

    /// Adds bytes.
    public func write(_ bytes: [UInt8]) throws(DrydockError) {
        let outcome: Result<Void, DrydockError> = bytes.withUnsafeBytes { buffer in
            do throws(DrydockError) {
                try write(buffer)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try outcome.get()
    }

    /// Syncs the bytes and gives them their name; the blob is then there, also after a power failure.
    /// - Parameters:
    ///   - digest: what the bytes must have as digest, where that is known.
    ///   - size: how many bytes there must be, where that is known.
    /// - Throws: code `.corrupt` where they differ; the writer is then cancelled.
    @discardableResult
    public func commit(expecting digest: Digest? = nil, size: Int64? = nil) throws(DrydockError) -> Digest {
        let found = try verify(digest, size)
        try sync()
        try install(as: found)
        do throws(Errno) {
            let directory = try FileAt.open(
                FileAt.workingDirectory, store.directory(found.algorithm).string, O_RDONLY | O_DIRECTORY)
            defer { FileAt.close(directory) }
            try FileAt.sync(directory)
        } catch {
            throw DrydockError.system("sync blobs", errno: error.rawValue)
        }
        return found
    }

    func verify(_ digest: Digest?, _ size: Int64?) throws(DrydockError) -> Digest {
        guard let found = digester?.digest() ?? digest else {
            throw DrydockError(.internal, "a blob without a digest")
        }
        if let size, size != count {
            cancel()
            throw DrydockError(
                .corrupt, "blob has \(count) bytes instead of \(size)", remedy: "Fetch it again.")
        }
        if let digest, digest != found {
            cancel()
            throw DrydockError(
                .corrupt, "blob has the digest \(found) instead of \(digest)", remedy: "Fetch it again.")
        }
        return found
    }

    func sync() throws(DrydockError) {
        do { try FileAt.sync(fd) } catch { throw DrydockError.system("sync blob", errno: error.rawValue) }
    }

    /// Gives the file its name, without syncing it.
    func install(as digest: Digest) throws(DrydockError) {
        CrashPoint.reach()
        do throws(Errno) {
            try FileAt.rename(
                FileAt.workingDirectory, temporary.string, FileAt.workingDirectory, store.path(digest).string)
        } catch {
            throw DrydockError.system("name blob \(digest)", errno: error.rawValue)
        }
        close()
    }

    /// Gives up: the temporary file is removed. Nothing happens after a commit.
    public func cancel() {
        guard fd >= 0 else { return }
        try? FileAt.unlink(FileAt.workingDirectory, temporary.string)
        close()
    }

    private func close() {
        if fd >= 0 { FileAt.close(fd) }
        fd = -1
        lock.unlock()
    }
}

import Diagnostics
import FoundationEssentials
import Glibc
import ImageStore
import Linux
import OCI
import Synchronization
import SystemPackage

/// The uploads under way: one file each, `uploads/<id>`, that is named after what it is for. So an upload outlives the
/// process that began it; one that nobody continues for a day is removed.
final class UploadStore: Sendable {
    private let directory: FilePath
    private let blobs: BlobStore
    private let sessions = Mutex<[String: UploadSession]>([:])
    /// After so long without a request, what is in memory of an upload is forgotten; its file stays.
    private static let patience = Duration.seconds(3600)
    /// After so many seconds without a change, its file is removed.
    static let lifetime: Int64 = 86_400

    init(data: FilePath, blobs: BlobStore) throws(DrydockError) {
        directory = data.appending("uploads")
        self.blobs = blobs
        try Files.makeDirectories(directory, mode: 0o700)
    }

    /// Begins an upload.
    func begin(_ repository: String, _ algorithm: Digest.Algorithm) throws(DrydockError) -> UploadSession {
        let id = "\(UUID().uuidString.lowercased())-\(Self.mark(repository))-\(algorithm.rawValue)"
        let session = UploadSession(
            id: id, repository: repository, file: directory.appending(id), blobs: blobs,
            digester: Digester(algorithm), algorithm: algorithm)
        try session.create()
        sessions.withLock { sessions in
            sessions = sessions.filter { $0.value.idle < Self.patience }
            sessions[id] = session
        }
        return session
    }

    /// An upload that was begun, perhaps by a process that is gone.
    /// - Returns: nil where there is none of that name for the repository.
    func session(_ id: String, of repository: String) throws(DrydockError) -> UploadSession? {
        if let known = sessions.withLock({ $0[id] }) { return known.repository == repository ? known : nil }
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 7, parts[5] == Self.mark(repository),
            let algorithm = Digest.Algorithm(rawValue: String(parts[6])),
            parts[..<6].allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) } })
        else { return nil }
        let file = directory.appending(id)
        guard Files.exists(file) else { return nil }
        let digester = try Self.digest(file, algorithm)
        let session = UploadSession(
            id: id, repository: repository, file: file, blobs: blobs, digester: digester, algorithm: algorithm)
        return sessions.withLock { sessions in
            if let other = sessions[id] { return other }
            sessions[id] = session
            return session
        }
    }

    func forget(_ session: UploadSession) { sessions.withLock { $0[session.id] = nil } }

    /// Whether an upload is going on, so that the hub must not end.
    var isActive: Bool { sessions.withLock { $0.values.contains { $0.idle < .seconds(60) } } }

    /// Removes the files that nobody wrote to for a day.
    func expire() {
        let now = Int64(time(nil))
        for name in (try? Files.names(in: directory)) ?? [] {
            let file = directory.appending(name)
            guard let status = try? FileAt.status(FileAt.workingDirectory, file.string),
                now - status.mtimeSeconds > Self.lifetime
            else { continue }
            sessions.withLock { $0[name] = nil }
            try? FileAt.unlink(FileAt.workingDirectory, file.string)
        }
    }

    /// Binds an upload's name to its repository.
    private static func mark(_ repository: String) -> String { String(Digest.sha256(repository.utf8).hex.prefix(12)) }

    static func digest(_ file: FilePath, _ algorithm: Digest.Algorithm) throws(DrydockError) -> Digester {
        var digester = Digester(algorithm)
        let source = try OwnedDescriptor.open(file, .readOnly, options: [.noFollow])
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count: Int
            do throws(Errno) { count = try FileAt.read(source.number, buffer) } catch {
                throw .hub("read \(file)", error)
            }
            if count == 0 { return digester }
            digester.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}

/// An upload that is under way. Between requests it holds nothing open.
final class UploadSession: Sendable {
    private struct State {
        var busy = false
        var last = ContinuousClock.now
        var digester: Digester
    }

    let id: String
    let repository: String
    let algorithm: Digest.Algorithm
    private let file: FilePath
    private let blobs: BlobStore
    private let state: Mutex<State>

    init(
        id: String, repository: String, file: FilePath, blobs: BlobStore, digester: Digester,
        algorithm: Digest.Algorithm
    ) {
        self.id = id
        self.repository = repository
        self.file = file
        self.blobs = blobs
        self.algorithm = algorithm
        state = Mutex(State(digester: digester))
    }

    /// The number of bytes that are there.
    var count: Int64 { state.withLock { $0.digester.count } }

    var idle: Duration { state.withLock { $0.busy ? .zero : ContinuousClock.now - $0.last } }

    /// Makes sure that one request at a time adds bytes.
    /// - Returns: false where another one does.
    func enter() -> Bool {
        state.withLock { state in
            defer { state.busy = true }
            return !state.busy
        }
    }

    func leave() {
        state.withLock {
            $0.busy = false
            $0.last = ContinuousClock.now
        }
    }

    func create() throws(DrydockError) {
        do throws(Errno) {
            FileAt.close(
                try FileAt.open(FileAt.workingDirectory, file.string, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644))
        } catch {
            throw .hub("begin an upload", error)
        }
    }

    /// Opens the file for adding bytes.
    func open() throws(DrydockError) -> OwnedDescriptor {
        try OwnedDescriptor.open(file, .writeOnly, options: [.append, .noFollow])
    }

    /// Opens the file for reading what is there so far.
    func openForReading() throws(DrydockError) -> OwnedDescriptor {
        try OwnedDescriptor.open(file, .readOnly, options: [.noFollow])
    }

    /// Adds bytes. What could not be written whole is taken back, so that the file and its digest stay one.
    func write(_ blocks: [UnsafeRawBufferPointer], to opened: OwnedDescriptor) throws(DrydockError) {
        for block in blocks {
            do throws(Errno) { try FileAt.writeAll(opened.number, block) } catch {
                try? FileAt.truncate(opened.number, to: count)
                throw .hub("write an upload", error)
            }
            state.withLock { $0.digester.update(block) }
        }
    }

    /// Gives the bytes their name as a blob: it is on the disk when this returns.
    /// - Throws: `.corrupt` where they have another digest; the upload is then gone.
    func commit(as digest: Digest) throws(DrydockError) {
        let found =
            digest.algorithm == algorithm
            ? state.withLock { $0.digester.digest() } : try UploadStore.digest(file, digest.algorithm).digest()
        guard found == digest else {
            cancel()
            throw DrydockError(
                .corrupt, "provided digest did not match uploaded content",
                reason: "the content has the digest \(found)")
        }
        let target = blobs.path(digest)
        do throws(Errno) {
            let opened = try FileAt.open(FileAt.workingDirectory, file.string, O_WRONLY)
            defer { FileAt.close(opened) }
            // Cleaning up goes by a file's age: it begins now.
            try FileAt.setTime(opened, seconds: Int64(time(nil)), nanoseconds: 0)
            try FileAt.sync(opened)
            try FileAt.rename(FileAt.workingDirectory, file.string, FileAt.workingDirectory, target.string)
            let directory = try FileAt.open(
                FileAt.workingDirectory, target.removingLastComponent().string, O_RDONLY | O_DIRECTORY)
            defer { FileAt.close(directory) }
            try FileAt.sync(directory)
        } catch {
            throw .hub("keep the blob \(digest)", error)
        }
    }

    /// Gives up: the file is removed.
    func cancel() { try? FileAt.unlink(FileAt.workingDirectory, file.string) }
}

extension DrydockError {
    /// What a system call of the hub failed with; a full disk is told apart.
    static func hub(_ operation: String, _ errno: Errno) -> DrydockError {
        let isFull = errno == .noSpace || errno == .diskQuotaExceeded
        return DrydockError(
            isFull ? .exhausted : .system, "\(operation): \(errno)",
            remedy: isFull ? "Make room on the hub's disk, then try again." : nil, operation: operation,
            errno: errno.rawValue)
    }
}

import CLinux
public import Diagnostics
import Glibc
public import SystemPackage

/// A lock on a file that other processes see (flock(2)). It ends with `unlock`, with the object, and with the process.
public final class FileLock: Sendable {
    /// How a lock is shared.
    public enum Mode: Sendable {
        /// Many may hold it together.
        case shared
        /// One alone holds it.
        case exclusive
    }

    private let descriptor: OwnedDescriptor

    /// Takes the lock and waits for it as long as it takes.
    /// - Parameter path: the file; made when missing.
    public init(_ path: FilePath, mode: Mode = .exclusive) throws(DrydockError) {
        descriptor = try Self.open(path)
        let result = cl_flock(descriptor.number, mode == .exclusive ? 1 : 0, 1)
        guard result == 0 else { throw .system("lock \(path)", errno: -result) }
    }

    private init(taken descriptor: OwnedDescriptor) { self.descriptor = descriptor }

    /// Takes the lock, or returns nil at once when another holds it.
    public static func ifFree(_ path: FilePath, mode: Mode = .exclusive) throws(DrydockError) -> FileLock? {
        let descriptor = try Self.open(path)
        let result = cl_flock(descriptor.number, mode == .exclusive ? 1 : 0, 0)
        if result == -EWOULDBLOCK { return nil }
        guard result == 0 else { throw .system("lock \(path)", errno: -result) }
        return FileLock(taken: descriptor)
    }

    /// Whether somebody holds an exclusive lock on the file; false where the file does not exist.
    public static func isHeld(_ path: FilePath) -> Bool {
        guard let descriptor = try? OwnedDescriptor.open(path, .readOnly) else { return false }
        let result = cl_flock(descriptor.number, 0, 0)
        return result == -EWOULDBLOCK
    }

    /// Whether a path still names the file that is locked: its holder may have moved it away before.
    public func isLock(of path: FilePath) -> Bool {
        guard let mine = try? FileAt.status(descriptor.number),
            let there = try? FileAt.status(FileAt.workingDirectory, path.string)
        else { return false }
        return mine.inode == there.inode && mine.device == there.device
    }

    /// Gives the lock back. Nothing happens the second time.
    public func unlock() { descriptor.close() }

    private static func open(_ path: FilePath) throws(DrydockError) -> OwnedDescriptor {
        try OwnedDescriptor.open(path, .readWrite, options: [.create], permissions: [.ownerReadWrite])
    }
}

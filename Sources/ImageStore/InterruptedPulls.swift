internal import Diagnostics
internal import GRDB
internal import Linux
internal import OCI
internal import SystemPackage

/// What an interrupted pull leaves for the next one: whole layers, and the first bytes of others.
///
/// `partial/<algorithm>-<hex>` holds the bytes of a blob that had come when its transfer broke. Whoever goes on with it
/// keeps the file locked. The bytes count for nothing until the blob is whole and has its digest: they are hashed again
/// with the rest. Whole layers are held by the lease that is named below, which no process has.
extension ImageStore {
    /// The name under which whole layers of interrupted pulls are held.
    static var keptLease: String { "kept" }

    /// What the leases of pulls begin with; the rest of the name tells the boot that they belong to.
    static var pullLease: String { "lease-pull-" }

    /// How long the bytes of an interrupted transfer are kept, in seconds.
    private static var longestKept: Int64 { 7 * 24 * 3600 }

    private var partials: FilePath { root.appending("partial") }

    /// The file of an interrupted transfer of a blob, or of one that now begins, locked; nil where another process is
    /// at work on it.
    func partial(_ digest: Digest) throws(DrydockError) -> (path: FilePath, lock: FileLock, count: Int64)? {
        if !Files.exists(partials) { try Files.makeDirectories(partials, mode: 0o700) }
        let path = partials.appending("\(digest.algorithm.rawValue)-\(digest.hex)")
        for _ in 0..<100 {
            guard let lock = try FileLock.ifFree(path) else { return nil }
            // Between opening and locking, who had it may have given the file its final name.
            guard lock.isLock(of: path) else { continue }
            let size = (try? FileAt.status(FileAt.workingDirectory, path.string))?.size ?? 0
            return (path, lock, size)
        }
        return nil
    }

    /// Removes the bytes of transfers that nobody is at work on.
    /// - Parameter all: also those that a pull of the next days might go on with.
    func removePartials(all: Bool) throws(DrydockError) {
        guard Files.exists(partials) else { return }
        let now = WallClock.now / 1_000_000_000
        for name in try Files.names(in: partials) {
            let path = partials.appending(name)
            guard let status = try? FileAt.status(FileAt.workingDirectory, path.string),
                all || now - status.mtimeSeconds > Self.longestKept, let lock = try FileLock.ifFree(path)
            else { continue }
            try? FileAt.unlink(FileAt.workingDirectory, path.string)
            lock.unlock()
        }
    }

    /// What identifies this boot of the machine: what was not synced is whole as long as it is the same.
    static var boot: String {
        String((Files.line("/proc/sys/kernel/random/boot_id") ?? "unknown").prefix(8))
    }

    /// Makes the whole layers of a pull that was interrupted safe from collection, until its image is registered.
    func keepLayers(of lease: String) throws(DrydockError) {
        let count = try read { database in
            try Int.fetchOne(
                database, sql: "SELECT count(*) FROM lease_layers WHERE lease = ?", arguments: [lease]) ?? 0
        }
        guard count > 0 else { return }
        try Files.syncFileSystem(root)
        try write { database in
            try database.execute(
                sql: """
                    UPDATE layers SET durable = 1
                    WHERE durable = 0 AND chain IN (SELECT chain FROM lease_layers WHERE lease = ?)
                    """, arguments: [lease])
            try database.execute(
                sql:
                    "INSERT OR IGNORE INTO lease_layers (lease, chain) SELECT ?, chain FROM lease_layers WHERE lease = ?",
                arguments: [Self.keptLease, lease])
        }
    }

    /// Whether a dead lease's layers can be kept: a pull's, since the last boot.
    static func isKept(_ lease: String) -> Bool { lease.hasPrefix(pullLease + boot + "-") }
}

extension Database {
    /// An image has its layers now: they are not left from a pull any more.
    func endKeeping(_ chain: [Digest]) throws {
        for link in chain {
            try execute(
                sql: "DELETE FROM lease_layers WHERE lease = ? AND chain = ?",
                arguments: [ImageStore.keptLease, link.description])
        }
    }

    /// Forgets all layers of interrupted pulls.
    func endKeeping() throws {
        try execute(sql: "DELETE FROM lease_layers WHERE lease = ?", arguments: [ImageStore.keptLease])
    }
}

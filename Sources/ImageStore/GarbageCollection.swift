public import Diagnostics
internal import Foundation
internal import GRDB
internal import Layers
internal import Linux
internal import OCI
internal import SystemPackage

extension ImageStore {
    /// Removes layers, blobs and temporary files that nothing refers to. Other processes may go on working.
    @discardableResult
    public func collectGarbage() throws(DrydockError) -> Removal {
        try removePartials(all: true)
        try freeing { () throws(DrydockError) in try recover() }
        let removal = try freeing { () throws(DrydockError) in
            try write { database in
                var removal = Removal()
                try database.endKeeping()
                for layer in try database.unusedLayers() {
                    try database.condemn(layer: layer.chain)
                    removal.items.append(.deleted(layer.chain))
                    removal.reclaimed += layer.size
                }
                try database.condemnBlobs()
                return removal
            }
        }
        try sweep()
        let trash = try write { database in try self.discardStrays(database) }
        for path in trash { try LayerApplier.remove(path) }
        return removal
    }

    /// Removes from the disk what a transaction has condemned.
    ///
    /// The rows go first, and this comes after them, so that a kill between the two never takes files from rows that
    /// stay. Whoever changes the store next does what was left to do.
    func sweep() throws(DrydockError) {
        let waiting = try read {
            try Bool.fetchOne($0, sql: "SELECT EXISTS (SELECT 1 FROM condemned WHERE kind <> 'container')") ?? false
        }
        guard waiting else { return }
        let trash = try freeing { () throws(DrydockError) in try write(takingAway) }
        for path in trash {
            CrashPoint.reach()
            try LayerApplier.remove(path)
        }
    }

    /// Moves what is condemned out of its place.
    private func takingAway(_ database: Database) throws -> [FilePath] {
        var trash: [FilePath] = []
        // What has a row again has been made anew meanwhile.
        let layers = try String.fetchAll(
            database,
            sql: "SELECT name FROM condemned WHERE kind = 'layer' AND name NOT IN (SELECT chain FROM layers)")
        for text in layers {
            let home = directory(try ImageStore.digest(text)).removingLastComponent()
            if let path = try self.discard(home) { trash.append(path) }
        }
        let blobs = try String.fetchAll(
            database,
            sql: "SELECT name FROM condemned WHERE kind = 'blob' AND name NOT IN (SELECT digest FROM layer_blobs)")
        for text in blobs {
            CrashPoint.reach()
            try self.blobs.delete(try Digest(text))
        }
        try database.execute(sql: "DELETE FROM condemned WHERE kind IN ('layer', 'blob')")
        return trash
    }

    /// Ends the leases of processes that have died, and removes what they left in `tmp/`.
    func recover() throws(DrydockError) {
        try blobs.recover()
        try removePartials(all: false)
        var dead: [String] = []
        for name in try Files.names(in: temporary) {
            let path = temporary.appending(name)
            if name.hasPrefix("trash-") {
                try LayerApplier.remove(path)
            } else if name.hasPrefix("lease-"), name.hasSuffix(".lock") {
                guard let lock = try FileLock.ifFree(path) else { continue }
                let lease = String(name.dropLast(5))
                dead.append(lease)
                try removeLease(lease)
                lock.unlock()
            }
        }
        try sweep()
        let known = try read { try String.fetchAll($0, sql: "SELECT id FROM leases") }
        let orphaned = known.filter { dead.contains($0) || !Files.exists(leaseLock($0)) }
        guard !orphaned.isEmpty else { return }
        for lease in orphaned where Self.isKept(lease) { try keepLayers(of: lease) }
        try write { database in
            for lease in orphaned { try database.endLease(lease) }
        }
    }

    /// The file that the process of a lease keeps locked: it is there before anything else of the lease, and goes last.
    func leaseLock(_ lease: String) -> FilePath { temporary.appending(lease + ".lock") }

    /// Removes what a lease has in `tmp/`.
    func removeLease(_ lease: String) throws(DrydockError) {
        if let trash = try discard(temporary.appending(lease)) { try LayerApplier.remove(trash) }
        try? FileAt.unlink(FileAt.workingDirectory, leaseLock(lease).string)
    }

    /// Directories and blobs without a row: what a kill between the file system and the database has left.
    /// They are moved away inside a transaction, so that nobody is just adding them.
    private func discardStrays(_ database: Database) throws -> [FilePath] {
        var trash: [FilePath] = []
        let chains = Set(try String.fetchAll(database, sql: "SELECT chain FROM layers"))
        for name in try Files.names(in: root.appending("layers")) where !chains.contains("sha256:\(name)") {
            if let path = try discard(root.appending("layers").appending(name)) { trash.append(path) }
        }
        let known = Set(try String.fetchAll(database, sql: "SELECT digest FROM layer_blobs"))
        for digest in try blobs.all() where !known.contains(digest.description) { try blobs.delete(digest) }
        return trash
    }

    /// Moves something to where it will be removed; nil where it is not there.
    func discard(_ path: FilePath) throws(DrydockError) -> FilePath? {
        let trash = temporary.appending("trash-\(UInt64.random(in: 0 ... .max))")
        CrashPoint.reach()
        do throws(Errno) {
            try FileAt.rename(FileAt.workingDirectory, path.string, FileAt.workingDirectory, trash.string)
        } catch {
            if error == .noSuchFileOrDirectory { return nil }
            throw DrydockError.system("remove \(path)", errno: error.rawValue)
        }
        return trash
    }
}

extension Database {
    /// The layers that no image, container or lease needs, in no particular order.
    func unusedLayers() throws -> [(chain: Digest, size: Int64)] {
        let sql = """
            WITH RECURSIVE live(chain) AS (
                SELECT top FROM images WHERE top IS NOT NULL
                UNION SELECT chain FROM containers WHERE chain IS NOT NULL
                UNION SELECT chain FROM lease_layers
                UNION SELECT layers.parent FROM layers JOIN live USING (chain) WHERE layers.parent IS NOT NULL)
            SELECT chain, size FROM layers WHERE chain NOT IN (SELECT chain FROM live)
            """
        return try Row.fetchAll(self, sql: sql).map { (try Digest($0[0] as String), $0[1]) }
    }

    /// Removes a layer's row; `sweep` removes its directory.
    func condemn(layer chain: Digest) throws {
        try execute(sql: "DELETE FROM layers WHERE chain = ?", arguments: [chain.description])
        try execute(
            sql: "INSERT OR IGNORE INTO condemned (kind, name) VALUES ('layer', ?)", arguments: [chain.description])
    }

    /// Removes the rows of the blobs of layers that are not there any more; `sweep` removes their files.
    func condemnBlobs() throws {
        let unused = "SELECT digest FROM layer_blobs WHERE diff NOT IN (SELECT diff FROM layers)"
        try execute(sql: "INSERT OR IGNORE INTO condemned (kind, name) SELECT 'blob', digest FROM (\(unused))")
        try execute(sql: "DELETE FROM layer_blobs WHERE digest IN (\(unused))")
    }

    func endLease(_ id: String) throws {
        try execute(sql: "DELETE FROM lease_layers WHERE lease = ?", arguments: [id])
        try execute(sql: "DELETE FROM leases WHERE id = ?", arguments: [id])
    }
}

internal import Diagnostics
internal import Foundation
internal import GRDB
internal import Linux
internal import SystemPackage

/// The tables of `store.sqlite`.
enum Schema {
    /// `PRAGMA user_version` of a database that has all the migrations below.
    static let version = 2

    static func open(_ root: FilePath) throws(DrydockError) -> DatabaseQueue {
        var configuration = Configuration()
        configuration.busyMode = .timeout(20)
        configuration.foreignKeysEnabled = false
        configuration.label = "drydock.store"
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = NORMAL") }
        let path = root.appending("store.sqlite").string
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            let found = try queue.read { try Int.fetchOne($0, sql: "PRAGMA user_version") } ?? 0
            if found == version {
                foldLog(path, queue)
                return queue
            }
            guard found < version else {
                throw DrydockError(
                    .unsupported, "cannot open \(path)", reason: "a newer Drydock has made it",
                    remedy: "Install the newer Drydock again, or choose another DRYDOCK_HOME.")
            }
            let lock = try FileLock(root.appending("migration.lock"))
            defer { lock.unlock() }
            // A new store has nothing to lose, and its first image brings a sync of the whole file system.
            if found == 0 { try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = OFF") } }
            // The mode stays with the file. (`Configuration.journalMode` would write and sync at every opening.)
            try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = WAL") }
            try migrator.migrate(queue)
            try queue.write { try $0.execute(sql: "PRAGMA user_version = \(version)") }
            try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = NORMAL") }
            return queue
        } catch {
            throw DrydockError(database: error)
        }
    }

    /// The write-ahead log may grow to so many bytes before an opening folds it into the database.
    private static let longestLog = 512 << 10

    /// Commands end without closing the database (that would sync twice for each of them), so the log grows from one
    /// to the next, and each has to read it. Now and then one of them pays for folding it.
    private static func foldLog(_ path: String, _ queue: DatabaseQueue) {
        guard let log = try? FileAt.status(FileAt.workingDirectory, path + "-wal"), log.size > longestLog else {
            return
        }
        // Where others are in the middle of something, the next one does it.
        _ = try? queue.writeWithoutTransaction { try $0.checkpoint(.truncate) }
    }

    /// Migrations are named and never edited.
    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: images, layers, leases, containers") { database in
            try database.execute(
                sql: """
                    CREATE TABLE layers (
                        chain TEXT PRIMARY KEY, diff TEXT NOT NULL, parent TEXT, size INTEGER NOT NULL,
                        durable INTEGER NOT NULL) WITHOUT ROWID;
                    CREATE INDEX layers_diff ON layers (diff);
                    CREATE TABLE layer_blobs (
                        digest TEXT PRIMARY KEY, diff TEXT NOT NULL, size INTEGER NOT NULL, type TEXT NOT NULL
                        ) WITHOUT ROWID;
                    CREATE INDEX layer_blobs_diff ON layer_blobs (diff);
                    CREATE TABLE images (
                        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, parent TEXT, created TEXT,
                        size INTEGER NOT NULL, labels TEXT NOT NULL, chain TEXT NOT NULL, top TEXT,
                        tagged INTEGER NOT NULL, config BLOB NOT NULL, manifest BLOB, manifest_type TEXT);
                    CREATE INDEX images_parent ON images (parent);
                    CREATE TABLE names (
                        name TEXT PRIMARY KEY, repository TEXT NOT NULL, image TEXT NOT NULL) WITHOUT ROWID;
                    CREATE INDEX names_image ON names (image);
                    CREATE TABLE containers (
                        id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, image TEXT, chain TEXT,
                        created INTEGER NOT NULL, document TEXT NOT NULL) WITHOUT ROWID;
                    CREATE INDEX containers_image ON containers (image);
                    CREATE TABLE leases (id TEXT PRIMARY KEY) WITHOUT ROWID;
                    CREATE TABLE lease_layers (
                        lease TEXT NOT NULL, chain TEXT NOT NULL, PRIMARY KEY (lease, chain)) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("2: what is to be removed from the disk") { database in
            try database.execute(
                sql: """
                    CREATE TABLE condemned (
                        kind TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID;
                    """)
        }
        return migrator
    }
}

extension DrydockError {
    /// The error for one that GRDB threw, or the error itself where it is one of ours.
    init(database error: any Error) {
        if let error = error as? DrydockError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else {
            self.init(.internal, "store: \(error)")
            return
        }
        switch error.resultCode {
        case .SQLITE_FULL:
            self.init(
                .exhausted, "store.sqlite: no space left on device", remedy: "Free some space, then try again.")
        case .SQLITE_BUSY:
            self.init(.unavailable, "store.sqlite is locked by another process", remedy: "Try again.")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            self.init(
                .corrupt, "store.sqlite is damaged", reason: error.message,
                remedy: "Move the store directory away; images can be pulled again.")
        default: self.init(.system, "store.sqlite: \(error.message ?? "error")", reason: error.sql)
        }
    }
}

import Diagnostics
import FoundationEssentials
import GRDB
import Glibc
import Linux
import SystemPackage

/// The hub's metadata in SQLite.
struct HubDatabase: Sendable {
    private let pool: DatabasePool
    /// Changes with every change of the database, in whatever process.
    let generation: HubGeneration

    init(_ file: FilePath) throws(DrydockError) {
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.maximumReaderCount = 8
        configuration.prepareDatabase { database in
            // What was acknowledged must survive a power failure too.
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        do {
            pool = try DatabasePool(path: file.string, configuration: configuration)
            try Self.migrations.migrate(pool)
        } catch {
            throw Self.translated(error)
        }
        generation = HubGeneration(file.removingLastComponent().appending("generation"))
    }

    /// Makes a database readable by its owner alone, before it is opened: SQLite gives its logs the mode of the database.
    /// One that is there is not opened for it: closing it would drop the locks that this process has.
    static func hide(_ file: FilePath) {
        let fresh = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
        if let made = try? FileAt.open(FileAt.workingDirectory, file.string, fresh, mode: 0o600) {
            return FileAt.close(made)
        }
        for suffix in ["", "-wal", "-shm"] {
            try? FileAt.setMode(FileAt.workingDirectory, file.string + suffix, 0o600)
        }
    }

    func read<Result>(_ work: (Database) throws -> Result) throws(DrydockError) -> Result {
        do { return try pool.read(work) } catch { throw Self.translated(error) }
    }

    func write<Result>(_ work: (Database) throws -> Result) throws(DrydockError) -> Result {
        // What is read between the commit and this line is older than the answer to whoever makes the change.
        defer { generation.bump() }
        return try count(work)
    }

    /// Writes what no cache holds.
    func count<Result>(_ work: (Database) throws -> Result) throws(DrydockError) -> Result {
        do { return try pool.write(work) } catch { throw Self.translated(error) }
    }

    /// For statements that SQLite refuses within a transaction.
    func outsideTransaction<Result>(_ work: (Database) throws -> Result) throws(DrydockError) -> Result {
        do { return try pool.writeWithoutTransaction(work) } catch { throw Self.translated(error) }
    }

    private static func translated(_ error: any Error) -> DrydockError {
        if let known = error as? DrydockError { return known }
        if let database = error as? DatabaseError {
            let code: DrydockError.Code = database.resultCode == .SQLITE_FULL ? .exhausted : .system
            return DrydockError(
                code, "the hub's database: \(database.message ?? "error \(database.resultCode.rawValue)")",
                remedy: code == .exhausted ? "Make room on the disk." : nil)
        }
        return DrydockError(.system, "the hub's database: \(error)")
    }

    private static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 accounts, repositories, manifests, tags") { database in
            try database.execute(
                sql: """
                    CREATE TABLE account (
                        name TEXT PRIMARY KEY, salt BLOB NOT NULL, hash BLOB NOT NULL, rounds INTEGER NOT NULL,
                        created TEXT NOT NULL) WITHOUT ROWID;
                    CREATE TABLE repository (
                        name TEXT PRIMARY KEY, description TEXT NOT NULL DEFAULT '', stars INTEGER NOT NULL DEFAULT 0,
                        pulls INTEGER NOT NULL DEFAULT 0, pushes INTEGER NOT NULL DEFAULT 0,
                        upstream INTEGER NOT NULL DEFAULT 0, created TEXT NOT NULL) WITHOUT ROWID;
                    CREATE TABLE manifest (
                        repository TEXT NOT NULL REFERENCES repository(name) ON DELETE CASCADE,
                        digest TEXT NOT NULL, mediaType TEXT NOT NULL, content BLOB NOT NULL,
                        artifactType TEXT, subject TEXT, created TEXT NOT NULL,
                        PRIMARY KEY (repository, digest));
                    CREATE INDEX manifestSubject ON manifest (repository, subject) WHERE subject IS NOT NULL;
                    CREATE TABLE tag (
                        repository TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, updated TEXT NOT NULL,
                        PRIMARY KEY (repository, name),
                        FOREIGN KEY (repository, digest) REFERENCES manifest(repository, digest) ON DELETE CASCADE)
                        WITHOUT ROWID;
                    CREATE TABLE repositoryBlob (
                        repository TEXT NOT NULL REFERENCES repository(name) ON DELETE CASCADE,
                        digest TEXT NOT NULL, PRIMARY KEY (repository, digest)) WITHOUT ROWID;
                    CREATE TABLE upstreamBlob (
                        repository TEXT NOT NULL, digest TEXT NOT NULL, mediaType TEXT NOT NULL, size INTEGER NOT NULL,
                        PRIMARY KEY (repository, digest)) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("2 owners, private repositories, audit log") { database in
            try database.execute(
                sql: """
                    ALTER TABLE account ADD COLUMN owner INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE repository ADD COLUMN private INTEGER NOT NULL DEFAULT 0;
                    CREATE TABLE audit (
                        id INTEGER PRIMARY KEY, at TEXT NOT NULL, user TEXT NOT NULL, action TEXT NOT NULL,
                        repository TEXT NOT NULL, reference TEXT NOT NULL, digest TEXT NOT NULL, peer TEXT NOT NULL);
                    CREATE INDEX repositoryBlobDigest ON repositoryBlob (digest);
                    """)
        }
        return migrator
    }

    /// This moment in RFC 3339.
    static var now: String { Date.now.formatted(.iso8601) }
}

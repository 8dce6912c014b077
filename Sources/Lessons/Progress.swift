public import Diagnostics
import FoundationEssentials
import GRDB
public import SystemPackage

/// What a learner has reached, kept in SQLite: every event is one synced transaction, so what was acknowledged
/// survives the death of the process at any moment.
public final class Progress: Sendable {
    /// Where a step stands.
    public enum StepState: Sendable, Equatable {
        /// Not solved yet.
        case open
        /// Solved at a time (seconds since 1970).
        case solved(at: Int64)
        /// Skipped at a time (seconds since 1970).
        case skipped(at: Int64)

        /// Whether the learner is past it.
        public var isDone: Bool { self != .open }
    }

    private let database: DatabaseQueue

    /// Opens the file, and makes it and its directory where they are missing.
    /// - Throws: `.system` or `.corrupt` where SQLite cannot.
    public init(path: FilePath) throws(DrydockError) {
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        do {
            try FileManager.default.createDirectory(
                atPath: path.removingLastComponent().string, withIntermediateDirectories: true)
            database = try DatabaseQueue(path: path.string, configuration: configuration)
            try Self.migrations.migrate(database)
        } catch {
            throw Self.failure("open", error, path.string)
        }
    }

    private static let migrations: DatabaseMigrator = {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 steps, seen facts, hints, picks, settings") { database in
            try database.execute(
                sql: """
                    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
                    CREATE TABLE exercise (
                        id TEXT PRIMARY KEY, since TEXT NOT NULL, step TEXT) WITHOUT ROWID;
                    CREATE TABLE step (
                        exercise TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, at INTEGER NOT NULL,
                        PRIMARY KEY (exercise, id)) WITHOUT ROWID;
                    CREATE TABLE seen (
                        exercise TEXT NOT NULL, step TEXT NOT NULL, fact TEXT NOT NULL, at INTEGER NOT NULL,
                        PRIMARY KEY (exercise, step, fact)) WITHOUT ROWID;
                    CREATE TABLE hint (
                        exercise TEXT NOT NULL, step TEXT NOT NULL, count INTEGER NOT NULL,
                        PRIMARY KEY (exercise, step)) WITHOUT ROWID;
                    CREATE TABLE pick (
                        exercise TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
                        PRIMARY KEY (exercise, name)) WITHOUT ROWID;
                    """)
        }
        return migrator
    }()

    // MARK: The learner's choices

    /// The language that was chosen, or nil.
    public func language() throws(DrydockError) -> Language? {
        try setting("language").flatMap(Language.init(rawValue:))
    }

    /// Keeps the language.
    public func setLanguage(_ language: Language) throws(DrydockError) { try set("language", language.rawValue) }

    /// The exercise that was open last, or nil.
    public func currentExercise() throws(DrydockError) -> String? { try setting("exercise") }

    /// Keeps which exercise is open.
    public func setCurrentExercise(_ id: String) throws(DrydockError) { try set("exercise", id) }

    private func setting(_ name: String) throws(DrydockError) -> String? {
        try read { try String.fetchOne($0, sql: "SELECT value FROM setting WHERE name = ?", arguments: [name]) }
    }

    private func set(_ name: String, _ value: String) throws(DrydockError) {
        try write {
            try $0.execute(
                sql: "INSERT INTO setting VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                arguments: [name, value])
        }
    }

    // MARK: Steps

    /// The states of an exercise's steps; steps that are not named are open.
    public func steps(of exercise: String) throws(DrydockError) -> [String: StepState] {
        try read { database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT id, state, at FROM step WHERE exercise = ?", arguments: [exercise])
            return Dictionary(
                uniqueKeysWithValues: rows.map { row in
                    let at: Int64 = row["at"]
                    return (row["id"], row["state"] == "skipped" ? .skipped(at: at) : .solved(at: at))
                })
        }
    }

    /// How many hints were given for each step of an exercise.
    public func hints(of exercise: String) throws(DrydockError) -> [String: Int] {
        try read { database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT step, count FROM hint WHERE exercise = ?", arguments: [exercise])
            return Dictionary(uniqueKeysWithValues: rows.map { ($0["step"], $0["count"]) })
        }
    }

    /// The facts that were seen to hold: step and fact.
    func seen(in exercise: String) throws(DrydockError) -> Set<SeenFact> {
        try read { database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT step, fact FROM seen WHERE exercise = ?", arguments: [exercise])
            return Set(rows.map { SeenFact(step: $0["step"], fact: $0["fact"]) })
        }
    }

    /// Keeps what an evaluation found, all at once.
    func record(
        _ exercise: String, solved: [String], seen: Set<SeenFact>, at time: Int64 = Progress.now
    ) throws(DrydockError) {
        guard !solved.isEmpty || !seen.isEmpty else { return }
        try write { database in
            for fact in seen {
                try database.execute(
                    sql: "INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?)",
                    arguments: [exercise, fact.step, fact.fact, time])
            }
            for step in solved { try Self.setState("solved", of: step, exercise, time, database) }
        }
    }

    /// Keeps that a step was skipped.
    func recordSkip(_ exercise: String, step: String) throws(DrydockError) {
        try write { try Self.setState("skipped", of: step, exercise, Self.now, $0) }
    }

    private static func setState(
        _ state: String, of step: String, _ exercise: String, _ time: Int64, _ database: Database
    ) throws {
        try database.execute(
            sql: """
                INSERT INTO step VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET state = excluded.state, at = excluded.at
                """, arguments: [exercise, step, state, time])
    }

    /// Keeps that one more hint was given. - Returns: how many there were before.
    func recordHint(_ exercise: String, step: String) throws(DrydockError) -> Int {
        try write { database in
            let before =
                try Int.fetchOne(
                    database, sql: "SELECT count FROM hint WHERE exercise = ? AND step = ?",
                    arguments: [exercise, step]) ?? 0
            try database.execute(
                sql: "INSERT INTO hint VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
                arguments: [exercise, step])
            return before
        }
    }

    // MARK: Exercises

    /// Since when the present attempt at an exercise counts (`2026-01-31T12:00:00Z`); the first call begins it. Also
    /// keeps that the exercise is the current one.
    func open(_ exercise: String) throws(DrydockError) -> String {
        try write { database in
            try database.execute(
                sql: "INSERT OR IGNORE INTO exercise (id, since) VALUES (?, ?)", arguments: [exercise, Self.timestamp])
            try database.execute(
                sql: "INSERT INTO setting VALUES ('exercise', ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                arguments: [exercise])
            return try String.fetchOne(
                database, sql: "SELECT since FROM exercise WHERE id = ?", arguments: [exercise]) ?? ""
        }
    }

    /// Forgets what was reached in some steps, and that anything was seen there. - Returns: the new `since`.
    func forget(_ exercise: String, steps: [String]) throws(DrydockError) -> String {
        let now = Self.timestamp
        try write { database in
            for step in steps {
                try database.execute(
                    sql: "DELETE FROM step WHERE exercise = ? AND id = ?", arguments: [exercise, step])
                try database.execute(
                    sql: "DELETE FROM seen WHERE exercise = ? AND step = ?", arguments: [exercise, step])
                try database.execute(
                    sql: "DELETE FROM hint WHERE exercise = ? AND step = ?", arguments: [exercise, step])
            }
            try database.execute(sql: "UPDATE exercise SET since = ? WHERE id = ?", arguments: [now, exercise])
        }
        return now
    }

    /// The value of a variable that is picked once; the first call keeps the proposal.
    func pick(_ exercise: String, _ name: String, proposal: String) throws(DrydockError) -> String {
        try write { database in
            try database.execute(
                sql: "INSERT OR IGNORE INTO pick VALUES (?, ?, ?)", arguments: [exercise, name, proposal])
            return try String.fetchOne(
                database, sql: "SELECT value FROM pick WHERE exercise = ? AND name = ?", arguments: [exercise, name])
                ?? proposal
        }
    }

    // MARK: SQLite

    static var now: Int64 { Int64(Date().timeIntervalSince1970) }
    static var timestamp: String { Date().formatted(.iso8601) }

    private func read<Value>(_ body: (Database) throws -> Value) throws(DrydockError) -> Value {
        do {
            return try database.read(body)
        } catch {
            throw Self.failure("read", error, database.path)
        }
    }

    private func write<Value>(_ body: (Database) throws -> Value) throws(DrydockError) -> Value {
        do {
            return try database.write(body)
        } catch {
            throw Self.failure("write", error, database.path)
        }
    }

    private static func failure(_ action: String, _ error: any Error, _ path: String) -> DrydockError {
        if let error = error as? DrydockError { return error }
        let code = (error as? DatabaseError)?.resultCode
        switch code {
        case .SQLITE_NOTADB?, .SQLITE_CORRUPT?:
            return DrydockError(
                .corrupt, "cannot \(action) the progress in \(path)", reason: "the file is damaged",
                remedy: "Move the file away; the progress begins anew.")
        case .SQLITE_FULL?:
            return DrydockError(
                .exhausted, "cannot \(action) the progress in \(path)", reason: "the disk is full",
                remedy: "Make room and try again.")
        default:
            return DrydockError(.system, "cannot \(action) the progress in \(path)", reason: "\(error)")
        }
    }
}

/// A fact that was seen to hold: its step, and what names it there.
struct SeenFact: Hashable, Sendable {
    var step: String
    var fact: String
}

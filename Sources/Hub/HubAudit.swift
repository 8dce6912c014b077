public import Diagnostics
import GRDB

/// Who changes something, for the audit log.
struct PushRecord: Sendable {
    var user: String
    var peer: String

    func write(
        to database: Database, _ action: String, _ repository: String, _ reference: String, _ digest: String
    ) throws {
        try database.execute(
            sql: """
                INSERT INTO audit (at, user, action, repository, reference, digest, peer) VALUES (?, ?, ?, ?, ?, ?, ?)
                """, arguments: [HubDatabase.now, user, action, repository, reference, digest, peer])
    }
}

/// A line of the hub's audit log.
public struct AuditEntry: Sendable, Equatable {
    /// When, in RFC 3339.
    public var at: String
    /// The user.
    public var user: String
    /// `push` or `delete`.
    public var action: String
    /// The repository.
    public var repository: String
    /// The tag or the digest.
    public var reference: String
    /// The digest of what was pushed; empty where a tag was removed.
    public var digest: String
    /// The address that it came from.
    public var peer: String

    /// The entry for machines.
    public var json: JSONValue {
        [
            "time": .string(at), "user": .string(user), "action": .string(action), "repository": .string(repository),
            "reference": .string(reference), "digest": .string(digest), "peer": .string(peer),
        ]
    }
}

extension HubRegistry {
    /// The last pushes and deletions, the newest first.
    public func audit(limit: Int = 100) throws(DrydockError) -> [AuditEntry] {
        try database.read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM audit ORDER BY id DESC LIMIT ?", arguments: [limit]).map {
                AuditEntry(
                    at: $0["at"], user: $0["user"], action: $0["action"], repository: $0["repository"],
                    reference: $0["reference"], digest: $0["digest"], peer: $0["peer"])
            }
        }
    }
}

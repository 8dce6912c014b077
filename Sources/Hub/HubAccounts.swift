import Crypto
import CryptoExtras
public import Diagnostics
import FoundationEssentials
import GRDB
import Linux
import OCI
import SystemPackage

/// An account of the hub, without its password.
public struct HubAccount: Sendable, Equatable {
    /// The user name, which is also the name of the user's namespace.
    public var name: String
    /// When it was made, in RFC 3339.
    public var created: String
    /// Whether it owns the hub: it may push everywhere, also to `library/`.
    public var isOwner = false
}

extension HubRegistry {
    /// Makes an account.
    /// - Throws: `.conflict` where the name is taken; `.invalidArgument` where the name is not 2 to 30 characters of `a-z`,
    ///   `0-9`, `_`, `-`, or is reserved (`library`), or the password is empty.
    /// - Parameter isOwner: whether it may push everywhere, also to `library/`.
    public func createAccount(_ name: String, password: String, isOwner: Bool = false) throws(DrydockError) {
        try createAccount(name, password: password, isOwner: isOwner, rounds: PasswordHash.rounds)
    }

    /// - Parameter rounds: the cost of the hash.
    func createAccount(_ name: String, password: String, isOwner: Bool, rounds: Int) throws(DrydockError) {
        try Self.checkName(name)
        try Self.checkPassword(password)
        let salt = Self.randomBytes(16)
        let hash = try PasswordHash.derive(password, salt: salt, rounds: rounds)
        try database.write { database in
            let taken = try Row.fetchOne(database, sql: "SELECT 1 FROM account WHERE name = ?", arguments: [name])
            guard taken == nil else {
                throw DrydockError(
                    .conflict, "the user name \(name) is taken", remedy: "Choose another name, or log in with it.")
            }
            try database.execute(
                sql: "INSERT INTO account (name, salt, hash, rounds, created, owner) VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [name, salt, hash, rounds, HubDatabase.now, isOwner])
        }
    }

    /// Changes a password.
    /// - Throws: `.notFound` where there is no such account, `.invalidArgument` where the password is empty.
    public func setPassword(_ password: String, of name: String) throws(DrydockError) {
        try Self.checkPassword(password)
        let salt = Self.randomBytes(16)
        let hash = try PasswordHash.derive(password, salt: salt, rounds: PasswordHash.rounds)
        try database.write { database in
            try database.execute(
                sql: "UPDATE account SET salt = ?, hash = ?, rounds = ? WHERE name = ?",
                arguments: [salt, hash, PasswordHash.rounds, name])
            guard database.changesCount > 0 else { throw DrydockError(.notFound, "no such account: \(name)") }
        }
    }

    /// All accounts, by name.
    public func accounts() throws(DrydockError) -> [HubAccount] {
        try database.read { database in
            try Row.fetchAll(database, sql: "SELECT name, created, owner FROM account ORDER BY name").map {
                HubAccount(name: $0["name"], created: $0["created"], isOwner: $0["owner"])
            }
        }
    }

    /// Removes an account; what it pushed stays.
    /// - Throws: `.notFound` where there is no such account.
    public func removeAccount(_ name: String) throws(DrydockError) {
        try database.write { database in
            try database.execute(sql: "DELETE FROM account WHERE name = ?", arguments: [name])
            guard database.changesCount > 0 else { throw DrydockError(.notFound, "no such account: \(name)") }
        }
    }

    /// Who owns the hub and what is private.
    func policy() throws(DrydockError) -> HubPolicy {
        try database.read { database in
            var policy = HubPolicy(
                hidden: Set(try String.fetchAll(database, sql: "SELECT name FROM repository WHERE private")))
            for row in try Row.fetchAll(database, sql: "SELECT name, salt, owner FROM account") {
                let salt: Data = row["salt"]
                policy.salts[row["name"]] = Array(salt)
                if row["owner"] { policy.owners.insert(row["name"]) }
            }
            return policy
        }
    }

    /// Whether an account of that name exists.
    public func hasAccount(_ name: String) throws(DrydockError) -> Bool {
        try database.read { database in
            try Row.fetchOne(database, sql: "SELECT 1 FROM account WHERE name = ?", arguments: [name]) != nil
        }
    }

    /// Whether an account has this password. Takes some 50 ms on purpose, also for accounts that do not exist.
    public func verify(_ name: String, password: String) throws(DrydockError) -> Bool {
        let row = try database.read { database in
            try Row.fetchOne(database, sql: "SELECT salt, hash, rounds FROM account WHERE name = ?", arguments: [name])
        }
        guard let row else {
            _ = try PasswordHash.derive(password, salt: Data(name.utf8), rounds: PasswordHash.rounds)
            return false
        }
        let expected: Data = row["hash"]
        let found = try PasswordHash.derive(password, salt: row["salt"], rounds: row["rounds"])
        // Compared without a hint in the time it takes.
        return expected.count == found.count && zip(expected, found).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private static func checkName(_ name: String) throws(DrydockError) {
        let isAllowed =
            (2...30).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f || $0 == 0x2d
            } && Reference.isRepository(name)
        guard isAllowed else {
            throw DrydockError(
                .invalidArgument, "invalid user name: \(name)",
                reason: "a user name has 2 to 30 lower-case letters and digits, with single - or _ between them")
        }
        guard !["library", "drydock"].contains(name) else {
            throw DrydockError(
                .invalidArgument, "invalid user name: \(name)", reason: "this name is kept for the hub itself")
        }
    }

    private static func checkPassword(_ password: String) throws(DrydockError) {
        guard !password.isEmpty, password.utf8.count <= 1024 else {
            throw DrydockError(.invalidArgument, "a password must have 1 to 1024 bytes")
        }
    }

    static func randomBytes(_ count: Int) -> Data {
        var generator = SystemRandomNumberGenerator()
        return Data((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }

    /// The secret that tokens are signed with: made once for a directory, readable by its owner only.
    func tokenSecret() throws(DrydockError) -> [UInt8] {
        let directory = data.appending("keys")
        try Files.makeDirectories(directory, mode: 0o700)
        let lock = try FileLock(directory.appending("lock"))
        defer { lock.unlock() }
        let file = directory.appending("token")
        if let known = try Files.readIfPresent(file), known.count == 32 { return known }
        let secret = [UInt8](Self.randomBytes(32))
        try AtomicFile.write(secret, to: file, mode: [.ownerReadWrite])
        return secret
    }
}

/// Passwords are kept as scrypt keys (RFC 7914).
enum PasswordHash {
    /// The cost: 16 MiB and about 50 ms.
    static let rounds = 1 << 14

    static func derive(_ password: String, salt: Data, rounds: Int) throws(DrydockError) -> Data {
        do {
            let key = try KDF.Scrypt.deriveKey(
                from: Data(password.utf8), salt: salt, outputByteCount: 32, rounds: rounds, blockSize: 8, parallelism: 1
            )
            return key.withUnsafeBytes { Data($0) }
        } catch {
            throw DrydockError(.internal, "cannot hash a password: \(error)")
        }
    }
}

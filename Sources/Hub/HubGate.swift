import Crypto
import Diagnostics
import FoundationEssentials
import HTTPTypes
import JWTKit
import NIOPosix
import OCI
import RegistryClient
import Synchronization

/// Who makes a request.
enum Principal: Sendable, Hashable {
    /// Nobody said who he is.
    case none
    /// Somebody with a token for the anonymous.
    case anonymous
    /// A user of the hub.
    case user(String)

    var name: String? {
        if case .user(let name) = self { return name }
        return nil
    }
}

/// What somebody may do with one repository.
struct RepositoryAccess: Sendable, Hashable, Codable {
    var type: String
    var name: String
    var actions: [String]
}

/// The claims of the hub's tokens (Docker's "Token Authentication Implementation").
struct HubToken: JWTPayload {
    var iss: IssuerClaim
    var sub: SubjectClaim
    var aud: AudienceClaim
    var exp: ExpirationClaim
    var nbf: NotBeforeClaim
    var access: [RepositoryAccess]

    func verify(using algorithm: some JWTAlgorithm) async throws {
        try exp.verifyNotExpired()
        try nbf.verifyNotBefore()
        try aud.verifyIntendedAudience(includes: HubGate.service)
    }
}

/// Knows users and decides what they may do.
final class HubGate: Sendable {
    static let service = "drydock-hub"
    /// The lifetime of a token in seconds, as Docker Hub's.
    static let lifetime: Int64 = 300

    private struct Known {
        var user: String
        var until: ContinuousClock.Instant
        /// The salt of the password that was right; another one means another password.
        var salt: [UInt8]
    }

    let registry: HubRegistry
    let throttle = LoginThrottle()
    private let keys = JWTKeyCollection()
    /// Two passwords are hashed at a time: each takes 16 MiB and a core.
    private let hashing = NIOThreadPool(numberOfThreads: 2)
    private let known = Mutex<[SHA256Digest: Known]>([:])
    private let tokens = Mutex<[String: HubToken]>([:])
    /// The logins that are being looked at, so that many connections of one client cost one hash.
    private let running = Mutex<[SHA256Digest: Task<String, any Error>]>([:])

    init(registry: HubRegistry) async throws(DrydockError) {
        self.registry = registry
        hashing.start()
        let secret = try await blocking { () throws(DrydockError) in try registry.tokenSecret() }
        await keys.add(hmac: HMACKey(key: SymmetricKey(data: secret)), digestAlgorithm: .sha256)
    }

    deinit { hashing.shutdownGracefully { _ in } }

    /// Who owns the hub and what is private, as it is now.
    func policy() async throws -> HubPolicy {
        if let known = registry.cache.policy { return known }
        let registry = registry
        let moment = registry.cache.moment
        let policy = try await blocking { () throws(DrydockError) in try registry.policy() }
        registry.cache.keep(policy, since: moment)
        return policy
    }

    /// What the rules let somebody do with a repository: everything in one's own namespace, and everywhere for an owner
    /// of the hub; pulling for everybody where the repository is not private.
    func allowed(_ principal: Principal, _ repository: String, _ policy: HubPolicy) -> Set<String> {
        if let name = principal.name, repository.hasPrefix(name + "/") || policy.owners.contains(name) {
            return ["pull", "push", "delete"]
        }
        return policy.hidden.contains(repository) ? [] : ["pull"]
    }

    /// Who sends this `Authorization` header, and what the token allows where it is one.
    /// - Throws: `HubRefusal` where the credentials are wrong.
    func principal(_ header: String?) async throws -> (Principal, token: [RepositoryAccess]?) {
        guard let header else { return (.none, nil) }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { throw HubRefusal(.unauthorized, "UNAUTHORIZED", "authentication required") }
        switch parts[0].lowercased() {
        case "basic":
            return (.user(try await login(basic: String(parts[1]))), nil)
        case "bearer":
            do {
                let token = try await verified(String(parts[1]))
                let user = token.sub.value
                return (user.isEmpty ? .anonymous : .user(user), token.access)
            } catch {
                throw HubRefusal(.unauthorized, "UNAUTHORIZED", "authentication required", detail: "invalid token")
            }
        default: throw HubRefusal(.unauthorized, "UNAUTHORIZED", "authentication required")
        }
    }

    /// The claims of a token; the signature of each is looked at once.
    private func verified(_ text: String) async throws -> HubToken {
        if let known = tokens.withLock({ $0[text] }) {
            try known.exp.verifyNotExpired()
            return known
        }
        let token = try await keys.verify(text, as: HubToken.self)
        tokens.withLock { tokens in
            if tokens.count >= 1000 { tokens = [:] }
            tokens[text] = token
        }
        return token
    }

    /// The user that Basic credentials belong to.
    func login(basic encoded: String) async throws -> String {
        let fingerprint = SHA256.hash(data: Array(encoded.utf8))
        let salts = try await policy().salts
        if let user = known.withLock({ $0[fingerprint] }), user.until > .now, salts[user.user] == user.salt {
            return user.user
        }
        let task = running.withLock { running in
            if let known = running[fingerprint] { return known }
            let task = Task {
                defer { self.running.withLock { $0[fingerprint] = nil } }
                return try await self.check(encoded, fingerprint, salts)
            }
            running[fingerprint] = task
            return task
        }
        return try await task.value
    }

    private func check(
        _ encoded: String, _ fingerprint: SHA256Digest, _ salts: [String: [UInt8]]
    ) async throws -> String {
        let wrong = HubRefusal(.unauthorized, "UNAUTHORIZED", "incorrect username or password")
        guard let bytes = Base64.decode(encoded), let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else {
            throw wrong
        }
        let name = String(decoding: bytes[..<colon], as: UTF8.self)
        let password = String(decoding: bytes[(colon + 1)...], as: UTF8.self)
        guard let pause = throttle.begin(name) else {
            throw HubRefusal(.tooManyRequests, "TOOMANYREQUESTS", "too many failed login attempts for \(name)")
        }
        var isRight = false
        defer { throttle.end(name, isRight: isRight) }
        if pause > .zero { try await Task.sleep(for: pause) }
        let registry = registry
        isRight = try await hashing.runIfActive { try registry.verify(name, password: password) }
        guard isRight else { throw wrong }
        known.withLock { known in
            if known.count > 1000 { known = [:] }
            known[fingerprint] = Known(user: name, until: .now + .seconds(300), salt: salts[name] ?? [])
        }
        return name
    }

    /// Does work that hashes a password: two at a time.
    func hashing(
        _ work: @escaping @Sendable (HubRegistry) throws(DrydockError) -> Void
    ) async throws(DrydockError) {
        let registry = registry
        do {
            try await hashing.runIfActive { try work(registry) }
        } catch let error as DrydockError {
            throw error
        } catch {
            throw DrydockError(.internal, "no thread for hashing: \(error)")
        }
    }

    /// Makes a token for what was asked and is allowed.
    func token(for principal: Principal, scopes: [String], now: Int64) async throws -> String {
        var access: [RepositoryAccess] = []
        let policy = try await policy()
        for scope in scopes.flatMap({ $0.split(separator: " ") }) {
            let parts = scope.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard parts.count >= 3, let actions = parts.last else { continue }
            let name = parts[1..<(parts.count - 1)].joined(separator: ":")
            if parts[0] == "registry", name == "catalog" {
                access.append(RepositoryAccess(type: "registry", name: name, actions: ["*"]))
            } else if parts[0] == "repository" {
                let may = allowed(principal, name, policy)
                let granted = actions.split(separator: ",").map(String.init).flatMap { $0 == "*" ? Array(may) : [$0] }
                    .filter(may.contains)
                access.append(RepositoryAccess(type: "repository", name: name, actions: Set(granted).sorted()))
            }
        }
        let payload = HubToken(
            iss: IssuerClaim(value: "drydock"), sub: SubjectClaim(value: principal.name ?? ""),
            aud: AudienceClaim(value: Self.service),
            exp: ExpirationClaim(value: .init(timeIntervalSince1970: Double(now + Self.lifetime))),
            nbf: NotBeforeClaim(value: .init(timeIntervalSince1970: Double(now - 10))), access: access)
        return try await keys.sign(payload)
    }
}

/// Makes guessing passwords slow: the more tries fail for a name, the longer the next one takes. A try counts as failed
/// until it is known to be right, so that many at once gain nothing.
final class LoginThrottle: Sendable {
    private struct Record {
        var failures = 0
        /// The tries whose end is not known yet.
        var running = 0
        var last = ContinuousClock.now
    }

    private let records = Mutex<[String: Record]>([:])
    private static let memory = Duration.seconds(300)
    private static let most = 30

    /// Begins a try, which `end` must follow.
    /// - Returns: how long it must wait; nil where it is not to be tried at all for now, and nothing was begun.
    func begin(_ name: String) -> Duration? {
        records.withLock { records in
            let now = ContinuousClock.now
            if records.count > 10_000 {
                records = records.filter { $0.value.running > 0 || now - $0.value.last < Self.memory }
            }
            var record = records[name] ?? Record()
            if now - record.last >= Self.memory { record.failures = 0 }
            let tries = record.failures + record.running
            if tries >= Self.most { return nil }
            record.running += 1
            record.last = now
            records[name] = record
            guard tries >= 3 else { return .zero }
            return min(.milliseconds(250) * (1 << min(tries - 3, 10)), .seconds(4))
        }
    }

    /// Ends a try.
    func end(_ name: String, isRight: Bool) {
        records.withLock { records in
            var record = records[name] ?? Record(running: 1)
            record.running -= 1
            record.failures = isRight ? 0 : record.failures + 1
            record.last = ContinuousClock.now
            records[name] = isRight && record.running == 0 ? nil : record
        }
    }
}

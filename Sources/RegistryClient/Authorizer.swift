import AsyncHTTPClient
package import Diagnostics
import NIOHTTP1
import NIOPosix
import OCI
import Synchronization

/// Knows how each registry wants to be told who the user is, and keeps tokens as long as they are good.
///
/// Distribution's token authentication: "Token Authentication Specification".
final class Authorizer: Sendable {
    private struct Scheme: Sendable {
        var isBasic: Bool
        var realm: String
        var service: String?
    }

    private struct TokenKey: Hashable {
        var base: String
        var scopes: [String]
    }

    private struct Token {
        var header: String
        var goodUntil: ContinuousClock.Instant
    }

    private struct State {
        var schemes: [String: Scheme] = [:]
        var tokens: [TokenKey: Token] = [:]
        var users: [String: Credentials?] = [:]
        /// Requests for tokens that are on their way, so that layers that begin together ask once.
        var pending: [TokenKey: Task<Token, any Error>] = [:]
    }

    private let state = Mutex(State())
    private let source: @Sendable (String) throws(DrydockError) -> Credentials?

    init(credentials: CredentialStore) {
        source = { (registry: String) throws(DrydockError) in try credentials.credentials(for: registry) }
    }

    /// An authorizer that knows one user only, to try a login.
    init(fixed user: Credentials) { source = { _ in user } }

    /// Forgets what is known about a user of a registry, after a login or a logout.
    func forget(_ registry: String) {
        state.withLock {
            $0.users[registry] = nil
            $0.tokens = [:]
        }
    }

    /// The `Authorization` header for a request, or nil for none.
    /// - Parameters:
    ///   - challenges: what the registry asked for just now; nil before it was asked anything.
    ///   - rejected: the header that it was not content with.
    func header(
        for request: RegistryRequest, through transport: Transport, challenges: [Challenge]?, rejected: String? = nil
    ) async throws(DrydockError) -> String? {
        let base = request.endpoint.base
        var scopes = request.scopes
        let refused = challenges != nil
        if let challenges {
            guard let challenge = challenges.first else { return nil }
            switch challenge {
            case .basic(let realm):
                state.withLock { $0.schemes[base] = Scheme(isBasic: true, realm: realm) }
            case .bearer(let realm, let service, let scope, _):
                state.withLock { $0.schemes[base] = Scheme(isBasic: false, realm: realm, service: service) }
                if scopes.isEmpty, let scope { scopes = [scope] }
            }
        }
        guard let scheme = state.withLock({ $0.schemes[base] }) else { return nil }
        if scheme.isBasic {
            guard let user = try await user(of: request.endpoint.registry) else {
                guard refused else { return nil }
                throw DrydockError(
                    .unauthorized, "no basic auth credentials",
                    reason: "the registry \(request.endpoint.registry) wants a user name and a password",
                    remedy: "Log in with 'docker login \(request.endpoint.registry)'.")
            }
            return Self.basic(user)
        }
        let key = TokenKey(base: base, scopes: scopes)
        if let known = state.withLock({ $0.tokens[key] }), known.header != rejected,
            known.goodUntil > ContinuousClock.now
        {
            return known.header
        }
        let task = state.withLock { state in
            if let pending = state.pending[key] { return pending }
            let asked = scopes
            let task = Task {
                try await self.fetchToken(
                    scheme: scheme, scopes: asked, user: try await self.user(of: request.endpoint.registry),
                    request: request, transport: transport)
            }
            state.pending[key] = task
            return task
        }
        let outcome = await task.result
        state.withLock { state in
            if state.pending[key] == task { state.pending[key] = nil }
            if case .success(let token) = outcome { state.tokens[key] = token }
        }
        do {
            return try outcome.get().header
        } catch let error as DrydockError {
            throw error
        } catch {
            throw DrydockError(.internal, "\(error)")
        }
    }

    static func basic(_ user: Credentials) -> String {
        "Basic " + Base64.encode("\(user.username):\(user.password)".utf8)
    }

    private func user(of registry: String) async throws(DrydockError) -> Credentials? {
        if let known = state.withLock({ $0.users[registry] }) { return known }
        let found = try await blocking { [source] () throws(DrydockError) in try source(registry) }
        state.withLock { $0.users[registry] = .some(found) }
        return found
    }

    private func fetchToken(
        scheme: Scheme, scopes: [String], user: Credentials?, request: RegistryRequest, transport: Transport
    ) async throws(DrydockError) -> Token {
        guard let realm = WebAddress(scheme.realm) else {
            throw DrydockError(.unavailable, "invalid token service \"\(scheme.realm)\"")
        }
        if request.endpoint.base.hasPrefix("https://"), realm.scheme == "http" {
            throw DrydockError(
                .unavailable, "refusing to send credentials over an unencrypted connection",
                reason: "\(request.endpoint.registry) names the token service \(realm.origin)")
        }
        let span = request.span.begin(
            "registry.token", TraceFact("service", .text(realm.origin)),
            TraceFact("scope", .text(scopes.joined(separator: " "))),
            TraceFact("user", .text(user?.username ?? "anonymous")))
        do {
            let token = try await askToken(
                scheme: scheme, scopes: scopes, user: user, request: request, transport: transport)
            span.end()
            return token
        } catch {
            span.fail(error)
            throw error
        }
    }

    private func askToken(
        scheme: Scheme, scopes: [String], user: Credentials?, request: RegistryRequest, transport: Transport
    ) async throws(DrydockError) -> Token {
        var call: HTTPClientRequest
        if let user, user.username == "<token>" {
            var form = ["grant_type=refresh_token", "refresh_token=\(user.password.percentEncoded)"]
            form.append("client_id=\(transport.settings.userAgent.percentEncoded)")
            if let service = scheme.service { form.append("service=\(service.percentEncoded)") }
            if !scopes.isEmpty { form.append("scope=\(scopes.joined(separator: " ").percentEncoded)") }
            call = HTTPClientRequest(url: scheme.realm)
            call.method = .POST
            call.headers.add(name: "content-type", value: "application/x-www-form-urlencoded")
            call.body = .bytes(Array(form.joined(separator: "&").utf8))
        } else {
            var query: [String] = []
            if let service = scheme.service { query.append("service=\(service.percentEncoded)") }
            query += scopes.map { "scope=\($0.percentEncoded)" }
            if let user { query.append("account=\(user.username.percentEncoded)") }
            let mark = query.isEmpty ? "" : scheme.realm.contains("?") ? "&" : "?"
            call = HTTPClientRequest(url: scheme.realm + mark + query.joined(separator: "&"))
            if let user { call.headers.add(name: "authorization", value: Self.basic(user)) }
        }
        call.headers.add(name: "user-agent", value: transport.settings.userAgent)
        let began = ContinuousClock.now
        let verifies = request.endpoint.verifies || WebAddress(scheme.realm)?.host != WebAddress(request.url)?.host
        let (status, headers, body) = try await transport.plain(call, verifies: verifies)
        guard status == .ok else {
            let refusal = RegistryRefusal(status: status, headers: headers, body: body)
            if status == .forbidden, (try? JSONValue(parsing: body)) == nil {
                throw DrydockError(
                    .denied,
                    "error parsing HTTP 403 response body: no JSON: "
                        + JSONValue.string(String(decoding: body.prefix(200), as: UTF8.self)).compact,
                    reason: "the token service \(scheme.realm) answers with something else")
            }
            if status == .unauthorized || status == .forbidden {
                throw DrydockError(
                    .unauthorized, "unauthorized: \(refusal.message ?? "authentication required")",
                    reason: user.map { "the registry does not accept the password of \($0.username)" },
                    remedy: "Log in again with 'docker login'.")
            }
            if status == .tooManyRequests {
                throw DrydockError(
                    .tooManyRequests, "toomanyrequests: \(refusal.message ?? "too many failed login attempts")",
                    remedy: "Wait a little, then try again.")
            }
            throw refusal.unexpected
        }
        let json = try ForeignAnswer.json(body, of: scheme.realm)
        guard let token = json["token"]?.string ?? json["access_token"]?.string, !token.isEmpty
        else {
            throw DrydockError(
                .unavailable, "authorization server did not include a token in the response",
                reason: "the token service is \(scheme.realm)")
        }
        // A token without a lifetime is good for a minute, says the specification.
        let seconds = max(json["expires_in"]?.int ?? 60, 1)
        return Token(header: "Bearer \(token)", goodUntil: began + .seconds(seconds * 9 / 10))
    }
}

/// Does blocking work on a thread that may block.
package func blocking<Result: Sendable>(
    _ work: @escaping @Sendable () throws(DrydockError) -> Result
) async throws(DrydockError) -> Result {
    do {
        return try await NIOThreadPool.singleton.runIfActive { try work() }
    } catch let error as DrydockError {
        throw error
    } catch {
        throw DrydockError(.internal, "no thread for blocking work: \(error)")
    }
}

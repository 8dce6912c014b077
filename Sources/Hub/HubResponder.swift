import Diagnostics
import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import OCI
import RegistryClient
import Synchronization
import SystemPackage

/// Answers every request to the hub.
///
/// Repository names contain slashes, so paths are taken apart from their end, not by a router's patterns.
struct HubResponder: HTTPResponder {
    typealias Context = HubContext

    let registry: HubRegistry
    let gate: HubGate
    let uploads: UploadStore
    let misses: PullThrough
    let activity: HubActivity
    let pulls: PullCounter
    /// Whether manifests are taken that name what is not there.
    let sparse: Bool
    /// Whether anybody may make an account.
    let registration: Bool
    /// Whether the connections are encrypted.
    var secure: Bool { certificate != nil }
    /// The certificate that they are encrypted with.
    var certificate: FilePath?

    func respond(to request: Request, context: Context) async throws -> Response {
        activity.begin()
        var response: Response
        do {
            response = try await route(request, context)
        } catch let refusal as HubRefusal {
            response = refusal.response
        } catch let error as DrydockError {
            response = HubRefusal(error).response
        } catch is CancellationError {
            activity.end()
            throw CancellationError()
        } catch is HTTPParserError {
            // The body is not what HTTP allows: nothing that follows on this connection can be understood.
            var refusal = HubRefusal(.badRequest, "BLOB_UPLOAD_INVALID", "the body of the request is malformed")
            refusal.headers[.connection] = "close"
            response = refusal.response
        } catch is NIOTooManyBytesError {
            response = HubRefusal(.contentTooLarge, "SIZE_INVALID", "the body of the request is too large").response
        } catch {
            response = HubRefusal(.internalServerError, "UNKNOWN", "unknown error", detail: "\(error)").response
        }
        activity.end()
        response.headers[.apiVersion] = "registry/2.0"
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func route(_ request: Request, _ context: HubContext) async throws -> Response {
        guard let path = Self.decoded(request.uri.path) else { throw HubRefusal.badRequest }
        if path == "/token" { return try await token(request) }
        if path == "/v1/search" || path == "/v1/search/" { return try await search(request) }
        if path.hasPrefix("/alpine/") {
            return try await package(request, context, String(path.dropFirst("/alpine/".count)))
        }
        if path.hasPrefix("/hub/v1/") { return try await administer(request, context, path) }
        if path == "/" || path == "/v2" || path == "/v2/" { try onlyReads(request) }
        if path == "/" { return Response.json(["name": "drydock hub"]) }
        if path == "/v2" || path == "/v2/" { return try await root(request) }
        guard path.hasPrefix("/v2/") else { throw HubRefusal(.notFound, "UNSUPPORTED", "there is nothing at \(path)") }
        let rest = path.dropFirst(4)
        if rest == "_catalog" { return try await catalog(request) }
        let parts = rest.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if parts.first == "repositories" {
            return try await page(request, parts.dropFirst().filter { !$0.isEmpty }.joined(separator: "/"))
        }
        guard var target = Target(parts) else {
            throw HubRefusal(.notFound, "UNSUPPORTED", "there is nothing at \(path)")
        }
        // How containerd names the registry that it means when it asks a mirror.
        if let query = request.uri.query, query.contains("ns="), let name = FormFields(query).first("ns"),
            name != Reference.defaultRegistry, let prefix = misses.prefix(of: name),
            !target.repository.hasPrefix(prefix)
        {
            target.repository = prefix + target.repository
        }
        guard Reference.isRepository(target.repository), target.repository.utf8.count <= 255 else {
            throw HubRefusal(.badRequest, "NAME_INVALID", "invalid repository name")
        }
        switch target.kind {
        case .manifest(let reference): return try await manifest(request, context, target.repository, reference)
        case .blob(let digest): return try await blob(request, context, target.repository, try Self.digest(digest))
        case .uploads: return try await beginUpload(request, context, target.repository)
        case .upload(let id): return try await upload(request, context, target.repository, id)
        case .tags: return try await tags(request, target.repository)
        case .referrers(let digest): return try await referrers(request, target.repository, try Self.digest(digest))
        }
    }

    /// What a path below `/v2/` names.
    private struct Target {
        enum Kind {
            case manifest(String), blob(String), uploads, upload(String), tags, referrers(String)
        }

        var repository: String
        var kind: Kind

        init?(_ parts: [String]) {
            let count = parts.count
            func name(_ dropped: Int) -> String { parts[..<(count - dropped)].joined(separator: "/") }
            if count > 2, parts[count - 2] == "manifests" {
                (repository, kind) = (name(2), .manifest(parts[count - 1]))
            } else if count > 3, parts[count - 3] == "blobs", parts[count - 2] == "uploads" {
                (repository, kind) = (name(3), parts[count - 1].isEmpty ? .uploads : .upload(parts[count - 1]))
            } else if count > 2, parts[count - 2] == "blobs" {
                (repository, kind) = (name(2), parts[count - 1] == "uploads" ? .uploads : .blob(parts[count - 1]))
            } else if count > 2, parts[count - 2] == "tags", parts[count - 1] == "list" {
                (repository, kind) = (name(2), .tags)
            } else if count > 2, parts[count - 2] == "referrers" {
                (repository, kind) = (name(2), .referrers(parts[count - 1]))
            } else {
                return nil
            }
        }
    }

    static func digest(_ text: String) throws -> Digest {
        do {
            return try Digest(text)
        } catch {
            throw HubRefusal(.badRequest, "DIGEST_INVALID", "provided digest is malformed", detail: text)
        }
    }

    private static func decoded(_ path: String) -> String? {
        guard path.utf8.contains(UInt8(ascii: "%")) else { return path }
        return percentDecoded(path)
    }

    // MARK: Who may

    /// Makes sure that the sender of a request may do something with a repository, and says who it is.
    @discardableResult
    func authorize(_ request: Request, _ repository: String, _ action: String) async throws -> Principal {
        let policy = try await gate.policy()
        let needed = action == "push" ? "pull,push" : action
        let challenge = { self.challenge(request, scope: "repository:\(repository):\(needed)") }
        let principal: Principal
        let token: [RepositoryAccess]?
        do {
            (principal, token) = try await gate.principal(request.headers[.authorization])
        } catch var refusal as HubRefusal {
            if refusal.status == .unauthorized { refusal.headers[.wwwAuthenticate] = challenge() }
            throw refusal
        }
        let may = gate.allowed(principal, repository, policy).contains(action)
        if may {
            // Everybody may pull what is public, whatever the token was made for.
            guard action != "pull" || policy.hidden.contains(repository), let token else { return principal }
            if token.contains(where: { $0.name == repository && $0.actions.contains(action) }) { return principal }
        }
        let text = "requested access to the resource is denied"
        var refusal = HubRefusal(.forbidden, "DENIED", text)
        if principal == .none {
            refusal = HubRefusal(.unauthorized, "UNAUTHORIZED", "authentication required")
            refusal.headers[.wwwAuthenticate] = challenge()
        } else if principal == .anonymous || may {
            refusal = HubRefusal(.unauthorized, "DENIED", text)
            refusal.headers[.wwwAuthenticate] = challenge() + ",error=\"insufficient_scope\""
        }
        throw refusal
    }

    /// The user who asks, where he says who he is.
    func user(_ request: Request) async throws -> String? {
        do {
            return try await gate.principal(request.headers[.authorization]).0.name
        } catch var refusal as HubRefusal {
            if refusal.status == .unauthorized {
                refusal.headers[.wwwAuthenticate] = challenge(request, scope: "registry:catalog:*")
            }
            throw refusal
        }
    }

    private func challenge(_ request: Request, scope: String?) -> String {
        let host = request.head.authority ?? "127.0.0.1"
        let scheme = secure || request.headers[.forwardedProtocol] == "https" ? "https" : "http"
        var text = "Bearer realm=\"\(scheme)://\(host)/token\",service=\"\(HubGate.service)\""
        if let scope { text += ",scope=\"\(scope)\"" }
        return text
    }

    /// `GET /v2/`: says that this is a registry, and how to prove who one is.
    private func root(_ request: Request) async throws -> Response {
        var refusal: HubRefusal
        do {
            let (principal, _) = try await gate.principal(request.headers[.authorization])
            if principal != .none { return Response.json(.object([])) }
            refusal = HubRefusal(.unauthorized, "UNAUTHORIZED", "authentication required")
        } catch let error as HubRefusal {
            refusal = error
        }
        if refusal.status == .unauthorized { refusal.headers[.wwwAuthenticate] = challenge(request, scope: nil) }
        throw refusal
    }

    /// `GET /token` and `POST /token` (Docker's "Token Authentication Specification" and its OAuth 2 form).
    private func token(_ request: Request) async throws -> Response {
        var scopes: [String] = []
        var principal = Principal.anonymous
        if request.method == .post {
            let body = try await request.body.collect(upTo: 64 << 10)
            let form = FormFields(String(buffer: body))
            scopes = form.all("scope")
            guard form.first("grant_type") == "password", let name = form.first("username"),
                let password = form.first("password")
            else { throw HubRefusal(.badRequest, "UNSUPPORTED", "only the password grant is offered") }
            principal = .user(try await gate.login(basic: Base64.encode("\(name):\(password)".utf8)))
        } else {
            guard request.method == .get || request.method == .head else {
                throw HubRefusal.unsupported(.get, .head, .post)
            }
            scopes = FormFields(request.uri.query ?? "").all("scope")
            if let header = request.headers[.authorization] {
                guard header.lowercased().hasPrefix("basic ") else {
                    throw HubRefusal(.unauthorized, "UNAUTHORIZED", "authentication required")
                }
                principal = .user(try await gate.login(basic: String(header.dropFirst(6))))
            }
        }
        let now = Date.now
        let token = try await gate.token(for: principal, scopes: scopes, now: Int64(now.timeIntervalSince1970))
        return Response.json([
            "token": .string(token), "access_token": .string(token), "expires_in": .int(HubGate.lifetime),
            "issued_at": .string(now.formatted(.iso8601)),
        ])
    }
}

/// The fields of a query or of a form (WHATWG URL, "application/x-www-form-urlencoded").
struct FormFields: Sendable {
    private let pairs: [(name: String, value: String)]

    init(_ text: String) {
        pairs = text.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            func decode(_ part: Substring) -> String {
                let spaced = String(part).replacing("+", with: " ")
                return percentDecoded(spaced) ?? spaced
            }
            return (decode(parts[0]), parts.count > 1 ? decode(parts[1]) : "")
        }
    }

    func first(_ name: String) -> String? { pairs.first { $0.name == name }?.value }

    func all(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }
}

/// The text with percent-encoded bytes decoded; nil where that is malformed or not UTF-8.
func percentDecoded(_ text: String) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%") else {
            bytes.append(byte)
            continue
        }
        guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
            return nil
        }
        bytes.append(value)
        rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
}

/// Whether somebody uses the hub just now, and when somebody last did.
final class HubActivity: Sendable {
    private struct State {
        var running = 0
        var last = ContinuousClock.now
    }

    private let state = Mutex(State())

    func begin() { state.withLock { $0.running += 1 } }

    func end() {
        state.withLock {
            $0.running -= 1
            $0.last = ContinuousClock.now
        }
    }

    /// Bytes are still going out.
    func touch() { state.withLock { $0.last = ContinuousClock.now } }

    /// How long nobody used the hub.
    var idle: Duration { state.withLock { $0.running > 0 ? .zero : ContinuousClock.now - $0.last } }
}

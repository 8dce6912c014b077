import AsyncHTTPClient
import Diagnostics
import NIOCore
import NIOHTTP1
import OCI

/// One request to a registry.
struct RegistryRequest: Sendable {
    var method: HTTPMethod = .GET
    /// The absolute URL.
    var url: String
    var endpoint: RegistryEndpoint
    var headers: HTTPHeaders = [:]
    var body: RequestContent = .none
    /// What a token must allow: `repository:me/x:pull,push`.
    var scopes: [String] = []
    /// Whether the request may be sent again.
    var repeats = true
    var span: Span = .none
}

/// An answer; its body is yet to be read.
struct RegistryResponse: Sendable {
    var status: HTTPResponseStatus
    var headers: HTTPHeaders
    var body: HTTPClientResponse.Body
    /// The URL that answered in the end.
    var url: String
    /// Whether a token or a password went along.
    var authorized: Bool

    /// The body, for answers that are small by their nature.
    /// - Throws: `.corrupt` where it is larger than `limit` bytes.
    func collect(limit: Int = 4 << 20) async throws -> [UInt8] {
        do {
            return Array(try await body.collect(upTo: limit).readableBytesView)
        } catch is NIOTooManyBytesError {
            throw DrydockError(.corrupt, "the registry's answer is larger than \(limit) bytes")
        }
    }

    /// The answer read as a refusal.
    func refusal() async -> RegistryRefusal {
        let bytes = (try? await collect(limit: 64 << 10)) ?? []
        var refusal = RegistryRefusal(status: status, headers: headers, body: bytes)
        for header in headers["www-authenticate"] {
            for case .bearer(_, _, _, let error?) in Challenge.parse(header) where error == "insufficient_scope" {
                refusal.insufficientScope = true
            }
        }
        if authorized, status == .unauthorized { refusal.insufficientScope = true }
        return refusal
    }
}

/// Sends requests: proves who the user is, follows redirects, tries again what may be tried again.
final class Transport: Sendable {
    let settings: RegistrySettings
    let http: HTTPClient
    let authorizer: Authorizer

    init(settings: RegistrySettings) {
        self.settings = settings
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: TimeAmount(settings.connectTimeout), read: .seconds(60)))
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 16
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        authorizer = Authorizer(credentials: settings.credentials)
    }

    deinit { _ = http.shutdown() as EventLoopFuture<Void> }

    func shutdown() async { try? await http.shutdown() }

    /// Sends a request until it is answered by something else than 429 or 5xx, or the retry policy is exhausted.
    ///
    /// - Returns: the last answer, whatever its status.
    /// - Throws: where no answer came, in Docker's words.
    func send(
        _ request: RegistryRequest, authorizer: Authorizer? = nil
    ) async throws(DrydockError) -> RegistryResponse {
        var attempt = 1
        while true {
            do {
                let response = try await authorized(request, by: authorizer ?? self.authorizer)
                guard request.repeats, Self.isPassing(response.status), attempt < settings.retry.attempts,
                    let pause = settings.retry.pause(after: attempt, response.headers["retry-after"].first)
                else { return response }
                _ = await response.refusal()
                request.span.fact("retry", .text("\(response.status.code)"))
                try await sleep(pause)
            } catch let error as DrydockError {
                guard request.repeats, error.code == .unavailable, Self.mayPass(error),
                    attempt < settings.retry.attempts, let pause = settings.retry.pause(after: attempt, nil)
                else { throw error }
                request.span.fact("retry", .text(error.message))
                try await sleep(pause)
            } catch {
                throw ConnectionFailure.error(error, method: request.method.rawValue, url: request.url)
            }
            attempt += 1
        }
    }

    private static func isPassing(_ status: HTTPResponseStatus) -> Bool {
        status.code == 429 || (500...599).contains(status.code) && status.code != 501
    }

    /// A refused connection or an unknown name does not pass within seconds; a reset may.
    static func mayPass(_ error: DrydockError) -> Bool {
        error.errno == 104 || error.errno == 32 || error.message.hasSuffix("EOF")
            || error.message.contains("timeout awaiting response")
    }

    func sleep(_ pause: Duration) async throws(DrydockError) {
        do {
            try await Task.sleep(for: pause)
        } catch {
            throw DrydockError(.cancelled, "context canceled", exitStatus: 130)
        }
    }

    /// Sends once with what is known about the registry's wishes, and a second time where it asks for more.
    private func authorized(
        _ request: RegistryRequest, by authorizer: Authorizer
    ) async throws -> RegistryResponse {
        let known = try await authorizer.header(for: request, through: self, challenges: nil)
        let response = try await redirected(request, authorization: known)
        guard response.status == .unauthorized else { return response }
        let challenges = response.headers["www-authenticate"].flatMap(Challenge.parse)
        let answer = try await authorizer.header(for: request, through: self, challenges: challenges)
        guard let answer, answer != known else { return response }
        _ = await response.refusal()
        return try await redirected(request, authorization: answer)
    }

    /// Sends, and follows redirects of reads; credentials go to no other host.
    private func redirected(_ request: RegistryRequest, authorization: String?) async throws -> RegistryResponse {
        var url = request.url
        var authorization = authorization
        for _ in 0..<6 {
            let response = try await once(request, url: url, authorization: authorization)
            guard [301, 302, 303, 307, 308].contains(response.status.code),
                request.method == .GET || request.method == .HEAD,
                let location = response.headers["location"].first, let here = WebAddress(url)
            else { return response }
            let next = here.resolving(location)
            guard let there = WebAddress(next) else { break }
            guard !(here.scheme == "https" && there.scheme == "http") else {
                throw DrydockError(
                    .unavailable, "the registry redirects to an unencrypted address",
                    reason: "\(here.origin) sends on to \(there.origin)")
            }
            if there.origin != here.origin { authorization = nil }
            request.span.fact("redirected", .text(there.origin))
            url = next
        }
        throw DrydockError(.unavailable, "Get \"\(request.url)\": stopped after too many redirects")
    }

    private func once(
        _ request: RegistryRequest, url: String, authorization: String?
    ) async throws -> RegistryResponse {
        var outgoing = HTTPClientRequest(url: url)
        outgoing.method = request.method
        outgoing.headers = request.headers
        outgoing.headers.replaceOrAdd(name: "user-agent", value: settings.userAgent)
        if let authorization { outgoing.headers.replaceOrAdd(name: "authorization", value: authorization) }
        outgoing.body = request.body.httpBody(span: request.span)
        let call = request.span.begin(
            "registry.request", TraceFact("method", .text(request.method.rawValue)), TraceFact("url", .text(url)))
        do {
            let response = try await http.execute(outgoing, deadline: .now() + .hours(24))
            call.end(TraceFact("status", .count(Int64(response.status.code))))
            return RegistryResponse(
                status: response.status, headers: response.headers, body: response.body, url: url,
                authorized: authorization != nil)
        } catch {
            let known = ConnectionFailure.error(error, method: request.method.rawValue, url: url)
            call.fail(known)
            throw known
        }
    }

    /// Fetches from a token service, outside any registry's rules.
    func plain(_ request: HTTPClientRequest) async throws(DrydockError) -> (status: HTTPResponseStatus, body: [UInt8]) {
        do {
            let response = try await http.execute(request, deadline: .now() + .seconds(30))
            return (response.status, Array(try await response.body.collect(upTo: 1 << 20).readableBytesView))
        } catch {
            throw ConnectionFailure.error(error, method: request.method.rawValue, url: request.url)
        }
    }
}

extension RetryPolicy {
    /// The pause after a number of failed tries; nil where the server asks for a longer one than the policy allows.
    func pause(after attempt: Int, _ retryAfter: String?) -> Duration? {
        if let text = retryAfter, let seconds = Int(text) {
            let asked = Duration.seconds(seconds)
            return asked <= longestPause ? asked : nil
        }
        let full = min(firstPause * (1 << min(attempt - 1, 16)), longestPause)
        return full * Double.random(in: 0.5...1)
    }
}

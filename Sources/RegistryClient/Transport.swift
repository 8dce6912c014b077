import AsyncHTTPClient
import Diagnostics
import Linux
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
    /// Whether it goes to a place of nobody's account: a foreign layer.
    var isAnonymous = false
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
    let connections: Connections
    let authorizer: Authorizer

    init(settings: RegistrySettings) {
        self.settings = settings
        connections = Connections(settings)
        authorizer = Authorizer(credentials: settings.credentials)
    }

    func shutdown() async { await connections.shutdown() }

    /// Sends once, without proving anything, and reads the answer to its end.
    func probe(_ request: RegistryRequest) async throws(DrydockError) -> RegistryResponse {
        do {
            let response = try await redirected(request, authorization: nil)
            _ = await response.refusal()
            return response
        } catch {
            throw ConnectionFailure.error(error, method: request.method.rawValue, url: request.url)
        }
    }

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
        // An upload may go on somewhere else, which is none of the registry's secrets' business.
        guard !request.isAnonymous, WebAddress(request.url)?.origin == request.endpoint.origin else {
            return try await redirected(request, authorization: nil)
        }
        let known = try await authorizer.header(for: request, through: self, challenges: nil)
        let response = try await redirected(request, authorization: known)
        guard response.status == .unauthorized else { return response }
        let challenges = response.headers["www-authenticate"].flatMap(Challenge.parse)
        let answer = try await authorizer.header(
            for: request, through: self, challenges: challenges, rejected: known)
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

    /// A URL as a trace keeps it: what stands behind `?` may be a secret (a signed address), or the registry's own
    /// long notes; only what names a blob stays.
    private static func shown(_ url: String) -> String {
        guard let mark = url.firstIndex(of: "?") else { return url }
        let kept = url[url.index(after: mark)...].split(separator: "&").filter {
            $0.hasPrefix("mount=") || $0.hasPrefix("from=") || $0.hasPrefix("digest=")
        }
        return String(url[..<mark]) + (kept.isEmpty ? "" : "?" + kept.joined(separator: "&").percentDecoded)
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
            "registry.request", TraceFact("method", .text(request.method.rawValue)),
            TraceFact("url", .text(Self.shown(url))))
        do {
            let verifies = request.endpoint.verifies || WebAddress(url)?.origin != request.endpoint.origin
            let response = try await connections.execute(
                outgoing, verifies: verifies, deadline: .now() + .hours(24))
            call.end(TraceFact("status", .count(Int64(response.status.code))))
            return RegistryResponse(
                status: response.status, headers: response.headers, body: response.body, url: url,
                authorized: authorization != nil)
        } catch {
            call.fail(error)
            throw error
        }
    }

    /// Fetches from a token service, outside any registry's rules; tries again what may pass.
    func plain(
        _ request: HTTPClientRequest, verifies: Bool
    ) async throws(DrydockError) -> (status: HTTPResponseStatus, headers: HTTPHeaders, body: [UInt8]) {
        var attempt = 1
        while true {
            do throws(DrydockError) {
                let response = try await connections.execute(
                    request, verifies: verifies, deadline: .now() + .seconds(60))
                let body: [UInt8]
                do {
                    body = Array(try await response.body.collect(upTo: 1 << 20).readableBytesView)
                } catch {
                    throw ConnectionFailure.error(error, method: request.method.rawValue, url: request.url)
                }
                guard Self.isPassing(response.status), attempt < settings.retry.attempts,
                    let pause = settings.retry.pause(after: attempt, response.headers["retry-after"].first)
                else { return (response.status, response.headers, body) }
                try await sleep(pause)
            } catch {
                guard error.code == .unavailable, Self.mayPass(error), attempt < settings.retry.attempts,
                    let pause = settings.retry.pause(after: attempt, nil)
                else { throw error }
                try await sleep(pause)
            }
            attempt += 1
        }
    }
}

extension RetryPolicy {
    /// The pause after a number of failed tries; nil where the server asks for a longer one than the policy allows.
    func pause(after attempt: Int, _ retryAfter: String?) -> Duration? {
        if let text = retryAfter, let seconds = RetryAfter.seconds(text) {
            let asked = Duration.seconds(seconds)
            return asked <= longestPause ? asked : nil
        }
        let full = min(firstPause * (1 << min(attempt - 1, 16)), longestPause)
        return full * Double.random(in: 0.5...1)
    }
}

/// What `Retry-After` says (RFC 9110, section 10.2.3).
enum RetryAfter {
    /// Seconds from now: the header has a number, or a date.
    /// - Parameter now: seconds since 1970.
    static func seconds(_ text: String, now: Int64 = WallClock.now / 1_000_000_000) -> Int? {
        if let seconds = Int(text) { return max(0, seconds) }
        // Sun, 06 Nov 1994 08:49:37 GMT
        let parts = text.split { $0 == " " || $0 == ":" }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 8, parts[7] == "GMT", let month = months.firstIndex(of: String(parts[2])) else {
            return nil
        }
        func two(_ part: Substring) -> String { part.count == 1 ? "0\(part)" : String(part) }
        let stamp = "\(parts[3])-\(two("\(month + 1)"))-\(two(parts[1]))T\(parts[4]):\(parts[5]):\(parts[6])Z"
        guard let time = WallClock.parse(stamp) else { return nil }
        return max(0, Int(time / 1_000_000_000 - now))
    }
}

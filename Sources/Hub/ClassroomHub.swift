import AsyncHTTPClient
import Crypto
public import Diagnostics
import Dispatch
import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOSSL
public import RegistryClient
import Synchronization

/// A hub that somebody else serves, in a classroom: what the distribution API has no words for.
///
/// All functions block and may be called from any thread that may.
public struct ClassroomHub: Sendable {
    /// Where it is, without a final slash: `http://10.0.0.5:5480`.
    public let url: String
    /// The certificates that are trusted, in PEM; nil for those that this machine trusts.
    private let authority: [UInt8]?

    /// - Throws: `.invalidArgument` where this is no address.
    public init(url text: String, authority: [UInt8]? = nil) throws(DrydockError) {
        var url = text.contains("://") ? text : "http://\(text)"
        while url.hasSuffix("/") { url.removeLast() }
        let rest = url.hasPrefix("https://") ? url.dropFirst(8) : url.hasPrefix("http://") ? url.dropFirst(7) : ""
        guard !rest.isEmpty, !rest.contains("/"), rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw DrydockError(
                .invalidArgument, "invalid address of a hub: \(text)", remedy: "Write it as http://10.0.0.5:5480")
        }
        self.url = url
        self.authority = authority
    }

    /// The host with its port, as certificates are filed.
    public var authorityName: String {
        String(url.dropFirst(url.hasPrefix("https://") ? 8 : 7))
    }

    /// Makes sure that a hub answers there.
    /// - Throws: `.unavailable` where none does.
    public func probe() throws(DrydockError) {
        let answer = try send("GET", "/")
        guard answer.status == 200, answer.json?["name"]?.string == "drydock hub" else {
            throw DrydockError(
                .unavailable, "there is no Drydock hub at \(url)", reason: "something else answers there",
                remedy: "Ask the instructor for the address that 'drydock hub serve' shows.")
        }
    }

    /// The hub's certificate, fetched without trust and compared with what the instructor says.
    /// - Parameter fingerprint: its SHA-256, with or without colons.
    /// - Throws: `.denied` where it is another one.
    /// - Returns: the certificate in PEM.
    public func certificate(fingerprint: String) throws(DrydockError) -> [UInt8] {
        let answer = try send("GET", "/hub/v1/certificate", verifies: false)
        guard answer.status == 200 else {
            throw DrydockError(.unavailable, "the hub at \(url) does not give its certificate")
        }
        let wanted = fingerprint.filter(\.isHexDigit).lowercased()
        let certificates = (try? NIOSSLCertificate.fromPEMBytes(answer.body)) ?? []
        let found = certificates.first.flatMap { try? $0.toDERBytes() }.map { bytes in
            SHA256.hash(data: bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        guard let found, found == wanted else {
            throw DrydockError(
                .denied, "the certificate of \(url) is not the one that was expected",
                reason: "its SHA-256 is \(found ?? "unknown")",
                remedy: "Compare with what 'drydock hub serve' shows; if it differs, somebody is in between.")
        }
        return answer.body
    }

    /// Whether an account of that name exists.
    public func hasAccount(_ name: String) throws(DrydockError) -> Bool {
        try send("GET", "/hub/v1/accounts/\(name)").status == 200
    }

    /// Makes an account.
    /// - Throws: `.conflict`, `.invalidArgument` and `.denied` as the hub says.
    public func createAccount(_ name: String, password: String) throws(DrydockError) {
        let document: JSONValue = ["username": .string(name), "password": .string(password)]
        let answer = try send("POST", "/hub/v1/accounts", body: Array(document.compact.utf8))
        guard answer.status != 201 else { return }
        let error = answer.json?["errors"]?.array?.first
        let codes: [Int: DrydockError.Code] = [409: .conflict, 400: .invalidArgument, 403: .denied]
        throw DrydockError(
            codes[answer.status] ?? .unavailable, error?["message"]?.string ?? "the hub answered \(answer.status)",
            reason: error?["detail"]?.string)
    }

    /// Takes a tag away. Nothing happens where there is none.
    public func removeTag(
        _ tag: String, of repository: String, credentials: Credentials?
    ) throws(DrydockError) {
        let answer = try send("DELETE", "/v2/\(repository)/manifests/\(tag)", credentials: credentials)
        guard [202, 404].contains(answer.status) else {
            throw DrydockError(.denied, "the hub does not let you remove \(repository):\(tag)")
        }
    }

    private struct Answer: Sendable {
        var status: Int
        var body: [UInt8]
        var json: JSONValue? { try? JSONValue(parsing: body) }
    }

    private func send(
        _ method: String, _ path: String, body: [UInt8]? = nil, credentials: Credentials? = nil, verifies: Bool = true
    ) throws(DrydockError) -> Answer {
        let done = DispatchSemaphore(value: 0)
        let holder = Holder()
        Task {
            let result = await exchange(method, path, body, credentials, verifies)
            holder.set(result)
            done.signal()
        }
        done.wait()
        guard let result = holder.value else { throw DrydockError(.internal, "no answer") }
        return try result.get()
    }

    private final class Holder: Sendable {
        private let box = Mutex<Result<Answer, DrydockError>?>(nil)
        func set(_ value: Result<Answer, DrydockError>) { box.withLock { $0 = value } }
        var value: Result<Answer, DrydockError>? { box.withLock { $0 } }
    }

    private func exchange(
        _ method: String, _ path: String, _ body: [UInt8]?, _ credentials: Credentials?, _ verifies: Bool
    ) async -> Result<Answer, DrydockError> {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(5)
        configuration.timeout.read = .seconds(30)
        do {
            if url.hasPrefix("https://") {
                var tls = TLSConfiguration.makeClientConfiguration()
                if !verifies { tls.certificateVerification = .none }
                if let authority {
                    tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(authority))
                }
                configuration.tlsConfiguration = tls
            }
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
            do {
                var request = HTTPClientRequest(url: url + path)
                request.method = .RAW(value: method)
                if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
                if let credentials {
                    let encoded = Base64.encode("\(credentials.username):\(credentials.password)".utf8)
                    request.headers.add(name: "authorization", value: "Basic \(encoded)")
                }
                let response = try await client.execute(request, timeout: .seconds(60))
                let bytes = Array(try await response.body.collect(upTo: 1 << 20).readableBytesView)
                try? await client.shutdown()
                return .success(Answer(status: Int(response.status.code), body: bytes))
            } catch {
                try? await client.shutdown()
                throw error
            }
        } catch {
            return .failure(
                DrydockError(
                    .unavailable, "cannot reach the hub at \(url)", reason: "\(error)",
                    remedy: "Check the address and the network; 'drydock hub leave' goes back to your own hub."))
        }
    }
}

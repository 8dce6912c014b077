import AsyncHTTPClient
import Diagnostics
import NIOCore
import NIOHTTP1
import NIOPosix
import OCI

/// An answer of a registry that is not the one hoped for.
struct RegistryRefusal: Sendable {
    /// The HTTP status.
    var status: Int
    /// The reason phrase.
    var phrase: String
    /// The first error's code of the body, as the specification names them: `MANIFEST_UNKNOWN`.
    var code: String?
    /// The first error's message.
    var message: String?
    /// The first error's detail, where it is text.
    var detail: String?
    /// Whether a token was given that does not allow what was asked.
    var insufficientScope = false
    /// Seconds that the server asks to wait.
    var retryAfter: Int?

    /// Reads an answer's error body (distribution-spec, "Error Codes").
    init(status: HTTPResponseStatus, headers: HTTPHeaders, body: [UInt8]) {
        self.status = Int(status.code)
        phrase = status.reasonPhrase
        retryAfter = headers["retry-after"].first.flatMap { Int($0) }
        guard let json = try? JSONValue(parsing: body) else { return }
        if let first = json["errors"]?.array?.first {
            code = first["code"]?.string
            message = first["message"]?.string
            detail = first["detail"]?.string
        } else {
            message = json["details"]?.string ?? json["message"]?.string
        }
    }

    /// Docker's rendering of a registry error: `manifest unknown: manifest unknown`.
    var text: String {
        guard let code else { return "\(status) \(phrase)" }
        let name = code.lowercased().replacing("_", with: " ")
        guard let message, !message.isEmpty else { return name }
        return "\(name): \(message)"
    }

    /// Whether the registry says that access was refused.
    var isDenied: Bool { status == 401 || status == 403 || code == "DENIED" }

    private static let toLogIn = "Check the name, or log in with 'docker login' and try again."

    /// What to tell a user whose pull was refused.
    func pullError(_ reference: Reference) -> DrydockError {
        if let common = commonError(reference) { return common }
        let name = reference.familiarName
        let isHub = reference.registry == Reference.defaultRegistry
        if isDenied || (isHub && code == "NAME_UNKNOWN") {
            if status == 401, !insufficientScope, code == "UNAUTHORIZED", !isHub {
                return DrydockError(
                    .unauthorized, text, reason: "the registry \(reference.registry) wants to know who you are",
                    remedy: "Log in with 'docker login \(reference.registry)'.")
            }
            return DrydockError(
                isDenied ? .denied : .notFound,
                "pull access denied for \(name), repository does not exist or may require 'docker login': "
                    + "denied: requested access to the resource is denied",
                reason: detail ?? "\(reference.registry) has no repository \(name) that you may read",
                remedy: Self.toLogIn)
        }
        if code == "NAME_UNKNOWN" {
            return DrydockError(
                .notFound, "repository \(name) not found: \(text)",
                reason: "\(reference.registry) has no repository \(reference.repository)", remedy: Self.toLogIn)
        }
        if status == 404 {
            let words = code == nil ? "manifest unknown: manifest unknown" : text
            return DrydockError(
                .notFound, "manifest for \(reference.familiar) not found: \(words)",
                reason: detail ?? "the repository \(name) has nothing under that tag or digest",
                remedy: "Look for the tags that exist; a tag is case sensitive.")
        }
        return unexpected
    }

    /// What to tell a user whose push was refused.
    func pushError(_ reference: Reference) -> DrydockError {
        if let common = commonError(reference) { return common }
        if isDenied {
            let server = reference.registry == Reference.defaultRegistry ? "" : " \(reference.registry)"
            return DrydockError(
                .denied, "denied: requested access to the resource is denied",
                reason: "you may push only into your own namespace, and only when you are logged in; "
                    + "this was a push to \(reference.familiarName)",
                remedy: "Log in with 'docker login\(server)', and tag the image as <your user name>/<name> before "
                    + "you push it.")
        }
        if status == 413 {
            return DrydockError(.exhausted, text, reason: "the registry takes nothing that large")
        }
        return unexpected
    }

    /// What to tell a user whose other request was refused.
    func otherError(_ reference: Reference) -> DrydockError {
        if let common = commonError(reference) { return common }
        if isDenied { return DrydockError(.unauthorized, text, remedy: "Log in with 'docker login'.") }
        if status == 404 { return DrydockError(.notFound, text) }
        return unexpected
    }

    private func commonError(_ reference: Reference) -> DrydockError? {
        if status == 429 || code == "TOOMANYREQUESTS" {
            let wait = retryAfter.map { "; it asks to wait \($0) seconds" } ?? ""
            return DrydockError(
                .tooManyRequests, code == nil ? "toomanyrequests: \(message ?? "too many requests")" : text,
                reason: "\(reference.registry) limits how often it is asked\(wait)",
                remedy: "Wait, log in, or fill the practice hub ahead of time.")
        }
        return nil
    }

    /// An answer that no rule foresees.
    var unexpected: DrydockError {
        if status >= 500 || code == nil {
            return DrydockError(
                status >= 500 ? .unavailable : .internal, "received unexpected HTTP status: \(status) \(phrase)",
                reason: message ?? "the registry itself failed",
                remedy: status >= 500 ? "Try again later; if it lasts, look at the registry's log." : nil)
        }
        return DrydockError(.internal, text, reason: "HTTP status \(status) \(phrase)")
    }
}

/// Puts failures below HTTP into the words of Docker's Go libraries.
enum ConnectionFailure {
    /// The error for a request that got no answer.
    static func error(_ error: any Error, method: String, url: String) -> DrydockError {
        if let known = error as? DrydockError { return known }
        if error is CancellationError { return DrydockError(.cancelled, "context canceled", exitStatus: 130) }
        let address = WebAddress(url)
        let peer = address?.hostAndPort ?? url
        let verb = method.prefix(1) + method.dropFirst().lowercased()
        let start = "\(verb) \"\(url)\": "
        if let http = error as? HTTPClientError {
            switch http {
            case .cancelled: return DrydockError(.cancelled, "context canceled", exitStatus: 130)
            case .connectTimeout:
                return unavailable(
                    start + "dial tcp \(peer): i/o timeout", "nothing at \(peer) answered in time",
                    "Check the name and the network.")
            case .readTimeout, .deadlineExceeded:
                return unavailable(
                    start + "net/http: timeout awaiting response headers", "\(peer) went silent",
                    "Try again; what was received is kept.")
            case .remoteConnectionClosed, .bodyLengthMismatch:
                return unavailable(start + "EOF", "\(peer) closed the connection too early", "Try again.")
            case .tlsHandshakeTimeout:
                return unavailable(start + "net/http: TLS handshake timeout", "\(peer) does not complete TLS", nil)
            default: break
            }
        }
        if let connection = error as? NIOConnectionError {
            if connection.connectionErrors.isEmpty {
                return unavailable(
                    start + "dial tcp: lookup \(connection.host): no such host",
                    "no address is known for the name \(connection.host)",
                    "Check the spelling of the registry, and that this machine can resolve names.")
            }
            for failure in connection.connectionErrors {
                if let io = failure.error as? IOError { return systemError(io, start: start, peer: peer) }
            }
        }
        if let io = error as? IOError { return systemError(io, start: start, peer: peer) }
        let words = String(describing: error)
        if words.contains("CERTIFICATE_VERIFY_FAILED") || words.contains("certificate") {
            return unavailable(
                start + "tls: failed to verify certificate: x509: certificate signed by unknown authority",
                "the certificate of \(peer) was not issued by an authority that this machine trusts",
                "Install the authority's certificate, or use a registry on this machine.")
        }
        if words.contains("WRONG_VERSION_NUMBER") || words.contains("wrongVersion") {
            return unavailable(
                start + "http: server gave HTTP response to HTTPS client",
                "\(peer) speaks plain HTTP, which is only used for registries on this machine", nil)
        }
        return unavailable(start + words, nil, "Check the name and the network, and try again.")
    }

    private static func systemError(_ io: IOError, start: String, peer: String) -> DrydockError {
        switch Refusal(rawValue: io.errnoCode) {
        case .refused:
            return DrydockError(
                .unavailable, start + "dial tcp \(peer): connect: connection refused",
                reason: "nothing listens at \(peer)",
                remedy: "Check that the registry is running and that the port is right.", errno: io.errnoCode)
        case .unreachable:
            return DrydockError(
                .unavailable, start + "dial tcp \(peer): connect: no route to host",
                reason: "this machine has no way to \(peer)", remedy: "Check the network.", errno: io.errnoCode)
        case .reset:
            return DrydockError(
                .unavailable, start + "read tcp \(peer): read: connection reset by peer",
                reason: "\(peer) broke the connection", remedy: "Try again.", errno: io.errnoCode)
        case nil:
            return DrydockError(.unavailable, start + "\(io)", errno: io.errnoCode)
        }
    }

    /// The system errors that have words of their own; the numbers are Linux's.
    private enum Refusal {
        case refused, unreachable, reset

        init?(rawValue: Int32) {
            switch rawValue {
            case 111: self = .refused
            case 101, 113: self = .unreachable
            case 104, 32: self = .reset
            default: return nil
            }
        }
    }

    private static func unavailable(_ message: String, _ reason: String?, _ remedy: String?) -> DrydockError {
        DrydockError(.unavailable, message, reason: reason, remedy: remedy)
    }
}

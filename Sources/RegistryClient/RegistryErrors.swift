import Diagnostics
import NIOHTTP1
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
        retryAfter = headers["retry-after"].first.flatMap { RetryAfter.seconds($0) }
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
                remedy: "Wait, or log in with 'docker login', which raises the limit. For a class, fill the practice "
                    + "hub ahead of time: 'drydock hub mirror \(reference.repository.isEmpty ? "IMAGE" : reference.familiar)'."
            )
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

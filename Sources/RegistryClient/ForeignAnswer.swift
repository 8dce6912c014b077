import Diagnostics

/// An answer that no registry gives: the login page of a network, the error page of a proxy.
enum ForeignAnswer {
    /// Reads what should be JSON.
    /// - Throws: `.unavailable` in the words of Docker's Go libraries where it is something else.
    static func json(_ body: [UInt8], of url: String) throws(DrydockError) -> JSONValue {
        do {
            return try JSONValue(parsing: body)
        } catch {
            throw Self.error(body, of: url)
        }
    }

    private static func error(_ body: [UInt8], of url: String) -> DrydockError {
        let host = WebAddress(url)?.hostAndPort ?? url
        let text = String(decoding: body.prefix(160), as: UTF8.self)
        let shown = String(text.map { $0.isNewline || $0 == "\t" ? " " : $0 }) + (body.count > 160 ? "…" : "")
        guard let first = text.first(where: { !$0.isWhitespace }) else {
            return DrydockError(
                .unavailable, "error parsing HTTP 200 response body: unexpected end of JSON input: \"\"",
                reason: "\(host) answered with nothing", remedy: "Check that it is a registry.")
        }
        let isPage = first == "<"
        return DrydockError(
            .unavailable,
            "error parsing HTTP 200 response body: invalid character '\(first)' looking for beginning of value: "
                + "\"\(shown)\"",
            reason: isPage
                ? "\(host) answered with a web page: it is no registry, or a network that wants a login, or a proxy, is "
                    + "in the way" : "\(host) answered with something that no registry says",
            remedy: isPage
                ? "Open a page in a web browser to log in to the network; check the registry's name, HTTP_PROXY and "
                    + "HTTPS_PROXY." : "Check that it is a registry.")
    }
}

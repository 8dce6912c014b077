import AsyncHTTPClient
import Diagnostics
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import OCI

/// Puts failures below HTTP into the words of Docker's Go libraries.
enum ConnectionFailure {
    /// The error for a request that got no answer.
    /// - Parameter proxy: the host and port of the proxy that the request goes through, where there is one.
    static func error(_ error: any Error, method: String, url: String, proxy: String? = nil) -> DrydockError {
        if let known = error as? DrydockError { return known }
        if error is CancellationError { return cancelled }
        let address = WebAddress(url)
        let verb = method.prefix(1) + method.dropFirst().lowercased()
        let failure = Place(
            start: "\(verb) \"\(url)\": " + (proxy == nil ? "" : "proxyconnect tcp: "),
            plainStart: "\(verb) \"\(url)\": ", peer: proxy ?? address?.hostAndPort ?? url,
            host: address?.host ?? url, isProxy: proxy != nil)
        if let http = error as? HTTPClientError, let known = failure.http(http) { return known }
        if let connection = error as? NIOConnectionError { return failure.connection(connection) }
        if let io = error as? IOError { return failure.system(io) }
        if let known = failure.security(error) { return known }
        if case ChannelError.connectTimeout(_)? = error as? ChannelError { return failure.timeout }
        if error is ChannelError || error is HTTPParserError { return failure.closed }
        return failure.unavailable(
            failure.plainStart + String(describing: error), remedy: "Check the name and the network, and try again.")
    }

    static var cancelled: DrydockError { DrydockError(.cancelled, "context canceled", exitStatus: 130) }

    /// What was asked of whom.
    private struct Place {
        /// What a message begins with where no connection came about.
        var start: String
        /// What a message begins with otherwise.
        var plainStart: String
        /// Who was connected to.
        var peer: String
        /// Who was to answer in the end.
        var host: String
        var isProxy: Bool

        var network: String {
            isProxy
                ? "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY, or the \"proxies\" of daemon.json."
                : "Check the name and the network; behind a proxy, set HTTPS_PROXY."
        }

        func unavailable(
            _ message: String, reason: String? = nil, remedy: String? = nil, errno: Int32? = nil
        ) -> DrydockError {
            DrydockError(.unavailable, message, reason: reason, remedy: remedy, errno: errno)
        }

        var timeout: DrydockError {
            unavailable(
                start + "dial tcp \(peer): i/o timeout", reason: "nothing at \(peer) answered in time", remedy: network)
        }

        var closed: DrydockError {
            unavailable(plainStart + "EOF", reason: "\(peer) closed the connection too early", remedy: "Try again.")
        }

        func http(_ error: HTTPClientError) -> DrydockError? {
            switch error {
            case .cancelled: return ConnectionFailure.cancelled
            case .connectTimeout: return timeout
            case .readTimeout, .deadlineExceeded, .writeTimeout:
                return unavailable(
                    plainStart + "net/http: timeout awaiting response headers", reason: "\(peer) went silent",
                    remedy: "Try again; what was received is kept.")
            case .remoteConnectionClosed, .bodyLengthMismatch: return closed
            case .tlsHandshakeTimeout:
                return unavailable(
                    plainStart + "net/http: TLS handshake timeout", reason: "\(host) does not complete TLS",
                    remedy: network)
            case .proxyAuthenticationRequired:
                return unavailable(
                    plainStart + "Proxy Authentication Required",
                    reason: "the proxy \(peer) wants a user name and a password",
                    remedy: "Name them in HTTPS_PROXY: http://user:password@\(peer).")
            case .invalidProxyResponse:
                return unavailable(
                    plainStart + "Forbidden", reason: "the proxy \(peer) refuses to connect to \(host)",
                    remedy: "Ask who runs the proxy, or name \(host) in NO_PROXY where it can be reached without.")
            case .httpProxyHandshakeTimeout, .socksHandshakeTimeout:
                return unavailable(
                    start + "dial tcp \(peer): i/o timeout", reason: "the proxy \(peer) is silent", remedy: network)
            default: return nil
            }
        }

        func connection(_ error: NIOConnectionError) -> DrydockError {
            if error.connectionErrors.isEmpty {
                return unavailable(
                    start + "dial tcp: lookup \(error.host): no such host",
                    reason: "no address is known for the name \(error.host)",
                    remedy: isProxy
                        ? network
                        : "Check the spelling of the registry, and that this machine can resolve names.")
            }
            for failure in error.connectionErrors {
                if let io = failure.error as? IOError { return system(io) }
            }
            return timeout
        }

        func system(_ io: IOError) -> DrydockError {
            switch Refusal(rawValue: io.errnoCode) {
            case .refused:
                return unavailable(
                    start + "dial tcp \(peer): connect: connection refused", reason: "nothing listens at \(peer)",
                    remedy: isProxy ? network : "Check that the registry is running and that the port is right.",
                    errno: io.errnoCode)
            case .unreachable:
                return unavailable(
                    start + "dial tcp \(peer): connect: no route to host", reason: "this machine has no way to \(peer)",
                    remedy: network, errno: io.errnoCode)
            case .timeout: return timeout
            case .reset:
                return unavailable(
                    plainStart + "read tcp \(peer): read: connection reset by peer",
                    reason: "\(peer) broke the connection",
                    remedy: "Try again.", errno: io.errnoCode)
            case nil: return unavailable(plainStart + "\(io)", errno: io.errnoCode)
            }
        }

        /// Failures of TLS; nil for others.
        func security(_ error: any Error) -> DrydockError? {
            let words = String(describing: error)
            if let extra = error as? NIOSSLExtraError, extra == .failedToValidateHostname {
                return unavailable(
                    plainStart + "tls: failed to verify certificate: x509: certificate is not valid for \(host)",
                    reason: "the certificate is for other names than \(host)",
                    remedy: "Use the name that the certificate is made for, or a certificate with this name.")
            }
            if words.contains("CERTIFICATE_VERIFY_FAILED") {
                return unavailable(
                    plainStart
                        + "tls: failed to verify certificate: x509: certificate signed by unknown authority",
                    reason:
                        "the certificate of \(host) was not issued by an authority that this machine trusts, or its time "
                        + "is over",
                    remedy: "Put the authority's certificate into certs.d/\(host == peer ? host : peer)/ca.crt beside "
                        + "daemon.json, or name the registry in its \"insecure-registries\".")
            }
            if words.contains("WRONG_VERSION_NUMBER") || words.contains("HTTP_REQUEST") {
                return unavailable(
                    plainStart + "http: server gave HTTP response to HTTPS client", reason: "\(host) speaks plain HTTP",
                    remedy: "Where that is meant, name the registry in the \"insecure-registries\" of daemon.json.")
            }
            guard error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError else { return nil }
            if words.contains("uncleanShutdown") { return closed }
            return unavailable(
                plainStart + "remote error: tls: handshake failure", reason: words,
                remedy: "Look at the registry's TLS settings; a client certificate goes into certs.d.")
        }
    }

    /// The system errors that have words of their own; the numbers are Linux's.
    private enum Refusal {
        case refused, unreachable, reset, timeout

        init?(rawValue: Int32) {
            switch rawValue {
            case 111: self = .refused
            case 101, 113: self = .unreachable
            case 104, 32: self = .reset
            case 110: self = .timeout
            default: return nil
            }
        }
    }
}

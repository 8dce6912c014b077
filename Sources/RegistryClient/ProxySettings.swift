import Diagnostics
private import Glibc

/// Which proxies requests go through, by the rules of Go's `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, which are
/// Docker's: requests to this machine itself go through none.
public struct ProxySettings: Sendable, Hashable {
    /// The proxy for `http://` addresses.
    public var http: String?
    /// The proxy for `https://` addresses.
    public var https: String?
    /// Names, domains, addresses and networks that are asked directly, separated by commas.
    public var exceptions: String

    /// Names proxies; without arguments, none.
    public init(http: String? = nil, https: String? = nil, exceptions: String = "") {
        self.http = http
        self.https = https
        self.exceptions = exceptions
    }

    /// What this process's environment says; a name in capitals wins.
    public static var environment: ProxySettings {
        func value(_ names: String...) -> String? {
            for name in names {
                if let text = getenv(name).map({ String(cString: $0) }), !text.isEmpty { return text }
            }
            return nil
        }
        return ProxySettings(
            http: value("HTTP_PROXY", "http_proxy"), https: value("HTTPS_PROXY", "https_proxy"),
            exceptions: value("NO_PROXY", "no_proxy") ?? "")
    }

    /// A proxy's address with user and password hidden, as `docker info` shows it.
    public static func masked(_ proxy: String) -> String {
        guard let at = proxy.lastIndex(of: "@") else { return proxy }
        let start = proxy.firstRange(of: "://").map(\.upperBound) ?? proxy.startIndex
        return proxy[..<start] + "xxxxx:xxxxx" + proxy[at...]
    }

    /// The proxy for an address; nil where it is asked directly.
    /// - Throws: `.invalidArgument` for a proxy that cannot be understood, `.unsupported` for one of another kind.
    func proxy(for address: WebAddress) throws(DrydockError) -> ProxyAddress? {
        guard let text = address.scheme == "https" ? https : http, !isException(address) else { return nil }
        return try ProxyAddress(text)
    }

    private func isException(_ address: WebAddress) -> Bool {
        let host = address.host.lowercased()
        if RegistryEndpoint.isLoopback(address.authority) { return true }
        for item in exceptions.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            var pattern = item.lowercased()
            if pattern == "*" { return true }
            if let network = Network(pattern) {
                if let ip = Network.address(host), network.contains(ip) { return true }
                continue
            }
            var port: Int?
            if let colon = pattern.lastIndex(of: ":"), let number = Int(pattern[pattern.index(after: colon)...]),
                !pattern[..<colon].contains(":") || pattern.hasPrefix("[")
            {
                port = number
                pattern = String(pattern[..<colon])
            }
            if pattern.hasPrefix("["), pattern.hasSuffix("]") { pattern = String(pattern.dropFirst().dropLast()) }
            if let port, port != address.port { continue }
            if pattern.hasPrefix("*.") { pattern.removeFirst() }
            if pattern.hasPrefix(".") {
                if host.hasSuffix(pattern) { return true }
            } else if host == pattern || host.hasSuffix("." + pattern) {
                return true
            }
        }
        return false
    }
}

/// Where a proxy is and how it is spoken to.
struct ProxyAddress: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        case http, socks
    }

    var kind: Kind
    var host: String
    var port: Int
    var user: Credentials?

    /// Host and port as a message shows them.
    var hostAndPort: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }

    init(_ text: String) throws(DrydockError) {
        var rest = text[...]
        var scheme = "http"
        if let mark = text.firstRange(of: "://") {
            scheme = text[..<mark.lowerBound].lowercased()
            rest = text[mark.upperBound...]
        }
        switch scheme {
        case "http": kind = .http
        case "socks5", "socks5h": kind = .socks
        default:
            throw DrydockError(
                .unsupported, "proxy \(ProxySettings.masked(text)): unsupported scheme \(scheme)",
                reason: "proxies are spoken to as http:// or socks5://",
                remedy: "Change HTTP_PROXY, HTTPS_PROXY or the \"proxies\" of daemon.json.")
        }
        if let at = rest.lastIndex(of: "@") {
            let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            user = Credentials(
                username: String(parts[0]).percentDecoded,
                password: parts.count > 1 ? String(parts[1]).percentDecoded : "")
            rest = rest[rest.index(after: at)...]
        }
        rest = rest.prefix { $0 != "/" }
        let usual = kind == .http ? 80 : 1080
        host = RegistryEndpoint.hostname(of: String(rest))
        port = rest.last == "]" || host == rest ? usual : Int(rest.split(separator: ":").last ?? "") ?? -1
        guard !host.isEmpty, (1...65535).contains(port) else {
            throw DrydockError(
                .invalidArgument, "invalid proxy address \"\(ProxySettings.masked(text))\"",
                remedy: "Change HTTP_PROXY, HTTPS_PROXY or the \"proxies\" of daemon.json.")
        }
    }
}

/// A range of IP addresses: `10.0.0.0/8`, `fd00::/8`.
struct Network: Sendable, Hashable {
    let bytes: [UInt8]
    let bits: Int

    /// Reads an address with or without a prefix length; nil where it is none.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = Self.address(String(parts[0])) else { return nil }
        bytes = address
        if parts.count == 2 {
            guard let bits = Int(parts[1]), (0...address.count * 8).contains(bits) else { return nil }
            self.bits = bits
        } else {
            bits = address.count * 8
        }
    }

    /// The bytes of an IPv4 or IPv6 address; nil where the text is none.
    static func address(_ text: String) -> [UInt8]? {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: four) { Array($0) } }
        var six = in6_addr()
        if inet_pton(AF_INET6, text, &six) == 1 { return withUnsafeBytes(of: six) { Array($0) } }
        return nil
    }

    func contains(_ address: [UInt8]) -> Bool {
        guard address.count == bytes.count else { return false }
        for bit in 0..<bits where (address[bit / 8] ^ bytes[bit / 8]) & (0x80 >> UInt8(bit % 8)) != 0 { return false }
        return true
    }
}

extension String {
    /// The text with `%41` and the like undone.
    var percentDecoded: String {
        var result: [UInt8] = []
        var rest = Array(utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                result.append(value)
                rest.removeFirst(2)
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

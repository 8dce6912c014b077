import Diagnostics
public import OCI

/// Where a registry's API is.
struct RegistryEndpoint: Sendable, Hashable {
    /// The name as it stands in references: `docker.io`, `localhost:5000`.
    let registry: String
    /// `http://127.0.0.1:4123`, without a final slash.
    let base: String
    /// Whether a wrong certificate is refused.
    var verifies = true
    /// Whether this only mirrors the registry.
    var isMirror = false

    /// Scheme, host and port.
    var origin: String { WebAddress(base)?.origin ?? base }

    /// Whether a host, with or without a port, is this machine's own.
    static func isLoopback(_ registry: String) -> Bool {
        let host = hostname(of: registry)
        if host == "localhost" || host.hasSuffix(".localhost") || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// The host without its port and without the brackets of an IPv6 address.
    static func hostname(of registry: String) -> String {
        if registry.hasPrefix("["), let end = registry.firstIndex(of: "]") {
            return String(registry[registry.index(after: registry.startIndex)..<end])
        }
        guard let colon = registry.lastIndex(of: ":") else { return registry }
        return String(registry[..<colon])
    }

    /// The URL of something below `/v2/`.
    func url(_ path: String) -> String { "\(base)/v2/\(path)" }
}

extension Reference {
    /// Whether the registry is on this machine, where plain HTTP is what is nearly always spoken.
    public var isOnThisMachine: Bool { RegistryEndpoint.isLoopback(registry) }
}

/// The parts of an absolute URL that requests and messages need.
struct WebAddress: Sendable, Hashable {
    var scheme: String
    /// Host and port as written.
    var authority: String
    /// Path and query, from the first slash.
    var target: String

    /// Reads an absolute URL; nil where it is none of HTTP's.
    init?(_ text: String) {
        guard let mark = text.firstRange(of: "://"), ["http", "https"].contains(text[..<mark.lowerBound].lowercased())
        else {
            return nil
        }
        scheme = text[..<mark.lowerBound].lowercased()
        let rest = text[mark.upperBound...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        authority = String(rest[..<end])
        target = String(rest[end...])
        if !target.hasPrefix("/") { target = "/" + target }
        guard !authority.isEmpty, !authority.contains("@") else { return nil }
    }

    /// Scheme and authority.
    var origin: String { "\(scheme)://\(authority)" }

    /// The host alone.
    var host: String { RegistryEndpoint.hostname(of: authority) }

    /// The port, also where it is not written.
    var port: Int {
        let host = RegistryEndpoint.hostname(of: authority)
        let written = host != authority && authority.last != "]" ? authority.split(separator: ":").last : nil
        return written.flatMap { Int($0) } ?? (scheme == "https" ? 443 : 80)
    }

    /// Host and port, the port filled in.
    var hostAndPort: String {
        let host = RegistryEndpoint.hostname(of: authority)
        if host != authority, authority.last != "]" { return authority }
        return authority + (scheme == "https" ? ":443" : ":80")
    }

    /// What a `Location` header means, seen from here.
    func resolving(_ location: String) -> String {
        if WebAddress(location) != nil { return location }
        if location.hasPrefix("//") { return "\(scheme):\(location)" }
        if location.hasPrefix("/") { return origin + location }
        let path = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)[0]
        let directory = path.lastIndex(of: "/").map { path[...$0] } ?? "/"
        return origin + directory + location
    }
}

extension String {
    /// The text with everything percent-encoded that is not unreserved in a URL.
    var percentEncoded: String {
        var result = ""
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return result
    }
}

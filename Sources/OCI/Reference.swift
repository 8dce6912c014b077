public import Diagnostics

/// The name of an image as Docker reads it: `[registry/]repository[:tag][@digest]`, with Docker's defaults filled in
/// (distribution/reference grammar: `docker.io`, `library/`).
public struct Reference: Hashable, Sendable {
    /// The registry: `docker.io`, `localhost:5000`, `registry.example.com`.
    public let registry: String
    /// The repository within the registry: `library/alpine`, `me/nodejs`.
    public let repository: String
    /// The tag, where one was given (or filled in by `withDefaultTag`).
    public let tag: String?
    /// The digest, where one was given.
    public let digest: Digest?

    /// The registry that is meant where none is named.
    public static let defaultRegistry = "docker.io"

    /// Makes a reference from parts that are known to be valid: the caller vouches for the grammar.
    public init(unchecked registry: String, repository: String, tag: String?, digest: Digest?) {
        self.registry = registry
        self.repository = repository
        self.tag = tag
        self.digest = digest
    }

    /// Reads a name as a user types it and fills in the default registry and the `library/` prefix, but no tag
    /// (distribution/reference, `ParseNormalizedNamed`).
    ///
    /// - Throws: code `.invalidArgument` with Docker's words: `invalid reference format`,
    ///   `invalid reference format: repository name (…) must be lowercase`.
    public init(parsing text: String) throws(DrydockError) {
        func bad(_ message: String = "invalid reference format") -> DrydockError {
            DrydockError(
                .invalidArgument, message,
                remedy: "A name looks like alpine, alpine:3.5, user/name:tag or registry:5000/user/name:tag.")
        }
        if text.utf8.count == 64, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) {
            throw bad("invalid repository name (\(text)), cannot specify 64-byte hexadecimal strings")
        }
        var (registry, rest) = Self.split(text)
        // What stands before the first colon counts as the name here, whatever it is.
        let remote = rest.prefix { $0 != ":" }
        if remote.lowercased() != remote {
            throw bad("invalid reference format: repository name (\(remote)) must be lowercase")
        }
        var digestText: Substring?
        if let at = rest.firstIndex(of: "@") {
            digestText = rest[rest.index(after: at)...]
            rest = rest[..<at]
        }
        var tag: String?
        if let colon = rest.firstIndex(of: ":") {
            tag = String(rest[rest.index(after: colon)...])
            guard let tag, Self.isTag(tag) else { throw bad() }
            rest = rest[..<colon]
        }
        // A first part like `a_b.com` is no host name, but it is the beginning of a path.
        guard Self.isRepository(rest), Self.isRegistry(registry) || Self.isRepository(registry) else { throw bad() }
        if let digestText, !Self.looksLikeDigest(digestText) { throw bad() }
        guard rest.utf8.count <= 255 else { throw bad("repository name must not be more than 255 characters") }
        var digest: Digest?
        if let digestText {
            do throws(DrydockError) { digest = try Digest(digestText) } catch {
                throw bad(Self.problem(ofDigest: digestText))
            }
        }
        self.init(unchecked: String(registry), repository: String(rest), tag: tag, digest: digest)
    }

    /// The registry and what follows it: the first part is a registry where it has a dot, a colon or a capital letter
    /// in it, or is `localhost`.
    private static func split(_ text: String) -> (registry: Substring, rest: Substring) {
        var registry = Substring(defaultRegistry)
        var rest = Substring(text)
        if let slash = text.firstIndex(of: "/") {
            let first = text[..<slash]
            if first.contains(where: { $0 == "." || $0 == ":" }) || first == "localhost" || first.lowercased() != first
            {
                registry = first == "index.docker.io" ? registry : first
                rest = text[text.index(after: slash)...]
            }
        }
        if registry == defaultRegistry, !rest.contains("/") { rest = "library/" + rest }
        return (registry, rest)
    }

    /// `[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}`
    private static func looksLikeDigest(_ text: Substring) -> Bool {
        guard let colon = text.firstIndex(of: ":") else { return false }
        let hex = text[text.index(after: colon)...]
        let parts = text[..<colon].split(omittingEmptySubsequences: false) { "-_+.".contains($0) }
        return hex.utf8.count >= 32 && hex.allSatisfy { $0.isASCII && $0.isHexDigit }
            && parts.allSatisfy { part in
                guard let first = part.first, first.isASCII, first.isLetter else { return false }
                return part.utf8.allSatisfy(isAlphanumeric)
            }
    }

    private static func problem(ofDigest text: Substring) -> String {
        let parts = text.split(separator: ":", maxSplits: 1)
        guard let algorithm = parts.first.flatMap({ Digest.Algorithm(rawValue: String($0)) }) else {
            return "unsupported digest algorithm"
        }
        return parts.last?.utf8.count == algorithm.hexLength
            ? "invalid checksum digest format" : "invalid checksum digest length"
    }

    /// The same reference with the tag `latest` where it has neither tag nor digest.
    public var withDefaultTag: Reference {
        guard tag == nil, digest == nil else { return self }
        return Reference(unchecked: registry, repository: repository, tag: "latest", digest: nil)
    }

    /// The same repository with another tag and no digest.
    public func tagged(_ tag: String) -> Reference {
        Reference(unchecked: registry, repository: repository, tag: tag, digest: nil)
    }

    /// The same repository with a digest and no tag.
    public func pinned(to digest: Digest) -> Reference {
        Reference(unchecked: registry, repository: repository, tag: nil, digest: digest)
    }

    /// The repository as Docker shows it: `alpine`, `me/nodejs`, `localhost:5000/x`.
    public var familiarName: String {
        guard registry == Self.defaultRegistry else { return "\(registry)/\(repository)" }
        return repository.hasPrefix("library/") ? String(repository.dropFirst(8)) : repository
    }

    /// The whole name as Docker shows it: `alpine:3.5`, `alpine@sha256:…`.
    public var familiar: String {
        familiarName + (tag.map { ":" + $0 } ?? "") + (digest.map { "@\($0)" } ?? "")
    }

    /// The repository with its registry: `docker.io/library/alpine`.
    public var name: String { "\(registry)/\(repository)" }

    /// Whether text is a tag: `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`.
    public static func isTag(_ text: some StringProtocol) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 128 else { return false }
        return isWord(first) && text.utf8.allSatisfy { isWord($0) || $0 == 0x2e || $0 == 0x2d }
    }

    /// Whether text is a repository: path components of lower-case letters and digits, joined by `/`; inside a
    /// component `.`, `_`, `__` or any number of `-` separate.
    public static func isRepository(_ text: some StringProtocol) -> Bool {
        !text.isEmpty
            && text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
                isPathComponent(Array($0.utf8))
            }
    }

    private static func isPathComponent(_ bytes: [UInt8]) -> Bool {
        func isAlphanumeric(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) }
        guard let first = bytes.first, let last = bytes.last, isAlphanumeric(first), isAlphanumeric(last) else {
            return false
        }
        var separator: [UInt8] = []
        for byte in bytes {
            if isAlphanumeric(byte) {
                guard
                    separator.isEmpty || separator == [0x2e] || separator == [0x5f] || separator == [0x5f, 0x5f]
                        || separator.allSatisfy({ $0 == 0x2d })
                else { return false }
                separator = []
            } else if byte == 0x2e || byte == 0x5f || byte == 0x2d {
                separator.append(byte)
            } else {
                return false
            }
        }
        return true
    }

    private static func isRegistry(_ text: some StringProtocol) -> Bool {
        var host = text[...]
        if let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") {
            let port = text[text.index(after: colon)...]
            guard !port.isEmpty, port.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return false }
            host = text[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            return host.count > 2 && host.dropFirst().dropLast().allSatisfy { $0.isHexDigit || $0 == ":" }
        }
        return host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            let bytes = Array(label.utf8)
            guard let first = bytes.first, let last = bytes.last else { return false }
            return isAlphanumeric(first) && isAlphanumeric(last)
                && bytes.allSatisfy { isAlphanumeric($0) || $0 == 0x2d }
        }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x61...0x7a).contains(byte) || (0x41...0x5a).contains(byte) || (0x30...0x39).contains(byte)
    }

    private static func isWord(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || byte == 0x5f }
}

extension Reference: CustomStringConvertible {
    /// The whole name with its registry: `docker.io/library/alpine:3.5`.
    public var description: String { name + (tag.map { ":" + $0 } ?? "") + (digest.map { "@\($0)" } ?? "") }
}

private import Crypto
public import Diagnostics

/// A content digest, `algorithm:hex` (OCI image-spec, descriptor.md, "Digests").
public struct Digest: Hashable, Sendable {
    /// The algorithms that are registered by the specification and supported here.
    public enum Algorithm: String, Sendable, CaseIterable {
        /// SHA-256
        case sha256
        /// SHA-512
        case sha512

        /// The number of hexadecimal digits of a digest.
        public var hexLength: Int { self == .sha256 ? 64 : 128 }
    }

    /// The algorithm.
    public let algorithm: Algorithm
    /// The digest itself, lower-case hexadecimal.
    public let hex: String

    /// Reads `sha256:…` or `sha512:…`.
    /// - Throws: code `.invalidArgument` where the text is not a digest of a supported algorithm.
    public init(_ text: some StringProtocol) throws(DrydockError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let algorithm = Algorithm(rawValue: String(parts[0])) else {
            throw DrydockError(.invalidArgument, "invalid digest \"\(text)\"", reason: "unsupported digest algorithm")
        }
        guard let digest = Digest(algorithm: algorithm, hex: parts[1]) else {
            throw DrydockError(.invalidArgument, "invalid digest \"\(text)\"", reason: "invalid checksum digest format")
        }
        self = digest
    }

    /// Makes a digest from its parts; nil unless `hex` has the right length and only the digits 0-9 and a-f.
    public init?(algorithm: Algorithm, hex: some StringProtocol) {
        guard hex.utf8.count == algorithm.hexLength,
            hex.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        self.algorithm = algorithm
        self.hex = String(hex)
    }

    fileprivate init(algorithm: Algorithm, bytes: some Sequence<UInt8>) {
        self.algorithm = algorithm
        let digits = Array("0123456789abcdef".utf8)
        var hex: [UInt8] = []
        for byte in bytes {
            hex.append(digits[Int(byte >> 4)])
            hex.append(digits[Int(byte & 15)])
        }
        self.hex = String(decoding: hex, as: UTF8.self)
    }

    /// The SHA-256 digest of some bytes.
    public static func sha256(_ bytes: some Sequence<UInt8>) -> Digest {
        Digest(algorithm: .sha256, bytes: SHA256.hash(data: Array(bytes)))
    }

    /// The first 12 digits, as Docker prints identifiers.
    public var short: String { String(hex.prefix(12)) }
}

extension Digest: CustomStringConvertible {
    /// `sha256:…`
    public var description: String { "\(algorithm.rawValue):\(hex)" }
}

/// Computes a digest of bytes as they stream past.
public struct Digester: Sendable {
    private enum State: Sendable {
        case sha256(SHA256)
        case sha512(SHA512)
    }

    private var state: State
    /// The number of bytes seen so far.
    public private(set) var count: Int64 = 0

    /// Makes a digester.
    public init(_ algorithm: Digest.Algorithm = .sha256) {
        state = algorithm == .sha256 ? .sha256(SHA256()) : .sha512(SHA512())
    }

    /// Takes more bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        count += Int64(bytes.count)
        switch state {
        case .sha256(var hash):
            hash.update(bufferPointer: bytes)
            state = .sha256(hash)
        case .sha512(var hash):
            hash.update(bufferPointer: bytes)
            state = .sha512(hash)
        }
    }

    /// Takes more bytes.
    public mutating func update(_ bytes: some Sequence<UInt8>) {
        if bytes.withContiguousStorageIfAvailable({ update(UnsafeRawBufferPointer($0)) }) == nil {
            Array(bytes).withUnsafeBytes { update($0) }
        }
    }

    /// The digest of all bytes so far; more may follow.
    public func digest() -> Digest {
        switch state {
        case .sha256(let hash): Digest(algorithm: .sha256, bytes: hash.finalize())
        case .sha512(let hash): Digest(algorithm: .sha512, bytes: hash.finalize())
        }
    }
}

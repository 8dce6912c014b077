import Crypto
import CryptoExtras
public import Diagnostics
public import SystemPackage

/// The key that signs the hub's package repository. It is made at the hub's first use and never leaves its directory.
public struct SigningKey: Sendable {
    private let key: _RSA.Signing.PrivateKey

    /// The public half as PEM, as it lies in `/etc/apk/keys` of an image.
    public var publicPEM: String {
        let text = key.publicKey.pemRepresentation
        return text.hasSuffix("\n") ? text : text + "\n"
    }

    /// The name of the public half, in the form of Alpine's: `drydock@hub.drydock-1f0c….rsa.pub`.
    public var name: String {
        let fingerprint = Insecure.SHA1.hash(data: Array(publicPEM.utf8)).prefix(4)
        return "drydock@hub.drydock-\(Hex.text(fingerprint)).rsa.pub"
    }

    /// Makes a new key of 2048 bits.
    /// - Throws: code `.internal` where the random source fails.
    public init() throws(DrydockError) {
        do { key = try _RSA.Signing.PrivateKey(keySize: .bits2048) } catch {
            throw DrydockError(.internal, "cannot make a signing key", reason: "\(error)")
        }
    }

    /// The key in a file (PEM); makes it, readable only by its owner, where there is none.
    /// - Throws: code `.corrupt` where the file is not an RSA key.
    public init(file: FilePath) throws(DrydockError) {
        if HostFiles.exists(file) {
            let text = try HostFiles.text(file)
            do { key = try _RSA.Signing.PrivateKey(pemRepresentation: text) } catch {
                throw DrydockError(
                    .corrupt, "\(file) is not an RSA key",
                    remedy: "Remove it together with the packages directory next to it.")
            }
        } else {
            self = try SigningKey()
            try HostFiles.makeDirectories(file.removingLastComponent())
            try HostFiles.write(file, key.pemRepresentation + "\n", mode: 0o600)
        }
    }

    /// Signs bytes as apk's version 2 format wants it: PKCS #1 version 1.5 over SHA-1.
    ///
    /// SHA-1 is no longer good enough against a determined forger; it is what every apk-tools of the 2.x series checks.
    public func signature(of bytes: [UInt8]) throws(DrydockError) -> [UInt8] {
        do {
            let signature = try key.signature(for: Insecure.SHA1.hash(data: bytes), padding: .insecurePKCS1v1_5)
            return Array(signature.rawRepresentation)
        } catch { throw DrydockError(.internal, "cannot sign", reason: "\(error)") }
    }

    /// Whether a signature is one of this key over these bytes.
    public func verifies(_ signature: [UInt8], of bytes: [UInt8]) -> Bool {
        key.publicKey.isValidSignature(
            _RSA.Signing.RSASignature(rawRepresentation: signature), for: Insecure.SHA1.hash(data: bytes),
            padding: .insecurePKCS1v1_5)
    }
}

/// Bytes as hexadecimal digits and as base 64.
enum Hex {
    static func text(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var result: [UInt8] = []
        for byte in bytes { result += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        return String(decoding: result, as: UTF8.self)
    }

    static func base64(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var result: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = Array(bytes[start..<min(start + 3, bytes.count)])
            let bits = (0..<3).reduce(0) { $0 << 8 | (($1 < group.count) ? Int(group[$1]) : 0) }
            for index in 0..<4 {
                result.append(index > group.count ? UInt8(ascii: "=") : digits[bits >> (18 - 6 * index) & 63])
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

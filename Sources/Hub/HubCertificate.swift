import Crypto
public import Diagnostics
import FoundationEssentials
import Glibc
import Linux
import NIOSSL
import SwiftASN1
public import SystemPackage
import X509

/// The certificate that a hub serves TLS with.
public struct HubCertificate: Sendable {
    /// The certificate, and those between it and its authority, in PEM.
    public let chain: FilePath
    /// Its private key, in PEM.
    public let key: FilePath
    /// The SHA-256 of the certificate, `AB:CD:…`, by which people compare it.
    public let fingerprint: String

    /// A certificate that was made elsewhere.
    /// - Throws: `.invalidArgument` where one of the files is not what it must be, or they do not belong together.
    public init(chain: FilePath, key: FilePath) throws(DrydockError) {
        self.chain = chain
        self.key = key
        let bytes = try Files.read(chain)
        do {
            let certificates = try NIOSSLCertificate.fromPEMBytes(bytes)
            guard let first = certificates.first else {
                throw DrydockError(.invalidArgument, "there is no certificate in \(chain)")
            }
            fingerprint = Self.fingerprint(try first.toDERBytes())
            let privateKey = try NIOSSLPrivateKey(bytes: try Files.read(key), format: .pem)
            // BoringSSL compares the two here.
            _ = try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(privateKey)))
        } catch let error as DrydockError {
            throw error
        } catch {
            throw DrydockError(
                .invalidArgument, "cannot serve with the certificate \(chain) and the key \(key)",
                reason: "\(error)", remedy: "Both must be PEM files, and the key must be the certificate's.")
        }
    }

    /// The certificate that a hub made for itself, made now where there is none or where it lacks a name or will soon
    /// expire.
    /// - Parameter names: the host names and addresses that clients will use.
    public static func selfMade(in data: FilePath, names: [String]) throws(DrydockError) -> HubCertificate {
        let directory = data.appending("keys")
        try Files.makeDirectories(directory, mode: 0o700)
        let chain = directory.appending("tls.crt")
        let key = directory.appending("tls.key")
        let wanted = Set(names + ["localhost", "127.0.0.1", "::1"])
        if let bytes = try Files.readIfPresent(chain), Files.exists(key),
            let known = try? Certificate(pemEncoded: String(decoding: bytes, as: UTF8.self)),
            known.notValidAfter > Date.now.addingTimeInterval(86_400 * 30), wanted.isSubset(of: Self.names(of: known))
        {
            return try HubCertificate(chain: chain, key: key)
        }
        do {
            let privateKey = P256.Signing.PrivateKey()
            let (certificate, pem) = try make(for: wanted.sorted(), key: privateKey)
            _ = certificate
            try AtomicFile.write(privateKey.pemRepresentation.utf8, to: key, mode: [.ownerReadWrite])
            try AtomicFile.write(pem.utf8, to: chain)
        } catch let error as DrydockError {
            throw error
        } catch {
            throw DrydockError(.internal, "cannot make a certificate: \(error)")
        }
        return try HubCertificate(chain: chain, key: key)
    }

    private static func make(
        for names: [String], key: P256.Signing.PrivateKey
    ) throws -> (Certificate, String) {
        let subject = try DistinguishedName { CommonName("Drydock hub") }
        let alternatives = names.map { name -> GeneralName in
            if let address = Self.address(name) { return .ipAddress(.init(contentBytes: address[...])) }
            return .dnsName(name)
        }
        let signer = Certificate.PrivateKey(key)
        let now = Date.now
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: signer.publicKey,
            notValidBefore: now.addingTimeInterval(-3600), notValidAfter: now.addingTimeInterval(86_400 * 397),
            issuer: subject, subject: subject, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                // It is its own authority: a client trusts it by having it.
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(digitalSignature: true, keyCertSign: true))
                try ExtendedKeyUsage([.serverAuth])
                SubjectAlternativeNames(alternatives)
            }, issuerPrivateKey: signer)
        return (certificate, try certificate.serializeAsPEM().pemString + "\n")
    }

    private static func names(of certificate: Certificate) -> Set<String> {
        var names: Set<String> = []
        for name in (try? certificate.extensions.subjectAlternativeNames) ?? SubjectAlternativeNames([]) {
            switch name {
            case .dnsName(let name): names.insert(name)
            case .ipAddress(let octets): names.insert(Self.text(Array(octets.bytes)))
            default: break
            }
        }
        return names
    }

    /// The bytes of an IP address; nil where it is a name.
    private static func address(_ text: String) -> [UInt8]? {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: &four) { Array($0) } }
        var six = in6_addr()
        if inet_pton(AF_INET6, text, &six) == 1 { return withUnsafeBytes(of: &six) { Array($0) } }
        return nil
    }

    private static func text(_ address: [UInt8]) -> String {
        var buffer = [CChar](repeating: 0, count: 64)
        guard inet_ntop(address.count == 4 ? AF_INET : AF_INET6, address, &buffer, 64) != nil else { return "" }
        return buffer.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }

    private static func fingerprint(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789ABCDEF")
        return SHA256.hash(data: bytes).map { "\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }
            .joined(separator: ":")
    }

    /// The names and addresses by which this machine can be reached.
    public static func ownNames() -> [String] {
        var names: [String] = []
        var buffer = [CChar](repeating: 0, count: 256)
        if gethostname(&buffer, 255) == 0 {
            let name = buffer.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
            if !name.isEmpty { names.append(name.lowercased()) }
        }
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return names }
        defer { freeifaddrs(list) }
        var entry = list
        while let current = entry?.pointee {
            if let address = current.ifa_addr {
                var host = [CChar](repeating: 0, count: 256)
                let size =
                    address.pointee.sa_family == sa_family_t(AF_INET)
                    ? MemoryLayout<sockaddr_in>.size
                    : address.pointee.sa_family == sa_family_t(AF_INET6) ? MemoryLayout<sockaddr_in6>.size : 0
                if size > 0,
                    getnameinfo(address, socklen_t(size), &host, 256, nil, 0, NI_NUMERICHOST) == 0
                {
                    let text = host.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
                    if !text.isEmpty, !text.contains("%") { names.append(text) }
                }
            }
            entry = current.ifa_next
        }
        return names
    }

    /// The settings of a server that has this certificate.
    func configuration() throws -> TLSConfiguration {
        .makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(try Files.read(chain)).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: try Files.read(key), format: .pem)))
    }
}

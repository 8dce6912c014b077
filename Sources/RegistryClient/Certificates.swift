import Diagnostics
import Linux
import NIOSSL
import Synchronization
import SystemPackage

/// How the registries' certificates are checked, and what this side shows of itself: Docker's `certs.d`.
///
/// `<directory>/<host:port>/*.crt` are authorities that are trusted for that registry besides the machine's own;
/// `<name>.cert` with `<name>.key` is a certificate to show.
final class Certificates: Sendable {
    private let directories: [FilePath]
    private let known = Mutex<[String: TLSConfiguration?]>([:])

    init(directories: [FilePath]) { self.directories = directories }

    /// The TLS settings for a host with its port; nil for the usual ones.
    /// - Throws: `.invalidArgument` for files that are no certificates, `.system` for those that cannot be read.
    func settings(for authority: String, verifies: Bool) throws(DrydockError) -> TLSConfiguration? {
        let key = (verifies ? "+" : "-") + authority
        if let found = known.withLock({ $0[key] }) { return found }
        let made = try make(authority, verifies: verifies)
        known.withLock { $0[key] = .some(made) }
        return made
    }

    private func make(_ authority: String, verifies: Bool) throws(DrydockError) -> TLSConfiguration? {
        var settings = TLSConfiguration.makeClientConfiguration()
        var isUsual = verifies
        if !verifies { settings.certificateVerification = .none }
        for directory in directories {
            let folder = directory.appending(authority)
            guard Files.exists(folder) else { continue }
            for name in try Files.names(in: folder).sorted() {
                let file = folder.appending(name).string
                do {
                    if name.hasSuffix(".crt") {
                        let authorities = try NIOSSLCertificate.fromPEMFile(file)
                        settings.additionalTrustRoots.append(.certificates(authorities))
                        isUsual = false
                    } else if name.hasSuffix(".cert") {
                        let keyFile = String(file.dropLast(5)) + ".key"
                        settings.certificateChain = try NIOSSLCertificate.fromPEMFile(file).map { .certificate($0) }
                        settings.privateKey = .privateKey(try NIOSSLPrivateKey(file: keyFile, format: .pem))
                        isUsual = false
                    }
                } catch {
                    throw DrydockError(
                        .invalidArgument, "cannot use the certificate \(file)",
                        reason: "it, or the key beside it, is missing or is not in PEM form: \(error)",
                        remedy: "Replace the file, or remove it.")
                }
            }
        }
        return isUsual ? nil : settings
    }
}

import ArgumentParser
import Diagnostics
import DockerCLI
import Glibc
import Hub
import Linux
import Runtime
import SystemPackage

extension HubCommand {
    /// `drydock hub serve`
    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Serve until stopped.")

        @Option(name: .long, help: "Where to listen, ADDR:PORT (default: 127.0.0.1 and a port of this home's own).")
        var listen: String?
        @OptionGroup var data: DataOption
        @Option(name: .long, help: "The registry that misses are passed on to; 'none' for none.")
        var upstream: String?
        @Option(
            name: .customLong("upstream-for"),
            help: "Another registry to stand in for, NAME=URL; its repositories begin with NAME. Repeatable.")
        var others: [String] = []
        @Flag(name: .long, help: "Never use the network.") var offline = false
        @Flag(name: .long, help: "Serve TLS with a certificate that the hub makes for itself.") var tls = false
        @Option(name: .long, help: "Serve TLS with this certificate (PEM).") var tlsCert: String?
        @Option(name: .long, help: "The certificate's private key (PEM).") var tlsKey: String?
        @Option(name: .long, help: "A further name or address for the hub's own certificate. Repeatable.")
        var tlsName: [String] = []
        @Flag(name: .long, help: "Only 'drydock hub user add' makes accounts.") var closed = false
        @Flag(name: .long, help: "Take manifests and indexes that name what is not there.") var sparse = false
        @Option(name: .long, help: "End after so many seconds without a request while no prompt is open.")
        var idleExit: Int?
        @Option(name: .long, help: .hidden) var readyFd: Int32?

        func run() async throws {
            let places = Places()
            let directory = data.path(places)
            try await reporting { () async throws(DrydockError) in
                var settings = HubSettings(data: directory, listen: listen)
                settings.use(upstream: upstream, places)
                settings.otherUpstreams = try HubCommand.named(others)
                settings.isOffline = offline
                settings.isRegistrationOpen = !closed
                settings.certificate = try certificate(directory)
                if listen == nil, settings.certificate == nil {
                    let home = directory.removingLastComponent()
                    settings.extraListen = "\(HubForward.address(forHome: home)):5480"
                }
                settings.idleExit = idleExit.map { .seconds($0) }
                settings.readyDescriptor = readyFd
                settings.acceptsSparse = sparse
                let quiet = readyFd != nil
                let chosen = settings
                try await HubServer.run(
                    chosen, courseImages: { PracticeHubContent(registry: $0) },
                    ready: { address in
                        if !quiet {
                            Self.announce(directory, address, chosen.certificate, listen)
                        }
                    })
            }
        }

        private func certificate(_ data: FilePath) throws(DrydockError) -> HubCertificate? {
            switch (tlsCert, tlsKey) {
            case (let chain?, let key?):
                return try HubCertificate(chain: HubCommand.absolute(chain), key: HubCommand.absolute(key))
            case (nil, nil):
                guard tls else { return nil }
                let host = listen.flatMap { HubAddress($0)?.host }
                let own = ["0.0.0.0", "::"].contains(host) ? HubCertificate.ownNames() : host.map { [$0] } ?? []
                return try HubCertificate.selfMade(in: data, names: own + tlsName)
            default:
                throw DrydockError(.invalidArgument, "--tls-cert and --tls-key belong together")
            }
        }

        /// Says where the hub is, and how others come to trust it.
        private static func announce(
            _ directory: FilePath, _ address: HubAddress, _ certificate: HubCertificate?, _ listen: String?
        ) {
            StandardStream.output.line("The practice hub serves \(directory) at \(address.url)")
            let host = listen.flatMap { HubAddress($0)?.host } ?? "127.0.0.1"
            let isOpen = !(host.hasPrefix("127.") || host == "::1" || host == "localhost")
            if isOpen {
                for name in HubCertificate.ownNames() where !name.hasPrefix("127.") && name != "::1" {
                    let place = HubAddress(host: name, port: address.port, isSecure: address.isSecure)
                    StandardStream.output.line("  learners: drydock hub join \(place.url)")
                }
            }
            if let certificate {
                StandardStream.output.line("  certificate: \(certificate.chain)")
                StandardStream.output.line("  SHA-256 fingerprint: \(certificate.fingerprint)")
            } else if isOpen {
                StandardStream.errors.line(
                    "warning: passwords and images cross the network in plain text: add --tls, or use a trusted network."
                )
            }
        }
    }

    /// `NAME=URL` pairs.
    static func named(_ pairs: [String]) throws(DrydockError) -> [String: String] {
        var found: [String: String] = [:]
        for pair in pairs {
            let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, parts[0].contains("."), parts[1].hasPrefix("http") else {
                throw DrydockError(
                    .invalidArgument, "invalid upstream: \(pair)", remedy: "Write it as quay.io=https://quay.io")
            }
            found[parts[0]] = parts[1].hasSuffix("/") ? String(parts[1].dropLast()) : parts[1]
        }
        return found
    }
}

extension HubSettings {
    /// Takes the upstream of the command line, or that of the environment.
    mutating func use(upstream: String?, _ places: Places) {
        let named = upstream ?? places.environment["DRYDOCK_UPSTREAM"]
        if let named, !named.isEmpty { self.upstream = named == "none" ? nil : named }
    }
}

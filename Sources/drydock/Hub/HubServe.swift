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
        @Flag(name: .long, help: "Take manifests and indexes that name what is not there.") var sparse = false
        @Option(name: .long, help: "End after so many seconds without a request while no prompt is open.")
        var idleExit: Int?
        @Option(name: .long, help: .hidden) var readyFd: Int32?

        func run() async throws {
            let places = Places()
            let directory = data.path(places)
            try await reporting { () async throws(DrydockError) in
                var settings = HubSettings(data: directory, listen: listen)
                let named = upstream ?? places.environment["DRYDOCK_UPSTREAM"]
                if let named, !named.isEmpty { settings.upstream = named == "none" ? nil : named }
                if listen == nil {
                    let home = directory.removingLastComponent()
                    settings.extraListen = "\(HubForward.address(forHome: home)):5480"
                }
                settings.idleExit = idleExit.map { .seconds($0) }
                settings.readyDescriptor = readyFd
                settings.acceptsSparse = sparse
                let quiet = readyFd != nil
                try await HubServer.run(
                    settings, courseImages: { PracticeHubContent(registry: $0) },
                    ready: { address in
                        if !quiet {
                            StandardStream.output.line("The practice hub serves \(directory) at \(address.url)")
                        }
                    })
            }
        }
    }
}

import ArgumentParser
import Diagnostics
import DockerCLI
import Engine
import Glibc
import Hub
import Linux
import SystemPackage

/// `drydock hub …`: the practice hub on its own.
struct HubCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hub", abstract: "The practice hub: an OCI registry on this machine.",
        subcommands: [
            Serve.self, Prepare.self, User.self, Repositories.self, Describe.self, Log.self, Check.self, Clean.self,
            Mirror.self, Export.self, Import.self, Join.self, Leave.self,
        ])

    /// Where the hub's data is.
    struct DataOption: ParsableArguments {
        @Option(name: .long, help: "The hub's data directory (default: DRYDOCK_HOME/hub).")
        var data: String?

        func path(_ places: Places) -> FilePath {
            guard let data else { return places.home.hub }
            return HubCommand.absolute(data)
        }

        /// The hub's data, made where there is none.
        func registry() throws(DrydockError) -> HubRegistry { try HubRegistry(data: path(Places())) }

        /// The hub's data.
        /// - Throws: `.notFound` where there is no hub.
        func existing() throws(DrydockError) -> HubRegistry {
            let path = path(Places())
            guard Files.exists(path.appending("hub.sqlite")) else {
                throw DrydockError(
                    .notFound, "there is no hub in \(path)",
                    remedy: "Name its directory with --data, or make one with 'drydock hub serve' or 'prepare'.")
            }
            return try HubRegistry(data: path)
        }
    }

    /// `--json`
    struct JSONFlag: ParsableArguments {
        @Flag(name: .long, help: "Print one JSON document for machines.") var json = false
    }

    /// A path as the user means it.
    static func absolute(_ text: String) -> FilePath {
        let path = FilePath(text)
        return (path.isAbsolute ? path : Places.workingDirectory.pushing(path)).lexicallyNormalized()
    }

    /// A number of bytes as people read it.
    static func bytes(_ number: Int64) -> String {
        var value = Double(number)
        for unit in ["B", "kB", "MB", "GB"] {
            if value < 1000 { return unit == "B" ? "\(number) B" : "\((value * 10).rounded() / 10) \(unit)" }
            value /= 1000
        }
        return "\((value * 10).rounded() / 10) TB"
    }

    /// `drydock hub prepare`
    struct Prepare: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the course images and packages that are not there yet.")

        @OptionGroup var data: DataOption

        func run() async throws {
            let places = Places()
            try await reporting { () async throws(DrydockError) in
                try await LocalHub(places: places, data: data.path(places)).prepareWithProgress()
            }
        }
    }
}

import ArgumentParser
import Diagnostics
import Engine
import SystemPackage

/// `drydock bundle CONTAINER`: a container in the words of the OCI runtime specification, and its plan.
struct BundleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bundle", abstract: "Print a container's OCI config.json, or write it as a bundle.",
        discussion: """
            Nothing is started. A bundle is a directory with config.json and rootfs, which any OCI runtime runs: \
            runc run -b DIR NAME, or drydock runtime run -b DIR NAME.
            """)

    @Argument(help: "The container's name or ID.") var container: String
    @Option(name: .shortAndLong, help: "Write the bundle into this new directory.") var output: String?
    @Flag(name: .long, help: "Print what the runtime would do, operation by operation.") var plan = false

    /// Whether a command line is one of these: the files of a container need every identity that they belong to.
    static func isMeant(by words: [String]) -> Bool { words.dropFirst().first == "bundle" }

    func run() async throws {
        try await reporting { () async throws(DrydockError) in
            let engine = try Composition(places: Places()).engine()
            if plan { return print(try engine.launchPlan(container)) }
            guard let output else { return print(try engine.bundleConfiguration(container).pretty()) }
            let path = FilePath(output)
            try engine.writeBundle(
                container, to: path.isAbsolute ? path : Places.workingDirectory.pushing(path).lexicallyNormalized())
        }
    }
}

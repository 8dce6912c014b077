import ArgumentParser
import Diagnostics
import Engine
import OCI
import SystemPackage

extension SystemCommand {
    /// `drydock system fetch NAME DIRECTORY`
    struct Fetch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "fetch", abstract: "Fetch an image into an OCI layout, without unpacking it.")
        @Argument(help: "The image, as docker pull takes it.") var image: String
        @Argument(help: "The directory of the layout; made where there is none.") var directory: String

        func run() async throws {
            try await reporting { () async throws(DrydockError) in
                let engine = try Composition(places: Places()).engine()
                let path = FilePath(directory)
                let place = path.isAbsolute ? path : Places.workingDirectory.pushing(path)
                let manifest = try await engine.fetch(try Reference(parsing: image), into: place, .none)
                await engine.shutdown()
                print(manifest.digest)
            }
        }
    }
}

import ArgumentParser
import Diagnostics
import Engine
import Glibc
import Hub
import Linux
import SystemPackage

extension HubCommand {
    /// `drydock hub join`
    struct Join: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a classroom's hub play docker.io for this home.",
            discussion: "DRYDOCK_HUB does the same for single commands. 'drydock hub leave' goes back.")
        @Argument(help: "Its address, as 'drydock hub serve' shows it: http://10.0.0.5:5480") var url: String
        @Option(name: .long, help: "The SHA-256 fingerprint of its certificate, as the instructor shows it.")
        var fingerprint: String?
        @Option(name: .long, help: "A file with its certificate (PEM).") var ca: String?

        func run() async throws {
            let places = Places()
            try await reporting { () async throws(DrydockError) in
                var hub = try ClassroomHub(url: url)
                var authority: [UInt8]?
                if let ca {
                    authority = try Files.read(HubCommand.absolute(ca))
                } else if let fingerprint {
                    authority = try hub.certificate(fingerprint: fingerprint)
                }
                if let authority { hub = try ClassroomHub(url: url, authority: authority) }
                try hub.probe()
                if let authority {
                    let file = JoinedHub.certificate(places, hub.authorityName)
                    try Files.makeDirectories(file.removingLastComponent())
                    try AtomicFile.write(authority, to: file)
                }
                try Files.makeDirectories(places.home.path)
                let document: JSONValue = ["url": .string(hub.url)]
                try AtomicFile.write((document.compact + "\n").utf8, to: JoinedHub.file(places))
                print("docker.io is now the hub at \(hub.url).")
            }
        }
    }

    /// `drydock hub leave`
    struct Leave: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let this home's own hub play docker.io again.")

        func run() async throws {
            let places = Places()
            try await reporting { () async throws(DrydockError) in
                let file = JoinedHub.file(places)
                guard Files.exists(file) else {
                    print("This home has not joined a hub.")
                    return
                }
                try Files.removeTree(file)
                print("docker.io is this home's own hub again.")
            }
        }
    }
}

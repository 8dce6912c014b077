import ArgumentParser
import Diagnostics
import DockerCLI
import Glibc
import Hub
import Linux
import OCI
import SystemPackage

extension HubCommand {
    /// `--platform`
    struct PlatformOption: ParsableArguments {
        @Option(name: .customLong("platform"), help: "Only this platform, linux/arm64. Repeatable; all without it.")
        var names: [String] = []

        func platforms() throws(DrydockError) -> [Platform] {
            var platforms: [Platform] = []
            for name in names.flatMap({ $0.split(separator: ",").map(String.init) }) {
                platforms.append(try Platform(parsing: name))
            }
            return platforms
        }
    }

    /// `drydock hub mirror`
    struct Mirror: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Fetch images into the hub ahead of time.",
            discussion: "Each image comes whole: all of its blobs, for the chosen platforms.")
        @Argument(help: "The images: alpine:3.20, quay.io/coreos/etcd:v3.5.") var images: [String]
        @OptionGroup var platform: PlatformOption
        @Option(name: .long, help: "Where docker.io's images come from (default: Docker Hub).") var upstream: String?
        @Option(name: .customLong("upstream-for"), help: "Where another registry is, NAME=URL. Repeatable.")
        var others: [String] = []
        @Flag(name: .long, help: "Never use the network.") var offline = false
        @OptionGroup var data: DataOption
        @OptionGroup var output: JSONFlag

        func run() async throws {
            let places = Places()
            try await reporting { () async throws(DrydockError) in
                let platforms = try platform.platforms()
                var references: [Reference] = []
                for image in images { references.append(try Reference(parsing: image)) }
                var settings = HubSettings(data: data.path(places))
                settings.use(upstream: upstream, places)
                settings.otherUpstreams = try HubCommand.named(others)
                settings.isOffline = offline
                settings.upstreamPatience = .seconds(10)
                let mirror = try HubMirror(registry: try data.registry(), settings: settings)
                var failures: [(String, DrydockError)] = []
                var reports: [MirrorReport] = []
                for reference in references {
                    do throws(DrydockError) {
                        let report = try await mirror.fetch(reference, platforms: platforms)
                        reports.append(report)
                        if !output.json {
                            let which =
                                report.platforms.isEmpty ? "" : " for \(report.platforms.joined(separator: ", "))"
                            print(
                                "\(report.image)\(which): \(report.fetched) blobs fetched "
                                    + "(\(HubCommand.bytes(report.bytes))), \(report.present) were here.")
                        }
                    } catch {
                        failures.append((reference.familiar, error))
                        if !output.json { report(error) }
                    }
                }
                if output.json {
                    let failed = failures.map { (name, error) -> JSONValue in
                        ["image": .string(name), "error": .string(error.description)]
                    }
                    let document: JSONValue = ["images": .array(reports.map(\.json)), "failed": .array(failed)]
                    print(document.compact)
                }
                if !failures.isEmpty { Glibc.exit(1) }
            }
        }
    }

    /// `drydock hub export`
    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write images, packages and the catalogue into one file, for a USB stick.",
            discussion: """
                The file is an OCI image layout as a tar archive: 'drydock hub import' reads it, and so does \
                'skopeo copy oci-archive:FILE:alpine:3.20 …'.
                """)
        @Argument(help: "The file to write.") var file: String
        @Argument(help: "The images; all without them.") var images: [String] = []
        @OptionGroup var platform: PlatformOption
        @OptionGroup var data: DataOption
        @OptionGroup var output: JSONFlag

        func run() async throws {
            try await reporting { () async throws(DrydockError) in
                let registry = try data.existing()
                var references: [Reference] = []
                for image in images { references.append(try Reference(parsing: image).withDefaultTag) }
                let report = try registry.exportArchive(
                    to: HubCommand.absolute(file), images: references, platforms: try platform.platforms())
                print(output.json ? report.json.compact : Import.words("written", report))
            }
        }
    }

    /// `drydock hub import`
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read a file of 'drydock hub export', or another OCI archive, into the hub.",
            discussion: "The hub may be in use. An import that was interrupted can be repeated.")
        @Argument(help: "The file to read.") var file: String
        @OptionGroup var data: DataOption
        @OptionGroup var output: JSONFlag

        func run() async throws {
            try await reporting { () async throws(DrydockError) in
                let path = HubCommand.absolute(file)
                guard Files.exists(path) else { throw DrydockError(.notFound, "there is no file \(file)") }
                let report = try data.registry().importArchive(from: path)
                print(output.json ? report.json.compact : Self.words("read", report))
            }
        }

        static func words(_ verb: String, _ report: HubCarriage) -> String {
            "\(counted(report.images.count, "image")), \(counted(report.blobs, "blob")) "
                + "(\(HubCommand.bytes(report.bytes))) and \(counted(report.packages, "package file")) \(verb)."
        }

        private static func counted(_ count: Int, _ noun: String) -> String {
            "\(count) \(noun)\(count == 1 ? "" : "s")"
        }
    }
}

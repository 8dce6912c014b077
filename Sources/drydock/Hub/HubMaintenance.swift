import ArgumentParser
import Diagnostics
import DockerCLI
import Glibc
import Hub

extension HubCommand {
    /// `drydock hub check`
    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read every blob and follow every reference.",
            discussion: "Ends with status 0 only when everything is whole. The hub may be in use.")
        @OptionGroup var data: DataOption
        @OptionGroup var output: JSONFlag
        @Flag(name: .long, help: "Take damaged blobs away, so that they can be pushed or mirrored again.") var mend =
            false

        func run() async throws {
            try await reporting { () async throws(DrydockError) in
                let report = try data.existing().check(mending: mend)
                let count = report.problems.count == 1 ? "1 problem" : "\(report.problems.count) problems"
                if output.json {
                    print(report.json.compact)
                } else {
                    for problem in report.problems {
                        StandardStream.errors.line("\(problem.kind): \(problem.name): \(problem.reason)")
                    }
                    print(
                        "\(report.blobs) blobs (\(HubCommand.bytes(report.bytes))), \(report.manifests) manifests and "
                            + "\(report.tags) tags were checked: "
                            + (report.problems.isEmpty ? "all is whole." : "\(count)."))
                }
                if !report.problems.isEmpty {
                    if output.json { Glibc.exit(1) }
                    let again = "push or mirror again what is named above; 'drydock hub gc' removes what nothing needs."
                    throw DrydockError(
                        .corrupt, "the hub has \(count)",
                        remedy: mend
                            ? "Now \(again)" : "Take damaged blobs away with 'drydock hub check --mend', then \(again)")
                }
            }
        }
    }

    /// `drydock hub gc`
    struct Clean: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "gc", abstract: "Remove what nothing refers to, while pushes go on.")
        @OptionGroup var data: DataOption
        @OptionGroup var output: JSONFlag
        @Option(name: .long, help: "Leave what is younger than so many seconds: a push may be about to refer to it.")
        var grace: Int64 = 3600
        @Flag(name: .long, help: "Also remove manifests that no tag leads to.") var untagged = false
        @Flag(name: .long, help: "Only say what would be removed.") var dryRun = false

        func validate() throws {
            guard grace >= 0 else { throw ValidationError("--grace must not be negative") }
        }

        func run() async throws {
            try await reporting { () async throws(DrydockError) in
                let report = try data.existing().collectGarbage(grace: grace, untagged: untagged, onlyLooking: dryRun)
                if output.json {
                    print(report.json.compact)
                } else {
                    let verb = dryRun ? "would be removed" : "removed"
                    let manifests = untagged ? "\(report.manifests) manifests and " : ""
                    print(
                        "\(manifests)\(report.blobs) blobs \(verb), \(HubCommand.bytes(report.bytes))."
                            + (report.young > 0 ? " \(report.young) are too young." : ""))
                }
            }
        }
    }
}

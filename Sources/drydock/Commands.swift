import ArgumentParser
import Diagnostics
import Engine
import Glibc
import Lessons
import Linux
import Runtime
import SystemPackage
import Tutor

/// `drydock` alone: the prompt.
struct PromptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "learn", abstract: "Open the prompt (the default).")

    @Option(name: .long, help: "The language: en or fr.") var lang: String?

    func run() async throws {
        try await reporting { () async throws(DrydockError) in
            var configuration = try Composition(places: Places()).tutor()
            configuration.language = lang
            Glibc.exit(TutorSession(configuration).run())
        }
    }
}

/// `drydock run-script FILE`
struct RunScriptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run-script", abstract: "Play a session without a person.",
        discussion: """
            Each line of FILE is typed at the prompt. A line that begins with '>' is typed into the terminal of the \
            command before it. A line that begins with '#' is a comment.
            """)

    @Argument(help: "The script; '-' for standard input.") var file: String
    @Flag(name: .long, help: "End with the status of the first command that fails.") var strict = false
    @Option(name: .long, help: "The language: en or fr.") var lang: String?

    func run() async throws {
        try await reporting { () async throws(DrydockError) in
            let bytes = file == "-" ? try StandardPrompt.readAll() : try Files.read(FilePath(file))
            var configuration = try Composition(places: Places()).tutor()
            configuration.language = lang
            Glibc.exit(ScriptRunner(configuration, strict: strict).run(script: String(decoding: bytes, as: UTF8.self)))
        }
    }
}

/// `drydock config`
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Show where everything is kept.")

    func run() async throws {
        let places = Places()
        print("home:     \(places.home.path)")
        print("content:  \((try? places.content().string) ?? "not found; set DRYDOCK_CONTENT")")
        print("docker:   \(places.home.dockerConfig)")
        print("hub:      \(places.home.hub)")
    }
}

/// `drydock system …`: what the engine needs done now and then.
struct SystemCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "system", abstract: "Look after the state.",
        subcommands: [Check.self, Fetch.self, Start.self, Erase.self, Cleanup.self])

    /// `drydock system check`
    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look at every invariant of the store, and mend what a crash has left.",
            discussion: "Ends with 1 where something is left that cannot be mended here.")
        @Flag(name: .long, help: "Only look; change nothing.") var dryRun = false
        @Flag(name: .long, help: "Compare every layer and blob with its digest, too.") var contents = false
        @Flag(name: .long, help: "Print the report as JSON.") var json = false

        /// Whether a command line is one that checks: reading all layers needs every identity that made files in them.
        static func isMeant(by words: [String]) -> Bool { words.dropFirst().prefix(2) == ["system", "check"] }

        func run() async throws {
            try await reporting { () async throws(DrydockError) in
                let report = try Composition(places: Places()).engine().check(repair: !dryRun, contents: contents)
                if json {
                    print(report.json.pretty(indent: 2))
                } else {
                    for problem in report.problems {
                        print(
                            "\(problem.isRepaired ? "mended" : "found"): \(problem.kind): \(problem.object): "
                                + problem.detail)
                    }
                    print(
                        report.isConsistent
                            ? "The state is consistent: \(report.images) images, \(report.layers) layers, "
                                + "\(report.containers) containers." : "The state is not consistent.")
                }
                guard report.isConsistent else {
                    throw DrydockError(
                        .corrupt, "the store has problems",
                        remedy: dryRun
                            ? "Mend them: drydock system check"
                            : "Remove the images that are named, and pull them again.")
                }
            }
        }
    }

    /// `drydock system start`
    struct Start: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Start the containers whose restart policy wants it, after the machine was restarted.")

        /// Whether a command line is one that starts containers: as a user, that needs every identity.
        static func isMeant(by words: [String]) -> Bool { words.dropFirst().prefix(2) == ["system", "start"] }

        func run() async throws {
            try await reporting { () async throws(DrydockError) in
                let outcome = try Composition(places: Places()).engine().startAgain()
                for name in outcome.started { print(name) }
                for (name, error) in outcome.failed { print("\(name): \(error.message)") }
                if let first = outcome.failed.first { throw first.error.exiting(1) }
            }
        }
    }

    /// `drydock system erase --force`
    struct Erase: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove the whole state: containers, images, the practice hub and its accounts, progress.")
        @Flag(name: .shortAndLong, help: "Really do it.") var force = false

        /// Whether a command line is one that erases: that needs every identity that made files in the home.
        static func isMeant(by words: [String]) -> Bool { words.dropFirst().prefix(2) == ["system", "erase"] }

        func run() async throws {
            try await reporting { () async throws(DrydockError) in
                let places = Places()
                guard force else {
                    throw DrydockError(
                        .invalidArgument, "nothing was removed", reason: "this cannot be undone",
                        remedy: "To remove everything in \(places.home.path), say --force.")
                }
                guard Files.exists(places.home.path) else { return }
                let composition = Composition(places: places)
                if Files.exists(places.home.store) {
                    let engine = try composition.engine()
                    for container in try engine.containers(all: true, sizes: false, matching: [:]) {
                        try engine.removeContainer(container.id, force: true, volumes: true)
                    }
                }
                try composition.hub.stop()
                try Files.removeTree(places.home.path)
            }
        }
    }

    /// `drydock system cleanup ID`: a monitor calls it when a container that ran with `--rm` ended unattended.
    struct Cleanup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "cleanup", abstract: "Remove a container that ended.", shouldDisplay: false)
        @Argument var id: String

        func run() async throws {
            try await reporting { () async throws(DrydockError) in
                try Composition(places: Places()).engine().removeContainer(id, force: false, volumes: true)
            }
        }
    }
}

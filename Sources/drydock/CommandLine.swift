import ArgumentParser
import Diagnostics
import DockerCLI
import Glibc

/// Prints an error as every command of ours does: what happened, why, what to do next.
func report(_ error: DrydockError) {
    var text = "drydock: \(error.message)\n"
    if let reason = error.reason { text += "  why: \(reason)\n" }
    if let remedy = error.remedy { text += "  what to do: \(remedy)\n" }
    StandardStream.errors.write(text)
}

/// Runs work that throws our errors, prints them and ends with their exit status.
func reporting(_ work: () async throws(DrydockError) -> Void) async throws {
    do {
        try await work()
    } catch {
        report(error)
        throw ExitCode(error.exitStatus)
    }
}

/// `drydock`: the prompt, and everything that scripts rely on.
struct DrydockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drydock",
        abstract: "Learn containers at a prompt that really does what you type.",
        discussion: """
            Without a subcommand, opens the prompt. All state is in DRYDOCK_HOME (~/.local/share/drydock where it is \
            not set).
            """,
        version: "0.1.0",
        subcommands: [
            PromptCommand.self, DockerPlaceholder.self, RunScriptCommand.self, ExerciseCommand.self, HubCommand.self,
            DoctorCommand.self, ConfigCommand.self, BundleCommand.self, SystemCommand.self,
        ],
        defaultSubcommand: PromptCommand.self)
}

/// `drydock docker` is dispatched before the argument parser sees it; this entry is for the help page.
struct DockerPlaceholder: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "docker", abstract: "Run one docker command: drydock docker ARGS…")

    @Argument(parsing: .captureForPassthrough, help: "What would follow the word docker.")
    var arguments: [String] = []

    func run() async throws {
        throw ExitCode(await DockerMain.run(arguments, places: Places()))
    }
}

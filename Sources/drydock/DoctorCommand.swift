import ArgumentParser
import Diagnostics
import DockerCLI
import Runtime

/// `drydock doctor`: what this machine can do, and for each gap its effect and its remedy.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Say what this machine can do for containers.",
        discussion: "Ends with status 1 where something is missing.")

    @Option(name: .long, help: "The language: en or fr.") var lang: String?
    @Flag(name: .long, help: "One JSON document, for machines.") var json = false

    func run() async throws {
        let places = Places()
        let isFrench = (lang ?? places.language) == "fr"
        func text(_ text: Capability.Text) -> String { isFrench ? text.french : text.english }
        let capabilities = Capability.probe()
        if json {
            let list = capabilities.map { capability -> JSONValue in
                [
                    "name": .string(capability.name), "present": .bool(capability.present),
                    "detail": .string(capability.detail), "effect": .string(text(capability.effect)),
                    "remedy": .string(text(capability.remedy)),
                ]
            }
            StandardStream.output.line(JSONValue.array(list).pretty())
        } else {
            let (present, missing, effect, remedy) =
                isFrench ? ("oui", "NON", "effet :", "remède :") : ("yes", "NO", "effect:", "remedy:")
            for capability in capabilities {
                let mark = capability.present ? present : missing
                let detail = capability.detail.isEmpty ? "" : " (\(capability.detail))"
                StandardStream.output.line("[\(mark)] \(text(capability.title))\(detail)")
                guard !capability.present else { continue }
                StandardStream.output.line("      \(effect) \(text(capability.effect))")
                StandardStream.output.line("      \(remedy) \(text(capability.remedy))")
            }
        }
        if capabilities.contains(where: { !$0.present }) { throw ExitCode(1) }
    }
}

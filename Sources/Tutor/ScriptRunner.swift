import Diagnostics
import Glibc
public import Lessons
import Terminal

/// Plays a session without a person: `drydock run-script FILE`.
///
/// A line is typed at the prompt; a line that begins with `>` is typed into the terminal of the command before it, as
/// soon as that waits for something; a line that begins with `#` is a comment. `{{user}}` and `{{password}}` stand for
/// the learner's hub account. What is printed reads like a recording.
public final class ScriptRunner {
    private let configuration: TutorConfiguration
    private let strict: Bool
    private let console: Console
    private let isDirect: Bool

    /// Makes a runner that writes to standard output.
    /// - Parameter strict: whether a command that fails ends the script with its exit status.
    public init(_ configuration: TutorConfiguration, strict: Bool = false) {
        self.configuration = configuration
        self.strict = strict
        console = Console(descriptor: 1, environment: configuration.environment)
        isDirect = isatty(1) == 0
    }

    /// Makes a runner whose output, with that of the commands, is handed to a closure.
    public init(
        _ configuration: TutorConfiguration, strict: Bool = false, output: @escaping @Sendable (String) -> Void
    ) {
        self.configuration = configuration
        self.strict = strict
        console = Console(look: { .plain }, write: output)
        isDirect = false
    }

    /// Plays a script.
    ///
    /// Blocks the calling thread, which must not be one of the cooperative pool.
    /// - Returns: the exit status of the process: 0, or in strict mode that of the command that failed.
    public func run(script: String) -> Int32 {
        let lines = script.split(separator: "\n", omittingEmptySubsequences: true)
            .map { String($0).trimmingSpaces }.filter { !$0.isEmpty && !$0.hasPrefix("#") }
        guard let transcript = Transcript(parsing: lines.joined(separator: "\n")) else {
            fail(
                DrydockError(
                    .invalidArgument, "the script begins with a line for a terminal",
                    reason: "there is no command yet that “>” could type into"))
            return 1
        }
        return run(transcript)
    }

    /// Plays a transcript; see `run(script:)`.
    public func run(_ transcript: Transcript) -> Int32 {
        do throws(DrydockError) {
            let session = try Session(
                configuration, console: console, runner: ScriptedRunner(console: console, isDirect: isDirect),
                asker: NobodyThere())
            try session.begin()
            return play(transcript, in: session)
        } catch {
            fail(error)
            return error.exitStatus
        }
    }

    private func play(_ transcript: Transcript, in session: Session) -> Int32 {
        for command in transcript.commands {
            let line = session.filled(command.line)
            console.line(session.prompt + line)
            switch session.handle(line, input: command.input.map(session.filled)) {
            case .quit:
                session.end()
                return 0
            case .more(let status):
                if strict, status != 0 { return status }
            }
        }
        return 0
    }

    private func fail(_ error: DrydockError) {
        let errors = Console(descriptor: 2, environment: configuration.environment)
        errors.line("drydock: \(error.message)")
        for text in [error.reason, error.remedy].compactMap({ $0 }) { errors.paragraph(text, indent: "  ") }
    }
}

extension Session {
    /// A line of a script with the learner's account filled in.
    func filled(_ line: String) -> String {
        var line = line
        let values = ["user": settings.user, "password": settings.password]
        for (name, value) in values {
            guard let value else { continue }
            for mark in ["{{\(name)}}", "{{ \(name) }}"] {
                while let range = line.firstRange(of: mark) { line.replaceSubrange(range, with: value) }
            }
        }
        return line
    }
}

import Diagnostics
import Engine
import Glibc
import Lessons
import SystemPackage
import Terminal

/// The prompt: one learner, one terminal, from the greeting to `quit`.
///
/// Not safe for use by several threads; it owns the terminal while it runs.
public final class TutorSession {
    private let configuration: TutorConfiguration

    /// Makes a session on this process's standard streams.
    public init(_ configuration: TutorConfiguration) {
        self.configuration = configuration
    }

    /// Runs until the learner quits or the input ends.
    ///
    /// Blocks the calling thread, which must not be one of the cooperative pool.
    /// - Returns: the exit status of the process: 0, or that of the error that kept the session from beginning.
    public func run() -> Int32 {
        let console = Console(descriptor: 1, environment: configuration.environment)
        // Like a shell: keys that send signals are for the commands, which get the default actions back.
        let keySignals = [SIGINT, SIGQUIT, SIGTSTP, SIGTTOU]
        let before = isatty(0) == 1 ? keySignals.map { signal($0, SIG_IGN) } : []
        defer { for (number, action) in zip(keySignals, before) { signal(number, action) } }
        do throws(DrydockError) {
            try converse(on: console)
            return 0
        } catch {
            let errors = Console(descriptor: 2, environment: configuration.environment)
            errors.line("drydock: \(error.message)")
            for text in [error.reason, error.remedy].compactMap({ $0 }) { errors.paragraph(text, indent: "  ") }
            return error.exitStatus
        }
    }

    private func converse(on console: Console) throws(DrydockError) {
        let completer = CompleterBox()
        let editor = try LineEditor(
            program: "drydock", history: HistoryFile(path: configuration.home.history.string),
            complete: { completer.make?().complete($0) ?? .none })
        let session = try Session(
            configuration, console: console, runner: ForegroundRunner(),
            asker: TerminalAsker(editor: editor, console: console))
        completer.make = { [unowned session] in session.completer }
        session.commandEnded = { [unowned self] in markEnd($0, on: console) }
        try session.begin()
        while true {
            session.prepare()
            switch editor.readLine(prompt: session.prompt) {
            case .cancelled: continue
            case .end:
                session.end()
                return
            case .text(let line):
                guard session.handle(line) != .quit else {
                    session.end()
                    return
                }
            }
        }
    }
}

extension TutorSession {
    /// Tells the terminal that a command has ended, and how, as shells do (OSC 133 D): terminals that know it let one jump
    /// from command to command and show which failed; others drop it.
    private func markEnd(_ status: Int32, on console: Console) {
        let terminal = configuration.environment["TERM"] ?? ""
        guard console.look.isTerminal, !["", "dumb", "linux"].contains(terminal) else { return }
        console.write("\u{1B}]133;D;\(status)\u{07}")
    }
}

/// Ties the editor, which is made first, to the session whose names it completes.
private final class CompleterBox {
    var make: (() -> LineCompleter)?
}

extension Session {
    /// What Tab knows at this moment.
    var completer: LineCompleter {
        LineCompleter(
            directory: directory, exercises: library?.exercises.map(\.id) ?? [],
            topics: (library?.lessons ?? [:]).flatMap {
                [$0.key] + ($0.value.text(language)?.passages.map(\.id) ?? [])
            },
            engine: configuration.engine, path: environment["PATH"] ?? "")
    }
}

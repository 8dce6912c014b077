import Diagnostics
import Engine
import Explain
import Glibc
import Lessons
import Linux
import OCI
import SystemPackage
import Terminal

/// What a session knows and does, whoever types its lines.
final class Session {
    /// What follows a line.
    enum Next: Equatable {
        /// Another line, after a command with this exit status.
        case more(Int32)
        /// Nothing: the learner wants to end.
        case quit
    }

    let configuration: TutorConfiguration
    let console: Console
    let runner: any CommandRunner
    let asker: any Asker
    let hub: HubKeeper
    let workspace: Workspace
    let progress: Progress?
    var settings: Settings
    var library: ContentLibrary?
    var contentTrouble: DrydockError?
    var language: Language { didSet { environment[Self.languageVariable] = language.rawValue } }
    var environment: [String: String]
    var exercise: ExerciseSession?
    var directory: FilePath
    var lastSolved: Step?
    private var previousDirectory: FilePath?
    private var lastTold: [String] = []
    private var cheer = 0
    private var lastStatus: Int32 = 0
    /// Is told the exit status of each line, before anything is said about what it did.
    var commandEnded: (Int32) -> Void = { _ in }

    /// Opens the state directory and reads the content; what cannot be read is told, and docker works all the same.
    init(
        _ configuration: TutorConfiguration, console: Console, runner: any CommandRunner, asker: any Asker
    ) throws(DrydockError) {
        self.configuration = configuration
        self.console = console
        self.runner = runner
        self.asker = asker
        try Files.makeDirectories(configuration.home.path, mode: 0o700)
        workspace = Workspace(home: configuration.home, executable: configuration.executable)
        try workspace.installShim()
        environment = workspace.environment(configuration.environment)
        directory = try workspace.open(nil)
        settings = Settings(home: configuration.home)
        hub = HubKeeper(configuration.hub)
        progress = try Progress(path: configuration.home.progress)
        let kept = try progress?.language()
        language =
            configuration.language.flatMap(Language.init(rawValue:)) ?? kept
            ?? Self.language(of: configuration.environment)
        environment[Self.languageVariable] = language.rawValue
        do throws(DrydockError) {
            library = try ContentLibrary(root: configuration.content)
        } catch {
            contentTrouble = error
        }
    }

    /// Tells docker commands in which language to say what Drydock adds to Docker's words.
    private static let languageVariable = "DRYDOCK_LANG"

    /// The language that an environment asks for (locale(7)): French where it says so, else English.
    static func language(of environment: [String: String]) -> Language {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        return locale.lowercased().hasPrefix("fr") ? .fr : .en
    }

    /// What the prompt looks like. It always ends in `drydock> `.
    var prompt: String { console.look.paint("drydock> ", .heading) }

    /// Greets, makes sure of the account, and opens the exercise that is next.
    func begin() throws(DrydockError) {
        hub.start()
        let isFirst = settings.user == nil && !settings.knowsHub
        if isFirst { greet() } else { say(Phrases.welcomeBack) }
        if settings.user == nil { makeAccount() }
        if let contentTrouble {
            report(contentTrouble)
            say(Phrases.noContent)
        }
        if let next = try nextExercise() {
            try open(next, isIntroduced: isFirst || !isBegun(next))
        } else if library != nil {
            say(Phrases.allDone)
        }
        if isFirst { paragraph(Phrases.helpHint) }
    }

    /// Gets ready for the next line, while it is typed.
    func prepare() {
        runner.prepare(JobRequest([configuration.executable.string, "standby"], environment: environment))
    }

    /// Does what a line says.
    /// - Parameter input: lines for the terminal of the command that it starts; only scripts have them.
    func handle(_ line: String, input: [String] = []) -> Next {
        let line = line.trimmingSpaces
        guard !line.isEmpty, !line.hasPrefix("#") else {
            commandEnded(0)
            return .more(0)
        }
        if let trouble = hub.takeTrouble() { say(Phrases.hubTrouble(trouble.message)) }
        if let command = TutorCommand(line) {
            if command.name == .quit { return .quit }
            var status: Int32 = 0
            do throws(DrydockError) {
                // What it looks at may just be being written.
                runner.settle()
                try perform(command)
            } catch {
                report(error)
                status = error.exitStatus
            }
            commandEnded(status)
            return .more(status)
        }
        lastStatus = runForShell(line, input: input)
        return .more(lastStatus)
    }

    /// Says goodbye.
    func end() { say(Phrases.goodbye) }

    // MARK: Commands for the shell

    private func runForShell(_ line: String, input: [String]) -> Int32 {
        var status: Int32 = 0
        let before = TraceFile.latest(in: configuration.home.traces)
        do throws(DrydockError) {
            switch ShellLine(line) {
            case .changeDirectory(let path):
                status = changeDirectory(path)
                commandEnded(status)
                return status
            case .export(let name, let value):
                environment[name] = value
                commandEnded(0)
                return 0
            case .foreground:
                guard let end = runner.resume() else {
                    say(Phrases.nothingStopped)
                    commandEnded(1)
                    return 1
                }
                status = tell(end)
            case .docker(let words):
                status = tell(try run([configuration.executable.string, "docker"] + words, input: input))
            case .shell(let line):
                let shell = environment["SHELL"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/bin/sh"
                status = tell(try run([shell, "-c", scripted(line, for: shell)], input: input))
                if status == 127 { suggest(for: line) }
            }
        } catch {
            report(error)
            status = error.exitStatus
        }
        commandEnded(status)
        // What was removed is looked at too.
        runner.settle()
        let error = status == 0 ? nil : TraceFile.error(in: configuration.home.traces, since: before)
        evaluate(CommandRecord(line: line, status: status, error: error))
        return status
    }

    /// A line as it is handed to a shell: every line has a shell of its own, so one that asks for `$?` is told it.
    private func scripted(_ line: String, for shell: String) -> String {
        let name = shell.split(separator: "/").last ?? ""
        guard line.contains("$?"), ["sh", "bash", "dash", "ash", "ksh", "zsh"].contains(name) else { return line }
        return "(exit \(lastStatus))\n\(line)"
    }

    /// Runs a program in the session's directory.
    func run(_ arguments: [String], input: [String] = []) throws(DrydockError) -> JobEnd {
        try runner.run(JobRequest(arguments, environment: environment, directory: directory.string), input: input)
    }

    private func tell(_ end: JobEnd) -> Int32 {
        switch end {
        case .stopped:
            console.line()
            say(Phrases.stopped)
        case .signalled(let signal) where signal == SIGINT && console.look.isTerminal: console.line()
        default: break
        }
        return end.status
    }

    private func changeDirectory(_ path: String?) -> Int32 {
        let target: FilePath
        switch path {
        case nil: target = (try? workspace.open(exercise?.exercise)) ?? directory
        case "-": target = previousDirectory ?? directory
        case .some(let path) where path == "~" || path.hasPrefix("~/"):
            target = FilePath(environment["HOME"] ?? "/").appending(String(path.dropFirst(2)))
        case .some(let path): target = directory.pushing(FilePath(path))
        }
        let normal = target.lexicallyNormalized()
        guard Files.exists(normal.appending(".")) else {
            say(Phrases.noDirectory(path ?? ""))
            return 1
        }
        previousDirectory = directory
        directory = normal
        return 0
    }

    private func suggest(for line: String) {
        guard let word = line.split(whereSeparator: \.isWhitespace).first.map(String.init) else { return }
        let known = ["docker"] + TutorCommand.Name.allCases.map(\.rawValue)
        guard let best = known.min(by: { editDistance(word, $0) < editDistance(word, $1) }),
            editDistance(word, best) <= (best.count > 4 ? 2 : 1)
        else { return }
        say(Phrases.didYouMean(best + line.dropFirst(word.count)))
    }

    // MARK: What the tutor says after a command

    /// Looks at what is now so, and says it.
    /// - Parameter command: the command; nil where the learner asked.
    func evaluate(_ command: CommandRecord?) {
        guard let exercise else {
            if command == nil { say(Phrases.noExercise) }
            return
        }
        do throws(DrydockError) {
            let outcome = try waiting { () async throws(DrydockError) in try await exercise.after(command) }
            tell(outcome, wasAsked: command == nil, isDocker: command?.line.contains("docker") ?? true)
            if outcome.finishedExercise { try finish(exercise.exercise) }
        } catch {
            report(error)
        }
    }

    private func tell(_ outcome: Outcome, wasAsked: Bool, isDocker: Bool) {
        for step in outcome.solved { celebrate(step) }
        let look = console.look
        for account in outcome.nowTrue { item(.done, account.message[language]) }
        if let diagnosis = outcome.diagnosis {
            item(.wrong, diagnosis.text[language])
        } else if outcome.next != nil, outcome.solved.isEmpty {
            // The same list after every ls would be noise: it is told when asked for, or when it has changed.
            let missing = outcome.missing.map { $0.message[language] }
            if wasAsked || (isDocker && missing != lastTold), !missing.isEmpty {
                console.line(look.paint(Phrases.stillMissing[language], .strong))
                for text in missing { item(.missing, text) }
            }
            lastTold = missing
        }
        if wasAsked, outcome.next == nil { say(Phrases.exerciseFinished) }
        if !outcome.solved.isEmpty, outcome.next != nil { showGoal() }
    }

    private func celebrate(_ step: Step) {
        let look = console.look
        let cheer = Phrases.cheers[cheer % Phrases.cheers.count][language]
        self.cheer += 1
        lastSolved = step
        lastTold = []
        console.line()
        console.line(
            look.mark(.done) + " " + look.paint(Phrases.stepDone[language] + ". " + cheer, .good))
        if let explanation = step.explain { show(explanation) }
    }

    private func finish(_ finished: Exercise) throws(DrydockError) {
        console.line()
        item(.done, Phrases.exerciseDone(finished.title[language])[language])
        guard let next = try nextExercise() else {
            say(Phrases.allDone)
            exercise = nil
            return
        }
        say(Phrases.nextExercise(next.title[language]))
        try open(next, isIntroduced: true)
    }

    /// A line with a mark, wrapped under its text.
    func item(_ mark: Mark, _ text: String) {
        let look = console.look
        let sign = look.mark(mark)
        let indent = String(repeating: " ", count: TextLayout.width(sign) + 1)
        console.paragraph(DocumentRenderer(look).inline(text), indent: indent, first: sign + " ")
    }

    /// Prints a phrase on a line of its own.
    func say(_ text: LocalizedText) { console.paragraph(text[language]) }

    /// Prints running text of Markdown.
    func paragraph(_ text: LocalizedText) { console.paragraph(DocumentRenderer(console.look).inline(text[language])) }

    /// Prints an error with its reason and what to do.
    func report(_ error: DrydockError) {
        item(.wrong, error.message)
        if let reason = error.reason { console.paragraph(Phrases.because(reason)[language], indent: "    ") }
        if let remedy = error.remedy { console.paragraph(Phrases.remedy(remedy)[language], indent: "    ") }
    }
}

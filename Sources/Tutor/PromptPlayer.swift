public import Diagnostics
import Dispatch
public import Engine
public import Lessons
import Linux
public import SystemPackage

/// Plays the transcripts of exercises for the tester: starts the prompt on a real terminal, in a state directory that is
/// new for each play, makes its account as a learner does, and types.
public struct PromptPlayer: TranscriptPlayer {
    /// What of a play depends on who composes the program.
    public struct Surroundings: Sendable {
        /// The `drydock` executable.
        public var executable: FilePath
        /// The environment of the prompt, without `DRYDOCK_HOME`.
        public var environment: [String: String]
        /// Puts what the hub offers into a new state directory.
        public var fill: @Sendable (Home) throws(DrydockError) -> Void
        /// What is so in a state directory.
        public var observe: @Sendable (Home) throws(DrydockError) -> any Observation

        /// Makes the surroundings; see the properties.
        public init(
            executable: FilePath, environment: [String: String],
            fill: @escaping @Sendable (Home) throws(DrydockError) -> Void,
            observe: @escaping @Sendable (Home) throws(DrydockError) -> any Observation
        ) {
            self.executable = executable
            self.environment = environment
            self.fill = fill
            self.observe = observe
        }
    }

    private let root: FilePath
    private let surroundings: Surroundings

    /// Makes a player.
    /// - Parameters:
    ///   - root: an existing directory, in which the state directories are made and removed again.
    public init(root: FilePath, surroundings: Surroundings) {
        self.root = root
        self.surroundings = surroundings
    }

    /// Makes a fresh state with an account on the hub, at the prompt of which the exercise is open.
    public func begin(_ exercise: Exercise, in language: Language) async throws(DrydockError) -> any PlayedSession {
        // Short: the paths of sockets below it have a limit.
        let home = Home(root.appending(String(UInt32.random(in: .min ... .max), radix: 36)))
        let play = try PromptPlay(home: home, surroundings: surroundings, language: language)
        do throws(DrydockError) {
            try await play.start()
            return play
        } catch {
            await play.end()
            throw error
        }
    }
}

/// One play. It blocks, so it has a thread of its own.
private actor PromptPlay: PlayedSession {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    nonisolated let learner: Learner
    nonisolated let observation: any Observation
    nonisolated let progressFile: FilePath
    private let home: Home
    private let surroundings: PromptPlayer.Surroundings
    private var language: Language
    private var terminal: PromptTerminal?

    init(home: Home, surroundings: PromptPlayer.Surroundings, language: Language) throws(DrydockError) {
        self.home = home
        self.surroundings = surroundings
        self.language = language
        learner = Learner(user: "learner", password: AccountRules.makePassword())
        progressFile = home.path.appending("tester.sqlite")
        try Files.makeDirectories(home.path, mode: 0o700)
        observation = try surroundings.observe(home)
    }

    private var environment: [String: String] {
        surroundings.environment.merging(["DRYDOCK_HOME": home.path.string]) { $1 }
    }

    func start() throws(DrydockError) {
        try surroundings.fill(home)
        let terminal = try PromptTerminal(
            JobRequest(
                [surroundings.executable.string, "learn", "--lang", language.rawValue], environment: environment,
                directory: home.path.string))
        self.terminal = terminal
        let loginName = environment["USER"] ?? ""
        try terminal.answer(Phrases.askUser(AccountRules.name(from: loginName))[language], learner.user)
        for question in [Phrases.askPassword, Phrases.repeatPassword] {
            try terminal.answer(question[language], learner.password ?? "", isHidden: true)
        }
        try terminal.waitForPrompt()
    }

    func open(_ exercise: Exercise) throws(DrydockError) {
        _ = try run(Transcript.Command("start \(exercise.id)"))
    }

    func play(_ command: Transcript.Command) throws(DrydockError) -> CommandRecord {
        let traces = home.traces
        let before = TraceFile.latest(in: traces)
        let status = try run(command)
        return CommandRecord(
            line: command.line, status: status,
            error: status == 0 ? nil : TraceFile.error(in: traces, since: before))
    }

    private func run(_ command: Transcript.Command) throws(DrydockError) -> Int32 {
        guard let terminal else { throw DrydockError(.internal, "the play has ended") }
        return try terminal.run(command.line, input: command.input)
    }

    func hasShown(_ text: LocalizedText) -> Bool {
        // Marks, line breaks and boxes depend on the terminal; the letters do not.
        func letters(_ text: String) -> String { text.filter { $0.isLetter || $0.isNumber } }
        return letters(terminal?.shown ?? "").contains(letters(text[language]))
    }

    func speak(_ language: Language) throws(DrydockError) {
        self.language = language
        _ = try run(Transcript.Command("lang \(language.rawValue)"))
        _ = try run(Transcript.Command("check"))
    }

    func end() {
        terminal?.close()
        terminal = nil
        let program = surroundings.executable.string
        // A program of its own: what identities of a user namespace have made, only they can remove.
        _ = try? ChildProcess.run(
            program, [program, "system", "erase", "--force"], environment: environment.map { "\($0)=\($1)" })
        try? Files.removeTree(home.path)
    }
}

/// Runs an actor outside of the cooperative pool, so that it may block.
private final class BlockingExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "drydock.play")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { [self] in job.runSynchronously(on: asUnownedSerialExecutor()) }
    }
}

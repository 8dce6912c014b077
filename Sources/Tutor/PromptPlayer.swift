public import Diagnostics
import Dispatch
public import Engine
public import Lessons
import Linux
import OCI
public import SystemPackage
import Terminal

/// Plays the transcripts of exercises for the tester: every command line goes the way that it goes at the prompt, on a
/// terminal of its own, in a state directory that is new for each play.
public struct PromptPlayer: TranscriptPlayer {
    private let root: FilePath
    private let configure: @Sendable (Home) throws(DrydockError) -> TutorConfiguration

    /// Makes a player.
    /// - Parameters:
    ///   - root: an existing directory, in which the state directories are made and removed again.
    ///   - configure: puts a session's parts together for a state directory that is about to be made; its hub must have the
    ///     images of the course ready.
    public init(
        root: FilePath, configure: @escaping @Sendable (Home) throws(DrydockError) -> TutorConfiguration
    ) {
        self.root = root
        self.configure = configure
    }

    /// Makes a fresh state with an account on the hub.
    public func begin(_ exercise: Exercise) async throws(DrydockError) -> any PlayedSession {
        let home = Home(root.appending("\(exercise.id)-\(UInt64.random(in: .min ... .max))"))
        let learner = Learner(user: "learner", password: AccountRules.makePassword())
        let configuration = try configure(home)
        let play = PromptPlay(configuration, learner: learner)
        try await play.open(exercise)
        return play
    }
}

/// One play. Its commands block, so it has a thread of its own.
private actor PromptPlay: PlayedSession {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    nonisolated let learner: Learner
    nonisolated let observation: any Observation
    nonisolated let progressFile: FilePath
    private let configuration: TutorConfiguration
    private var session: Session?

    init(_ configuration: TutorConfiguration, learner: Learner) {
        self.configuration = configuration
        self.learner = learner
        observation = EngineObservation(configuration.engine)
        progressFile = configuration.home.path.appending("tester.sqlite")
    }

    func open(_ exercise: Exercise) throws(DrydockError) {
        try Files.makeDirectories(configuration.home.path, mode: 0o700)
        _ = try configuration.hub.ensureRunning()
        try configuration.hub.createAccount(learner.user, password: learner.password ?? "")
        let console = Console(look: { .plain }, write: { _ in })
        let session = try Session(
            configuration, console: console, runner: ScriptedRunner(console: console, isDirect: false),
            asker: NobodyThere())
        session.directory = try session.workspace.open(exercise)
        self.session = session
    }

    func play(_ command: Transcript.Command) throws(DrydockError) -> CommandRecord {
        guard let session else { throw DrydockError(.internal, "the play has ended") }
        guard case .more(let status) = session.handle(command.line, input: command.input) else {
            throw DrydockError(.invalidArgument, "\(command.line): a transcript cannot end the session")
        }
        return CommandRecord(line: command.line, status: status)
    }

    func end() {
        if let session {
            let ids = (try? session.configuration.engine.containers(all: true, sizes: false, matching: [:])) ?? []
            if !ids.isEmpty {
                _ = session.handle("docker container rm --force \(ids.map(\.id).joined(separator: " "))")
            }
        }
        session = nil
        try? Files.removeTree(configuration.home.path)
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

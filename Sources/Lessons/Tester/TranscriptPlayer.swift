public import Diagnostics
public import SystemPackage

/// Plays transcripts for the tester: the real one types into a pty with the real prompt, in fresh state directories.
public protocol TranscriptPlayer: Sendable {
    /// Makes a fresh state in which an exercise can be played: an account on the hub, and what the exercise's `images`
    /// name ready to be pulled; nothing of it pulled yet.
    /// - Parameter language: what the session speaks.
    func begin(_ exercise: Exercise, in language: Language) async throws(DrydockError) -> any PlayedSession
}

/// One fresh state, in which commands are played.
public protocol PlayedSession: Sendable {
    /// The account that was made.
    var learner: Learner { get }
    /// What is so in this state.
    var observation: any Observation { get }
    /// Where the tester may keep the progress of this play.
    var progressFile: FilePath { get }
    /// Opens an exercise for the learner.
    func open(_ exercise: Exercise) async throws(DrydockError)
    /// Types a command, then its input, and waits until the prompt is back.
    /// - Throws: where the prompt does not come back.
    func play(_ command: Transcript.Command) async throws(DrydockError) -> CommandRecord
    /// Whether the learner was told a text after the last command, in the language of the session.
    func hasShown(_ text: LocalizedText) async -> Bool
    /// Changes the language of the session, and has it say again what is missing or wrong.
    func speak(_ language: Language) async throws(DrydockError)
    /// Removes the state.
    func end() async
}

extension PlayedSession {
    /// Nothing needs to be opened where nobody speaks to the learner.
    public func open(_ exercise: Exercise) async throws(DrydockError) {}
    /// Where nobody speaks to the learner, nothing that should be said is missing.
    public func hasShown(_ text: LocalizedText) async -> Bool { true }
    /// Where nobody speaks to the learner, there is no language.
    public func speak(_ language: Language) async throws(DrydockError) {}
}

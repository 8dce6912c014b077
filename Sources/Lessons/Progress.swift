public import Diagnostics
public import SystemPackage

/// What a learner has reached, kept in SQLite: it survives the death of the process at any moment.
public final class Progress: Sendable {
    /// Where a step stands.
    public enum StepState: Sendable, Equatable {
        /// Not solved yet.
        case open
        /// Solved at a time (seconds since 1970).
        case solved(at: Int64)
        /// Skipped at a time (seconds since 1970).
        case skipped(at: Int64)

        /// Whether the learner is past it.
        public var isDone: Bool { self != .open }
    }

    /// Opens the file, and makes it where it is missing.
    /// - Throws: `.system` or `.corrupt` where SQLite cannot.
    public init(path: FilePath) throws(DrydockError) { throw DrydockError(.internal, "") }

    /// The language that was chosen, or nil.
    public func language() throws(DrydockError) -> Language? { nil }
    /// Keeps the language.
    public func setLanguage(_ language: Language) throws(DrydockError) {}
    /// The exercise that was open last, or nil.
    public func currentExercise() throws(DrydockError) -> String? { nil }
    /// Keeps which exercise is open.
    public func setCurrentExercise(_ id: String) throws(DrydockError) {}
    /// The states of an exercise's steps; steps that are not named are open.
    public func steps(of exercise: String) throws(DrydockError) -> [String: StepState] { [:] }
    /// How many hints were given for each step of an exercise.
    public func hints(of exercise: String) throws(DrydockError) -> [String: Int] { [:] }
}

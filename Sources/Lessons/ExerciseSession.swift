public import Diagnostics

/// What content takes from the learner's state.
public struct Learner: Sendable, Hashable {
    /// The name of the hub account.
    public var user: String
    /// Its password, where it is known (only where a transcript is played).
    public var password: String?

    /// Makes a learner.
    public init(user: String, password: String? = nil) {
        self.user = user
        self.password = password
    }
}

/// A learner at an exercise: what is open, what a command changed, what to say about it.
public final class ExerciseSession: Sendable {
    /// What a reset goes back to.
    public enum ResetScope: Sendable, Hashable {
        /// The start of a step; the steps after it are set back as well.
        case step(String)
        /// The start of the exercise.
        case exercise
    }

    /// The exercise.
    public let exercise: Exercise

    /// Opens an exercise where the learner left it, and keeps that it is the current one.
    public init(
        _ exercise: Exercise, progress: Progress, learner: Learner, observation: any Observation
    ) throws(DrydockError) {
        self.exercise = exercise
    }

    /// The steps with their states, variables filled in.
    public var steps: [(step: Step, state: Progress.StepState)] { [] }
    /// The step that is open, variables filled in; nil when all are done.
    public var current: Step? { nil }
    /// What the last evaluation looked at: the step that was open then (for `why`).
    public var lastAccount: StepAccount? { nil }
    /// What the last recognised mistake was.
    public var lastDiagnosis: Diagnosis? { nil }

    /// Looks at what is now so; call it after every command, and with nil for `check`.
    /// - Throws: only where progress cannot be kept; what cannot be observed is in the accounts.
    public func after(_ command: CommandRecord?) async throws(DrydockError) -> Outcome {
        throw DrydockError(.internal, "")
    }

    /// The next hint for the open step, and keeps that it was given; the last one is repeated. Nil when finished.
    public func hint() throws(DrydockError) -> Hint? { nil }
    /// Goes past the open step. - Returns: the step that is open then.
    public func skip() throws(DrydockError) -> Step? { nil }
    /// How a step is solved, with variables filled in and secrets replaced by what a learner is shown.
    public func solution(of step: String, _ language: Language) -> Transcript? { nil }
    /// What has to be done to go back; carry it out, then call `didReset`.
    public func resetPlan(_ scope: ResetScope) -> [ResetAction] { [] }
    /// Forgets what was reached since the start of the scope.
    public func didReset(_ scope: ResetScope) throws(DrydockError) {}
    /// A text with variables filled in and secrets replaced by what a learner is shown.
    public func fill(_ text: LocalizedText) -> LocalizedText { text }
}

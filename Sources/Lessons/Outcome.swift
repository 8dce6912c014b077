/// What an evaluation found about one fact.
public struct FactAccount: Sendable, Equatable {
    /// Whether a fact holds.
    public enum Verdict: Sendable, Equatable {
        /// It holds.
        case holds
        /// It does not hold.
        case fails
        /// It could not be found out (a registry that does not answer).
        case unknown
    }

    /// One comparison that was made.
    public struct Finding: Sendable, Equatable {
        /// What was looked at, `container node_ctn · State.Status`.
        public var looked: LocalizedText
        /// What it should be.
        public var expected: LocalizedText
        /// What it is.
        public var found: LocalizedText
        /// Whether that is as it should be.
        public var holds: Bool
    }

    /// The fact, with its variables filled in.
    public var fact: Fact
    /// Whether it holds.
    public var verdict: Verdict
    /// Whether it counts only because it was seen to hold before (`mode: edge`).
    public var wasSeen: Bool
    /// What was looked at, in order.
    public var findings: [Finding]

    /// What to say of it to the learner: that it is now so, or what is missing.
    public var message: LocalizedText
}

/// What an evaluation found about one step.
public struct StepAccount: Sendable, Equatable {
    /// The step's name.
    public var step: String
    /// Whether all facts hold.
    public var holds: Bool
    /// The facts, in order.
    public var facts: [FactAccount]
}

/// A mistake that was recognised.
public struct Diagnosis: Sendable, Equatable {
    /// The step.
    public var step: String
    /// The mistake's name.
    public var mistake: String
    /// What to tell the learner.
    public var text: LocalizedText
}

/// What is now so after a command.
public struct Outcome: Sendable, Equatable {
    /// The steps that this command solved, in order, with variables filled in.
    public var solved: [Step]
    /// What has become true of the step that is still open.
    public var nowTrue: [FactAccount]
    /// What the open step still lacks.
    public var missing: [FactAccount]
    /// The mistake that was recognised, where the open step is not solved.
    public var diagnosis: Diagnosis?
    /// The step that is open now, with variables filled in; nil when the exercise is finished.
    public var next: Step?
    /// Whether this command finished the exercise.
    public var finishedExercise: Bool
}

/// A rung of the ladder of hints.
public struct Hint: Sendable, Equatable {
    /// Its place, from 1.
    public var number: Int
    /// How many there are.
    public var count: Int
    /// The hint.
    public var text: LocalizedText
    /// Whether it had been given before (the last rung is given again and again).
    public var isRepeated: Bool
}

public import Diagnostics
import Synchronization

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

    private let progress: Progress
    private let learner: Learner
    private let observation: any Observation
    private let state: Mutex<State>

    private struct State {
        var picks: [String: String] = [:]
        var steps: [String: Progress.StepState] = [:]
        var seen: Set<SeenFact> = []
        var since = ""
        var lastCommand: CommandRecord?
        var account: StepAccount?
        var diagnosis: Diagnosis?
    }

    /// Opens an exercise where the learner left it, and keeps that it is the current one.
    public init(
        _ exercise: Exercise, progress: Progress, learner: Learner, observation: any Observation
    ) throws(DrydockError) {
        self.exercise = exercise
        self.progress = progress
        self.learner = learner
        self.observation = observation
        var state = State()
        state.since = try progress.open(exercise.id)
        state.steps = try progress.steps(of: exercise.id)
        state.seen = try progress.seen(in: exercise.id)
        for variable in exercise.variables {
            guard case .pick(let choices) = variable.source, let proposal = choices.randomElement() else { continue }
            state.picks[variable.name] = try progress.pick(exercise.id, variable.name, proposal: proposal)
        }
        self.state = Mutex(state)
    }

    // MARK: Where the learner is

    /// The steps with their states, variables filled in.
    public var steps: [(step: Step, state: Progress.StepState)] {
        let states = state.withLock { $0.steps }
        let filler = filler
        return exercise.steps.map { (filler.fill($0), states[$0.id] ?? .open) }
    }

    /// The step that is open, variables filled in; nil when all are done.
    public var current: Step? {
        let states = state.withLock { $0.steps }
        return exercise.steps.first { !(states[$0.id] ?? .open).isDone }.map { filler.fill($0) }
    }

    /// What the last evaluation looked at: the step that was open after it (for `why`).
    public var lastAccount: StepAccount? { state.withLock { $0.account } }
    /// What the last recognised mistake was, where the last evaluation recognised one.
    public var lastDiagnosis: Diagnosis? { state.withLock { $0.diagnosis } }

    // MARK: After a command

    /// Looks at what is now so; call it after every command, and with nil for `check` (the last command then still
    /// counts for the diagnosis).
    /// - Throws: only where progress cannot be kept; what cannot be observed is in the accounts.
    public func after(_ command: CommandRecord?) async throws(DrydockError) -> Outcome {
        var state = state.withLock { $0 }
        if let command { state.lastCommand = command }
        let before = state
        let wasOpen = current != nil
        let filler = filler
        let steps = exercise.steps.map { filler.fill($0) }
        let judge = judge(state)

        var solved: [Step] = []
        for (index, step) in steps.enumerated() where !(state.steps[step.id] ?? .open).isDone {
            guard step.needs.allSatisfy({ (state.steps[$0] ?? .open).isDone }) else { continue }
            let account = await judge.account(of: step, after: steps[..<index], &state.seen, steps: state.steps)
            guard account.holds else { continue }
            state.steps[step.id] = .solved(at: Progress.now)
            solved.append(step)
        }
        try progress.record(
            exercise.id, solved: solved.map(\.id), seen: state.seen.subtracting(before.seen))

        let next = steps.first { !(state.steps[$0.id] ?? .open).isDone }
        var nowTrue: [FactAccount] = []
        var missing: [FactAccount] = []
        state.account = nil
        state.diagnosis = nil
        if let next, let index = steps.firstIndex(where: { $0.id == next.id }) {
            let account = await judge.account(of: next, after: steps[..<index], &state.seen, steps: state.steps)
            let known = before.account?.step == next.id ? before.account?.facts ?? [] : []
            for (index, fact) in account.facts.enumerated() {
                if fact.verdict == .holds {
                    if !(known.indices.contains(index) && known[index].verdict == .holds) { nowTrue.append(fact) }
                } else {
                    missing.append(fact)
                }
            }
            state.account = account
            state.diagnosis = await judge.diagnosis(of: next)
        }
        let updated = state
        self.state.withLock { $0 = updated }
        return Outcome(
            solved: solved, nowTrue: nowTrue, missing: missing, diagnosis: state.diagnosis, next: next,
            finishedExercise: wasOpen && next == nil)
    }

    // MARK: Help

    /// The next hint for the open step, and keeps that it was given; the last one is repeated. Nil when finished.
    public func hint() throws(DrydockError) -> Hint? {
        guard let step = current, let last = step.hints.last else { return nil }
        let given = try progress.recordHint(exercise.id, step: step.id)
        let count = step.hints.count
        guard given < count else { return Hint(number: count, count: count, text: last, isRepeated: true) }
        return Hint(number: given + 1, count: count, text: step.hints[given], isRepeated: false)
    }

    /// Goes past the open step. - Returns: the step that is open then.
    public func skip() throws(DrydockError) -> Step? {
        guard let step = current else { return nil }
        try progress.recordSkip(exercise.id, step: step.id)
        state.withLock {
            $0.steps[step.id] = .skipped(at: Progress.now)
            $0.account = nil
            $0.diagnosis = nil
        }
        return current
    }

    /// How a step is solved, with variables filled in and secrets replaced by what a learner is shown.
    public func solution(of step: String, _ language: Language) -> Transcript? {
        exercise.step(step).map { filler.display($0.solution, language) }
    }

    /// A text with variables filled in and secrets replaced by what a learner is shown.
    public func fill(_ text: LocalizedText) -> LocalizedText { filler.display(text) }

    // MARK: Going back

    /// What has to be done to go back; carry it out, then call `didReset`.
    public func resetPlan(_ scope: ResetScope) -> [ResetAction] {
        let filler = filler
        return ResetPlan.actions(exercise.steps(in: scope).map { filler.fill($0) }, whole: scope == .exercise)
    }

    /// Forgets what was reached since the start of the scope.
    public func didReset(_ scope: ResetScope) throws(DrydockError) {
        let steps = exercise.steps(in: scope).map(\.id)
        let since = try progress.forget(exercise.id, steps: steps)
        state.withLock { state in
            for step in steps { state.steps[step] = nil }
            state.seen = state.seen.filter { !steps.contains($0.step) }
            state.since = since
            state.lastCommand = nil
            state.account = nil
            state.diagnosis = nil
        }
    }

    // MARK: What the tester asks

    /// The facts that were seen to hold.
    var seen: Set<SeenFact> { state.withLock { $0.seen } }

    /// A judge of what is so now.
    var judge: Judge { state.withLock { judge($0) } }

    private func judge(_ state: State) -> Judge {
        Judge(
            evaluator: Evaluator(
                observation: CachedObservation(observation), command: state.lastCommand, since: state.since))
    }

    /// Whether a step is not done yet.
    func isOpen(_ step: String) -> Bool { state.withLock { !($0.steps[step] ?? .open).isDone } }

    /// The steps whose facts all hold now, whatever they need.
    func stepsThatHold() async -> Set<String> {
        let judge = judge
        let filler = filler
        let steps = exercise.steps.map { filler.fill($0) }
        var holding: Set<String> = []
        for (index, step) in steps.enumerated() {
            var seen = seen
            if await judge.account(of: step, after: steps[..<index], &seen, steps: [:]).holds {
                holding.insert(step.id)
            }
        }
        return holding
    }

    // MARK: Variables

    /// The values of the exercise's variables as they are now.
    var filler: Filler {
        let picks = state.withLock { $0.picks }
        var filler = Filler(values: [:])
        for variable in exercise.variables {
            filler.shown[variable.name] = variable.shown
            switch variable.source {
            case .fixed(let value): filler.values[variable.name] = value
            case .pick: filler.values[variable.name] = picks[variable.name]
            case .state("user"): filler.values[variable.name] = learner.user
            case .state("password"): filler.values[variable.name] = learner.password
            case .state(let source):
                let name = String(source.drop { $0 != ":" }.dropFirst())
                let document = try? observation.container(name)
                filler.values[variable.name] = document?["Id"]?.string.map { String($0.prefix(12)) }
            }
        }
        return filler
    }
}

extension Exercise {
    /// The steps that a reset sets back.
    func steps(in scope: ExerciseSession.ResetScope) -> [Step] {
        guard case .step(let id) = scope else { return steps }
        return Array(steps.drop { $0.id != id })
    }
}

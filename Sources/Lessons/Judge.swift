/// Decides whether a step is solved, and what went wrong.
struct Judge: Sendable {
    var evaluator: Evaluator

    /// Looks at the facts of a step, in order; facts that hold are noted as seen.
    /// - Parameters:
    ///   - earlier: the steps before, which may hold the witnesses of what is gone.
    ///   - steps: the states of the steps.
    func account(
        of step: Step, after earlier: ArraySlice<Step>, _ seen: inout Set<SeenFact>,
        steps: [String: Progress.StepState]
    ) async -> StepAccount {
        var accounts: [FactAccount] = []
        for (index, fact) in step.check.facts.enumerated() {
            let mode = fact.mode ?? step.check.mode
            let key = SeenFact(step: step.id, fact: "\(index)")
            if mode == .edge, seen.contains(key) {
                accounts.append(
                    FactAccount(
                        fact: fact, verdict: .holds, wasSeen: true, findings: [],
                        message: Wording.message(fact, .holds, [])))
                continue
            }
            var answer = await evaluator.answer(fact.subject, past: mode == .edge)
            if answer.verdict == .holds, case .no(let gone) = fact.subject,
                !wasThere(gone, before: index, in: step, after: earlier, seen, steps)
            {
                answer = Evaluator.Answer(
                    .fails,
                    [
                        .init(
                            looked: Wording.statement(gone),
                            expected: Wording.text("so first, then no longer", "d’abord oui, ensuite non"),
                            found: Wording.text("it has not been so yet", "pas encore vu"), holds: false)
                    ])
            }
            if answer.verdict == .holds { seen.insert(key) }
            accounts.append(
                FactAccount(
                    fact: fact, verdict: answer.verdict, wasSeen: false, findings: answer.findings,
                    message: Wording.message(fact, answer.verdict, answer.findings)))
        }
        return StepAccount(step: step.id, holds: accounts.allSatisfy { $0.verdict == .holds }, facts: accounts)
    }

    /// Whether what a fact says is gone was seen before.
    private func wasThere(
        _ gone: Fact.Subject, before index: Int, in step: Step, after earlier: ArraySlice<Step>,
        _ seen: Set<SeenFact>, _ steps: [String: Progress.StepState]
    ) -> Bool {
        guard let witness = Witness.find(of: gone, before: index, in: step, earlier: Array(earlier)) else {
            return false
        }
        if case .skipped? = steps[witness.step] { return true }
        return seen.contains(SeenFact(step: witness.step, fact: "\(witness.index)"))
    }

    /// The first mistake of a step whose facts hold.
    func diagnosis(of step: Step) async -> Diagnosis? {
        for mistake in step.mistakes where await holds(mistake) {
            return Diagnosis(step: step.id, mistake: mistake.id, text: mistake.say)
        }
        return nil
    }

    private func holds(_ mistake: Mistake) async -> Bool {
        for fact in mistake.when {
            let answer = await evaluator.answer(fact.subject, past: fact.mode == .edge)
            guard answer.verdict == .holds else { return false }
        }
        return true
    }
}

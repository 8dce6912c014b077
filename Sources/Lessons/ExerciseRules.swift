import Diagnostics

/// What has to be right in an exercise beyond its form.
struct ExerciseRules {
    let yaml: YAMLReader

    func check(_ exercise: Exercise, root: YAMLReader.Value) {
        if exercise.steps.isEmpty { yaml.problem(root, "an exercise has at least one step") }
        let declared = Set(exercise.variables.map(\.name))
        var earlier: [Step] = []
        for step in exercise.steps {
            let at = { (message: String) in yaml.problem(line: step.place.line, "step \(step.id)", message) }
            if earlier.contains(where: { $0.id == step.id }) { at("another step has the same id") }
            if step.check.facts.isEmpty { at("a check has at least one fact") }
            if step.hints.count < 2 { at("expected at least two hints, found \(step.hints.count)") }
            for need in step.needs where !earlier.contains(where: { $0.id == need }) {
                at("needs \"\(need)\", which is not an earlier step")
            }
            for (index, fact) in step.check.facts.enumerated() {
                if fact.subject.isAboutCommand {
                    yaml.problem(
                        line: fact.place.line, "step \(step.id)",
                        "a check is about state: the command can only be asked about in a mistake")
                }
                if case .no(let gone) = fact.subject,
                    Witness.find(of: gone, before: index, in: step, earlier: earlier) == nil
                {
                    yaml.problem(
                        line: fact.place.line, "step \(step.id)",
                        "a fact about something being gone must be preceded by one that sees it")
                }
            }
            for (index, mistake) in step.mistakes.enumerated() {
                if mistake.when.isEmpty {
                    yaml.problem(line: mistake.place.line, "mistake \(mistake.id)", "\"when\" has at least one fact")
                }
                if step.mistakes[..<index].contains(where: { $0.id == mistake.id }) {
                    yaml.problem(
                        line: mistake.place.line, "mistake \(mistake.id)", "another mistake of the step has the same id"
                    )
                }
            }
            for name in Set(step.everyText.flatMap(\.placeholders)).subtracting(declared).sorted() {
                at("{{\(name)}} is not one of the exercise's vars")
            }
            earlier.append(step)
        }
    }
}

/// The fact that sees what a later one says is gone.
struct Witness: Hashable, Sendable {
    /// The step that it is in.
    var step: String
    /// Its place in that step's check.
    var index: Int

    /// Looks in the same check before the fact, then in the steps before, nearest first.
    static func find(of gone: Fact.Subject, before index: Int, in step: Step, earlier: [Step]) -> Witness? {
        let own = step.check.facts[..<index].lastIndex { $0.subject.sees(gone) }
        if let own { return Witness(step: step.id, index: own) }
        for step in earlier.reversed() {
            if let found = step.check.facts.lastIndex(where: { $0.subject.sees(gone) }) {
                return Witness(step: step.id, index: found)
            }
        }
        return nil
    }
}

extension Fact.Subject {
    /// Whether it is about the last command.
    var isAboutCommand: Bool {
        switch self {
        case .command: true
        case .no(let inner): inner.isAboutCommand
        default: false
        }
    }

    /// Whether this, when it holds, shows that the object of another subject was there.
    func sees(_ other: Fact.Subject) -> Bool {
        switch (self, other) {
        case (.container(let a, _), .container(let b, _)), (.image(let a, _), .image(let b, _)): a == b
        case (.changed(let a, let path, _), .changed(let b, let other, _)): a == b && path == other
        case (.file(let a, let path, _), .file(let b, let other, _)): a == b && path == other
        case (.registry(let a, let tag, _), .registry(let b, let other, _)): a == b && tag == other
        case (.login(_, let a), .login(_, let b)): a == b
        default: false
        }
    }
}

extension Step {
    /// Every text in which a variable can stand.
    var everyText: [String] {
        var texts = goal.texts.values + hints.flatMap(\.texts.values)
        texts += ([solution] + also + mistakes.map(\.attempt)).flatMap(\.lines)
        texts += mistakes.flatMap(\.say.texts.values) + (explain?.say.map { Array($0.texts.values) } ?? [])
        texts += explain?.pictures.map(\.object) ?? []
        let facts = check.facts + mistakes.flatMap(\.when)
        for fact in facts {
            fact.subject.visitTexts { texts.append($0) }
            texts +=
                (fact.now.map { Array($0.texts.values) } ?? []) + (fact.missing.map { Array($0.texts.values) } ?? [])
        }
        return texts
    }
}

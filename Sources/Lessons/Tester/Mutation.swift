import Diagnostics
import Engine

/// A step whose check was changed.
struct Mutation: Sendable {
    var change: String
    var step: Step

    /// Every change of a check: a fact dropped, a fact negated, a condition dropped, a value changed.
    static func all(of step: Step) -> [Mutation] {
        var mutations: [Mutation] = []
        for (index, fact) in step.check.facts.enumerated() {
            let name = Wording.cut(Wording.statement(fact.subject)[.en])
            func add(_ change: String, _ edit: (inout [Fact]) -> Void) {
                var mutant = step
                edit(&mutant.check.facts)
                mutations.append(Mutation(change: "\(change): \(name)", step: mutant))
            }
            if step.check.facts.count > 1 { add("dropped") { $0.remove(at: index) } }
            add("negated") { facts in
                if case .no(let inner) = fact.subject {
                    facts[index].subject = inner
                } else {
                    facts[index].subject = .no(fact.subject)
                }
            }
            for (change, subject) in changed(fact.subject) { add(change) { $0[index].subject = subject } }
        }
        return mutations
    }

    private static func changed(_ subject: Fact.Subject) -> [(String, Fact.Subject)] {
        switch subject {
        case .container(let name, let conditions):
            return (name == "*" ? [] : [("other name", .container(name + "-x", where: conditions))])
                + changed(conditions).map { ($0, .container(name, where: $1)) }
        case .image(let name, let conditions):
            return (name == "*" ? [] : [("other name", .image(name + "-x", where: conditions))])
                + changed(conditions).map { ($0, .image(name, where: $1)) }
        case .changed(let container, let path, let kind):
            return [
                ("other path", .changed(container: container, path: path + "-x", kind: kind)),
                ("other kind", .changed(container: container, path: path, kind: kind == .deleted ? .added : .deleted)),
            ]
        case .file(let image, let path, let layer):
            return [("other path", .file(image: image, path: path + "-x", layer: layer))]
                + (layer == nil ? [] : [("other layer", .file(image: image, path: path, layer: .index(99)))])
        case .registry(let repository, let tag, let sameAs):
            return [("other tag", .registry(repository: repository, tag: tag + "-x", sameAs: sameAs))]
                + (sameAs == nil
                    ? [] : [("any image", .registry(repository: repository, tag: tag, sameAs: nil))])
        case .login(let user, let registry):
            return [("other user", .login(user: user + "-x", registry: registry))]
        case .no(let inner): return changed(inner).map { ($0, .no($1)) }
        case .command: return []
        }
    }

    private static func changed(_ conditions: [Condition]) -> [(String, [Condition])] {
        conditions.indices.flatMap { index -> [(String, [Condition])] in
            var dropped = conditions
            dropped.remove(at: index)
            var other = conditions
            other[index].matcher = .not(conditions[index].matcher)
            return [("\(conditions[index].path) dropped", dropped), ("\(conditions[index].path) changed", other)]
        }
    }
}

import Diagnostics

/// The values of an exercise's variables.
struct Filler: Sendable {
    /// The value of each name.
    var values: [String: String]
    /// What is shown in its place.
    var shown: [String: LocalizedText] = [:]

    /// A text with the values.
    func fill(_ text: String) -> String {
        guard text.contains("{{") else { return text }
        return values.reduce(text) { $0.replacing(text: "{{\($1.key)}}", with: $1.value) }
    }

    /// A text for the learner to read.
    func display(_ text: String, _ language: Language) -> String {
        guard text.contains("{{") else { return text }
        return fill(shown.reduce(text) { $0.replacing(text: "{{\($1.key)}}", with: $1.value[language]) })
    }

    /// A text for the learner to read, in every language.
    func display(_ text: LocalizedText) -> LocalizedText {
        LocalizedText(
            Dictionary(uniqueKeysWithValues: text.texts.map { ($0.key, display($0.value, $0.key)) }))
    }

    func fill(_ transcript: Transcript) -> Transcript {
        Transcript(transcript.commands.map { .init(fill($0.line), input: $0.input.map { fill($0) }) })
    }

    func display(_ transcript: Transcript, _ language: Language) -> Transcript {
        Transcript(
            transcript.commands.map { .init(display($0.line, language), input: $0.input.map { display($0, language) }) }
        )
    }

    func fill(_ fact: Fact) -> Fact {
        var filled = fact
        filled.subject = fact.subject.mapTexts { isPattern, text in
            guard isPattern else { return fill(text) }
            return Filler(values: values.mapValues(\.escapedForRegex)).fill(text)
        }
        filled.now = fact.now.map { display($0) }
        filled.missing = fact.missing.map { display($0) }
        return filled
    }

    func fill(_ action: ResetAction) -> ResetAction {
        switch action {
        case .removeContainer(let name): .removeContainer(fill(name))
        case .removeContainersOf(let image): .removeContainersOf(image: fill(image))
        case .removeImage(let name): .removeImage(fill(name))
        case .removeFromRegistry(let name): .removeFromRegistry(fill(name))
        case .logOut(let registry): .logOut(registry: registry.map { fill($0) })
        case .docker(let words): .docker(words.map { fill($0) })
        }
    }

    func fill(_ step: Step) -> Step {
        var filled = step
        filled.goal = display(step.goal)
        filled.check.facts = step.check.facts.map { fill($0) }
        filled.hints = step.hints.map { display($0) }
        filled.solution = fill(step.solution)
        filled.also = step.also.map { fill($0) }
        filled.mistakes = step.mistakes.map { mistake in
            var filled = mistake
            filled.when = mistake.when.map { fill($0) }
            filled.say = display(mistake.say)
            filled.attempt = fill(mistake.attempt)
            return filled
        }
        filled.explain?.say = step.explain?.say.map { display($0) }
        filled.explain?.pictures = step.explain?.pictures.map { .init(kind: $0.kind, object: fill($0.object)) } ?? []
        filled.reset = step.reset.map { fill($0) }
        return filled
    }
}

extension Fact.Subject {
    /// Calls a function with every text in it.
    func visitTexts(_ visit: (String) -> Void) {
        _ = mapTexts { _, text in
            visit(text)
            return text
        }
    }

    /// The same with every text changed; the function is told whether the text is a regular expression.
    func mapTexts(_ change: (Bool, String) -> String) -> Fact.Subject {
        switch self {
        case .container(let name, let conditions):
            .container(change(false, name), where: conditions.map { $0.mapTexts(change) })
        case .image(let name, let conditions):
            .image(change(false, name), where: conditions.map { $0.mapTexts(change) })
        case .changed(let container, let path, let kind):
            .changed(container: change(false, container), path: change(false, path), kind: kind)
        case .file(let image, let path, let layer):
            .file(image: change(false, image), path: change(false, path), layer: layer)
        case .registry(let repository, let tag, let sameAs):
            .registry(
                repository: change(false, repository), tag: change(false, tag), sameAs: sameAs.map { change(false, $0) }
            )
        case .login(let user, let registry):
            .login(user: change(false, user), registry: registry.map { change(false, $0) })
        case .no(let inner): .no(inner.mapTexts(change))
        case .command(let pattern, let exit, let error):
            .command(
                matches: pattern.map { change(true, $0) }, exit: exit?.mapTexts(change),
                error: error?.mapTexts(change))
        }
    }
}

extension Condition {
    func mapTexts(_ change: (Bool, String) -> String) -> Condition {
        Condition(change(false, path), matcher.mapTexts(change))
    }
}

extension Matcher {
    func mapTexts(_ change: (Bool, String) -> String) -> Matcher {
        switch self {
        case .equals(let value): .equals(value.mapTexts { change(false, $0) })
        case .oneOf(let matchers): .oneOf(matchers.map { $0.mapTexts(change) })
        case .range: self
        case .matches(let pattern): .matches(change(true, pattern))
        case .count(let inner): .count(inner.mapTexts(change))
        case .image(let name): .image(change(false, name))
        case .container(let name): .container(change(false, name))
        case .not(let inner): .not(inner.mapTexts(change))
        case .any(let inner): .any(inner.mapTexts(change))
        }
    }
}

extension JSONValue {
    func mapTexts(_ change: (String) -> String) -> JSONValue {
        switch self {
        case .string(let text): .string(change(text))
        case .array(let items): .array(items.map { $0.mapTexts(change) })
        case .object(let pairs): .object(pairs.map { (key: $0.key, value: $0.value.mapTexts(change)) })
        default: self
        }
    }
}

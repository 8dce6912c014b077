import Diagnostics
import SystemPackage

/// Reads an `exercise.yaml`.
struct ExerciseReader {
    let yaml: YAMLReader
    private let facts: FactReader

    init(file: String) {
        yaml = YAMLReader(file: file)
        facts = FactReader(yaml: yaml)
    }

    /// The exercise as far as it could be read; what is wrong is in `yaml.problems`.
    func exercise(_ text: String, id folder: String, directory: FilePath, files: [String]) -> Exercise? {
        guard let root = yaml.root(of: text),
            let fields = yaml.fields(
                root,
                known: ["id", "title", "introduction", "lesson", "requires", "images", "vars", "steps"],
                required: ["id", "title", "introduction", "lesson", "steps"])
        else { return nil }
        let id = yaml.text(fields["id"]) ?? folder
        if let value = fields["id"], id != folder {
            yaml.problem(value, "expected \"\(folder)\", the name of the folder, found \"\(id)\"")
        }
        let exercise = Exercise(
            id: id, title: yaml.localized(fields["title"]) ?? LocalizedText([:]),
            introduction: yaml.localized(fields["introduction"]) ?? LocalizedText([:]),
            lesson: yaml.text(fields["lesson"]) ?? "", requires: yaml.texts(fields["requires"]),
            images: yaml.texts(fields["images"]), variables: variables(fields["vars"]),
            steps: yaml.items(fields["steps"]).compactMap { step($0) }, files: files, directory: directory)
        ExerciseRules(yaml: yaml).check(exercise, root: root)
        return exercise
    }

    private func variables(_ value: YAMLReader.Value?) -> [Variable] {
        guard let value else { return [] }
        return yaml.entries(value).compactMap { name, value in
            guard value.isMapping else {
                return yaml.text(value).map { Variable(name: name, source: .fixed($0), shown: nil) }
            }
            guard let fields = yaml.fields(value, known: ["from", "pick", "value", "shown"]) else { return nil }
            let shown = yaml.localized(fields["shown"])
            if let from = fields["from"], let state = yaml.text(from) {
                if !["user", "password"].contains(state), !state.hasPrefix("container:") {
                    yaml.problem(from, "expected user, password or container:NAME, found \"\(state)\"")
                }
                return Variable(name: name, source: .state(state), shown: shown)
            }
            if fields["pick"] != nil {
                let choices = yaml.texts(fields["pick"])
                if choices.isEmpty { yaml.problem(value, "there is nothing to pick from") }
                return Variable(name: name, source: .pick(choices), shown: shown)
            }
            if let fixed = yaml.text(fields["value"]) {
                return Variable(name: name, source: .fixed(fixed), shown: shown)
            }
            yaml.problem(value, "expected from, pick or value")
            return nil
        }
    }

    private func step(_ value: YAMLReader.Value) -> Step? {
        guard
            let fields = yaml.fields(
                value,
                known: [
                    "id", "goal", "check", "mode", "needs", "hints", "solution", "also", "mistakes", "explain", "reset",
                ], required: ["id", "goal", "check", "hints", "solution"]),
            let id = yaml.text(fields["id"])
        else { return nil }
        return Step(
            id: id, goal: yaml.localized(fields["goal"]) ?? LocalizedText([:]),
            check: Check(
                mode: yaml.choice(fields["mode"], as: Check.Mode.self) ?? .level, facts: facts.facts(fields["check"])),
            needs: yaml.texts(fields["needs"]), hints: yaml.items(fields["hints"]).compactMap { yaml.localized($0) },
            solution: transcript(fields["solution"]) ?? Transcript(),
            also: yaml.items(fields["also"]).compactMap { transcript($0) },
            mistakes: yaml.items(fields["mistakes"]).compactMap { mistake($0) },
            explain: fields["explain"].flatMap { explanation($0) },
            reset: yaml.items(fields["reset"]).compactMap { reset($0) }, place: yaml.place(value))
    }

    private func mistake(_ value: YAMLReader.Value) -> Mistake? {
        let keys = ["id", "when", "say", "try"]
        guard let fields = yaml.fields(value, known: keys, required: keys), let id = yaml.text(fields["id"])
        else { return nil }
        return Mistake(
            id: id, when: facts.facts(fields["when"]), say: yaml.localized(fields["say"]) ?? LocalizedText([:]),
            attempt: transcript(fields["try"]) ?? Transcript(), place: yaml.place(value))
    }

    private func transcript(_ value: YAMLReader.Value?) -> Transcript? {
        guard let value, let text = yaml.text(value) else { return nil }
        guard let transcript = Transcript(parsing: text) else {
            yaml.problem(value, "the first line is typed at the prompt; it cannot begin with >")
            return nil
        }
        if transcript.commands.isEmpty { yaml.problem(value, "expected at least one line") }
        return transcript
    }

    private func explanation(_ value: YAMLReader.Value) -> Explanation? {
        guard let fields = yaml.fields(value, known: ["say", "passage", "pictures"]) else { return nil }
        let pictures: [Explanation.Picture] = yaml.items(fields["pictures"]).compactMap { item in
            let kinds = Explanation.Picture.Kind.allCases
            guard let picture = yaml.fields(item, known: kinds.map(\.rawValue)),
                let kind = kinds.first(where: { picture[$0.rawValue] != nil }),
                let object = yaml.text(picture[kind.rawValue])
            else { return nil }
            return Explanation.Picture(kind: kind, object: object)
        }
        return Explanation(
            say: yaml.localized(fields["say"]), passage: yaml.text(fields["passage"]), pictures: pictures)
    }

    private func reset(_ value: YAMLReader.Value) -> ResetAction? {
        let keys = ["container", "containers-of", "image", "registry", "logout", "docker"]
        guard let fields = yaml.fields(value, known: keys) else { return nil }
        guard fields.values.count == 1, let key = fields.values.keys.first, let operand = fields[key] else {
            yaml.problem(value, "expected exactly one of \(YAMLReader.list(keys))")
            return nil
        }
        if key == "docker" { return .docker(yaml.texts(operand)) }
        guard let text = yaml.text(operand) else { return nil }
        switch key {
        case "container": return .removeContainer(text)
        case "containers-of": return .removeContainersOf(image: text)
        case "image": return .removeImage(text)
        case "registry": return .removeFromRegistry(text)
        default: return .logOut(registry: text == "docker.io" ? nil : text)
        }
    }
}

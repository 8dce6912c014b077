import Diagnostics
import Engine

/// Reads facts; see `Fact` for their meaning.
struct FactReader {
    let yaml: YAMLReader

    private static let subjects = [
        "container", "image", "changed", "file", "registry", "login", "no", "command",
    ]

    func facts(_ value: YAMLReader.Value?) -> [Fact] { yaml.items(value).compactMap { fact($0) } }

    func fact(_ value: YAMLReader.Value) -> Fact? {
        guard let fields = yaml.fields(value, known: Self.subjects + ["where", "mode", "now", "missing"]),
            let subject = subject(fields)
        else { return nil }
        return Fact(
            subject, mode: yaml.choice(fields["mode"], as: Check.Mode.self), now: yaml.localized(fields["now"]),
            missing: yaml.localized(fields["missing"]), place: yaml.place(value))
    }

    private func subject(_ fields: YAMLReader.Fields) -> Fact.Subject? {
        let named = Self.subjects.filter { fields[$0] != nil }
        guard named.count == 1, let name = named.first, let value = fields[name] else {
            yaml.problem(
                fields.owner,
                "a fact is about exactly one of \(YAMLReader.list(Self.subjects)), found "
                    + (named.isEmpty ? "none" : named.joined(separator: " and ")))
            return nil
        }
        if let conditions = fields["where"], name != "container", name != "image" {
            yaml.problem(conditions, "\"where\" belongs to a container or an image")
        }
        switch name {
        case "container":
            return yaml.text(value).map { .container($0, where: conditions(fields["where"])) }
        case "image":
            return yaml.text(value).map { .image($0, where: conditions(fields["where"])) }
        case "no":
            guard let inner = yaml.fields(value, known: Self.subjects + ["where"]) else { return nil }
            return subject(inner).map { .no($0) }
        case "login": return login(value)
        case "changed": return changed(value)
        case "file": return file(value)
        case "registry": return registry(value)
        default: return command(value)
        }
    }

    private func login(_ value: YAMLReader.Value) -> Fact.Subject? {
        guard let fields = yaml.fields(value, known: ["user", "registry"], required: ["user"]),
            let user = yaml.text(fields["user"])
        else { return nil }
        return .login(user: user, registry: yaml.text(fields["registry"]))
    }

    private func changed(_ value: YAMLReader.Value) -> Fact.Subject? {
        guard
            let fields = yaml.fields(value, known: ["container", "path", "kind"], required: ["container", "path"]),
            let container = yaml.text(fields["container"]), let path = absolute(fields["path"])
        else { return nil }
        return .changed(
            container: container, path: path, kind: yaml.choice(fields["kind"], as: ChangeName.self)?.kind)
    }

    private func file(_ value: YAMLReader.Value) -> Fact.Subject? {
        guard let fields = yaml.fields(value, known: ["image", "path", "layer"], required: ["image", "path"]),
            let image = yaml.text(fields["image"]), let path = absolute(fields["path"])
        else { return nil }
        var layer: Fact.Layer?
        if let place = fields["layer"], let name = yaml.text(place) {
            switch name {
            case "top": layer = .top
            case "base": layer = .base
            default:
                if let index = Int(name), index >= 0 {
                    layer = .index(index)
                } else {
                    yaml.problem(place, "expected top, base or a number from 0, found \"\(name)\"")
                }
            }
        }
        return .file(image: image, path: path, layer: layer)
    }

    private func registry(_ value: YAMLReader.Value) -> Fact.Subject? {
        guard
            let fields = yaml.fields(value, known: ["repository", "tag", "same-as"], required: ["repository", "tag"]),
            let repository = yaml.text(fields["repository"]), let tag = yaml.text(fields["tag"])
        else { return nil }
        return .registry(repository: repository, tag: tag, sameAs: yaml.text(fields["same-as"]))
    }

    private func command(_ value: YAMLReader.Value) -> Fact.Subject? {
        guard let fields = yaml.fields(value, known: ["matches", "exit", "error"]) else { return nil }
        if fields.values.isEmpty { yaml.problem(value, "expected matches, exit or error") }
        return .command(
            matches: pattern(fields["matches"]), exit: fields["exit"].flatMap { matcher($0) },
            error: fields["error"].flatMap { matcher($0) })
    }

    private func absolute(_ value: YAMLReader.Value?) -> String? {
        guard let value, let path = yaml.text(value) else { return nil }
        if !path.hasPrefix("/") { yaml.problem(value, "expected an absolute path, found \"\(path)\"") }
        return path
    }

    private func conditions(_ value: YAMLReader.Value?) -> [Condition] {
        guard let value else { return [] }
        return yaml.entries(value).compactMap { entry in
            matcher(entry.value).map { Condition(entry.key, $0) }
        }
    }

    private static let operators = ["in", "min", "max", "matches", "count", "image", "container", "not", "any"]

    private func matcher(_ value: YAMLReader.Value) -> Matcher? {
        guard value.isMapping else { return .equals(yaml.json(value)) }
        guard let fields = yaml.fields(value, known: Self.operators) else { return nil }
        let names = Set(fields.values.keys)
        if !names.isEmpty, names.isSubset(of: ["min", "max"]) {
            return .range(min: yaml.number(fields["min"]), max: yaml.number(fields["max"]))
        }
        guard names.count == 1, let name = names.first, let operand = fields[name] else {
            yaml.problem(value, "expected one of \(YAMLReader.list(Self.operators)) (min and max may stand together)")
            return nil
        }
        switch name {
        case "in": return .oneOf(yaml.items(operand).compactMap { matcher($0) })
        case "matches": return pattern(operand).map { .matches($0) }
        case "count": return matcher(operand).map { .count($0) }
        case "image": return yaml.text(operand).map { .image($0) }
        case "container": return yaml.text(operand).map { .container($0) }
        case "not": return matcher(operand).map { .not($0) }
        default: return matcher(operand).map { .any($0) }
        }
    }

    private func pattern(_ value: YAMLReader.Value?) -> String? {
        guard let value, let pattern = yaml.text(value) else { return nil }
        // A variable stands for literal text, so any letter does for the check.
        let probe = pattern.placeholders.reduce(pattern) { $0.replacing(text: "{{\($1)}}", with: "x") }
        do {
            _ = try Regex(probe)
        } catch {
            yaml.problem(value, "not a regular expression: \(pattern)")
        }
        return pattern
    }
}

/// The names of the kinds of change.
private enum ChangeName: String, CaseIterable {
    case added, changed, deleted

    var kind: FileChange.Kind {
        switch self {
        case .added: .added
        case .changed: .changed
        case .deleted: .deleted
        }
    }
}

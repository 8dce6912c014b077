import Diagnostics
import Yams

/// Reads one YAML file strictly: every problem is kept with its line, and reading goes on, so that an author sees all
/// of them at once.
final class YAMLReader {
    /// A value with its place in the document.
    struct Value {
        var node: Node
        var path: String

        var line: Int { node.mark?.line ?? 0 }

        var isMapping: Bool {
            if case .mapping = node { return true }
            return false
        }
    }

    /// The keys of a mapping.
    struct Fields {
        var owner: Value
        var values: [String: Value]

        subscript(key: String) -> Value? { values[key] }
    }

    let file: String
    private(set) var problems: [ContentProblem] = []

    init(file: String) { self.file = file }

    /// The root of a text, or nil (with a problem) where it is not YAML.
    func root(of text: String) -> Value? {
        do {
            guard let node = try Yams.compose(yaml: text) else {
                problem(line: 1, "", "expected a mapping, found an empty file")
                return nil
            }
            return Value(node: node, path: "")
        } catch let error as YamlError {
            switch error {
            case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
                .composer(let context, let problem, let mark, _):
                let detail = context.map { "\($0.text) " } ?? ""
                self.problem(line: mark.line, "", "not valid YAML: \(detail)\(problem)")
            case .duplicatedKeysInMapping(let duplicates, let context):
                problem(line: context.mark.line, "", "the key \(duplicates.joined(separator: ", ")) is given twice")
            default: problem(line: 1, "", "not valid YAML: \(error)")
            }
        } catch {
            problem(line: 1, "", "not valid YAML: \(error)")
        }
        return nil
    }

    func problem(_ value: Value, _ message: String) { problem(line: value.line, value.path, message) }

    func problem(line: Int, _ path: String, _ message: String) {
        problems.append(ContentProblem(SourcePlace(file: file, line: line), path: path, message))
    }

    func place(_ value: Value) -> SourcePlace { SourcePlace(file: file, line: value.line) }

    /// A mapping with known keys; keys that are not known and required ones that are missing are problems.
    func fields(_ value: Value, known: [String], required: [String] = []) -> Fields? {
        guard case .mapping(let mapping) = value.node else {
            problem(value, "expected a mapping with \(Self.list(known)), found \(Self.kind(value.node))")
            return nil
        }
        var values: [String: Value] = [:]
        for (key, node) in mapping {
            guard let name = key.string else { continue }
            if known.contains(name) {
                values[name] = Value(node: node, path: value.path.isEmpty ? name : "\(value.path).\(name)")
            } else {
                problem(
                    line: key.mark?.line ?? value.line, value.path,
                    "the key \"\(name)\" is not known here; expected \(Self.list(known))")
            }
        }
        for name in required where values[name] == nil { problem(value, "\"\(name)\" is missing") }
        return Fields(owner: value, values: values)
    }

    /// The entries of a mapping with free keys, in order.
    func entries(_ value: Value) -> [(key: String, value: Value)] {
        guard case .mapping(let mapping) = value.node else {
            problem(value, "expected a mapping, found \(Self.kind(value.node))")
            return []
        }
        return mapping.compactMap { key, node in
            key.string.map { ($0, Value(node: node, path: value.path.isEmpty ? $0 : "\(value.path).\($0)")) }
        }
    }

    /// The items of a list; nothing where the value is missing.
    func items(_ value: Value?) -> [Value] {
        guard let value else { return [] }
        guard case .sequence(let sequence) = value.node else {
            problem(value, "expected a list, found \(Self.kind(value.node))")
            return []
        }
        return sequence.enumerated().map { Value(node: $1, path: "\(value.path)[\($0)]") }
    }

    /// Text; a plain number or truth value counts as the text it is written as.
    func text(_ value: Value?) -> String? {
        guard let value else { return nil }
        guard case .scalar(let scalar) = value.node else {
            problem(value, "expected text, found \(Self.kind(value.node))")
            return nil
        }
        return scalar.string
    }

    func texts(_ value: Value?) -> [String] { items(value).compactMap { text($0) } }

    /// A text in every language. A missing language is a problem.
    func localized(_ value: Value?) -> LocalizedText? {
        guard let value else { return nil }
        let codes = Language.allCases.map(\.rawValue)
        guard let fields = fields(value, known: codes) else { return nil }
        var texts: [Language: String] = [:]
        for language in Language.allCases {
            guard let text = text(fields[language.rawValue])?.trimmed, !text.isEmpty else {
                problem(value, "the text in \"\(language.rawValue)\" is missing")
                continue
            }
            texts[language] = text
        }
        return LocalizedText(texts)
    }

    func number(_ value: Value?) -> Double? {
        guard let value else { return nil }
        guard let number = text(value).flatMap(Double.init) else {
            problem(value, "expected a number")
            return nil
        }
        return number
    }

    /// One of an enumeration's names.
    func choice<Choice: RawRepresentable & CaseIterable>(_ value: Value?, as: Choice.Type) -> Choice?
    where Choice.RawValue == String {
        guard let value, let name = text(value) else { return nil }
        if let choice = Choice(rawValue: name) { return choice }
        problem(value, "expected \(Self.list(Choice.allCases.map(\.rawValue))), found \"\(name)\"")
        return nil
    }

    /// Any value as JSON.
    func json(_ value: Value) -> JSONValue {
        switch value.node {
        case .scalar(let scalar):
            guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
            switch scalar.string {
            case "true": return .bool(true)
            case "false": return .bool(false)
            case "null", "~", "": return .null
            default: break
            }
            if let number = Int64(scalar.string) { return .int(number) }
            if let number = Double(scalar.string), scalar.string.allSatisfy({ "0123456789.-+eE".contains($0) }) {
                return .double(number)
            }
            return .string(scalar.string)
        case .sequence: return .array(items(value).map { json($0) })
        case .mapping: return .object(entries(value).map { (key: $0.key, value: json($0.value)) })
        default: return .null
        }
    }

    static func kind(_ node: Node) -> String {
        switch node {
        case .scalar(let scalar): scalar.string.isEmpty ? "nothing" : "text"
        case .sequence: "a list"
        case .mapping: "a mapping"
        default: "an alias"
        }
    }

    static func list(_ names: [String]) -> String {
        guard names.count > 1, let last = names.last else { return names.first ?? "" }
        return names.dropLast().joined(separator: ", ") + " or " + last
    }
}

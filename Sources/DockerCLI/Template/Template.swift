import Diagnostics

/// What a template can be asked about besides the fields of a document: `.Label "x"`.
typealias TemplateMethod = @Sendable ([JSONValue]) throws(TemplateError) -> JSONValue

/// The thing that a template is filled from.
struct TemplateSubject: Sendable {
    /// The fields.
    var document: JSONValue
    /// The methods that take arguments.
    var methods: [String: TemplateMethod] = [:]
    /// The Go type that messages name, for rows of a table; nil for plain documents.
    var typeName: String?
}

/// A template in the syntax of Go's `text/template`, as `--format` takes it.
struct Template: Sendable {
    private let nodes: [TemplateNode]

    /// Reads a template.
    /// - Throws: Go's message: `:1: unclosed action`.
    init(_ text: String) throws(TemplateError) { nodes = try TemplateParser.parse(text) }

    /// Fills the template.
    /// - Parameter heading: whether this is the heading of a table: functions that shape values leave them alone.
    func fill(_ subject: TemplateSubject, heading: Bool = false) throws(TemplateError) -> String {
        var run = TemplateRun(subject: subject, heading: heading)
        _ = try run.run(nodes, dot: subject.document)
        return run.output
    }
}

/// One filling of a template.
struct TemplateRun {
    /// How a list of nodes ended.
    enum Ending { case normal, exitLoop, nextTurn }

    let subject: TemplateSubject
    let heading: Bool
    var output = ""
    private var variables: [(name: String, value: JSONValue)]

    init(subject: TemplateSubject, heading: Bool) {
        self.subject = subject
        self.heading = heading
        variables = [("", subject.document)]
    }

    mutating func run(_ nodes: [TemplateNode], dot: JSONValue) throws(TemplateError) -> Ending {
        let depth = variables.count
        defer { variables.removeSubrange(depth...) }
        for node in nodes {
            switch node {
            case .text(let text): output += text
            case .output(let pipeline):
                let value = try evaluate(pipeline, dot)
                if pipeline.variables.isEmpty { output += TemplateRun.display(value) }
            case .branch(let pipeline, let then, let otherwise):
                let value = try evaluate(pipeline, dot)
                let ending = try run(TemplateRun.truth(value) ? then : otherwise, dot: dot)
                if ending != .normal { return ending }
            case .with(let pipeline, let then, let otherwise):
                let value = try evaluate(pipeline, dot)
                let holds = TemplateRun.truth(value)
                let ending = try run(holds ? then : otherwise, dot: holds ? value : dot)
                if ending != .normal { return ending }
            case .range(let pipeline, let body, let otherwise):
                try loop(pipeline, body: body, otherwise: otherwise, dot: dot)
            case .exitLoop: return .exitLoop
            case .nextTurn: return .nextTurn
            }
        }
        return .normal
    }

    private mutating func loop(
        _ pipeline: TemplatePipeline, body: [TemplateNode], otherwise: [TemplateNode], dot: JSONValue
    ) throws(TemplateError) {
        var plain = pipeline
        plain.variables = []
        let items: [(key: JSONValue, value: JSONValue)]
        switch try evaluate(plain, dot) {
        case .array(let list): items = list.enumerated().map { (.int(Int64($0.offset)), $0.element) }
        case .object(let pairs):
            items = pairs.sorted { $0.key < $1.key }.map { (.string($0.key), $0.value) }
        case .int(let count): items = (0..<max(0, count)).map { (.int($0), .int($0)) }
        case .null: items = []
        case let other: throw fault(pipeline.place, "range can't iterate over \(TemplateRun.display(other))")
        }
        if items.isEmpty {
            _ = try run(otherwise, dot: dot)
            return
        }
        for item in items {
            let depth = variables.count
            defer { variables.removeSubrange(depth...) }
            if let last = pipeline.variables.last { variables.append((last, item.value)) }
            if pipeline.variables.count == 2 { variables.append((pipeline.variables[0], item.key)) }
            if try run(body, dot: item.value) == .exitLoop { return }
        }
    }

    private mutating func evaluate(_ pipeline: TemplatePipeline, _ dot: JSONValue) throws(TemplateError) -> JSONValue {
        var value: JSONValue?
        for command in pipeline.commands { value = try evaluate(command, dot, piped: value, pipeline.place) }
        let result = value ?? .null
        for name in pipeline.variables {
            if !pipeline.declares, let index = variables.lastIndex(where: { $0.name == name }) {
                variables[index].value = result
            } else {
                variables.append((name, result))
            }
        }
        return result
    }

    private mutating func evaluate(
        _ command: TemplateCommand, _ dot: JSONValue, piped: JSONValue?, _ place: TemplatePlace
    ) throws(TemplateError) -> JSONValue {
        guard let first = command.words.first else { return .null }
        let rest = command.words.dropFirst()
        switch first {
        case .function(let name, let place):
            if name == "and" || name == "or" { return try shortCircuit(name, rest, dot, piped) }
            var arguments: [JSONValue] = []
            for word in rest { arguments.append(try self.value(word, dot)) }
            if let piped { arguments.append(piped) }
            do throws(TemplateError) {
                return try TemplateFunctions.call(name, arguments, heading: heading)
            } catch {
                throw fault(place, "error calling \(name): \(error.message)", at: name)
            }
        case .fields(.dot, let names, let place)
        where names.count == 1 && subject.methods[names[0]] != nil && dot == subject.document:
            var arguments: [JSONValue] = []
            for word in rest { arguments.append(try self.value(word, dot)) }
            if let piped { arguments.append(piped) }
            guard let method = subject.methods[names[0]] else { return .null }
            do throws(TemplateError) { return try method(arguments) } catch {
                throw fault(place, error.message, at: "." + names[0])
            }
        default:
            guard rest.isEmpty, piped == nil else {
                throw fault(place, "can't give argument to non-function \(TemplateRun.source(first))")
            }
            return try self.value(first, dot)
        }
    }

    private mutating func shortCircuit(
        _ name: String, _ words: ArraySlice<TemplateOperand>, _ dot: JSONValue, _ piped: JSONValue?
    ) throws(TemplateError) -> JSONValue {
        var last = JSONValue.null
        for word in words {
            last = try value(word, dot)
            if TemplateRun.truth(last) == (name == "or") { return last }
        }
        return piped ?? last
    }

    private mutating func value(_ operand: TemplateOperand, _ dot: JSONValue) throws(TemplateError) -> JSONValue {
        switch operand {
        case .dot: return dot
        case .variable(let name):
            guard let variable = variables.last(where: { $0.name == name }) else {
                throw TemplateError(message: ":1: undefined variable \"$\(name)\"")
            }
            return variable.value
        case .literal(.string(let text)): return .string(text)
        case .literal(.int(let number)): return .int(number)
        case .literal(.double(let number)): return .double(number)
        case .literal(.bool(let truth)): return .bool(truth)
        case .literal(.null): return .null
        case .function(let name, let place):
            return try evaluate(
                TemplateCommand(words: [.function(name, place)]), dot, piped: nil, place)
        case .group(let pipeline): return try evaluate(pipeline, dot)
        case .fields(let base, let names, let place):
            if case .dot = base, names.count == 1, let method = subject.methods[names[0]], dot == subject.document {
                return try method([])
            }
            var current = try value(base, dot)
            for (index, name) in names.enumerated() {
                let path = TemplateRun.source(.fields(base, Array(names.prefix(index + 1)), place))
                current = try field(name, of: current, path, place)
            }
            return current
        }
    }

    private func field(
        _ name: String, of value: JSONValue, _ path: String, _ place: TemplatePlace
    ) throws(TemplateError) -> JSONValue {
        if case .object = value {
            if let found = value[name] { return found }
            if let type = subject.typeName, value == subject.document {
                throw fault(place, "can't evaluate field \(name) in type \(type)", at: path)
            }
            throw fault(place, "map has no entry for key \"\(name)\"", at: path)
        }
        if case .null = value { throw fault(place, "nil data; no entry for key \"\(name)\"", at: path) }
        throw fault(place, "can't evaluate field \(name) in type \(TemplateRun.typeName(value))", at: path)
    }

    private func fault(_ place: TemplatePlace, _ text: String, at path: String? = nil) -> TemplateError {
        let position = path.map { ":\(place.line):\(place.column): executing \"\" at <\($0)>: " }
        return TemplateError(message: (position ?? ":\(place.line): ") + text)
    }
}

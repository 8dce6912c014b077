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
    /// Whether Docker fills the template from a Go value, where what is not there is a nil pointer.
    var isTyped = false
}

/// A template in the syntax of Go's `text/template`, as `--format` takes it.
struct Template: Sendable {
    private let nodes: [TemplateNode]
    private let definitions: [String: [TemplateNode]]

    /// Reads a template.
    /// - Throws: Go's message: `:1: unclosed action`.
    init(_ text: String) throws(TemplateError) { (nodes, definitions) = try TemplateParser.parse(text) }

    /// Fills the template.
    /// - Parameter heading: whether this is the heading of a table: functions that shape values leave them alone.
    func fill(_ subject: TemplateSubject, heading: Bool = false) throws(TemplateError) -> String {
        var run = TemplateRun(subject: subject, heading: heading, definitions: definitions)
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
    private let definitions: [String: [TemplateNode]]
    private var variables: [(name: String, value: JSONValue)]
    private var depth = 0

    init(subject: TemplateSubject, heading: Bool, definitions: [String: [TemplateNode]] = [:]) {
        self.subject = subject
        self.heading = heading
        self.definitions = definitions
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
                if pipeline.variables.isEmpty {
                    output += TemplateRun.display(value, nested: subject.isTyped && !Self.asksOpenObject(pipeline))
                }
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
            case .call(let name, let pipeline, let place): try call(name, pipeline, place, dot)
            }
        }
        return .normal
    }

    private mutating func call(
        _ name: String, _ pipeline: TemplatePipeline?, _ place: TemplatePlace, _ dot: JSONValue
    ) throws(TemplateError) {
        guard let nodes = definitions[name] else {
            throw fault(place, "template \"\(name)\" not defined", at: "{{template \"\(name)\"}}")
        }
        guard depth < 1000 else { throw fault(place, "exceeded maximum template depth (1000)", at: name) }
        let value = try pipeline.map { pipeline throws(TemplateError) in try evaluate(pipeline, dot) } ?? .null
        let outside = variables
        depth += 1
        defer {
            depth -= 1
            variables = outside
        }
        variables = [("", value)]
        _ = try run(nodes, dot: value)
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
        case let other:
            let operand = pipeline.commands.last?.words.first
            throw fault(
                operand.flatMap(TemplateRun.place) ?? pipeline.place,
                "range can't iterate over \(TemplateRun.display(other))",
                at: pipeline.commands.map(TemplateRun.source).joined(separator: " | "))
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
            let count = rest.count + (piped == nil ? 0 : 1)
            if let problem = TemplateFunctions.countProblem(name, count) { throw fault(place, problem, at: name) }
            if name == "and" || name == "or" { return try shortCircuit(name, rest, dot, piped) }
            if name == "call", let target = rest.first {
                throw fault(
                    place,
                    "error calling call: non-function \(TemplateRun.source(target)) of type "
                        + TemplateRun.typeName(try value(target, dot)), at: TemplateRun.source(command))
            }
            var arguments: [JSONValue] = []
            for (number, word) in rest.enumerated() {
                let argument = try self.value(word, dot)
                if !heading { try check(argument, word, name, number, place) }
                arguments.append(argument)
            }
            if let piped {
                if !heading, let problem = TemplateFunctions.typeProblem(name, arguments.count, piped) {
                    throw fault(place, problem, at: name)
                }
                arguments.append(piped)
            }
            do throws(TemplateError) {
                let result = try TemplateFunctions.call(name, arguments, heading: heading)
                // Whole rows are encoded by a method of their own, which Go escapes for HTML.
                if name == "json", !heading, subject.typeName != nil, let text = result.string,
                    arguments.first == subject.document || arguments.first?.array != nil
                {
                    return .string(TemplateRun.escapedForHTML(text))
                }
                return result
            } catch {
                throw fault(place, "error calling \(name): \(error.message)", at: TemplateRun.source(command))
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
        case .literal(.null, _, let place) where rest.isEmpty: throw fault(place, "nil is not a command", at: "nil")
        default:
            guard rest.isEmpty, piped == nil else {
                let source = TemplateRun.source(first)
                if case .fields(_, let names, let place) = first {
                    throw fault(place, "\(names.last ?? "") is not a method but has arguments", at: source)
                }
                throw fault(
                    TemplateRun.place(first) ?? place, "can't give argument to non-function \(source)", at: source)
            }
            return try self.value(first, dot)
        }
    }

    /// Refuses an argument that a function cannot take, as Go does before it calls it.
    private func check(
        _ argument: JSONValue, _ word: TemplateOperand, _ name: String, _ number: Int, _ place: TemplatePlace
    ) throws(TemplateError) {
        guard let problem = TemplateFunctions.typeProblem(name, number, argument) else { return }
        let source = TemplateRun.source(word)
        if case .literal(_, let text, let place) = word {
            throw fault(
                place, "expected \(TemplateFunctions.isInt(name, number) ? "integer" : "string"); found \(text)",
                at: source)
        }
        throw fault(TemplateRun.place(word) ?? place, problem, at: source)
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
        case .variable(let name, _):
            guard let variable = variables.last(where: { $0.name == name }) else {
                throw TemplateError(message: ":1: undefined variable \"$\(name)\"")
            }
            return variable.value
        case .literal(.string(let text), _, _): return .string(text)
        case .literal(.int(let number), _, _): return .int(number)
        case .literal(.double(let number), _, _): return .double(number)
        case .literal(.bool(let truth), _, _): return .bool(truth)
        case .literal(.null, _, _): return .null
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
                let parent = index > 0 ? names[index - 1] : ""
                current = try field(name, of: current, path, place, parent: parent)
            }
            return current
        }
    }

    /// Objects of a document whose keys a user chooses: what is not in them is no mistake.
    private static let openObjects: Set<String> = [
        "Labels", "Annotations", "Attributes", "Options", "Ports", "Networks", "Volumes", "ExposedPorts", "Sysctls",
        "Tmpfs",
        "PortBindings", "DriverOpts", "StorageOpt",
    ]

    /// Whether a pipeline is one field of an object with keys of the user's: `.Config.Labels.x`.
    private static func asksOpenObject(_ pipeline: TemplatePipeline) -> Bool {
        guard pipeline.commands.count == 1, let word = pipeline.commands[0].words.last,
            case .fields(_, let names, _) = word, names.count > 1
        else { return false }
        return openObjects.contains(names[names.count - 2])
    }

    private func field(
        _ name: String, of value: JSONValue, _ path: String, _ place: TemplatePlace, parent: String
    ) throws(TemplateError) -> JSONValue {
        if case .object = value {
            if let found = value[name] { return found }
            if let type = subject.typeName, value == subject.document {
                throw fault(place, "can't evaluate field \(name) in type \(type)", at: path)
            }
            if Self.openObjects.contains(parent) { return .null }
            if subject.isTyped, let found = DocumentDefaults.field(name, of: value, parent) { return found }
            throw fault(place, "map has no entry for key \"\(name)\"", at: path)
        }
        if case .null = value { throw fault(place, "nil pointer evaluating interface {}.\(name)", at: path) }
        throw fault(place, "can't evaluate field \(name) in type interface {}", at: path)
    }

    private func fault(_ place: TemplatePlace, _ text: String, at path: String? = nil) -> TemplateError {
        let position = path.map { ":\(place.line):\(place.column): executing \"\" at <\($0)>: " }
        return TemplateError(message: (position ?? ":\(place.line): ") + text)
    }
}

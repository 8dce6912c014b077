import Diagnostics

/// The functions that templates can call: Go's own, and Docker's.
enum TemplateFunctions {
    /// The names of all functions.
    static let names: Set<String> = [
        "and", "or", "not", "len", "index", "slice", "print", "printf", "println", "eq", "ne", "lt", "le", "gt", "ge",
        "json", "split", "join", "title", "lower", "upper", "pad", "truncate",
    ]

    /// Functions that only shape a value: in the heading of a table they pass it on.
    private static let shaping: Set<String> = ["json", "title", "lower", "upper", "pad", "truncate", "join", "split"]

    /// Calls a function.
    static func call(
        _ name: String, _ arguments: [JSONValue], heading: Bool
    ) throws(TemplateError) -> JSONValue {
        if heading, shaping.contains(name) {
            return arguments.first { if case .string = $0 { true } else { false } } ?? .string("")
        }
        switch name {
        case "not": return .bool(!TemplateRun.truth(try argument(0, of: arguments)))
        case "len": return .int(try length(try argument(0, of: arguments)))
        case "index": return try index(arguments)
        case "slice": return try slice(arguments)
        case "print": return .string(printed(arguments))
        case "println":
            return .string(arguments.map { TemplateRun.display($0, nested: true) }.joined(separator: " ") + "\n")
        case "printf": return .string(try formatted(arguments))
        case "eq", "ne", "lt", "le", "gt", "ge": return .bool(try compare(name, arguments))
        default: return try shape(name, arguments)
        }
    }

    private static func shape(_ name: String, _ arguments: [JSONValue]) throws(TemplateError) -> JSONValue {
        switch name {
        case "json":
            let value = try argument(0, of: arguments)
            return .string(value.compact)
        case "split":
            let text = try string(0, of: arguments)
            let separator = try string(1, of: arguments)
            return .array(splitting(text, separator).map(JSONValue.string))
        case "join":
            let items = try argument(0, of: arguments)
            let separator = try string(1, of: arguments)
            guard let list = items.array else { throw wrongType(items, "[]string") }
            return .string(list.map { TemplateRun.display($0, nested: true) }.joined(separator: separator))
        case "title":
            var text = ""
            for character in try string(0, of: arguments) {
                let starts = text.last.map { !$0.isLetter && !$0.isNumber && $0 != "'" && $0 != "_" } ?? true
                text += starts ? character.uppercased() : String(character)
            }
            return .string(text)
        case "lower": return .string(try string(0, of: arguments).lowercased())
        case "upper": return .string(try string(0, of: arguments).uppercased())
        case "pad":
            let text = try string(0, of: arguments)
            if text.isEmpty { return .string("") }
            let before = String(repeating: " ", count: max(0, try int(1, of: arguments)))
            let after = String(repeating: " ", count: max(0, try int(2, of: arguments)))
            return .string(before + text + after)
        case "truncate": return .string(String(try string(0, of: arguments).prefix(max(0, try int(1, of: arguments)))))
        default: throw TemplateError(message: "function \"\(name)\" not defined")
        }
    }

    private static func argument(_ place: Int, of arguments: [JSONValue]) throws(TemplateError) -> JSONValue {
        guard arguments.indices.contains(place) else {
            throw TemplateError(message: "wrong number of args: got \(arguments.count)")
        }
        return arguments[place]
    }

    private static func string(_ place: Int, of arguments: [JSONValue]) throws(TemplateError) -> String {
        let value = try argument(place, of: arguments)
        guard let text = value.string else { throw wrongType(value, "string") }
        return text
    }

    private static func int(_ place: Int, of arguments: [JSONValue]) throws(TemplateError) -> Int {
        let value = try argument(place, of: arguments)
        guard let number = value.int, let small = Int(exactly: number) else { throw wrongType(value, "int") }
        return small
    }

    private static func wrongType(_ value: JSONValue, _ wanted: String) -> TemplateError {
        TemplateError(message: "wrong type for value; expected \(wanted); got \(TemplateRun.typeName(value))")
    }

    private static func length(_ value: JSONValue) throws(TemplateError) -> Int64 {
        switch value {
        case .string(let text): return Int64(text.utf8.count)
        case .array(let items): return Int64(items.count)
        case .object(let pairs): return Int64(pairs.count)
        default: throw TemplateError(message: "len of type \(TemplateRun.typeName(value))")
        }
    }

    private static func index(_ arguments: [JSONValue]) throws(TemplateError) -> JSONValue {
        var value = try argument(0, of: arguments)
        for key in arguments.dropFirst() {
            switch (value, key) {
            case (.object, .string(let name)): value = value[name] ?? .null
            case (.array(let items), .int(let number)):
                guard let place = Int(exactly: number), items.indices.contains(place) else {
                    throw TemplateError(message: "error calling index: index out of range: \(number)")
                }
                value = items[place]
            case (.null, _): throw TemplateError(message: "index of untyped nil")
            default: throw TemplateError(message: "can't index item of type \(TemplateRun.typeName(value))")
            }
        }
        return value
    }

    private static func slice(_ arguments: [JSONValue]) throws(TemplateError) -> JSONValue {
        let value = try argument(0, of: arguments)
        let count = Int(try length(value))
        let from = arguments.count > 1 ? try int(1, of: arguments) : 0
        let to = arguments.count > 2 ? try int(2, of: arguments) : count
        guard from >= 0, from <= to, to <= count else { throw TemplateError(message: "index out of range: \(to)") }
        switch value {
        case .string(let text): return .string(String(decoding: Array(text.utf8)[from..<to], as: UTF8.self))
        case .array(let items): return .array(Array(items[from..<to]))
        default: throw TemplateError(message: "can't slice item of type \(TemplateRun.typeName(value))")
        }
    }

    /// Go's `Sprint`: a space between operands when neither is text.
    private static func printed(_ arguments: [JSONValue]) -> String {
        var text = ""
        for (place, value) in arguments.enumerated() {
            if place > 0, value.string == nil, arguments[place - 1].string == nil { text += " " }
            text += TemplateRun.display(value, nested: true)
        }
        return text
    }

    /// Go's `Sprintf` for the verbs that make sense here: `%s`, `%v`, `%q`, `%d`, `%x`, `%t`, `%f`, with width.
    private static func formatted(_ arguments: [JSONValue]) throws(TemplateError) -> String {
        let format = try string(0, of: arguments)
        var rest = arguments.dropFirst()
        var text = ""
        var characters = Substring(format)
        while let character = characters.popFirst() {
            guard character == "%" else {
                text.append(character)
                continue
            }
            var flags = ""
            while let next = characters.first, "-+ 0123456789.".contains(next) {
                flags.append(characters.removeFirst())
            }
            guard let verb = characters.popFirst() else { return text + "%!(NOVERB)" }
            if verb == "%" {
                text += "%"
                continue
            }
            guard let value = rest.popFirst() else {
                text += "%!\(verb)(MISSING)"
                continue
            }
            text += padded(shown(value, verb), flags)
        }
        return text
    }

    private static func shown(_ value: JSONValue, _ verb: Character) -> String {
        switch (verb, value) {
        case ("q", .string): value.compact
        case ("x", .int(let number)): String(number, radix: 16)
        default: TemplateRun.display(value, nested: true)
        }
    }

    private static func padded(_ text: String, _ flags: String) -> String {
        let digits = flags.drop { "-+ ".contains($0) }
        let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        var body = text
        if parts.count == 2, let most = Int(parts[1]) { body = String(body.prefix(most)) }
        guard let first = parts.first, let width = Int(first), width > body.count else { return body }
        let fill = String(
            repeating: first.hasPrefix("0") && !flags.hasPrefix("-") ? "0" : " ", count: width - body.count)
        return flags.hasPrefix("-") ? body + fill : fill + body
    }

    private static func compare(_ name: String, _ arguments: [JSONValue]) throws(TemplateError) -> Bool {
        let left = try argument(0, of: arguments)
        let right = try argument(1, of: arguments)
        switch name {
        case "eq":
            if TemplateRun.typeName(left) != TemplateRun.typeName(right), left != .null, right != .null {
                throw TemplateError(message: "incompatible types for comparison")
            }
            return arguments.dropFirst().contains { $0 == left }
        case "ne": return left != right
        case "lt": return try isLess(left, right)
        case "le": return try !isLess(right, left)
        case "gt": return try isLess(right, left)
        default: return try !isLess(left, right)
        }
    }

    private static func isLess(_ left: JSONValue, _ right: JSONValue) throws(TemplateError) -> Bool {
        switch (left, right) {
        case (.string(let a), .string(let b)): return a < b
        case (.int(let a), .int(let b)): return a < b
        case (.double(let a), .double(let b)): return a < b
        case (.int(let a), .double(let b)): return Double(a) < b
        case (.double(let a), .int(let b)): return a < Double(b)
        default: throw TemplateError(message: "incompatible types for comparison")
        }
    }

    /// Text cut at every separator; an empty separator cuts between characters.
    static func splitting(_ text: String, _ separator: String) -> [String] {
        if separator.isEmpty { return text.map(String.init) }
        var parts: [String] = []
        var current: [Character] = []
        let mark = Array(separator)
        var rest = Array(text)[...]
        while !rest.isEmpty {
            if rest.starts(with: mark) {
                parts.append(String(current))
                current = []
                rest = rest.dropFirst(mark.count)
            } else {
                current.append(rest.removeFirst())
            }
        }
        return parts + [String(current)]
    }
}

import Diagnostics

/// The functions that templates can call: Go's own, and Docker's.
enum TemplateFunctions {
    /// What a function takes.
    private struct Signature {
        enum Kind { case any, string, int, texts }
        var parameters: [Kind]
        /// Whether more may follow the parameters.
        var isOpen = false
    }

    private static let signatures: [String: Signature] = [
        "and": Signature(parameters: [.any], isOpen: true), "or": Signature(parameters: [.any], isOpen: true),
        "not": Signature(parameters: [.any]), "len": Signature(parameters: [.any]),
        "index": Signature(parameters: [.any], isOpen: true), "slice": Signature(parameters: [.any], isOpen: true),
        "print": Signature(parameters: [], isOpen: true), "println": Signature(parameters: [], isOpen: true),
        "printf": Signature(parameters: [.string], isOpen: true), "eq": Signature(parameters: [.any], isOpen: true),
        "ne": Signature(parameters: [.any, .any]), "lt": Signature(parameters: [.any, .any]),
        "le": Signature(parameters: [.any, .any]), "gt": Signature(parameters: [.any, .any]),
        "ge": Signature(parameters: [.any, .any]), "call": Signature(parameters: [.any], isOpen: true),
        "html": Signature(parameters: [], isOpen: true), "js": Signature(parameters: [], isOpen: true),
        "urlquery": Signature(parameters: [], isOpen: true), "json": Signature(parameters: [.any]),
        "split": Signature(parameters: [.string, .string]), "join": Signature(parameters: [.texts, .string]),
        "title": Signature(parameters: [.string]), "lower": Signature(parameters: [.string]),
        "upper": Signature(parameters: [.string]), "pad": Signature(parameters: [.string, .int, .int]),
        "truncate": Signature(parameters: [.string, .int]),
    ]

    /// The names of all functions.
    static let names: Set<String> = Set(signatures.keys)

    /// Functions that only shape a value: in the heading of a table they pass it on.
    private static let shaping: Set<String> = ["json", "title", "lower", "upper", "pad", "truncate", "join", "split"]

    /// What Go says where a function gets too many or too few arguments; nil where it does not.
    static func countProblem(_ name: String, _ count: Int) -> String? {
        guard let signature = signatures[name] else { return nil }
        let wanted = signature.parameters.count
        if count < wanted || (count > wanted && !signature.isOpen) {
            return "wrong number of args for \(name): want \(signature.isOpen ? "at least " : "")\(wanted) got \(count)"
        }
        return nil
    }

    /// Whether a parameter is a whole number.
    static func isInt(_ name: String, _ place: Int) -> Bool { kind(name, place) == .int }

    /// What Go says where a function cannot take a value; nil where it can.
    static func typeProblem(_ name: String, _ place: Int, _ value: JSONValue) -> String? {
        switch (kind(name, place), value) {
        case (.string, .string), (.int, .int), (.any, _): nil
        case (.texts, .array(let items)) where items.allSatisfy({ $0.string != nil }): nil
        case (.string, _): wrongType(value, "string")
        case (.int, _): wrongType(value, "int")
        case (.texts, _): wrongType(value, "[]string")
        }
    }

    private static func kind(_ name: String, _ place: Int) -> Signature.Kind {
        guard let parameters = signatures[name]?.parameters, parameters.indices.contains(place) else { return .any }
        return parameters[place]
    }

    private static func wrongType(_ value: JSONValue, _ wanted: String) -> String {
        "wrong type for value; expected \(wanted); got \(TemplateRun.typeName(value))"
    }

    /// Calls a function with arguments that `countProblem` and `typeProblem` have let through.
    static func call(
        _ name: String, _ arguments: [JSONValue], heading: Bool
    ) throws(TemplateError) -> JSONValue {
        if heading, shaping.contains(name) {
            return arguments.first { if case .string = $0 { true } else { false } } ?? .string("")
        }
        let first = arguments.first ?? .null
        switch name {
        case "not": return .bool(!TemplateRun.truth(first))
        case "len": return .int(try length(first))
        case "index": return try index(arguments)
        case "slice": return try slice(arguments)
        case "print": return .string(printed(arguments))
        case "println":
            return .string(arguments.map { TemplateRun.display($0, nested: true) }.joined(separator: " ") + "\n")
        case "printf": return .string(TemplateFormat.text(first.string ?? "", Array(arguments.dropFirst())))
        case "eq", "ne", "lt", "le", "gt", "ge": return .bool(try compare(name, arguments))
        case "html", "js", "urlquery": return .string(escaped(name, printed(arguments)))
        default: return shape(name, arguments)
        }
    }

    private static func shape(_ name: String, _ arguments: [JSONValue]) -> JSONValue {
        let first = arguments.first ?? .null
        let text = first.string ?? ""
        func number(_ place: Int) -> Int {
            arguments.indices.contains(place) ? Int(clamping: arguments[place].int ?? 0) : 0
        }
        switch name {
        case "json": return .string(first.compact)
        case "split": return .array(splitting(text, arguments.last?.string ?? "").map(JSONValue.string))
        case "join":
            return .string((first.array ?? []).compactMap(\.string).joined(separator: arguments.last?.string ?? ""))
        case "title": return .string(titled(text))
        case "lower": return .string(text.lowercased())
        case "upper": return .string(text.uppercased())
        case "pad":
            if text.isEmpty { return .string("") }
            let before = String(repeating: " ", count: max(0, number(1)))
            return .string(before + text + String(repeating: " ", count: max(0, number(2))))
        default: return .string(String(text.prefix(max(0, number(1)))))
        }
    }

    /// Go's `strings.Title`: the first letter of each word; digits and `_` belong to words.
    private static func titled(_ text: String) -> String {
        var result = ""
        for character in text {
            let starts = result.last.map { !$0.isLetter && !$0.isNumber && $0 != "_" } ?? true
            result += starts ? character.uppercased() : String(character)
        }
        return result
    }

    private static func length(_ value: JSONValue) throws(TemplateError) -> Int64 {
        switch value {
        case .string(let text): return Int64(text.utf8.count)
        case .array(let items): return Int64(items.count)
        case .object(let pairs): return Int64(pairs.count)
        // A number of a document is kept as its text.
        case .int, .double: return Int64(TemplateRun.display(value).utf8.count)
        case .null: throw TemplateError(message: "len of nil pointer")
        case .bool: throw TemplateError(message: "len of type bool")
        }
    }

    private static func index(_ arguments: [JSONValue]) throws(TemplateError) -> JSONValue {
        var value = arguments.first ?? .null
        for key in arguments.dropFirst() {
            switch (value, key) {
            case (.object(let pairs), .string(let name)):
                // What is not in a map of texts is the empty text.
                let isText = !pairs.isEmpty && pairs.allSatisfy { $0.value.string != nil }
                value = value[name] ?? (isText ? .string("") : .null)
            case (.object, _):
                throw TemplateError(message: "value has type \(goType(key)); should be string")
            case (.array(let items), .int(let number)):
                guard let place = Int(exactly: number), items.indices.contains(place) else {
                    throw TemplateError(message: "index out of range: \(number)")
                }
                value = items[place]
            case (.string(let text), .int(let number)):
                let bytes = Array(text.utf8)
                guard let place = Int(exactly: number), bytes.indices.contains(place) else {
                    throw TemplateError(message: "index out of range: \(number)")
                }
                value = .int(Int64(bytes[place]))
            case (.array, _), (.string, _):
                throw TemplateError(message: "cannot index slice/array with type \(goType(key))")
            case (.null, _): throw TemplateError(message: "index of untyped nil")
            default: throw TemplateError(message: "can't index item of type \(TemplateRun.typeName(value))")
            }
        }
        return value
    }

    /// What Go calls the type of a constant.
    static func goType(_ value: JSONValue) -> String {
        switch value {
        case .int: "int"
        case .double: "float64"
        default: TemplateRun.typeName(value)
        }
    }

    private static func slice(_ arguments: [JSONValue]) throws(TemplateError) -> JSONValue {
        let value = arguments.first ?? .null
        if case .null = value { throw TemplateError(message: "slice of untyped nil") }
        let count: Int64
        switch value {
        case .string, .array: count = try length(value)
        default: throw TemplateError(message: "can't slice item of type \(TemplateRun.typeName(value))")
        }
        var bounds: [Int64] = [0, count]
        for (place, argument) in arguments.dropFirst().prefix(2).enumerated() {
            guard let number = argument.int else {
                throw TemplateError(message: "cannot index slice/array with type \(goType(argument))")
            }
            guard (0...count).contains(number) else { throw TemplateError(message: "index out of range: \(number)") }
            bounds[place] = number
        }
        guard bounds[0] <= bounds[1] else {
            throw TemplateError(message: "invalid slice index: \(bounds[0]) > \(bounds[1])")
        }
        let range = Int(bounds[0])..<Int(bounds[1])
        if case .array(let items) = value { return .array(Array(items[range])) }
        return .string(String(decoding: Array((value.string ?? "").utf8)[range], as: UTF8.self))
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

    private static func compare(_ name: String, _ arguments: [JSONValue]) throws(TemplateError) -> Bool {
        let left = arguments.first ?? .null
        if name == "eq" {
            guard arguments.count > 1 else { throw TemplateError(message: "missing argument for comparison") }
            for right in arguments.dropFirst() where try isEqual(left, right) { return true }
            return false
        }
        let right = arguments.count > 1 ? arguments[1] : .null
        switch name {
        case "ne": return try !isEqual(left, right)
        case "lt": return try isLess(left, right)
        case "le": return try !isLess(right, left)
        case "gt": return try isLess(right, left)
        default: return try !isLess(left, right)
        }
    }

    private static func isEqual(_ left: JSONValue, _ right: JSONValue) throws(TemplateError) -> Bool {
        switch (left, right) {
        case (.null, _), (_, .null), (.array, .array), (.object, .object), (.string, .string), (.int, .int),
            (.double, .double), (.bool, .bool):
            return left == right
        default: throw TemplateError(message: "incompatible types for comparison")
        }
    }

    private static func isLess(_ left: JSONValue, _ right: JSONValue) throws(TemplateError) -> Bool {
        switch (left, right) {
        case (.string(let a), .string(let b)): return a < b
        case (.int(let a), .int(let b)): return a < b
        case (.double(let a), .double(let b)): return a < b
        default: throw TemplateError(message: "incompatible types for comparison")
        }
    }

    private static func escaped(_ function: String, _ text: String) -> String {
        var result: [UInt8] = []
        let html: [UInt8: String] = [0x22: "&#34;", 0x27: "&#39;", 0x26: "&amp;", 0x3c: "&lt;", 0x3e: "&gt;"]
        let js: [UInt8: String] = [
            0x5c: #"\\"#, 0x27: #"\'"#, 0x22: #"\""#, 0x3c: #"\u003C"#, 0x3e: #"\u003E"#, 0x26: #"\u0026"#,
            0x3d: #"\u003D"#,
        ]
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            switch function {
            case "html": if let known = html[byte] { result += known.utf8 } else { result.append(byte) }
            case "js":
                if let known = js[byte] {
                    result += known.utf8
                } else if byte < 0x20 {
                    result += #"\u00"#.utf8 + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                } else {
                    result.append(byte)
                }
            default:
                let isPlain =
                    (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || [0x2d, 0x5f, 0x2e, 0x7e].contains(byte)
                if isPlain {
                    result.append(byte)
                } else if byte == 0x20 {
                    result.append(0x2b)
                } else {
                    result += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                }
            }
        }
        return String(decoding: result, as: UTF8.self)
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

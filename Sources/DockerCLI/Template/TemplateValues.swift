import Diagnostics

extension TemplateRun {
    /// Whether Go's templates take a value as true.
    static func truth(_ value: JSONValue) -> Bool {
        switch value {
        case .null: false
        case .bool(let truth): truth
        case .int(let number): number != 0
        case .double(let number): number != 0
        case .string(let text): !text.isEmpty
        case .array(let items): !items.isEmpty
        case .object(let pairs): !pairs.isEmpty
        }
    }

    /// A value as Go prints it: lists as `[a b]`, objects as `map[k:v]`.
    static func display(_ value: JSONValue, nested: Bool = false) -> String {
        switch value {
        case .null: nested ? "<nil>" : "<no value>"
        case .bool(let truth): truth ? "true" : "false"
        case .int(let number): String(number)
        case .double(let number): JSONValue.double(number).compact
        case .string(let text): text
        case .array(let items): "[" + items.map { display($0, nested: true) }.joined(separator: " ") + "]"
        case .object(let pairs) where GoStructs.contains(value):
            "{" + pairs.map { display($0.value, nested: true) }.joined(separator: " ") + "}"
        case .object(let pairs):
            "map["
                + pairs.sorted { $0.key < $1.key }.map { "\($0.key):\(display($0.value, nested: true))" }
                .joined(separator: " ") + "]"
        }
    }

    /// What Go calls the type of a value from a JSON document.
    static func typeName(_ value: JSONValue) -> String {
        switch value {
        case .null: "nil"
        case .bool: "bool"
        case .int, .double: "json.Number"
        case .string: "string"
        case .array: "[]interface {}"
        case .object: "map[string]interface {}"
        }
    }

    /// An operand as it was written.
    static func source(_ operand: TemplateOperand) -> String {
        switch operand {
        case .dot: "."
        case .variable(let name, _): "$" + name
        case .function(let name, _): name
        case .literal(_, let text, _): text
        case .group: "(…)"
        case .fields(let base, let names, _):
            (source(base) == "." ? "" : source(base)) + names.map { "." + $0 }.joined()
        }
    }

    /// A command as it was written.
    static func source(_ command: TemplateCommand) -> String { command.words.map(source).joined(separator: " ") }

    /// Where an operand stands.
    static func place(_ operand: TemplateOperand) -> TemplatePlace? {
        switch operand {
        case .variable(_, let place), .function(_, let place), .literal(_, _, let place), .fields(_, _, let place):
            place
        case .group(let pipeline): pipeline.place
        case .dot: nil
        }
    }

    /// Text with the characters that Go's JSON encoder escapes for HTML.
    static func escapedForHTML(_ json: String) -> String {
        guard json.utf8.contains(where: { $0 == 0x3c || $0 == 0x3e || $0 == 0x26 }) else { return json }
        var text: [UInt8] = []
        for byte in json.utf8 {
            switch byte {
            case 0x3c: text += "\\u003c".utf8
            case 0x3e: text += "\\u003e".utf8
            case 0x26: text += "\\u0026".utf8
            default: text.append(byte)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

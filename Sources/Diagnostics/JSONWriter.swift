extension JSONValue {
    /// The document on one line, as Go's `encoding/json` writes it.
    public var compact: String {
        var writer = JSONWriter(indent: nil)
        writer.write(self, depth: 0)
        return writer.text
    }

    /// The document over several lines, indented by `indent` spaces (Docker uses 4), without a final newline.
    public func pretty(indent: Int = 4) -> String {
        var writer = JSONWriter(indent: indent)
        writer.write(self, depth: 0)
        return writer.text
    }
}

/// Writes JSON as Go does: no escaping of `/`, control characters as `\u00XX`.
struct JSONWriter {
    var text = ""
    let indent: Int?

    init(indent: Int?) { self.indent = indent }

    mutating func write(_ value: JSONValue, depth: Int) {
        switch value {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .int(let value): text += String(value)
        // "No limit" where numbers have no sign: a double holds it only as the next power of two.
        case .double(0x1p64): text += String(UInt64.max)
        case .double(let value):
            text += value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
        case .string(let value): write(string: value)
        case .array(let items):
            writeList(open: "[", close: "]", count: items.count, depth: depth) { writer, index in
                writer.write(items[index], depth: depth + 1)
            }
        case .object(let pairs):
            writeList(open: "{", close: "}", count: pairs.count, depth: depth) { writer, index in
                writer.write(string: pairs[index].key)
                writer.text += writer.indent == nil ? ":" : ": "
                writer.write(pairs[index].value, depth: depth + 1)
            }
        }
    }

    private mutating func writeList(
        open: String, close: String, count: Int, depth: Int, element: (inout JSONWriter, Int) -> Void
    ) {
        text += open
        for index in 0..<count {
            if index > 0 { text += "," }
            newline(depth + 1)
            element(&self, index)
        }
        if count > 0 { newline(depth) }
        text += close
    }

    private mutating func newline(_ depth: Int) {
        guard let indent else { return }
        text += "\n" + String(repeating: " ", count: indent * depth)
    }

    private mutating func write(string: String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{2028}", "\u{2029}": text += "\\u" + String(scalar.value, radix: 16)
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}

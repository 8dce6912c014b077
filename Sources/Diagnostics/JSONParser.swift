extension JSONValue {
    /// Reads a JSON document (RFC 8259), keeping the order of its keys.
    ///
    /// - Throws: `DrydockError` with code `.corrupt` that names the byte where the text stops being JSON. Nesting
    ///   deeper than 512 levels is refused.
    public init(parsing text: some Collection<UInt8>) throws(DrydockError) {
        var parser = JSONParser(bytes: Array(text))
        self = try parser.document()
    }

    /// Reads a JSON document from text; see `init(parsing:)`.
    public init(parsing text: String) throws(DrydockError) { try self.init(parsing: text.utf8) }
}

private struct JSONParser {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(DrydockError) -> JSONValue {
        let result = try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw failure("more text after the document") }
        return result
    }

    private func failure(_ reason: String) -> DrydockError {
        DrydockError(.corrupt, "invalid JSON at byte \(position)", reason: reason)
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[position]) { position += 1 }
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func expect(_ literal: StaticString, _ result: JSONValue) throws(DrydockError) -> JSONValue {
        let wanted = literal.withUTF8Buffer { Array($0) }
        guard bytes[position...].starts(with: wanted) else { throw failure("expected \(literal)") }
        position += wanted.count
        return result
    }

    private mutating func value(depth: Int) throws(DrydockError) -> JSONValue {
        guard depth <= 512 else { throw failure("nested more than 512 levels deep") }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try expect("true", true)
        case UInt8(ascii: "f"): return try expect("false", false)
        case UInt8(ascii: "n"): return try expect("null", nil)
        case nil: throw failure("the text ends too early")
        default: return try number()
        }
    }

    private mutating func object(depth: Int) throws(DrydockError) -> JSONValue {
        position += 1
        var pairs: [(key: String, value: JSONValue)] = []
        skipSpace()
        if next == UInt8(ascii: "}") {
            position += 1
            return .object(pairs)
        }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw failure("expected a key") }
            let key = try string()
            skipSpace()
            guard next == UInt8(ascii: ":") else { throw failure("expected ':'") }
            position += 1
            pairs.append((key: key, value: try value(depth: depth + 1)))
            if try listEnds(with: UInt8(ascii: "}")) { return .object(pairs) }
        }
    }

    private mutating func array(depth: Int) throws(DrydockError) -> JSONValue {
        position += 1
        var items: [JSONValue] = []
        skipSpace()
        if next == UInt8(ascii: "]") {
            position += 1
            return .array(items)
        }
        while true {
            items.append(try value(depth: depth + 1))
            if try listEnds(with: UInt8(ascii: "]")) { return .array(items) }
        }
    }

    private mutating func listEnds(with close: UInt8) throws(DrydockError) -> Bool {
        skipSpace()
        guard next == close || next == UInt8(ascii: ",") else { throw failure("expected ',' or the end of a list") }
        defer { position += 1 }
        return next == close
    }

    private mutating func string() throws(DrydockError) -> String {
        position += 1
        var result: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: result, as: UTF8.self) else {
                    throw failure("text that is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): result.append(contentsOf: try escape())
            case 0..<0x20: throw failure("a control character inside text")
            default: result.append(byte)
            }
        }
        throw failure("text without an end")
    }

    private mutating func escape() throws(DrydockError) -> [UInt8] {
        guard let byte = next else { throw failure("text without an end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"):
            var unit = try hex4()
            if (0xd800..<0xdc00).contains(unit), next == UInt8(ascii: "\\"),
                position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "u")
            {
                position += 2
                let low = try hex4()
                unit = (0xdc00..<0xe000).contains(low) ? 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00) : 0xfffd
            }
            return Array(String(Unicode.Scalar(unit) ?? "\u{fffd}").utf8)
        default: throw failure("unknown escape")
        }
    }

    private mutating func hex4() throws(DrydockError) -> UInt32 {
        guard position + 4 <= bytes.count,
            let text = String(validating: bytes[position..<position + 4], as: UTF8.self),
            text.allSatisfy(\.isHexDigit), let value = UInt32(text, radix: 16)
        else { throw failure("expected four hexadecimal digits") }
        position += 4
        return value
    }

    private mutating func number() throws(DrydockError) -> JSONValue {
        let start = position
        var whole = true
        while let byte = next {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"): break
            case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): whole = false
            default:
                return try number(from: start, whole: whole)
            }
            position += 1
        }
        return try number(from: start, whole: whole)
    }

    private func number(from start: Int, whole: Bool) throws(DrydockError) -> JSONValue {
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        let digits = text.drop { $0 == "-" }
        guard digits.first?.isNumber ?? false, !(digits.hasPrefix("0") && digits.dropFirst().first?.isNumber ?? false)
        else { throw failure("expected a value") }
        if whole, let value = Int64(text) { return .int(value) }
        if let value = Double(text) { return .double(value) }
        throw failure("expected a value")
    }
}

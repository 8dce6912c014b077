import Diagnostics

/// Go's `fmt.Sprintf`, for the values that documents have.
enum TemplateFormat {
    /// What stands between `%` and the verb.
    private struct Flags {
        var minus = false
        var plus = false
        var zero = false
        var space = false
        var sharp = false
        var width: Int?
        var precision: Int?
    }

    /// The format with its verbs replaced.
    static func text(_ format: String, _ arguments: [JSONValue]) -> String {
        var rest = arguments[...]
        var text = ""
        var characters = Substring(format)
        while let character = characters.popFirst() {
            guard character == "%" else {
                text.append(character)
                continue
            }
            let flags = read(&characters)
            guard let verb = characters.popFirst() else { return text + "%!(NOVERB)" }
            if verb == "%" {
                text += "%"
            } else if let value = rest.popFirst() {
                text += shown(value, verb, flags)
            } else {
                text += "%!\(verb)(MISSING)"
            }
        }
        if !rest.isEmpty {
            let extra = rest.map { "\(TemplateFunctions.goType($0))=\(TemplateRun.display($0, nested: true))" }
            text += "%!(EXTRA \(extra.joined(separator: ", ")))"
        }
        return text
    }

    private static func read(_ characters: inout Substring) -> Flags {
        var flags = Flags()
        while let next = characters.first, "-+ 0#".contains(next) {
            switch next {
            case "-": flags.minus = true
            case "+": flags.plus = true
            case "0": flags.zero = true
            case " ": flags.space = true
            default: flags.sharp = true
            }
            characters.removeFirst()
        }
        func number() -> Int? {
            let digits = characters.prefix { ("0"..."9").contains($0) }
            characters = characters.dropFirst(digits.count)
            return Int(digits)
        }
        flags.width = number().map { min($0, 1_000_000) }
        if characters.first == "." {
            characters.removeFirst()
            flags.precision = min(number() ?? 0, 1000)
        }
        return flags
    }

    private static func shown(_ value: JSONValue, _ verb: Character, _ flags: Flags) -> String {
        if verb == "T" { return padded(TemplateFunctions.goType(value), flags) }
        if case .array(let items) = value, verb != "p" {
            return "[" + items.map { shown($0, verb, flags) }.joined(separator: " ") + "]"
        }
        switch (verb, value) {
        case ("v", .double): return number(value, "g", flags)
        case ("v", _), ("s", .string): return padded(cut(TemplateRun.display(value, nested: true), flags), flags)
        case ("s", .object): return padded(TemplateRun.display(value), flags)
        case ("q", .string(let text)): return padded(Units.quoted(cut(text, flags)), flags)
        case ("x", .string(let text)), ("X", .string(let text)):
            let hex = text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: verb == "X") }
            return padded(hex.joined(), flags)
        case ("t", .bool): return padded(TemplateRun.display(value), flags)
        case ("d", .int), ("x", .int), ("X", .int), ("o", .int), ("b", .int), ("c", .int), ("U", .int), ("q", .int):
            return whole(value.int ?? 0, verb, flags)
        case ("e", .double), ("E", .double), ("f", .double), ("F", .double), ("g", .double), ("G", .double):
            return number(value, verb, flags)
        case (_, .null): return "%!\(verb)(<nil>)"
        default:
            return "%!\(verb)(\(TemplateFunctions.goType(value))=\(TemplateRun.display(value, nested: true)))"
        }
    }

    private static func cut(_ text: String, _ flags: Flags) -> String {
        flags.precision.map { String(text.prefix($0)) } ?? text
    }

    private static func whole(_ number: Int64, _ verb: Character, _ flags: Flags) -> String {
        switch verb {
        case "c", "q":
            let scalar = UInt32(exactly: number).flatMap(Unicode.Scalar.init) ?? "\u{fffd}"
            return padded(verb == "c" ? String(scalar) : "'\(scalar)'", flags)
        case "U": return padded("U+" + String(number, radix: 16, uppercase: true).leftPadded(4), flags)
        default:
            let radix = ["x": 16, "X": 16, "o": 8, "b": 2][verb] ?? 10
            let digits = String(number.magnitude, radix: radix, uppercase: verb == "X")
            let prefix = flags.sharp ? (radix == 16 ? "0" + String(verb) : radix == 8 ? "0" : "") : ""
            return signed(prefix + digits, isNegative: number < 0, flags)
        }
    }

    private static func number(_ value: JSONValue, _ verb: Character, _ flags: Flags) -> String {
        guard case .double(let number) = value else { return "" }
        let magnitude = number.magnitude
        let text: String
        switch verb {
        case "e", "E": text = exponential(magnitude, flags.precision ?? 6, verb)
        case "f", "F": text = fixed(magnitude, flags.precision ?? 6)
        default:
            text =
                flags.precision.map { HumanUnits.significant(magnitude, digits: max(1, $0)) }
                ?? JSONValue.double(magnitude).compact
        }
        return signed(text, isNegative: number < 0, flags)
    }

    private static func fixed(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = (value * scale).rounded(.toNearestOrEven)
        guard scaled < 9e18 else { return String(value) }
        let all = String(Int64(scaled)).leftPadded(digits + 1)
        guard digits > 0 else { return all }
        return all.dropLast(digits) + "." + all.suffix(digits)
    }

    private static func exponential(_ value: Double, _ digits: Int, _ verb: Character) -> String {
        var exponent = 0
        var mantissa = value
        while mantissa >= 10 {
            mantissa /= 10
            exponent += 1
        }
        while mantissa > 0, mantissa < 1 {
            mantissa *= 10
            exponent -= 1
        }
        let power = String(exponent.magnitude).leftPadded(2)
        return fixed(mantissa, digits) + String(verb) + (exponent < 0 ? "-" : "+") + power
    }

    private static func signed(_ text: String, isNegative: Bool, _ flags: Flags) -> String {
        let sign = isNegative ? "-" : flags.plus ? "+" : flags.space ? " " : ""
        guard flags.zero, !flags.minus, let width = flags.width else { return padded(sign + text, flags) }
        return sign + text.leftPadded(width - sign.count)
    }

    private static func padded(_ text: String, _ flags: Flags) -> String {
        guard let width = flags.width, width > text.count else { return text }
        let fill = String(repeating: " ", count: width - text.count)
        return flags.minus ? text + fill : fill + text
    }
}

extension String {
    /// With zeros before it.
    fileprivate func leftPadded(_ width: Int) -> String {
        String(repeating: "0", count: max(0, width - count)) + self
    }
}

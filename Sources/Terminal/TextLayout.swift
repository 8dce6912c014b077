/// How wide text is on a terminal, and how it is broken into lines.
public enum TextLayout {
    /// The columns that text takes: escape sequences and combining marks take none, wide characters two.
    public static func width(_ text: String) -> Int {
        var total = 0
        for scalar in visible(text) { total += width(of: scalar) }
        return total
    }

    /// The text without its escape sequences.
    public static func stripped(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        result.append(contentsOf: visible(text))
        return String(result)
    }

    /// Text filled with spaces on the right up to a width.
    public static func pad(_ text: String, to columns: Int) -> String {
        text + String(repeating: " ", count: max(0, columns - width(text)))
    }

    /// Text cut to a width, with `…` (or `...`) where something is missing. Escape sequences are removed when cut.
    public static func clip(_ text: String, to columns: Int, ellipsis: String = "…") -> String {
        guard width(text) > columns else { return text }
        let room = max(0, columns - width(ellipsis))
        var used = 0
        var result = String.UnicodeScalarView()
        for scalar in visible(text) {
            let next = width(of: scalar)
            if used + next > room { break }
            used += next
            result.append(scalar)
        }
        return String(result) + ellipsis
    }

    /// Text broken at spaces so that no line is wider than `width`; a line break in the text stays one. A word that
    /// is too wide for a line stays whole, so that it can be copied.
    /// - Parameters:
    ///   - indent: what every line begins with.
    ///   - first: what the first line begins with instead.
    public static func wrap(_ text: String, width columns: Int, indent: String = "", first: String? = nil) -> String {
        var lines: [String] = []
        var start = first ?? indent
        for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
            var line = start
            var used = width(start)
            var isEmpty = true
            for word in words(of: paragraph) {
                let wide = width(word)
                if !isEmpty, used + 1 + wide > columns {
                    lines.append(line)
                    line = indent
                    used = width(indent)
                    isEmpty = true
                }
                if !isEmpty {
                    line += " "
                    used += 1
                }
                line += word
                used += wide
                isEmpty = false
            }
            lines.append(isEmpty ? trimmedEnd(line) : line)
            start = indent
        }
        return lines.joined(separator: "\n")
    }

    /// The parts of a line between which it may be broken: French puts a space before `: ; ! ? »` and after `«`, and
    /// none of them may come to stand alone.
    private static func words(of paragraph: Substring) -> [String] {
        var result: [String] = []
        var joins = false
        for word in paragraph.split(separator: " ") {
            let text = stripped(String(word))
            let closes = text.first.map(":;!?»".contains) ?? false
            if let last = result.last, joins || closes {
                result[result.count - 1] = last + " " + word
            } else {
                result.append(String(word))
            }
            joins = text.last == "«"
        }
        return result
    }

    private static func trimmedEnd(_ text: String) -> String {
        var text = text
        while text.last == " " { text.removeLast() }
        return text
    }

    /// The scalars outside of escape sequences (ECMA-48 CSI, OSC, and two-character ones).
    private static func visible(_ text: String) -> [Unicode.Scalar] {
        var filter = EscapeFilter()
        return text.unicodeScalars.filter { filter.keeps($0) }
    }

    private static func width(of scalar: Unicode.Scalar) -> Int {
        let value = scalar.value
        if value < 0x300 { return value < 0x20 || (0x7F..<0xA0).contains(value) ? 0 : 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        let wide: [ClosedRange<UInt32>] = [
            0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF,
            0x20000...0x3FFFD,
        ]
        return wide.contains { $0.contains(value) } ? 2 : 1
    }
}

/// Takes escape sequences out of a stream of characters, also where one is cut in two.
public struct EscapeFilter: Sendable {
    private enum State { case text, escape, control, command, commandEscape }
    private var state = State.text

    /// Makes a filter at the beginning of a stream.
    public init() {}

    /// Whether the next character of the stream is text.
    public mutating func keeps(_ scalar: Unicode.Scalar) -> Bool { keeps(value: scalar.value) }

    /// Whether the next byte of a UTF-8 stream is text.
    public mutating func keeps(byte: UInt8) -> Bool { keeps(value: UInt32(byte)) }

    private mutating func keeps(value: UInt32) -> Bool {
        switch state {
        case .text:
            if value == 0x1B {
                state = .escape
                return false
            }
            return true
        case .escape:
            state =
                value == 0x5B ? .control : value == 0x5D ? .command : (0x20...0x2F).contains(value) ? .escape : .text
        case .control:
            if (0x40...0x7E).contains(value) { state = .text }
        case .command:
            if value == 0x07 { state = .text } else if value == 0x1B { state = .commandEscape }
        case .commandEscape:
            state = value == 0x5C ? .text : .command
        }
        return false
    }
}

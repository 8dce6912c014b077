import Diagnostics

/// Numbers and texts as Docker shows them.
enum Units {
    /// See `HumanUnits.size`.
    static func size(_ bytes: Int64, digits: Int = 3) -> String { HumanUnits.size(bytes, digits: digits) }

    /// See `HumanUnits.binarySize`.
    static func binarySize(_ bytes: Int64) -> String { HumanUnits.binarySize(bytes) }

    /// See `HumanUnits.duration`.
    static func duration(_ seconds: Double) -> String { HumanUnits.duration(seconds) }

    /// A moment as tables show it: `2026-11-21 06:35:14 +0000 UTC`.
    static func moment(_ seconds: Int64) -> String { CivilTime(seconds: seconds).goText }

    /// A moment by RFC 3339: `2026-11-21T06:35:14Z`.
    static func timestamp(_ seconds: Int64) -> String {
        String(decoding: CivilTime(seconds: seconds).bytes(separator: 0x54), as: UTF8.self) + "Z"
    }

    /// Text of at most so many characters, the last one `…` where something was cut.
    static func ellipsis(_ text: String, _ most: Int) -> String {
        text.count <= most ? text : String(text.prefix(most - 1)) + "…"
    }

    /// Text in double quotes, as Go's `strconv.Quote` writes it.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for character in text.unicodeScalars {
            switch character {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case _ where character.value < 32:
                result += "\\x" + (character.value < 16 ? "0" : "") + String(character.value, radix: 16)
            default: result.unicodeScalars.append(character)
            }
        }
        return result + "\""
    }
}

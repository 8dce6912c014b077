/// Numbers as Docker shows them.
enum Units {
    /// A size with decimal units and as many significant digits: `7.8MB`, `0B`, `1.98kB`.
    static func size(_ bytes: Int64, digits: Int = 3) -> String {
        scaled(Double(bytes), base: 1000, digits: digits, units: ["B", "kB", "MB", "GB", "TB", "PB", "EB"])
    }

    /// A size with binary units: `23.54GiB`.
    static func binarySize(_ bytes: Int64) -> String {
        scaled(Double(bytes), base: 1024, digits: 4, units: ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"])
    }

    private static func scaled(_ bytes: Double, base: Double, digits: Int, units: [String]) -> String {
        var value = bytes
        var unit = 0
        while abs(value) >= base, unit < units.count - 1 {
            value /= base
            unit += 1
        }
        if base == 1000, rounded(value, digits: digits) >= 1000, unit < units.count - 1 {
            value = 1
            unit += 1
        }
        return significant(value, digits: digits) + units[unit]
    }

    private static func rounded(_ value: Double, digits: Int) -> Double {
        var step = 1.0
        while abs(value) >= step * 10 { step *= 10 }
        var factor = 1.0
        for _ in 1..<max(2, digits) { factor *= 10 }
        return (value / step * factor).rounded(.toNearestOrEven) / factor * step
    }

    /// A number with so many significant digits and no zeros at its end (C's `%.3g` for numbers that need no exponent).
    static func significant(_ value: Double, digits: Int) -> String {
        guard value != 0 else { return "0" }
        var whole = 1
        var limit = 10.0
        while abs(value) >= limit {
            whole += 1
            limit *= 10
        }
        let decimals = max(0, digits - whole)
        var factor = 1.0
        for _ in 0..<decimals { factor *= 10 }
        let scaled = Int64((value * factor).rounded(.toNearestOrEven))
        let divisor = Int64(factor)
        var text = String(scaled / divisor)
        var fraction = String(scaled % divisor)
        guard decimals > 0 else { return text }
        fraction = String(repeating: "0", count: decimals - fraction.count) + fraction
        while fraction.hasSuffix("0") { fraction.removeLast() }
        if !fraction.isEmpty { text += "." + fraction }
        return text
    }

    /// A time span in words: `Less than a second`, `3 minutes`, `About an hour`.
    static func duration(_ seconds: Double) -> String {
        let whole = Int(seconds)
        if whole < 1 { return "Less than a second" }
        if whole == 1 { return "1 second" }
        if whole < 60 { return "\(whole) seconds" }
        let minutes = whole / 60
        if minutes == 1 { return "About a minute" }
        if minutes < 60 { return "\(minutes) minutes" }
        let hours = Int(seconds / 3600 + 0.5)
        if hours == 1 { return "About an hour" }
        if hours < 48 { return "\(hours) hours" }
        if hours < 24 * 14 { return "\(hours / 24) days" }
        if hours < 24 * 60 { return "\(hours / 24 / 7) weeks" }
        if hours < 24 * 365 * 2 { return "\(hours / 24 / 30) months" }
        return "\(whole / 3600 / 24 / 365) years"
    }

    /// The parts of a moment in UTC (proleptic Gregorian calendar).
    private static func civil(_ seconds: Int64) -> (year: Int64, month: Int64, day: Int64, second: Int64) {
        let days = Int64((Double(seconds) / 86400).rounded(.down))
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfYear + 2) / 153
        let month = part < 10 ? part + 3 : part - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * part + 2) / 5 + 1, seconds - days * 86400)
    }

    private static func twoDigits(_ number: Int64) -> String { number < 10 ? "0\(number)" : String(number) }

    private static func clock(_ second: Int64) -> String {
        "\(twoDigits(second / 3600)):\(twoDigits(second / 60 % 60)):\(twoDigits(second % 60))"
    }

    /// A moment as tables show it: `2026-11-21 06:35:14 +0000 UTC`.
    static func moment(_ seconds: Int64) -> String {
        let parts = civil(seconds)
        return "\(parts.year)-\(twoDigits(parts.month))-\(twoDigits(parts.day)) \(clock(parts.second)) +0000 UTC"
    }

    /// A moment by RFC 3339: `2026-11-21T06:35:14Z`.
    static func timestamp(_ seconds: Int64) -> String {
        let parts = civil(seconds)
        return "\(parts.year)-\(twoDigits(parts.month))-\(twoDigits(parts.day))T\(clock(parts.second))Z"
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

/// Reads the times of `--since` and `--until`.
enum Moment {
    /// A time: RFC 3339, a part of it (`2013-01-02`), seconds since 1970, or a span before now (`42m`, `1h30m`).
    /// - Returns: seconds since 1970; nil where the text is none of these.
    static func read(_ text: String, now: Double) -> Double? {
        if let seconds = Double(text) { return seconds }
        if let span = span(text) { return now - span }
        return date(text)
    }

    /// A time span as Go writes it.
    static func span(_ text: String) -> Double? {
        let units: [String: Double] = ["ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600]
        var rest = text[...]
        var total = 0.0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isNumber || $0 == "." }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { !$0.isNumber && $0 != "." }
            rest = rest.dropFirst(unit.count)
            guard let number = Double(digits), let factor = units[String(unit)] else { return nil }
            total += number * factor
        }
        return total
    }

    private static func date(_ text: String) -> Double? {
        let halves = text.split(separator: "T", maxSplits: 1, omittingEmptySubsequences: false)
        let days = halves[0].split(separator: "-", omittingEmptySubsequences: false).map { Int64($0) }
        guard days.count == 3, let year = days[0], let month = days[1], let day = days[2], (1...12).contains(month),
            (1...31).contains(day)
        else { return nil }
        let midnight = Double(daysSince1970(year, month, day)) * 86400
        guard halves.count == 2 else { return midnight }
        var clock = halves[1]
        var offset = 0.0
        if clock.hasSuffix("Z") {
            clock = clock.dropLast()
        } else if let sign = clock.lastIndex(where: { $0 == "+" || $0 == "-" }) {
            let zone = clock[clock.index(after: sign)...].split(separator: ":").map { Double($0) ?? 0 }
            offset = ((zone.first ?? 0) * 3600 + (zone.count > 1 ? zone[1] : 0) * 60) * (clock[sign] == "-" ? -1 : 1)
            clock = clock[..<sign]
        }
        let parts = clock.split(separator: ":", omittingEmptySubsequences: false).map { Double($0) }
        guard (1...3).contains(parts.count), !parts.contains(nil) else { return nil }
        let numbers = parts.map { $0 ?? 0 } + [0, 0]
        return midnight + numbers[0] * 3600 + numbers[1] * 60 + numbers[2] - offset
    }

    /// The days from 1970-01-01 to a date of the Gregorian calendar.
    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

/// Sizes and time spans as Docker shows and reads them (its `go-units`, and Go's durations).
public enum HumanUnits {
    /// A size with decimal units and as many significant digits: `7.8MB`, `0B`, `1.98kB`.
    public static func size(_ bytes: Int64, digits: Int = 3) -> String {
        scaled(Double(bytes), base: 1000, digits: digits, units: ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"])
    }

    /// A size with binary units: `23.54GiB`.
    public static func binarySize(_ bytes: Int64) -> String {
        scaled(
            Double(bytes), base: 1024, digits: 4,
            units: ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"])
    }

    private static func scaled(_ bytes: Double, base: Double, digits: Int, units: [StaticString]) -> String {
        var value = bytes
        var unit = 0
        while value >= base, unit < units.count - 1 {
            value /= base
            unit += 1
        }
        return significant(value, digits: digits) + "\(units[unit])"
    }

    /// A number with so many significant digits and no zeros at its end, as `%.3g` writes it: what is rounded up to
    /// one digit more than there may be gets an exponent, `1e+03`.
    public static func significant(_ value: Double, digits: Int) -> String {
        guard value != 0 else { return "0" }
        if value < 0 { return "-" + significant(-value, digits: digits) }
        var exponent = 0
        var limit = 10.0
        while value >= limit {
            exponent += 1
            limit *= 10
        }
        var scale = 1.0
        for _ in 0..<max(0, digits - 1 - exponent) { scale *= 10 }
        var shrink = 1.0
        for _ in 0..<max(0, exponent + 1 - digits) { shrink *= 10 }
        var scaled = Int64((value * scale / shrink).rounded(.toNearestOrEven))
        var most: Int64 = 1
        for _ in 0..<digits { most *= 10 }
        if scaled >= most {
            // 999.6 with three digits: one place more before the point.
            exponent += 1
            scaled /= 10
            if scale > 1 { scale /= 10 } else { shrink *= 10 }
        }
        guard exponent < digits else {
            var mantissa = String(scaled)
            while mantissa.hasSuffix("0") { mantissa.removeLast() }
            if mantissa.utf8.count > 1 { mantissa.insert(".", at: mantissa.index(after: mantissa.startIndex)) }
            return mantissa + "e+" + (exponent < 10 ? "0" : "") + String(exponent)
        }
        let divisor = Int64(scale)
        var text = String(scaled / divisor)
        guard divisor > 1, scaled % divisor > 0 else { return text }
        let fraction = String(scaled % divisor)
        text += "." + String(repeating: "0", count: String(divisor).utf8.count - 1 - fraction.utf8.count) + fraction
        while text.hasSuffix("0") { text.removeLast() }
        return text
    }

    /// A time span in words: `Less than a second`, `3 minutes`, `About an hour`.
    public static func duration(_ seconds: Double) -> String {
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

    /// Reads a time span as Go writes it: `90s`, `24h`, `1h30m`, `-5m`; nil for anything else.
    /// - Returns: seconds.
    public static func seconds(ofGoDuration text: some StringProtocol) -> Double? {
        let units: [String: Double] = [
            "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600,
        ]
        var rest = Substring(text)
        var sign = 1.0
        if let first = rest.first, first == "-" || first == "+" {
            sign = first == "-" ? -1 : 1
            rest.removeFirst()
        }
        if rest == "0" { return 0 }
        guard !rest.isEmpty else { return nil }
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { !("0"..."9").contains($0) && $0 != "." }
            rest = rest.dropFirst(unit.count)
            guard let number = Double(digits), let factor = units[String(unit)] else { return nil }
            total += number * factor
        }
        return sign * total
    }

    /// Reads a moment as Docker's `since` and `until` take it: RFC 3339 or a part of it (`2013-01-02`,
    /// `2013-01-02T13:23`), seconds since 1970 with a fraction, or a span before now (`42m`).
    /// - Returns: seconds since 1970; nil where the text is none of these.
    public static func moment(_ text: String, now: Double) -> Double? {
        nanoseconds(ofMoment: text, now: now).map { Double($0) / 1e9 }
    }

    /// The same, exactly.
    /// - Returns: nanoseconds since 1970; nil where the text is no moment, or too far away.
    public static func nanoseconds(ofMoment text: String, now: Double) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        if !text.isEmpty, parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }) {
            let fraction = parts.count > 1 ? parts[1].prefix(9) : ""
            let digits = fraction + String(repeating: "0", count: 9 - fraction.utf8.count)
            guard let seconds = Int64(parts[0]), let rest = Int64(digits) else { return nil }
            let (whole, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
            return overflows || whole > .max - rest ? nil : whole + rest
        }
        if let span = seconds(ofGoDuration: text) { return Int64(exactly: ((now - span) * 1e9).rounded()) }
        var whole = text
        var zone = "Z"
        let clock = text.firstIndex(of: "T")
        if let clock {
            if whole.hasSuffix("Z") {
                whole.removeLast()
            } else if let sign = text[clock...].lastIndex(where: { $0 == "+" || $0 == "-" }) {
                zone = String(text[sign...])
                whole = String(text[..<sign])
            }
        }
        switch whole.utf8.count {
        case 10 where clock == nil: whole += "T00:00:00"
        case 13: whole += ":00:00"
        case 16: whole += ":00"
        default: break
        }
        guard let time = CivilTime.parse(whole + zone), abs(time.seconds) < 9_000_000_000 else { return nil }
        return time.seconds * 1_000_000_000 + Int64(time.nanoseconds)
    }
}

import Diagnostics

/// Numbers as they are read.
enum Units {
    /// A size as Docker writes it: `7.63MB`.
    static func bytes(_ count: Int64) -> String { HumanUnits.size(count) }

    /// A duration with a unit that leaves one to four digits: `850 µs`, `12.4 ms`, `3.1 s`.
    static func duration(_ nanoseconds: UInt64) -> String {
        let value = Double(nanoseconds)
        if value < 1e6 { return "\(Int((value / 1e3).rounded())) µs" }
        if value < 1e9 { return decimal(value / 1e6, digits: value < 1e8 ? 1 : 0) + " ms" }
        if value < 6e10 { return decimal(value / 1e9, digits: 1) + " s" }
        let seconds = Int((value / 1e9).rounded())
        return "\(seconds / 60) min \(seconds % 60) s"
    }

    /// The beginning of a digest or an ID: the 12 digits that Docker prints.
    static func short(_ digest: String) -> String {
        let hex = digest.firstIndex(of: ":").map { String(digest[digest.index(after: $0)...]) } ?? digest
        return hex.count > 12 ? String(hex.prefix(12)) : hex
    }

    /// A text with every ID of 64 hexadecimal digits cut to the 12 that Docker prints.
    static func shortened(_ text: String) -> String {
        var result = ""
        var run = ""
        for character in text {
            if character.isHexDigit {
                run.append(character)
                continue
            }
            result += (run.count == 64 ? String(run.prefix(12)) : run) + String(character)
            run = ""
        }
        return result + (run.count == 64 ? String(run.prefix(12)) : run)
    }

    private static func decimal(_ value: Double, digits: Int) -> String {
        var scale = 1
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((value * Double(scale)).rounded())
        guard digits > 0 else { return String(scaled) }
        var fraction = String(scaled % scale)
        while fraction.count < digits { fraction = "0" + fraction }
        while fraction.last == "0" { fraction.removeLast() }
        return fraction.isEmpty ? String(scaled / scale) : "\(scaled / scale).\(fraction)"
    }
}

/// Sizes as people write them: `10m`, `1.5g`, `4096`, with binary units.
public enum ByteCount {
    /// Bytes; nil for what is no size.
    public static func read(_ text: String) -> Int64? {
        let digits = text.prefix { $0.isNumber || $0 == "." }
        var unit = text.dropFirst(digits.count).lowercased().drop { $0 == " " }
        if unit.hasSuffix("b") { unit = unit.dropLast() }
        if unit.hasSuffix("i") { unit = unit.dropLast() }
        let factors: [Substring: Double] = [
            "": 1, "k": 1024, "m": 1_048_576, "g": 1_073_741_824, "t": 1_099_511_627_776,
        ]
        guard let number = Double(digits), let factor = factors[unit], number * factor < 9e18 else { return nil }
        return Int64(number * factor)
    }
}

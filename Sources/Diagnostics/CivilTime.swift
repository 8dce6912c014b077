/// A moment in the Gregorian calendar in UTC, and its text (RFC 3339): the one place where days are counted.
public struct CivilTime: Sendable, Hashable {
    /// The year.
    public var year: Int64
    /// The month, 1 to 12.
    public var month: Int64
    /// The day of the month, 1 to 31.
    public var day: Int64
    /// The second of the day, 0 to 86,399.
    public var secondOfDay: Int64

    /// The moment so many seconds after 1970-01-01T00:00:00Z; also before it, by a negative number.
    public init(seconds: Int64) {
        let days = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400
        // Eras of 400 years begin on 1 March.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * part + 2) / 5 + 1
        month = part < 10 ? part + 3 : part - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        secondOfDay = seconds - days * 86400
    }

    /// The days from 1970-01-01 to a date.
    public static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// The hour, 0 to 23.
    public var hour: Int64 { secondOfDay / 3600 }
    /// The minute, 0 to 59.
    public var minute: Int64 { secondOfDay / 60 % 60 }
    /// The second, 0 to 59.
    public var second: Int64 { secondOfDay % 60 }

    /// Date and time with something between them: `2024-05-01T10:00:00`.
    public func bytes(separator: UInt8) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(32)
        func put(_ value: Int64, _ width: Int) {
            var divisor: Int64 = 1
            for _ in 1..<width { divisor *= 10 }
            if value >= divisor * 10 || value < 0 {
                text.append(contentsOf: String(value).utf8)
                return
            }
            while divisor > 0 {
                text.append(0x30 + UInt8(value / divisor % 10))
                divisor /= 10
            }
        }
        put(year, 4)
        text.append(0x2d)
        put(month, 2)
        text.append(0x2d)
        put(day, 2)
        text.append(separator)
        put(hour, 2)
        text.append(0x3a)
        put(minute, 2)
        text.append(0x3a)
        put(second, 2)
        return text
    }

    /// As Go prints a time: `2026-11-21 06:35:14 +0000 UTC`.
    public var goText: String { String(decoding: bytes(separator: 0x20) + " +0000 UTC".utf8, as: UTF8.self) }

    /// Reads RFC 3339: `2017-03-03T20:32:37Z`, with a fraction or a numeric offset; nil for anything else.
    /// - Returns: seconds since 1970, and nanoseconds beyond them.
    public static func parse(_ text: some StringProtocol) -> (seconds: Int64, nanoseconds: Int32)? {
        var text = String(text)
        return text.withUTF8 { parse($0) }
    }

    private static func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> (seconds: Int64, nanoseconds: Int32)? {
        func number(_ from: Int, _ count: Int) -> Int64? {
            guard from + count <= bytes.count else { return nil }
            var value: Int64 = 0
            for byte in bytes[from..<from + count] {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            return value
        }
        guard bytes.count >= 20, let year = number(0, 4), let month = number(5, 2), let day = number(8, 2),
            let hour = number(11, 2), let minute = number(14, 2), let second = number(17, 2), bytes[4] == 0x2d,
            bytes[7] == 0x2d, bytes[10] == 0x54 || bytes[10] == 0x74 || bytes[10] == 0x20, bytes[13] == 0x3a,
            bytes[16] == 0x3a, (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        var position = 19
        var fraction: Int32 = 0
        if bytes[position] == 0x2e {
            position += 1
            var scale: Int32 = 100_000_000
            while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
                fraction += Int32(bytes[position] - 0x30) * scale
                scale /= 10
                position += 1
            }
        }
        guard position < bytes.count else { return nil }
        var offset: Int64 = 0
        switch bytes[position] {
        case 0x5a, 0x7a: guard position + 1 == bytes.count else { return nil }
        case 0x2b, 0x2d:
            guard position + 6 == bytes.count, let hours = number(position + 1, 2), bytes[position + 3] == 0x3a,
                let minutes = number(position + 4, 2)
            else { return nil }
            offset = (hours * 3600 + minutes * 60) * (bytes[position] == 0x2b ? 1 : -1)
        default: return nil
        }
        let days = days(year: year, month: month, day: day)
        return (days * 86400 + hour * 3600 + minute * 60 + second - offset, fraction)
    }
}

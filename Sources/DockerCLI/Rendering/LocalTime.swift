import Glibc

/// Moments in the time zone of the one who asks.
enum LocalTime {
    /// RFC 3339 with nine digits of a second: `2026-11-21T06:35:14.000000000+01:00`.
    static func nanoseconds(_ time: Int64) -> String {
        var seconds = time_t(time / 1_000_000_000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        func padded(_ value: some BinaryInteger, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let offset = Int(parts.tm_gmtoff) / 60
        let zone =
            offset == 0
            ? "Z" : (offset < 0 ? "-" : "+") + padded(abs(offset) / 60, 2) + ":" + padded(abs(offset) % 60, 2)
        let day = "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))"
        let clock = "\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2))"
        return "\(day)T\(clock).\(padded(time % 1_000_000_000, 9))\(zone)"
    }
}

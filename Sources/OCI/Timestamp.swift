private import Diagnostics
private import Glibc

/// A point in time as images and containers write it (RFC 3339, UTC, nanoseconds).
public struct Timestamp: Hashable, Sendable, Comparable {
    /// Whole seconds since 1970-01-01T00:00:00Z.
    public var seconds: Int64
    /// Nanoseconds beyond that, 0 to 999,999,999.
    public var nanoseconds: Int32

    /// Makes a point in time.
    public init(seconds: Int64, nanoseconds: Int32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// Reads RFC 3339: `2017-03-03T20:32:37Z`, with a fraction or a numeric offset; nil for anything else.
    public init?(_ text: some StringProtocol) {
        guard let (seconds, nanoseconds) = CivilTime.parse(text) else { return nil }
        self.init(seconds: seconds, nanoseconds: nanoseconds)
    }

    /// Now, from the system's clock.
    public static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: Int32(time.tv_nsec))
    }

    /// Whether one point is before another.
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 with as many digits of the fraction as there are, as Go writes it.
    public var description: String {
        var text = String(decoding: CivilTime(seconds: seconds).bytes(separator: 0x54), as: UTF8.self)
        if nanoseconds > 0 {
            let digits = String(nanoseconds)
            var fraction = String(repeating: "0", count: 9 - digits.utf8.count) + digits
            while fraction.hasSuffix("0") { fraction.removeLast() }
            text += "." + fraction
        }
        return text + "Z"
    }
}

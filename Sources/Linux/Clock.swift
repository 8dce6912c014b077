import CLinux
import Diagnostics
import Glibc

/// The time of day, in nanoseconds since 1970, and its text.
public enum WallClock {
    /// Now.
    public static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// A time as RFC 3339 in UTC with nine digits of a second: `2024-05-01T10:00:00.123456789Z`.
    public static func text(_ time: Int64) -> String {
        String(decoding: bytes(time), as: UTF8.self)
    }

    /// The same as bytes, without going through text.
    public static func bytes(_ time: Int64) -> [UInt8] {
        var seconds = time / 1_000_000_000
        var nanoseconds = time % 1_000_000_000
        if nanoseconds < 0 {
            seconds -= 1
            nanoseconds += 1_000_000_000
        }
        var result = CivilTime(seconds: seconds).bytes(separator: 0x54)
        result.append(0x2e)
        var divisor: Int64 = 100_000_000
        while divisor > 0 {
            result.append(0x30 + UInt8(nanoseconds / divisor % 10))
            divisor /= 10
        }
        result.append(0x5a)
        return result
    }

    /// Reads a time as `text` writes it, with any number of digits of a second and any offset; nil for anything else.
    public static func parse(_ text: String) -> Int64? {
        CivilTime.parse(text).map { $0.seconds * 1_000_000_000 + Int64($0.nanoseconds) }
    }
}

/// Work that nobody waits for.
public enum Background {
    /// Leaves the processors for a moment to those who do what somebody waits for: on a small machine a process that goes
    /// on with its own affairs keeps the one from running that it has just woken.
    public static func stepAside() { usleep(2000) }
}

import Glibc
import Synchronization

/// Places between the steps of a change, at which a test ends the process to see that the next one recovers.
///
/// `DRYDOCK_CRASH_AT=n` kills the process, as `kill -9` does, at the n-th place that it reaches. Where the variable is
/// not set, and that is always outside of tests, nothing happens.
public enum CrashPoint {
    private static let wanted = getenv("DRYDOCK_CRASH_AT").flatMap { Int(String(cString: $0)) }
    private static let reached = Atomic<Int>(0)

    /// Marks a place.
    public static func reach() {
        guard let wanted else { return }
        if reached.add(1, ordering: .relaxed).newValue == wanted { kill(getpid(), SIGKILL) }
    }
}

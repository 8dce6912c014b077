import Glibc

/// The pauses of somebody who asks again and again for what nothing tells of: short at first, because most waits are over
/// in a fraction of a millisecond, and 2 ms in the end.
public struct Patience {
    private var next: UInt32 = 50

    /// Starts with the shortest pause.
    public init() {}

    /// Sleeps for a while.
    public mutating func pause() {
        usleep(next)
        next = min(next * 2, 2000)
    }
}

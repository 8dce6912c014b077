import Diagnostics
import Glibc
import Linux
import Synchronization

/// Has what was unpacked written to the disk while the rest is still being unpacked, so that the sync at the end finds
/// little left to wait for.
struct EarlyWriteback {
    private final class State: Sendable {
        let isBusy = Atomic(false)
    }

    /// How much is unpacked between two writes: less would only be more journal.
    private static let stride: Int64 = 8 << 20

    private let root: Int32
    private let state = State()
    private var mark: Int64 = 0

    /// - Parameter root: the open directory of the layer.
    init(root: Int32) { self.root = root }

    /// Says how many bytes have been unpacked. Never waits; a failure is the final sync's to find.
    mutating func reached(_ bytes: Int64) {
        guard bytes - mark >= Self.stride else { return }
        mark = bytes
        guard state.isBusy.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged else { return }
        let state = state
        guard let fd = try? FileAt.open(root, ".", O_RDONLY | O_DIRECTORY) else {
            return state.isBusy.store(false, ordering: .relaxed)
        }
        let thread = try? WorkerThread {
            try? FileAt.syncFileSystem(fd)
            FileAt.close(fd)
            state.isBusy.store(false, ordering: .relaxed)
        }
        guard thread == nil else { return }
        FileAt.close(fd)
        state.isBusy.store(false, ordering: .relaxed)
    }
}

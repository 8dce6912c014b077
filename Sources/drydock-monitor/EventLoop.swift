import CLinux
import Diagnostics
import Linux

/// Calls a function when a descriptor is ready (epoll(7)). Everything in the monitor happens in this one thread.
final class EventLoop {
    /// What a descriptor can be ready for.
    struct Interest: OptionSet {
        let rawValue: UInt32
        static let read = Interest(rawValue: 1)
        static let write = Interest(rawValue: 4)
        static let ended = Interest(rawValue: 0x10 | 0x8)
    }

    private struct Handler {
        var generation: UInt32
        var interest: Interest
        var call: (Interest) -> Void
    }

    private let epoll: OwnedDescriptor
    private var handlers: [Int32: Handler] = [:]
    private var generation: UInt32 = 0
    private var timers: [Timer] = []

    /// Something that is to be done later.
    final class Timer {
        fileprivate let deadline: UInt64
        fileprivate let call: () -> Void

        fileprivate init(deadline: UInt64, call: @escaping () -> Void) {
            self.deadline = deadline
            self.call = call
        }
    }

    init() throws(DrydockError) {
        let number = cl_epoll_create()
        guard number >= 0 else { throw .system("epoll_create", errno: -number) }
        epoll = OwnedDescriptor(number)
    }

    func watch(_ descriptor: Int32, _ interest: Interest, _ call: @escaping (Interest) -> Void) {
        generation &+= 1
        handlers[descriptor] = Handler(generation: generation, interest: interest, call: call)
        control(1, descriptor, interest, generation)
    }

    /// Changes what is waited for. A descriptor of no interest still reports that the other side is gone.
    func change(_ descriptor: Int32, _ interest: Interest) {
        guard var handler = handlers[descriptor], handler.interest != interest else { return }
        handler.interest = interest
        handlers[descriptor] = handler
        control(3, descriptor, interest, handler.generation)
    }

    func forget(_ descriptor: Int32) {
        guard handlers.removeValue(forKey: descriptor) != nil else { return }
        _ = cl_epoll_control(epoll.number, 2, descriptor, 0, 0)
    }

    private func control(_ action: Int32, _ descriptor: Int32, _ interest: Interest, _ generation: UInt32) {
        let key = UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
        _ = cl_epoll_control(epoll.number, action, descriptor, interest.rawValue, key)
    }

    /// Calls a function once, after so many nanoseconds.
    func after(_ nanoseconds: Int64, _ call: @escaping () -> Void) -> Timer {
        let timer = Timer(deadline: cl_now() + UInt64(max(0, nanoseconds)), call: call)
        timers.append(timer)
        return timer
    }

    /// Forgets a timer.
    func cancel(_ timer: Timer?) { timers.removeAll { $0 === timer } }

    /// Milliseconds until the next timer, or the others where that is sooner; -1 where there is nothing to wait for.
    private func wait(atMost milliseconds: Int32) -> Int32 {
        guard let next = timers.map(\.deadline).min() else { return milliseconds }
        let now = cl_now()
        let rest = next <= now ? 0 : Int32(clamping: (next - now) / 1_000_000 + 1)
        return milliseconds < 0 ? rest : min(rest, milliseconds)
    }

    private func callTimers() -> Bool {
        let now = cl_now()
        let due = timers.filter { $0.deadline <= now }
        guard !due.isEmpty else { return false }
        timers.removeAll { $0.deadline <= now }
        for timer in due { timer.call() }
        return true
    }

    /// Handles what is ready, after waiting for at most so many milliseconds (-1: as long as it takes).
    /// Returns false when nothing was.
    @discardableResult
    func turn(milliseconds: Int32 = -1) -> Bool {
        var events = [cl_event](repeating: cl_event(), count: 16)
        let count = cl_epoll_wait(epoll.number, &events, 16, wait(atMost: milliseconds))
        let called = callTimers()
        guard count > 0 else { return called || count < 0 }
        for event in events[..<Int(count)] {
            let key = event.key
            let descriptor = Int32(bitPattern: UInt32(truncatingIfNeeded: key))
            // An earlier handler of this turn may have closed the descriptor and opened another with its number.
            guard let handler = handlers[descriptor], handler.generation == UInt32(key >> 32) else { continue }
            handler.call(Interest(rawValue: event.events))
        }
        return true
    }
}

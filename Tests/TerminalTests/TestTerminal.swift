import Dispatch
import Glibc
import Linux
import Synchronization

/// A pty whose keyboard and screen the test has; code under test gets the other side.
final class TestTerminal: Sendable {
    let master: Int32
    let terminal: Int32
    private let screen = Mutex<[UInt8]>([])

    init?() {
        guard let pair = try? PseudoTerminal.open(rows: 24, columns: 80) else { return nil }
        let master = pair.master
        let terminal = open(pair.path, O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard terminal >= 0 else { return nil }
        self.master = master
        self.terminal = terminal
    }

    deinit {
        close(master)
        close(terminal)
    }

    /// Presses keys.
    func type(_ text: String) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { write(master, $0.baseAddress, $0.count) }
    }

    /// Waits until the screen has shown a text since the last call. - Returns: whether it came within the deadline.
    func waitFor(_ text: String, seconds: Double = 10) -> Bool {
        let wanted = Array(text.utf8)
        let deadline = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < deadline {
            let found = screen.withLock { shown in
                guard let range = shown.firstRange(of: wanted) else { return false }
                shown.removeSubrange(..<range.upperBound)
                return true
            }
            if found { return true }
            readSome()
        }
        return false
    }

    /// Everything that was shown and not yet waited for.
    var rest: String {
        readSome()
        return screen.withLock { String(decoding: $0, as: UTF8.self) }
    }

    private func readSome() {
        var wait = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
        guard poll(&wait, 1, 50) > 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(master, &buffer, buffer.count)
        if count > 0 { screen.withLock { $0 += buffer[..<count] } }
    }

    /// Waits until keys are not echoed and come one by one, which is when something is being edited or hidden.
    func waitForSingleKeys() -> Bool {
        let deadline = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < deadline {
            var modes = termios()
            if tcgetattr(terminal, &modes) == 0, modes.c_lflag & tcflag_t(ICANON) == 0 { return true }
            readSome()
        }
        return false
    }
}

/// Work on a thread of its own, and what came of it.
final class Background<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let group = DispatchGroup()

    init(_ work: @escaping @Sendable () -> Value) {
        group.enter()
        Thread.start { [self] in
            let result = work()
            value.withLock { $0 = result }
            group.leave()
        }
    }

    /// What came of the work; nil where it did not end within ten seconds.
    func result() -> Value? {
        guard group.wait(timeout: .now() + 10) == .success else { return nil }
        return value.withLock { $0 }
    }
}

/// A plain thread: blocking calls must not be made on the cooperative pool.
enum Thread {
    static func start(_ work: @escaping @Sendable () -> Void) {
        DispatchQueue(label: "test").async(execute: work)
    }
}

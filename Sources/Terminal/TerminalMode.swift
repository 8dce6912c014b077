import Glibc
import Synchronization

/// The modes of a terminal (termios), to be put back later.
public struct TerminalMode: Sendable {
    private let descriptor: Int32
    private let modes: termios

    /// The present modes; nil where the descriptor is no terminal.
    public init?(of descriptor: Int32) {
        var modes = termios()
        guard tcgetattr(descriptor, &modes) == 0 else { return nil }
        self.descriptor = descriptor
        self.modes = modes
    }

    /// Puts the modes back that were found.
    public func restore() {
        var modes = modes
        while tcsetattr(descriptor, TCSADRAIN, &modes) != 0, errno == EINTR {}
    }

    /// Does something with single keys, without echo and without keys that send signals; the modes are put back
    /// afterwards, and also when a signal ends the process meanwhile.
    func withSingleKeys<Result>(_ work: () -> Result) -> Result {
        var raw = modes
        raw.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG | IEXTEN)
        raw.c_iflag &= ~tcflag_t(IXON)
        let guardian = RestoreOnSignal(descriptor: descriptor, modes: modes)
        while tcsetattr(descriptor, TCSADRAIN, &raw) != 0, errno == EINTR {}
        defer {
            restore()
            guardian.end()
        }
        return work()
    }
}

/// Puts the modes of a terminal back when a signal ends the process.
///
/// A signal handler can only reach what is global: the two atomic values below, which nothing else touches.
private final class RestoreOnSignal {
    private static let terminal = Atomic<Int32>(-1)
    private static let savedModes = Atomic<UInt>(0)
    private static let signals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

    private let storage: UnsafeMutablePointer<termios>
    private var previous: [(signal: Int32, action: sigaction)] = []

    init(descriptor: Int32, modes: termios) {
        storage = .allocate(capacity: 1)
        storage.initialize(to: modes)
        Self.savedModes.store(UInt(bitPattern: storage), ordering: .sequentiallyConsistent)
        Self.terminal.store(descriptor, ordering: .sequentiallyConsistent)
        for signal in Self.signals {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { signal in
                let descriptor = RestoreOnSignal.terminal.load(ordering: .sequentiallyConsistent)
                let address = RestoreOnSignal.savedModes.load(ordering: .sequentiallyConsistent)
                if descriptor >= 0, let modes = UnsafePointer<termios>(bitPattern: address) {
                    tcsetattr(descriptor, TCSANOW, modes)
                }
                Glibc.signal(signal, SIG_DFL)
                raise(signal)
            }
            var old = sigaction()
            if sigaction(signal, &action, &old) == 0 { previous.append((signal, old)) }
        }
    }

    func end() {
        for (signal, action) in previous {
            var action = action
            sigaction(signal, &action, nil)
        }
        Self.terminal.store(-1, ordering: .sequentiallyConsistent)
        Self.savedModes.store(0, ordering: .sequentiallyConsistent)
        storage.deallocate()
    }
}

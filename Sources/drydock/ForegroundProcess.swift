import Diagnostics
import Glibc
import Linux
import Runtime
import SystemPackage

/// A process of `drydock runtime run` or `exec` that somebody waits for: signals are passed on to it, and where it has a
/// terminal, what is typed and what it prints.
final class ForegroundProcess {
    private let root: FilePath
    private var listener: OwnedDescriptor?
    private var terminal: OwnedDescriptor?
    private var socket: FilePath { root.appending(".console-\(getpid())") }

    init(root: FilePath) { self.root = root }

    deinit { unlink(socket.string) }

    /// Has the process's terminal sent here, where it gets one.
    func prepare(_ options: inout OCIRuntime.LaunchOptions) {
        ChildProcess.inheritOrphans()
        options.ownConsole = { [unowned self] () throws(DrydockError) in
            try Files.makeDirectories(root, mode: 0o711)
            listener = try UnixSocket.listen(socket)
            return socket
        }
    }

    /// Takes the terminal that was sent.
    func takeTerminal() throws(DrydockError) {
        guard let listener else { return }
        terminal = try UnixSocket.receiveDescriptor(listener)
        unlink(socket.string)
        self.listener = nil
        resize()
    }

    /// The caller's terminal, where one of the three streams is one.
    private static var own: Int32? { [0, 1, 2].first { TerminalDevice.isTerminal($0) } }

    private func resize() {
        guard let terminal, let own = Self.own, let size = TerminalDevice.size(own), size.rows > 0 else { return }
        TerminalDevice.setSize(terminal.number, rows: size.rows, columns: size.columns)
    }

    /// Waits for the end of the process. Returns its exit status, or 128 and the signal.
    func wait(_ pid: Int32) -> Int32 {
        let raw = terminal == nil ? nil : Self.own.flatMap { try? RawTerminal($0) }
        defer { raw?.restore() }
        let signals = try? SignalPipe([SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT])
        let handle = try? ProcessHandle(pid)
        var input = terminal != nil
        var typed: [UInt8] = []
        while let handle {
            let full = typed.count > 1 << 16
            var entries = [
                pollfd(fd: handle.descriptor.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals?.readEnd.number ?? -1, events: Int16(POLLIN), revents: 0),
                pollfd(
                    fd: terminal?.number ?? -1, events: Int16(typed.isEmpty ? POLLIN : POLLIN | POLLOUT), revents: 0),
                pollfd(fd: input && !full ? STDIN_FILENO : -1, events: Int16(POLLIN), revents: 0),
            ]
            poll(&entries, 4, -1)
            if entries[1].revents != 0, let signals { pass(signals, to: handle) }
            if entries[3].revents != 0 { input = Self.read(STDIN_FILENO, into: &typed) }
            if entries[2].revents & Int16(POLLOUT) != 0, let terminal {
                let count = write(terminal.number, typed, typed.count)
                if count > 0 { typed.removeFirst(count) }
            }
            if entries[2].revents & ~Int16(POLLOUT) != 0, !show() { terminal = nil }
            if entries[0].revents != 0 { break }
        }
        drain()
        return (try? ChildProcess(pid: pid).wait()) ?? 255
    }

    private func pass(_ signals: SignalPipe, to process: ProcessHandle) {
        var bytes: [UInt8] = []
        _ = Self.read(signals.readEnd.number, into: &bytes)
        for number in bytes {
            if Int32(number) == SIGWINCH, terminal != nil { resize() } else { try? process.signal(Int32(number)) }
        }
    }

    private static func read(_ descriptor: Int32, into bytes: inout [UInt8]) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 16384)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        if count > 0 { bytes += buffer[..<count] }
        return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR))
    }

    /// Prints what has come. Returns false at the end of the terminal.
    private func show() -> Bool {
        guard let terminal else { return false }
        var bytes: [UInt8] = []
        let open = Self.read(terminal.number, into: &bytes)
        try? Files.write(bytes, to: STDOUT_FILENO)
        return open
    }

    /// What the program printed last may still be under way in the kernel; what goes on in its background is not waited
    /// for.
    private func drain() {
        while let terminal {
            var entry = pollfd(fd: terminal.number, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, 100) > 0, show() else { return }
        }
    }
}

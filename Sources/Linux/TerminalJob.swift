import CLinux
public import Diagnostics
import Glibc

/// A program on a terminal of its own (a pty), which this process watches and types into.
public final class TerminalJob {
    /// What happened on the terminal.
    public enum Event: Sendable, Equatable {
        /// The program, or the terminal's echo, wrote something.
        case output([UInt8])
        /// Nothing happened within the time that was given.
        case quiet
        /// The program has ended and everything that it wrote was read.
        case ended(JobEnd)
    }

    private let process: pid_t
    private let terminal: Int32
    private var end: JobEnd?

    /// Starts a program as the leader of a session whose controlling terminal is a new pty.
    /// - Throws: code `.notFound` where the program does not exist, else `.system`.
    public init(_ request: JobRequest, rows: UInt16 = 24, columns: UInt16 = 80) throws(DrydockError) {
        let pair = try PseudoTerminal.open(rows: rows, columns: columns)
        terminal = pair.master
        do {
            process = try startJob(request, group: -1, terminal: pair.path)
        } catch {
            close(terminal)
            throw error
        }
    }

    deinit {
        close(terminal)
        if end == nil {
            kill(process, SIGKILL)
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
        }
    }

    /// Waits for the next event.
    /// - Parameter milliseconds: how long to wait before the event is `quiet`.
    public func next(within milliseconds: Int32) -> Event {
        var left = milliseconds
        while true {
            let slice = min(20, max(0, left))
            if let bytes = read(within: end == nil ? slice : 0) { return .output(bytes) }
            if let end { return .ended(end) }
            collect()
            if end == nil {
                left -= slice
                if left <= 0 { return .quiet }
            }
        }
    }

    /// The program's process.
    public var pid: Int32 { process }

    /// Types bytes.
    public func type(_ bytes: [UInt8]) {
        var offset = 0
        while offset < bytes.count {
            let count = bytes[offset...].withUnsafeBytes { write(terminal, $0.baseAddress, $0.count) }
            if count > 0 {
                offset += count
            } else if errno != EINTR {
                return
            }
        }
    }

    /// Whether keys go to whoever reads one by one, as soon as they are pressed (no canonical mode, termios(3)).
    public var takesSingleKeys: Bool { !hasLocalFlag(tcflag_t(ICANON)) }

    /// Whether what is typed is shown by the terminal itself.
    public var echoes: Bool { hasLocalFlag(tcflag_t(ECHO)) }

    private func hasLocalFlag(_ flag: tcflag_t) -> Bool {
        var modes = termios()
        return tcgetattr(terminal, &modes) == 0 && modes.c_lflag & flag != 0
    }

    /// Gives the window another size; whoever is in the foreground hears of it.
    public func resize(rows: UInt16, columns: UInt16) {
        TerminalDevice.setSize(terminal, rows: rows, columns: columns)
    }

    /// Takes the terminal away, as closing its window does: the program is told with SIGHUP.
    public func hangUp() {
        kill(-process, SIGHUP)
        kill(process, SIGCONT)
    }

    /// Ends the program and everything in its process group at once.
    public func killNow() { kill(-process, SIGKILL) }

    private func collect() {
        var status: Int32 = 0
        guard waitpid(process, &status, WNOHANG) == process else { return }
        end = JobEnd(waitStatus: status)
    }

    private func read(within milliseconds: Int32) -> [UInt8]? {
        var wait = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
        guard poll(&wait, 1, milliseconds) > 0 else { return nil }
        guard wait.revents & Int16(POLLIN) != 0 else {
            // Nobody has the other side open: the end of the program comes next.
            if end == nil { poll(nil, 0, milliseconds) }
            return nil
        }
        var buffer = [UInt8](repeating: 0, count: 16384)
        let count = Glibc.read(terminal, &buffer, buffer.count)
        return count > 0 ? Array(buffer[..<count]) : nil
    }
}

/// Terminals that exist only in memory (pty(7)).
public enum PseudoTerminal {
    /// Makes a terminal.
    /// - Returns: the end that has its keyboard and screen, open and close-on-exec, and the path of the other end.
    public static func open(rows: UInt16, columns: UInt16) throws(DrydockError) -> (master: Int32, path: String) {
        var name = [CChar](repeating: 0, count: 128)
        let master = cl_open_terminal(&name, name.count, rows, columns)
        guard master >= 0 else {
            throw DrydockError(
                .system, "cannot make a terminal: \(String(cString: strerror(-master)))", operation: "openpt",
                errno: -master)
        }
        return (master, String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
}

import CLinux
public import Diagnostics
import Glibc

/// How a program ended.
public enum JobEnd: Sendable, Hashable {
    /// It ended with an exit status.
    case exited(Int32)
    /// A signal ended it.
    case signalled(Int32)
    /// It was stopped (Ctrl-Z) and can be continued.
    case stopped

    /// The exit status as a shell tells it: 128 and the signal's number where a signal ended the program.
    public var status: Int32 {
        switch self {
        case .exited(let status): status
        case .signalled(let signal): 128 + signal
        case .stopped: 128 + SIGTSTP
        }
    }
}

/// What program to start, and how.
public struct JobRequest: Sendable, Equatable {
    /// The program's path, or a name that is looked up in `environment`'s PATH, and its arguments.
    public var arguments: [String]
    /// The whole environment.
    public var environment: [String: String]
    /// The working directory.
    public var directory: String?

    /// Makes a request.
    public init(_ arguments: [String], environment: [String: String], directory: String? = nil) {
        self.arguments = arguments
        self.environment = environment
        self.directory = directory
    }
}

/// A program that runs in the foreground of this process's terminal, in a process group of its own, so that the keys
/// that send signals reach it and not this process.
public final class ForegroundJob {
    private let process: pid_t
    private let terminal: Int32?
    private var modesWhenStopped: termios?
    /// Where a program that stood by tells how it goes on; nil for one that was started for its command.
    private let reports: OwnedDescriptor?
    /// What it told and was not understood yet.
    private var heard: [UInt8] = []
    /// Whether the command was carried out at all; one that stood by may have ended without beginning.
    public private(set) var wasTaken: Bool

    /// Starts a program on this process's standard streams.
    /// - Parameter terminal: the controlling terminal; nil where there is none, and then no process group is made.
    /// - Throws: code `.notFound` where the program does not exist, else `.system`.
    public init(_ request: JobRequest, terminal: Int32?) throws(DrydockError) {
        self.terminal = terminal
        reports = nil
        wasTaken = true
        process = try startJob(request, group: terminal ?? -1, terminal: nil)
    }

    /// Goes along with a program that stood by.
    init(process: pid_t, terminal: Int32, reports: OwnedDescriptor) {
        self.process = process
        self.terminal = terminal
        self.reports = reports
        wasTaken = false
    }

    /// Waits until the program ends or is stopped; then this process has the terminal again, with the modes it had.
    public func wait() -> JobEnd {
        let modes = terminal.flatMap(modes(of:))
        return waiting(restoring: modes)
    }

    /// Continues a stopped program in the foreground and waits for it.
    public func resume() -> JobEnd {
        let own = terminal.flatMap(modes(of:))
        if let terminal {
            handTerminal(terminal, to: process)
            if var modes = modesWhenStopped { tcsetattr(terminal, TCSADRAIN, &modes) }
        }
        kill(terminal == nil ? process : -process, SIGCONT)
        return waiting(restoring: own)
    }

    /// Ends a stopped program.
    public func discard() {
        kill(terminal == nil ? process : -process, SIGHUP)
        kill(terminal == nil ? process : -process, SIGCONT)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
    }

    /// Lets a program that told its end before it ended put away what it has to; it does not have to be waited for.
    /// - Parameter milliseconds: how long at most.
    /// - Returns: whether it has ended.
    @discardableResult
    public func settle(milliseconds: Int32) -> Bool {
        guard let reports else { return true }
        var entry = pollfd(fd: reports.number, events: 0, revents: 0)
        if milliseconds > 0 { poll(&entry, 1, milliseconds) }
        return retrying { waitpid(process, nil, entry.revents == 0 ? WNOHANG : 0) } != 0
    }

    private func waiting(restoring modes: termios?) -> JobEnd {
        let end = reports.map(follow) ?? waitForEnd(of: process)
        if let terminal {
            handTerminal(terminal, to: getpgrp())
            if end == .stopped { modesWhenStopped = self.modes(of: terminal) }
            if var modes { tcsetattr(terminal, TCSADRAIN, &modes) }
        }
        return end
    }

    /// Waits until the program tells its end, ends, or is stopped.
    private func follow(_ reports: OwnedDescriptor) -> JobEnd {
        guard let signals = try? SignalPipe([SIGCHLD]) else { return waitForEnd(of: process) }
        defer { signals.restore() }
        var isOpen = true
        while true {
            if isOpen { isOpen = listen(reports) }
            if let status = toldStatus { return .exited(status) }
            var status: Int32 = 0
            let found = waitpid(process, &status, WNOHANG | WUNTRACED)
            if found == process {
                // It may have told its end between the two.
                if isOpen { _ = listen(reports) }
                return toldStatus.map(JobEnd.exited) ?? JobEnd(waitStatus: status)
            }
            if found < 0, errno != EINTR { return .exited(127) }
            var entries = [
                pollfd(fd: isOpen ? reports.number : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals.readEnd.number, events: Int16(POLLIN), revents: 0),
            ]
            poll(&entries, 2, -1)
            var numbers = [UInt8](repeating: 0, count: 64)
            if entries[1].revents != 0 { _ = read(signals.readEnd.number, &numbers, numbers.count) }
        }
    }

    /// The exit status that the program told.
    private var toldStatus: Int32? {
        guard heard.count >= 6, heard[1] == StandbyChannel.ended else { return nil }
        return heard[2..<6].reversed().reduce(0) { $0 << 8 | Int32($1) }
    }

    /// Takes what the program has told by now. - Returns: false when it will not tell more.
    private func listen(_ reports: OwnedDescriptor) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 64)
        while true {
            let count = recv(reports.number, &buffer, buffer.count, Int32(truncatingIfNeeded: MSG_DONTWAIT))
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            guard count > 0 else { return false }
            heard += buffer[..<count]
            wasTaken = heard.first == StandbyChannel.taken
        }
    }

    private func modes(of terminal: Int32) -> termios? {
        var modes = termios()
        return tcgetattr(terminal, &modes) == 0 ? modes : nil
    }
}

/// Gives a process group the terminal; a process in the background would be stopped for that (SIGTTOU).
func handTerminal(_ terminal: Int32, to group: pid_t) {
    var block = sigset_t()
    var before = sigset_t()
    sigemptyset(&block)
    sigaddset(&block, SIGTTOU)
    pthread_sigmask(SIG_BLOCK, &block, &before)
    tcsetpgrp(terminal, group)
    pthread_sigmask(SIG_SETMASK, &before, nil)
}

/// Waits for a child to end or to be stopped.
func waitForEnd(of process: pid_t) -> JobEnd {
    var status: Int32 = 0
    while waitpid(process, &status, WUNTRACED) < 0 {
        if errno != EINTR { return .exited(127) }
    }
    return JobEnd(waitStatus: status)
}

extension JobEnd {
    /// Reads what waitpid(2) tells.
    init(waitStatus status: Int32) {
        if status & 0xFF == 0x7F {
            self = .stopped
        } else if status & 0x7F == 0 {
            self = .exited((status >> 8) & 0xFF)
        } else {
            self = .signalled(status & 0x7F)
        }
    }
}

/// Starts a program with default signal handling and only its standard streams open.
/// - Parameters:
///   - group: the terminal whose foreground the program gets with a process group of its own; -1 for none.
///   - terminal: the path of the terminal that the program's session gets; nil for none.
func startJob(_ request: JobRequest, group: Int32, terminal: String?) throws(DrydockError) -> pid_t {
    guard let name = request.arguments.first, !name.isEmpty else {
        throw DrydockError(.invalidArgument, "no program was given")
    }
    guard let path = findProgram(name, path: request.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin") else {
        throw DrydockError(.notFound, "\(name): command not found", exitStatus: 127)
    }
    let environment = request.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let process = withCStrings(request.arguments) { arguments in
        withCStrings(environment) { cl_start_job(path, arguments, $0, request.directory, group, terminal) }
    }
    guard process > 0 else {
        throw DrydockError(
            process == -ENOENT ? .notFound : .system, "cannot run \(name): \(String(cString: strerror(-process)))",
            operation: "posix_spawn", errno: -process, exitStatus: process == -ENOENT ? 127 : 126)
    }
    return process
}

private func findProgram(_ name: String, path: String) -> String? {
    if name.utf8.contains(UInt8(ascii: "/")) { return name }
    return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
}

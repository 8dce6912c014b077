public import Diagnostics
import Glibc

/// What a program that stands by is asked to do.
public struct StandbyRequest: Sendable, Equatable {
    /// The words of the command.
    public var arguments: [String]
    /// The working directory.
    public var directory: String

    /// Makes a request.
    public init(arguments: [String], directory: String) {
        self.arguments = arguments
        self.directory = directory
    }

    var bytes: [UInt8] {
        let json: JSONValue = ["arguments": .array(arguments.map(JSONValue.string)), "directory": .string(directory)]
        let text = Array(json.compact.utf8)
        return withUnsafeBytes(of: UInt32(text.count).littleEndian) { Array($0) } + text
    }
}

/// A program that was started ahead, in the background of the terminal, so that a command that it can carry out does not
/// have to wait for a process to start. It carries out one and ends.
///
/// It waits on its descriptor 3 (`StandbyChannel`) and ends when that closes, so it never outlives this process.
public final class StandbyProcess {
    private let process: pid_t
    private let socket: OwnedDescriptor
    private var isOver = false

    /// Starts the program on this process's standard streams.
    /// - Throws: what kept it from being started.
    public init(_ request: JobRequest) throws(DrydockError) {
        guard let program = request.arguments.first else {
            throw DrydockError(.invalidArgument, "no program was given")
        }
        let (own, other) = try UnixSocket.pair()
        process = try ChildProcess.spawn(
            program, request.arguments, environment: request.environment.map { "\($0.key)=\($0.value)" },
            descriptors: [0: 0, 1: 1, 2: 2, 3: other.number]
        ).pid
        socket = own
    }

    deinit {
        socket.close()
        // It puts away what it has made ready.
        let deadline = ContinuousClock.now + .seconds(2)
        var patience = Patience()
        while isAlive, ContinuousClock.now < deadline { patience.pause() }
        guard !isOver else { return }
        kill(process, SIGKILL)
        _ = retrying { waitpid(process, nil, 0) }
    }

    /// Whether it has not ended.
    public var isAlive: Bool {
        if !isOver, retrying({ waitpid(process, nil, WNOHANG) }) != 0 { isOver = true }
        return !isOver
    }

    /// Asks it to carry out a command in the foreground of a terminal; nil where it cannot be asked.
    ///
    /// The job's `wasTaken` tells afterwards whether it did.
    public func begin(_ request: StandbyRequest, terminal: Int32) -> ForegroundJob? {
        guard isAlive else { return nil }
        let bytes = request.bytes
        let flags = Int32(truncatingIfNeeded: MSG_NOSIGNAL | MSG_DONTWAIT)
        guard bytes.withUnsafeBytes({ send(socket.number, $0.baseAddress, $0.count, flags) }) == bytes.count else {
            return nil
        }
        isOver = true
        return ForegroundJob(process: process, terminal: terminal, reports: OwnedDescriptor(socket.release()))
    }
}

/// The other side of a `StandbyProcess`: what the program that stands by hears and says.
public final class StandbyChannel: Sendable {
    static let taken = UInt8(ascii: "A")
    static let ended = UInt8(ascii: "E")

    private let socket: OwnedDescriptor

    /// Takes over descriptor 3, and leaves the process group of whoever started this program, so that the keys that send
    /// signals do not reach it before it is asked for anything. Nil where this program was not started to stand by.
    public init?() {
        var status = stat()
        guard fstat(3, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
        let number = fcntl(3, F_DUPFD_CLOEXEC, 10)
        guard number >= 0 else { return nil }
        close(3)
        socket = OwnedDescriptor(number)
        setpgid(0, 0)
    }

    /// Waits for a request; nil when there will be none.
    public func receive() -> StandbyRequest? {
        var bytes: [UInt8] = []
        var wanted = 4
        while bytes.count < wanted {
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = retrying { read(socket.number, &buffer, buffer.count) }
            guard count > 0 else { return nil }
            bytes += buffer[..<count]
            if bytes.count >= 4 { wanted = 4 + Int(bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }) }
        }
        guard let json = try? JSONValue(parsing: Array(bytes[4..<wanted])), let directory = json["directory"]?.string
        else { return nil }
        return StandbyRequest(
            arguments: (json["arguments"]?.array ?? []).compactMap(\.string), directory: directory)
    }

    /// Says that the request is being carried out, and takes the foreground of the terminal for it. A program that ends
    /// without this has done nothing, and somebody else carries the command out.
    public func take(terminal: Int32) {
        handTerminal(terminal, to: getpgrp())
        say([Self.taken])
    }

    /// Tells the exit status. From now on the terminal belongs to whoever asked.
    public func end(_ status: Int32) {
        say([Self.ended] + withUnsafeBytes(of: status.littleEndian) { Array($0) })
    }

    private func say(_ bytes: [UInt8]) {
        let flags = Int32(truncatingIfNeeded: MSG_NOSIGNAL)
        _ = bytes.withUnsafeBytes { send(socket.number, $0.baseAddress, $0.count, flags) }
    }
}

public import Diagnostics
import Glibc
import Linux
import SystemPackage

/// A connection to a program that was started or attached to. It belongs to one thread at a time.
public final class ContainerSession {
    /// The process as the host sees it, 0 where unknown.
    public let pid: Int32
    /// How the container is connected; empty for exec.
    public let network: NetworkInfo
    /// What this machine could not do for the container, for the user to be told once.
    public let notices: [String]

    /// Whether a container that removes itself when it ends stays this time, because it is being started again.
    public private(set) var isKept = false

    private let connection: MonitorConnection
    private let options: AttachOptions?
    private let terminal: Bool
    private var outgoing: [UInt8] = []
    private var inputOpen: Bool
    private var keys: DetachKeys
    /// How often somebody asked for the end, as SIGINT and SIGTERM do.
    private var requests = 0
    /// After so many of them Docker's client goes without the program.
    private static let patience = 3

    init(
        connection: MonitorConnection, options: AttachOptions?, terminal: Bool, pid: Int32, network: NetworkInfo,
        notices: [String]
    ) {
        self.connection = connection
        self.options = options
        self.terminal = terminal
        self.pid = pid
        self.network = network
        self.notices = notices
        inputOpen = options?.input ?? false
        keys = DetachKeys(options?.detachKeys ?? [])
    }

    /// Leaves; the program goes on, and the monitor takes the responsibility for it.
    public func detach() { connection.socket.close() }

    /// Passes input, output, signals and window sizes on until the program ends or the user detaches. The terminal is
    /// put back as it was.
    public func run() throws(DrydockError) -> AttachEnd {
        guard let options else { return .detached }
        let input = options.inputDescriptor.rawValue
        let keyboard = terminal && options.input && TerminalDevice.isTerminal(input)
        let raw: RawTerminal? = keyboard ? try RawTerminal(input) : nil
        defer { raw?.restore() }
        var caught: [Int32] = terminal ? [SIGWINCH] : []
        if keyboard { caught += [SIGTERM, SIGHUP] }
        if !terminal && options.signalProxy {
            caught += [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT]
        }
        let signals = try SignalPipe(caught)
        defer { signals.restore() }
        if terminal { sendSize(options) }
        while true {
            if let end = try handleFrames(options) {
                detach()
                return end
            }
            let wantsInput = inputOpen && outgoing.count < 1 << 17
            var entries = [
                pollfd(fd: connection.socket.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals.readEnd.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wantsInput ? input : -1, events: Int16(POLLIN), revents: 0),
            ]
            if !outgoing.isEmpty { entries[0].events |= Int16(POLLOUT) }
            if poll(&entries, 3, -1) < 0 { continue }
            if entries[1].revents != 0, let ending = takeSignals(signals, options, keyboard) {
                raw?.restore()
                signals.restore()
                detach()
                kill(getpid(), ending)
                return .detached
            }
            if requests >= Self.patience {
                detach()
                return .gaveUp
            }
            if entries[2].revents != 0, takeInput(input) {
                detach()
                return .detached
            }
            if entries[0].revents & Int16(POLLOUT) != 0 { flush() }
            // Who only sends has nothing to stay for when everything is sent.
            if options.input, !inputOpen, outgoing.isEmpty, !options.output, !options.error {
                detach()
                return .detached
            }
            if entries[0].revents & Int16(POLLIN | POLLHUP | POLLERR) != 0, try !connection.fill() {
                // A monitor says how it ends, unless it was killed.
                return try handleFrames(options) ?? .lost
            }
        }
    }

    private func handleFrames(_ options: AttachOptions) throws(DrydockError) -> AttachEnd? {
        while let frame = try connection.buffered() {
            switch frame.kind {
            case .output: try write(frame.payload, options.outputDescriptor)
            case .error: try write(frame.payload, options.errorDescriptor)
            case .exited:
                isKept = frame.payload.count > 4 && frame.payload[4] == 1
                return .exited(frame.number)
            default: break
            }
        }
        return nil
    }

    private func write(_ bytes: [UInt8], _ descriptor: FileDescriptor) throws(DrydockError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor.rawValue, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                var entry = pollfd(fd: descriptor.rawValue, events: Int16(POLLOUT), revents: 0)
                poll(&entry, 1, -1)
            default:
                let failure = DrydockError.system("write the container's output", errno: errno)
                detach()
                throw failure
            }
        }
    }

    /// Returns the signal that ends this process, where one came.
    private func takeSignals(_ signals: SignalPipe, _ options: AttachOptions, _ keyboard: Bool) -> Int32? {
        var numbers = [UInt8](repeating: 0, count: 64)
        let count = read(signals.readEnd.number, &numbers, numbers.count)
        for number in numbers.prefix(max(0, count)).map(Int32.init) {
            if number == SIGWINCH {
                sendSize(options)
            } else if keyboard {
                return number
            } else {
                if number == SIGINT || number == SIGTERM { requests += 1 }
                if requests < Self.patience { enqueue(.number(.signal, number)) }
            }
        }
        return nil
    }

    private func sendSize(_ options: AttachOptions) {
        guard let size = TerminalDevice.size(options.outputDescriptor.rawValue) else { return }
        let bytes = [size.rows, size.columns].flatMap {
            [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)]
        }
        enqueue(Frame(.resize, bytes))
    }

    /// Returns true when the user detaches.
    private func takeInput(_ descriptor: Int32) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 32768)
        let count = read(descriptor, &buffer, buffer.count)
        if count < 0 && (errno == EINTR || errno == EAGAIN) { return false }
        guard count > 0 else {
            inputOpen = false
            enqueue(Frame(.inputEnd))
            return false
        }
        guard terminal else {
            enqueue(Frame(.input, Array(buffer[..<count])))
            return false
        }
        let (bytes, leaves) = keys.filter(buffer[..<count])
        if !bytes.isEmpty { enqueue(Frame(.input, bytes)) }
        return leaves
    }

    private func enqueue(_ frame: Frame) {
        outgoing.append(contentsOf: frame.bytes)
        flush()
    }

    private func flush() {
        while !outgoing.isEmpty {
            let flags = Int32(truncatingIfNeeded: MSG_NOSIGNAL | MSG_DONTWAIT)
            let count = outgoing.withUnsafeBytes { send(connection.socket.number, $0.baseAddress, $0.count, flags) }
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EAGAIN { return }
            guard count > 0 else {
                // Whatever the monitor sent before it went is still to be read.
                outgoing.removeAll()
                inputOpen = false
                return
            }
            outgoing.removeFirst(count)
        }
    }
}

/// Finds the keys that detach in what is typed. A beginning of them is held back until the next key decides.
struct DetachKeys {
    private let sequence: [UInt8]
    private var matched = 0

    init(_ sequence: [UInt8]) { self.sequence = sequence }

    /// What goes to the program, and whether the sequence is complete.
    mutating func filter(_ bytes: some Sequence<UInt8>) -> (bytes: [UInt8], leaves: Bool) {
        guard !sequence.isEmpty else { return (Array(bytes), false) }
        var result: [UInt8] = []
        for byte in bytes {
            if byte != sequence[matched] {
                result.append(contentsOf: sequence[..<matched])
                matched = 0
            }
            if byte == sequence[matched] {
                matched += 1
                if matched == sequence.count { return (result, true) }
            } else {
                result.append(byte)
            }
        }
        return (result, false)
    }
}

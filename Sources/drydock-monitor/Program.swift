import CLinux
import Diagnostics
import Glibc
import Linux

/// A running program with its streams: the container's own, or one that `exec` started.
final class Program {
    let handle: ProcessHandle
    private let loop: EventLoop
    private let log: JSONLog?
    private let terminal: OwnedDescriptor?
    private var input: OwnedDescriptor?
    private var outputs: [(stream: Stream, descriptor: OwnedDescriptor)]
    private var pendingInput: [UInt8] = []
    private var inputEnds = false
    private let inputOnce: Bool
    private var reading = true
    private(set) var clients: [Client] = []
    private(set) var status: Int32?
    /// Called when it has ended and everything that it wrote has been read.
    var finished: (Program, Int32) -> Void = { _, _ in }
    /// Called after that.
    var ended: (Int32) -> Void = { _ in }
    /// How many bytes of what it writes are kept for `collected`.
    var collects = 0
    /// The beginning of what it wrote.
    private(set) var collected: [UInt8] = []

    /// A client that has not taken this much yet stops the program's output from being read.
    private static let fullQueue = 1 << 20

    init(_ started: StartedProcess, settings: MonitorSettings, log: JSONLog?, loop: EventLoop) {
        handle = started.handle
        self.loop = loop
        self.log = log
        terminal = started.terminal
        input = started.input
        outputs = started.outputs
        inputOnce = settings.inputOnce
        loop.watch(handle.descriptor.number, .read) { [weak self] _ in self?.processEnded() }
        for (stream, descriptor) in outputs {
            _ = cl_nonblocking(descriptor.number)
            loop.watch(descriptor.number, .read) { [weak self] ready in self?.outputReady(stream, descriptor, ready) }
        }
        if let input, terminal == nil {
            _ = cl_nonblocking(input.number)
            loop.watch(input.number, []) { [weak self] _ in self?.writeInput() }
        }
    }

    func attach(_ client: Client, _ flags: AttachFlags) {
        client.flags = flags
        client.program = self
        client.drained = { [weak self] _ in self?.balance() }
        clients.append(client)
    }

    /// A client left.
    func leave(_ client: Client) {
        guard let index = clients.firstIndex(where: { $0 === client }) else { return }
        clients.remove(at: index)
        if client.flags.contains(.input) && inputOnce && terminal == nil { endInput() }
        balance()
    }

    func resize(rows: UInt16, columns: UInt16) {
        if let terminal { TerminalDevice.setSize(terminal.number, rows: rows, columns: columns) }
    }

    func feed(_ bytes: [UInt8]) {
        guard input != nil else { return }
        pendingInput.append(contentsOf: bytes)
        writeInput()
    }

    /// A client has no more to send. Where another one may come with more, the program's input stays open, and as with
    /// Docker the client sees nothing more but how the program ends.
    func inputEnded(_ client: Client) {
        if inputOnce || terminal != nil { return endInput() }
        client.flags.subtract([.output, .error])
    }

    private func endInput() {
        inputEnds = true
        writeInput()
    }

    // Input

    private func writeInput() {
        guard let input else { return }
        while !pendingInput.isEmpty {
            let count = pendingInput.withUnsafeBytes { Glibc.write(input.number, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN { break }
                pendingInput.removeAll()
                inputEnds = true
                break
            }
            pendingInput.removeFirst(count)
        }
        // A terminal has no end of its own: the client's Ctrl-D is a key like any other.
        if pendingInput.isEmpty && inputEnds && terminal == nil {
            loop.forget(input.number)
            input.close()
            self.input = nil
        } else if terminal == nil {
            loop.change(input.number, pendingInput.isEmpty ? [] : .write)
        } else {
            watchTerminal()
        }
        let room = pendingInput.count < 1 << 17
        for client in clients where client.flags.contains(.input) { client.takeInput(room) }
    }

    private func watchTerminal() {
        guard let terminal, !outputs.isEmpty else { return }
        var interest: EventLoop.Interest = reading ? .read : []
        if !pendingInput.isEmpty { interest.insert(.write) }
        loop.change(terminal.number, interest)
    }

    // Output

    private func outputReady(_ stream: Stream, _ descriptor: OwnedDescriptor, _ ready: EventLoop.Interest) {
        if terminal != nil && ready.contains(.write) { writeInput() }
        guard !ready.isDisjoint(with: [.read, .ended]) else { return }
        if readOutput(stream, descriptor) == .end { close(descriptor) }
    }

    private enum ReadResult {
        case some
        case nothingNow
        case end
    }

    /// Reads once.
    private func readOutput(_ stream: Stream, _ descriptor: OwnedDescriptor) -> ReadResult {
        var buffer = [UInt8](repeating: 0, count: 32768)
        let count = read(descriptor.number, &buffer, buffer.count)
        if count < 0 && errno == EINTR { return .some }
        if count < 0 && errno == EAGAIN { return .nothingNow }
        // A terminal that nobody has open any more ends with EIO.
        guard count > 0 else { return .end }
        log?.append(stream, buffer[..<count])
        if collected.count < collects {
            collected.append(contentsOf: buffer[..<min(count, collects - collected.count)])
        }
        let wanted: AttachFlags = stream == .output ? .output : .error
        let listeners = clients.filter { $0.flags.contains(wanted) }
        if !listeners.isEmpty {
            let frame = Frame(stream.frame, Array(buffer[..<count]))
            for client in listeners { client.send(frame) }
            balance()
        }
        return .some
    }

    private func close(_ descriptor: OwnedDescriptor) {
        loop.forget(descriptor.number)
        outputs.removeAll { $0.descriptor === descriptor }
        if descriptor !== terminal { descriptor.close() }
    }

    /// Reads output only as fast as the slowest client takes it.
    private func balance() {
        let wanted = !clients.contains { $0.backlog > Self.fullQueue }
        guard wanted != reading else { return }
        reading = wanted
        guard terminal == nil else { return watchTerminal() }
        for (_, descriptor) in outputs { loop.change(descriptor.number, wanted ? .read : []) }
    }

    // The end

    private func processEnded() {
        guard status == nil, let status = handle.exitStatus(block: false) else { return }
        self.status = status
        loop.forget(handle.descriptor.number)
        for (stream, descriptor) in outputs {
            while readOutput(stream, descriptor) == .some {}
            close(descriptor)
        }
        if let input { loop.forget(input.number) }
        input?.close()
        terminal?.close()
        log?.finish()
        finished(self, status)
    }
}

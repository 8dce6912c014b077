import CLinux
import Diagnostics
import Glibc
import Linux

/// A connection to the monitor. What is sent to it is kept until it takes it.
final class Client {
    let socket: OwnedDescriptor
    private let loop: EventLoop
    private var reader = FrameReader()
    private var queue: [UInt8] = []
    private var sent = 0
    private var input = EventLoop.Interest.read
    /// What it wants of the program that it is attached to.
    var flags: AttachFlags = []
    /// The program that it is attached to.
    weak var program: Program?
    /// Whether it is told when the container ends.
    var waits = false
    /// Whether the connection ends when everything has been sent.
    var closesWhenSent = false
    /// A descriptor that goes with the next message.
    var descriptor: OwnedDescriptor?
    /// What is done with a message.
    var received: (Client, Frame) -> Void = { _, _ in }
    /// What is done when the connection ends.
    var ended: (Client) -> Void = { _ in }
    /// What is done when the queue has become shorter.
    var drained: (Client) -> Void = { _ in }

    init(_ socket: OwnedDescriptor, _ loop: EventLoop) {
        self.socket = socket
        self.loop = loop
        _ = cl_nonblocking(socket.number)
        loop.watch(socket.number, .read) { [weak self] ready in self?.ready(ready) }
    }

    /// How many bytes it has not taken yet.
    var backlog: Int { queue.count - sent }

    /// Whether the connection is open.
    var isOpen: Bool { socket.number >= 0 }

    func send(_ frame: Frame) {
        guard isOpen else { return }
        if let given = descriptor {
            descriptor = nil
            let bytes = frame.bytes
            // A short message into a queue that is empty goes as a whole.
            guard backlog == 0, cl_send_with(socket.number, bytes, bytes.count, given.number) == bytes.count else {
                return close()
            }
            return
        }
        queue.append(contentsOf: frame.bytes)
        flush()
    }

    /// Stops or goes on reading what it sends.
    func takeInput(_ wanted: Bool) {
        input = wanted ? .read : []
        update()
    }

    func close() {
        guard isOpen else { return }
        loop.forget(socket.number)
        socket.close()
        queue = []
        sent = 0
        ended(self)
    }

    /// Handles bytes that were received before the loop began.
    func take(_ reader: FrameReader) {
        self.reader = reader
        handle()
    }

    private func update() {
        guard isOpen else { return }
        loop.change(socket.number, backlog > 0 ? input.union(.write) : input)
    }

    private func flush() {
        while backlog > 0 {
            let count = queue.withUnsafeBytes { area in
                cl_send(socket.number, area.baseAddress?.advanced(by: sent), backlog)
            }
            if count < 0 {
                if count == -Int(EINTR) { continue }
                if count == -Int(EAGAIN) { break }
                return close()
            }
            sent += count
        }
        if backlog == 0 {
            queue.removeAll(keepingCapacity: queue.capacity <= 1 << 16)
            sent = 0
            if closesWhenSent { return close() }
        } else if sent > 1 << 18 {
            queue.removeFirst(sent)
            sent = 0
        }
        update()
        drained(self)
    }

    private func ready(_ ready: EventLoop.Interest) {
        if ready.contains(.write) { flush() }
        guard isOpen, !ready.isDisjoint(with: [.read, .ended]) else { return }
        var buffer = [UInt8](repeating: 0, count: 16384)
        let count = read(socket.number, &buffer, buffer.count)
        if count < 0 && (errno == EAGAIN || errno == EINTR) { return }
        guard count > 0 else { return close() }
        reader.add(buffer[..<count])
        handle()
    }

    private func handle() {
        while isOpen {
            do {
                guard let frame = try reader.next() else { return }
                received(self, frame)
            } catch {
                return close()
            }
        }
    }
}

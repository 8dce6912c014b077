import CLinux
import Diagnostics
import Glibc
import Linux

/// Something that listens for the container.
protocol Publication: AnyObject {
    /// Ends it with everything that came through it.
    func close()
}

/// A listening socket whose connections are joined to connections made elsewhere.
final class Listener: Publication {
    private let socket: OwnedDescriptor
    private let loop: EventLoop
    private var relays: [ObjectIdentifier: Relay] = [:]

    /// - Parameter connect: makes the other half of a connection.
    init(_ socket: OwnedDescriptor, _ loop: EventLoop, connect: @escaping () -> OwnedDescriptor?) {
        self.socket = socket
        self.loop = loop
        loop.watch(socket.number, .read) { [weak self] _ in
            while let self, let client = TCPSocket.accept(socket.number) {
                guard let server = connect(), let relay = try? Relay(client, server, loop) else { continue }
                relays[ObjectIdentifier(relay)] = relay
                relay.ended = { [weak self] relay in self?.relays[ObjectIdentifier(relay)] = nil }
            }
        }
    }

    func close() {
        loop.forget(socket.number)
        socket.close()
        for relay in relays.values { relay.close() }
        relays.removeAll()
    }
}

/// Two joined connections. Bytes go through pipes in the kernel and never through this program.
final class Relay {
    /// One direction.
    private struct Flow {
        let from: OwnedDescriptor
        let to: OwnedDescriptor
        let read: OwnedDescriptor
        let write: OwnedDescriptor
        var held = 0
        var ended = false
        var closed = false

        init(_ from: OwnedDescriptor, _ to: OwnedDescriptor) throws(DrydockError) {
            self.from = from
            self.to = to
            (read, write) = try pipe()
        }

        /// Moves what can be moved. Returns false when a connection broke.
        mutating func move() -> Bool {
            while !closed {
                if !ended && held < 65536 {
                    let count = cl_splice(from.number, write.number, 65536 - held)
                    if count == 0 { ended = true }
                    if count < 0 && count != -Int(EAGAIN) { return false }
                    if count > 0 { held += count }
                    if count < 0 && held == 0 { return true }
                }
                if held > 0 {
                    let count = cl_splice(read.number, to.number, held)
                    if count == -Int(EAGAIN) { return true }
                    guard count > 0 else { return false }
                    held -= count
                } else if ended {
                    shutdown(to.number, Int32(SHUT_WR))
                    closed = true
                }
            }
            return true
        }
    }

    private let a: OwnedDescriptor
    private let b: OwnedDescriptor
    private let loop: EventLoop
    private var there: Flow
    private var back: Flow
    private var connected = false
    var ended: (Relay) -> Void = { _ in }

    init(_ client: OwnedDescriptor, _ server: OwnedDescriptor, _ loop: EventLoop) throws(DrydockError) {
        a = client
        b = server
        self.loop = loop
        there = try Flow(client, server)
        back = try Flow(server, client)
        loop.watch(client.number, []) { [weak self] _ in self?.turn() }
        loop.watch(server.number, .write) { [weak self] _ in self?.turn() }
    }

    private func turn() {
        if !connected {
            var failure: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(b.number, SOL_SOCKET, SO_ERROR, &failure, &length)
            guard failure == 0 else { return close() }
            connected = true
        }
        guard there.move(), back.move(), !(there.closed && back.closed) else { return close() }
        loop.change(a.number, interest(reads: there, writes: back))
        loop.change(b.number, interest(reads: back, writes: there))
    }

    private func interest(reads: Flow, writes: Flow) -> EventLoop.Interest {
        var wanted: EventLoop.Interest = []
        if !reads.ended && reads.held == 0 { wanted.insert(.read) }
        if writes.held > 0 { wanted.insert(.write) }
        return wanted
    }

    func close() {
        guard a.number >= 0 else { return }
        loop.forget(a.number)
        loop.forget(b.number)
        a.close()
        b.close()
        ended(self)
    }
}

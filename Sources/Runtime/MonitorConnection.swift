import Diagnostics
import Glibc
import Linux

/// A connection to a container's monitor, for one request after the other.
final class MonitorConnection {
    let socket: OwnedDescriptor
    private var reader = FrameReader()

    init(_ socket: OwnedDescriptor) { self.socket = socket }

    func send(_ frame: Frame) throws(DrydockError) {
        let bytes = frame.bytes
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { area in
                Glibc.send(
                    socket.number, area.baseAddress?.advanced(by: sent), bytes.count - sent,
                    Int32(truncatingIfNeeded: MSG_NOSIGNAL))
            }
            if count < 0 && errno == EINTR { continue }
            // A monitor that has gone says why in what it sent before; the reader will see it.
            guard count > 0 else { return }
            sent += count
        }
    }

    /// The next message, nil when the monitor has gone or the deadline has passed.
    /// - Parameter milliseconds: how long to wait at most, -1 for as long as it takes.
    func receive(milliseconds: Int32 = -1) throws(DrydockError) -> Frame? {
        let deadline = WallTimer(milliseconds)
        while true {
            if let frame = try reader.next() { return frame }
            if milliseconds >= 0 {
                var entry = pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0)
                let ready = poll(&entry, 1, deadline.rest)
                if ready == 0 { return nil }
                if ready < 0 { continue }
            }
            guard try fill() else { return nil }
        }
    }

    /// Reads what has arrived. Returns false at the end.
    func fill() throws(DrydockError) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(socket.number, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EAGAIN { return true }
            guard count > 0 else { return false }
            reader.add(buffer[..<count])
            return true
        }
    }

    /// A message that has arrived already, nil where there is none.
    func buffered() throws(DrydockError) -> Frame? { try reader.next() }
}

/// How long until a deadline.
struct WallTimer {
    private let deadline: ContinuousClock.Instant?

    init(_ milliseconds: Int32) {
        deadline = milliseconds < 0 ? nil : ContinuousClock.now + .milliseconds(Int(milliseconds))
    }

    /// Milliseconds, -1 for no deadline.
    var rest: Int32 {
        guard let deadline else { return -1 }
        let left = deadline - ContinuousClock.now
        let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
        return Int32(clamping: max(0, milliseconds + 1))
    }
}

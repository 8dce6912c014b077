public import Diagnostics
import Glibc

/// The language between a container's monitor and its clients: frames of a kind, a length and bytes.
public enum FrameKind: UInt8, Sendable {
    // From a client.
    /// Start the container: the settings as JSON with their length before them, then the flattened plan.
    case launch = 0x4c
    /// Get ready for a container like this one, which may come later: as `launch`.
    case prepare = 0x48
    /// Attach: a byte of `AttachFlags`.
    case attach = 0x41
    /// Start a program in the container: as `launch`.
    case exec = 0x45
    /// Send a signal to the program: its number.
    case signal = 0x53
    /// The window has a new size: rows and columns, two bytes each.
    case resize = 0x52
    /// Tell when the container ends.
    case wait = 0x57
    /// Somebody stops the container: it is not started again when it ends.
    case stopping = 0x51
    /// Freeze the container's processes.
    case pause = 0x50
    /// Let them go on.
    case resume = 0x55
    /// Change when the container is started again, see `RestartPolicy`.
    case policy = 0x4d
    /// The events tell another name of the container from now on.
    case rename = 0x4e
    /// Hand out the container's root directory: it comes with `done`.
    case root = 0x72
    /// Bytes for standard input.
    case input = 0x49
    /// Standard input is at its end.
    case inputEnd = 0x43
    // From the monitor.
    /// Bytes of standard output.
    case output = 0x4f
    /// Bytes of standard error.
    case error = 0x65
    /// The program ended: its status, four bytes.
    case exited = 0x58
    /// The program runs: what is known, as JSON.
    case started = 0x54
    /// It could not be done: what happened, as JSON.
    case failed = 0x46
    /// It was done.
    case done = 0x4b
}

/// What a client that attaches wants.
public struct AttachFlags: OptionSet, Sendable {
    /// The flags as a byte.
    public let rawValue: UInt8
    /// Makes flags from a byte.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// It sends input.
    public static let input = AttachFlags(rawValue: 1)
    /// It wants standard output.
    public static let output = AttachFlags(rawValue: 2)
    /// It wants standard error.
    public static let error = AttachFlags(rawValue: 4)
    /// It looks after the container when it ends (`--rm`).
    public static let responsible = AttachFlags(rawValue: 8)
}

/// One message.
public struct Frame: Sendable {
    /// What it is.
    public var kind: FrameKind
    /// What it carries.
    public var payload: [UInt8]

    /// Makes a message.
    public init(_ kind: FrameKind, _ payload: [UInt8] = []) {
        self.kind = kind
        self.payload = payload
    }

    /// The message as it is sent.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = [kind.rawValue]
        bytes.reserveCapacity(5 + payload.count)
        withUnsafeBytes(of: UInt32(payload.count).littleEndian) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: payload)
        return bytes
    }

    /// A message with one number.
    public static func number(_ kind: FrameKind, _ value: Int32) -> Frame {
        Frame(kind, withUnsafeBytes(of: value.littleEndian) { Array($0) })
    }

    /// The number that the message carries, 0 where it has none.
    public var number: Int32 {
        guard payload.count >= 4 else { return 0 }
        return payload[..<4].reversed().reduce(0) { $0 << 8 | Int32($1) }
    }

    /// A message with settings and a plan.
    public static func plan(_ kind: FrameKind, settings: JSONValue, plan: [UInt8]) -> Frame {
        let text = Array(settings.compact.utf8)
        var payload = withUnsafeBytes(of: UInt32(text.count).littleEndian) { Array($0) }
        payload.append(contentsOf: text)
        payload.append(contentsOf: plan)
        return Frame(kind, payload)
    }

    /// The settings and the plan of such a message.
    public func settingsAndPlan() throws(DrydockError) -> (settings: JSONValue, plan: [UInt8]) {
        let length = Int(number)
        guard length >= 0, payload.count >= 4 + length else {
            throw DrydockError(.corrupt, "a message to the monitor ends too early")
        }
        return (try JSONValue(parsing: payload[4..<4 + length]), Array(payload[(4 + length)...]))
    }
}

/// Cuts a stream of bytes into messages.
public struct FrameReader: Sendable {
    private var pending: [UInt8] = []
    private var start = 0
    /// The longest message that is taken; a longer one is an error.
    public static let limit = 16 << 20

    /// A reader that has seen nothing.
    public init() {}

    /// Adds bytes that arrived.
    public mutating func add(_ bytes: some Collection<UInt8>) {
        if start > 0 {
            pending.removeFirst(start)
            start = 0
        }
        pending.append(contentsOf: bytes)
    }

    /// The next whole message, nil until more bytes arrive.
    /// - Throws: `.corrupt` for a message of an unknown kind or an impossible length.
    public mutating func next() throws(DrydockError) -> Frame? {
        guard pending.count - start >= 5 else { return nil }
        let length = (1...4).reversed().reduce(0) { $0 << 8 | Int(pending[start + $1]) }
        guard length <= Self.limit, let kind = FrameKind(rawValue: pending[start]) else {
            throw DrydockError(.corrupt, "a message that is none")
        }
        guard pending.count - start >= 5 + length else { return nil }
        let payload = Array(pending[(start + 5)..<(start + 5 + length)])
        start += 5 + length
        if start == pending.count {
            pending.removeAll(keepingCapacity: pending.capacity <= 1 << 17)
            start = 0
        }
        return Frame(kind, payload)
    }
}

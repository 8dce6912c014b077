public import Diagnostics

/// What a monitor has to know besides the plan.
public struct MonitorSettings: Sendable, Equatable {
    /// The container's directory: the socket, the lock and the state files live there.
    public var directory = ""
    /// Whether the program has a terminal.
    public var terminal = false
    /// Whether standard input is open for clients.
    public var openInput = false
    /// Whether it closes when the first client that sent input leaves.
    public var inputOnce = false
    /// What the client that started it wants, see `AttachFlags`.
    public var attach: UInt8 = 0
    /// The size of the client's window; 0 where it has none.
    public var rows: UInt16 = 0
    /// The size of the client's window; 0 where it has none.
    public var columns: UInt16 = 0
    /// What is run after the end when no client takes the responsibility; empty for nothing.
    public var cleanup: [String] = []
    /// The signal that the program gets with the monitor's own SIGTERM.
    public var stopSignal: Int32 = 15
    /// Whether a program started by `exec` belongs to nobody.
    public var detached = false

    /// Whether the monitor only starts the process, with its own standard streams, and leaves it to who comes above.
    public var once = false
    /// How many descriptors from 3 on the program gets.
    public var preserve: Int32 = 0
    /// The socket of a terminal's new owner; empty for none.
    public var consoleSocket = ""
    /// The process whose namespaces are joined; 0 for none.
    public var target: Int32 = 0
    /// The socket on which `start` is awaited; empty for none.
    public var startSocket = ""

    /// Settings with the values above.
    public init() {}

    /// Reads settings.
    public init(_ json: JSONValue) {
        directory = json["directory"]?.string ?? ""
        terminal = json["terminal"]?.bool ?? false
        openInput = json["openInput"]?.bool ?? false
        inputOnce = json["inputOnce"]?.bool ?? false
        attach = UInt8(truncatingIfNeeded: json["attach"]?.int ?? 0)
        rows = UInt16(truncatingIfNeeded: json["rows"]?.int ?? 0)
        columns = UInt16(truncatingIfNeeded: json["columns"]?.int ?? 0)
        cleanup = (json["cleanup"]?.array ?? []).compactMap(\.string)
        stopSignal = Int32(truncatingIfNeeded: json["stopSignal"]?.int ?? 15)
        detached = json["detached"]?.bool ?? false
        once = json["once"]?.bool ?? false
        preserve = Int32(truncatingIfNeeded: json["preserve"]?.int ?? 0)
        consoleSocket = json["consoleSocket"]?.string ?? ""
        target = Int32(truncatingIfNeeded: json["target"]?.int ?? 0)
        startSocket = json["startSocket"]?.string ?? ""
    }

    /// The settings as JSON.
    public var json: JSONValue {
        [
            "directory": .string(directory), "terminal": .bool(terminal), "openInput": .bool(openInput),
            "inputOnce": .bool(inputOnce), "attach": .int(Int64(attach)), "rows": .int(Int64(rows)),
            "columns": .int(Int64(columns)), "cleanup": .array(cleanup.map(JSONValue.string)),
            "stopSignal": .int(Int64(stopSignal)), "detached": .bool(detached), "once": .bool(once),
            "preserve": .int(Int64(preserve)),
            "consoleSocket": .string(consoleSocket), "target": .int(Int64(target)),
            "startSocket": .string(startSocket),
        ]
    }
}

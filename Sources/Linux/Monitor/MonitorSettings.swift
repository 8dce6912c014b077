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
    /// The name of a program started by `exec`: 64 hexadecimal digits.
    public var execID = ""
    /// The words that events tell of a program started by `exec`.
    public var command = ""
    /// The container's id.
    public var id = ""
    /// When it is started again.
    public var restart = RestartPolicy()
    /// How its health is looked after, where it is.
    public var health: HealthSettings?
    /// How what it writes is kept.
    public var log = LogSettings()
    /// Where events are written; empty for nowhere.
    public var events = ""
    /// What events tell of the container: its name, its image, its labels.
    public var attributes: [String: String] = [:]
    /// A directory whose presence keeps the container's file system from being mounted again; empty for none.
    public var volatileMark = ""
    /// The length of the container's plan, where the plan of its health check follows.
    public var planSize = 0

    /// What a monitor says that comes to a container which another one looks after.
    public static let alreadyRunning = "the container is already running"

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
        execID = json["execID"]?.string ?? ""
        command = json["command"]?.string ?? ""
        id = json["id"]?.string ?? ""
        restart = RestartPolicy(json["restart"] ?? .null)
        health = HealthSettings(json["health"] ?? .null)
        log = LogSettings(json["log"] ?? .null)
        events = json["events"]?.string ?? ""
        for (key, value) in json["attributes"]?.pairs ?? [] { attributes[key] = value.string }
        volatileMark = json["volatileMark"]?.string ?? ""
        planSize = Int(json["planSize"]?.int ?? 0)
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
            "stopSignal": .int(Int64(stopSignal)), "detached": .bool(detached), "execID": .string(execID),
            "command": .string(command), "id": .string(id), "restart": restart.json, "health": health?.json ?? .null,
            "log": log.json, "events": .string(events),
            "attributes": .object(attributes.map { (key: $0.key, value: .string($0.value)) }),
            "volatileMark": .string(volatileMark), "planSize": .int(Int64(planSize)),
            "once": .bool(once), "preserve": .int(Int64(preserve)),
            "consoleSocket": .string(consoleSocket), "target": .int(Int64(target)),
            "startSocket": .string(startSocket),
        ]
    }
}

extension RestartPolicy {
    /// Reads a policy; `no` where there is none.
    public init(_ json: JSONValue) {
        self.init(
            Name(rawValue: json["name"]?.string ?? "") ?? .no, retries: Int(json["retries"]?.int ?? 0))
    }

    /// The policy as JSON.
    public var json: JSONValue { ["name": .string(name.rawValue), "retries": .int(Int64(retries))] }
}

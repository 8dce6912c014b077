import Diagnostics
import Glibc
import Linux
import SystemPackage

/// What the monitor's files say of the container; `ContainerRuntime.state` reads them.
struct RunState {
    private var pid: Int32 = 0
    private var startTime: UInt64 = 0
    private var network: JSONValue = .null
    private var cgroup = ""
    private var cgroups: [JSONValue] = []
    private(set) var startedAt: Int64 = 0
    private var finishedAt: Int64 = 0
    private(set) var code: Int32 = 0
    private var outOfMemory = false
    var paused = false
    var restarting = false
    /// How often it was started again since somebody started it.
    var restarts = 0

    mutating func begin(_ pid: Int32, network: JSONValue, cgroup: ContainerCgroup?) {
        self.pid = pid
        self.network = network
        self.cgroup = cgroup?.birthplace?.string ?? ""
        cgroups = (cgroup?.places ?? []).map { .string($0.string) }
        startTime = ProcessHandle.startTime(pid) ?? 0
        startedAt = WallClock.now
        restarting = false
        paused = false
    }

    mutating func end(_ code: Int32, outOfMemory: Bool) {
        self.code = code
        self.outOfMemory = outOfMemory
        finishedAt = WallClock.now
        paused = false
    }

    /// `run.json`
    var json: JSONValue {
        [
            "pid": .int(Int64(restarting ? 0 : pid)), "monitor": .int(Int64(getpid())), "startedAt": .int(startedAt),
            "startTime": .int(Int64(startTime)), "boot": .string(Boot.identity), "network": network,
            "cgroup": .string(cgroup), "cgroups": .array(cgroups), "paused": .bool(paused),
            "restarting": .bool(restarting),
            "restarts": .int(Int64(restarts)), "code": .int(Int64(code)), "finishedAt": .int(finishedAt),
            "oom": .bool(outOfMemory),
        ]
    }

    /// `exit.json`
    func exitJSON(stopped: Bool) -> JSONValue {
        [
            "code": .int(Int64(code)), "startedAt": .int(startedAt), "finishedAt": .int(finishedAt),
            "oom": .bool(outOfMemory), "restarts": .int(Int64(restarts)), "stopped": .bool(stopped),
        ]
    }
}

/// Writes what happens to the container into the home's log of events.
final class Events {
    private let log: EventLog?
    private let attributes: [String: String]
    private let id: String
    /// The container's name, which may change while it runs.
    var name: String

    init(_ settings: MonitorSettings) {
        log = settings.events.isEmpty ? nil : EventLog(directory: FilePath(settings.events))
        attributes = settings.attributes
        id = settings.id
        name = settings.attributes["name"] ?? ""
    }

    func record(_ action: String, _ more: [String: String] = [:]) {
        guard let log else { return }
        var all = attributes.merging(more) { _, new in new }
        all["name"] = name
        log.append(type: "container", action: action, id: id, attributes: all)
    }
}

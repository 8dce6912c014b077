import CLinux
import Diagnostics
import Glibc
import Linux
import SystemPackage

/// What `drydock runtime` keeps of a container between two commands: a directory below its root with `state.json`, a
/// copy of the bundle's `config.json`, and the socket on which `start` is awaited.
struct RuntimeState {
    var id: String
    var pid: Int32
    /// When the process started, in the kernel's clock ticks: with the number it is unique.
    var startTime: Int64
    var bundle: FilePath
    var rootfs: FilePath
    var created: String
    var owner: String
    /// The directories of its cgroups.
    var cgroups: [String]
    var config: JSONValue

    /// `created`, `running`, `paused`, `stopped`.
    func status(in directory: FilePath) -> String {
        guard let line = Files.line(FilePath("/proc/\(pid)/stat")), let end = line.lastIndex(of: ")"),
            ProcessHandle.startTime(pid) == UInt64(startTime)
        else { return "stopped" }
        let letter = line[line.index(after: end)...].first { !$0.isWhitespace }
        if letter == "Z" || letter == "X" { return "stopped" }
        if Files.exists(directory.appending("start.sock")) { return "created" }
        return freezer.map { Files.line($0.file) == $0.frozen } == true ? "paused" : "running"
    }

    /// The file that freezes, with its two values.
    var freezer: (file: FilePath, frozen: String, thawed: String)? {
        for place in cgroups.map({ FilePath($0) }) {
            if Files.exists(place.appending("freezer.state")) {
                return (place.appending("freezer.state"), "FROZEN", "THAWED")
            }
            if Files.exists(place.appending("cgroup.freeze")) { return (place.appending("cgroup.freeze"), "1", "0") }
        }
        return nil
    }

    /// All processes of the container.
    var processes: [Int32] {
        for place in cgroups {
            guard let text = Files.line(FilePath(place).appending("cgroup.procs")), !text.isEmpty else { continue }
            return text.split(separator: "\n").compactMap { Int32($0) }.sorted()
        }
        return [pid]
    }

    /// The state as the specification has it.
    func document(_ status: String, more: Bool = false) -> JSONValue {
        var pairs: [(key: String, value: JSONValue)] = [
            ("ociVersion", .string(config["ociVersion"]?.string ?? "1.0.2")), ("id", .string(id)),
            ("status", .string(status)), ("pid", .int(status == "stopped" ? 0 : Int64(pid))),
            ("bundle", .string(bundle.string)),
        ]
        if let annotations = config["annotations"] { pairs.append(("annotations", annotations)) }
        guard more else { return .object(pairs) }
        pairs += [
            ("rootfs", .string(rootfs.string)), ("created", .string(created)), ("owner", .string(owner)),
        ]
        return .object(pairs)
    }

    func write(to directory: FilePath) throws(DrydockError) {
        let json: JSONValue = [
            "id": .string(id), "pid": .int(Int64(pid)), "startTime": .int(startTime), "bundle": .string(bundle.string),
            "rootfs": .string(rootfs.string), "created": .string(created), "owner": .string(owner),
            "cgroups": .array(cgroups.map(JSONValue.string)), "config": config,
        ]
        try AtomicFile.write(Array(json.compact.utf8), to: directory.appending("state.json"), durable: false)
    }

    init(readFrom directory: FilePath, id: String) throws(DrydockError) {
        guard let bytes = try Files.readIfPresent(directory.appending("state.json")) else {
            throw DrydockError(.notFound, "container \"\(id)\" does not exist")
        }
        let json = try JSONValue(parsing: bytes)
        self.id = id
        pid = Int32(truncatingIfNeeded: json["pid"]?.int ?? 0)
        startTime = json["startTime"]?.int ?? 0
        bundle = FilePath(json["bundle"]?.string ?? "/")
        rootfs = FilePath(json["rootfs"]?.string ?? "/")
        created = json["created"]?.string ?? ""
        owner = json["owner"]?.string ?? ""
        cgroups = (json["cgroups"]?.array ?? []).compactMap(\.string)
        config = json["config"] ?? .object([])
    }

    init(
        id: String, pid: Int32, startTime: Int64, bundle: FilePath, rootfs: FilePath, cgroups: [String],
        config: JSONValue
    ) {
        self.id = id
        self.pid = pid
        self.startTime = startTime
        self.bundle = bundle
        self.rootfs = rootfs
        self.cgroups = cgroups
        self.config = config
        created = WallClock.text(WallClock.now)
        owner = AccountNames.user(getuid()) ?? ""
    }
}

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

    /// All processes of the container, those in cgroups below its own as well.
    var processes: [Int32] {
        for place in cgroups.map({ FilePath($0) }) {
            let found = Set(([place] + Self.below(place)).flatMap { Self.members($0) })
            if !found.isEmpty { return found.sorted() }
        }
        return [pid]
    }

    /// The processes in a cgroup itself.
    static func members(_ place: FilePath) -> [Int32] {
        (Files.line(place.appending("cgroup.procs")) ?? "").split(separator: "\n").compactMap { Int32($0) }
    }

    /// The cgroups below a cgroup, the deepest first.
    static func below(_ place: FilePath) -> [FilePath] {
        var result: [FilePath] = []
        for name in (try? Files.names(in: place)) ?? [] {
            let inner = place.appending(name)
            guard Files.exists(inner.appending("cgroup.procs")) else { continue }
            result += below(inner) + [inner]
        }
        return result
    }

    /// The state as the specification has it.
    func document(_ status: String, more: Bool = false) -> JSONValue {
        // What runc prints has this order, and some of its callers look at the text.
        let number: (key: String, value: JSONValue) = ("pid", .int(status == "stopped" ? 0 : Int64(pid)))
        var pairs: [(key: String, value: JSONValue)] = [
            ("ociVersion", .string(config["ociVersion"]?.string ?? "1.0.2")), ("id", .string(id)), number,
            ("status", .string(status)), ("bundle", .string(bundle.string)),
        ]
        if more { pairs += [("rootfs", .string(rootfs.string)), ("created", .string(created))] }
        if let annotations = config["annotations"] { pairs.append(("annotations", annotations)) }
        if more { pairs.append(("owner", .string(owner))) }
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

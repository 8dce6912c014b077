import CLinux
public import Diagnostics
import Glibc
import Linux
public import SystemPackage

/// An OCI runtime: bundles in, containers out, by the command line that runc made the usual one (`drydock runtime`).
public struct OCIRuntime: Sendable {
    /// Where it keeps what it knows of containers.
    public let root: FilePath
    /// Told of what went wrong without consequences.
    public var warn: @Sendable (String) -> Void = { _ in }
    /// Told of each operation that was carried out, with its time; nil where nobody wants to know.
    public var debug: (@Sendable (String) -> Void)?
    private let monitor: FilePath

    /// What a process that is started is given.
    public struct LaunchOptions {
        /// A file that gets the process's number.
        public var pidFile: FilePath?
        /// The socket of a terminal's new owner.
        public var consoleSocket: FilePath?
        /// Makes such a socket where a process is to have a terminal and nobody else awaits it.
        public var ownConsole: (() throws(DrydockError) -> FilePath)?
        /// How many descriptors from 3 on it inherits.
        public var preserve: Int32 = 0
        /// How many of them, the first ones, are sockets that somebody listens on for it (`LISTEN_FDS`).
        public var listening: Int32 = 0
        /// The bundle's configuration, where it is not `config.json`.
        public var configuration: FilePath = "config.json"
        /// Whether it keeps the caller's session keyring.
        public var keepsKeyring = false

        /// None of these.
        public init() {}
    }

    /// A runtime that keeps its state in a directory; `/run/drydock-runtime`, or below `XDG_RUNTIME_DIR` without root,
    /// where nil.
    public init(root: FilePath?, monitor: FilePath? = nil) {
        self.monitor = monitor ?? ContainerRuntime.defaultMonitor
        if let root {
            self.root = root
        } else if getuid() == 0, UserNamespace.current == .root {
            self.root = "/run/drydock-runtime"
        } else {
            let place = getenv("XDG_RUNTIME_DIR").map { String(cString: $0) } ?? "/tmp/drydock-runtime-\(getuid())"
            self.root = FilePath(place).appending("drydock-runtime")
        }
    }

    func directory(_ id: String) -> FilePath { root.appending(id) }
    private func socket(_ id: String) -> FilePath { directory(id).appending("start.sock") }

    static func wrong(_ message: String) -> DrydockError { DrydockError(.invalidArgument, message) }

    func found(_ id: String) throws(DrydockError) -> RuntimeState {
        guard Self.isValid(id) else { throw Self.wrong("invalid container ID format: \(id)") }
        return try RuntimeState(readFrom: directory(id), id: id)
    }

    private static func isValid(_ id: String) -> Bool {
        !id.isEmpty && id != "." && id != ".."
            && id.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+-_.".contains($0)) }
    }

    private func compiler(_ config: JSONValue, _ bundle: FilePath, _ id: String) throws(DrydockError) -> BundleCompiler
    {
        try BundleCompiler(
            config, bundle: bundle, id: id, cgroups: Cgroups.layout(everything: true), privilege: UserNamespace.current,
            seccompCache: root.appending(".seccomp"))
    }

    /// The plan of a bundle, without carrying it out.
    public func plan(_ id: String, bundle: FilePath) throws(DrydockError) -> LaunchPlan {
        let config = try JSONValue(parsing: try Files.read(bundle.appending("config.json")))
        return try compiler(config, bundle, id).compile(state: "{}")
    }

    /// Makes a container from a bundle: everything is done but the program (`create`).
    /// - Throws: code `.conflict` where the id is taken; what the plan's operations say.
    public func create(_ id: String, bundle: FilePath, _ options: LaunchOptions) throws(DrydockError) -> Int32 {
        guard Self.isValid(id) else { throw Self.wrong("invalid container ID format: \(id)") }
        let config = Self.told(
            options, try JSONValue(parsing: try Files.read(bundle.pushing(options.configuration))))
        let compiler = try compiler(config, bundle, id)
        guard config["process"]?.pairs != nil else { throw Self.wrong("config.json: process is missing") }
        guard Files.exists(compiler.root) else {
            throw DrydockError(.notFound, "invalid rootfs: \(compiler.root): no such file or directory")
        }
        let terminal = config.at("process.terminal")?.bool ?? false
        try check(terminal, options)
        try Files.makeDirectories(root, mode: 0o711)
        guard mkdir(directory(id).string, 0o711) == 0 else {
            throw errno == EEXIST
                ? DrydockError(.conflict, "container with given ID already exists: \(id)")
                : .system("mkdir \(directory(id))", errno: errno)
        }
        do throws(DrydockError) {
            var state = RuntimeState(
                id: id, pid: 0, startTime: 0, bundle: bundle, rootfs: compiler.root, cgroups: [], config: config)
            try inspect(ContainerCgroup.directories(path: compiler.cgroup().path))
            let plan = try compiler.compile(state: state.document("creating").setting("status", "created").compact)
            var settings = MonitorSettings()
            settings.startSocket = socket(id).string
            settings.terminal = terminal
            Self.size(&settings, config["process"])
            let reply = try launch(plan, &settings, options, Self.arguments(config))
            (state.pid, state.startTime) = (reply.pid, Int64(ProcessHandle.startTime(reply.pid) ?? 0))
            state.cgroups = reply.cgroups
            do throws(DrydockError) {
                try state.write(to: directory(id))
                try write(state.pid, options)
            } catch {
                Glibc.kill(state.pid, SIGKILL)
                throw error
            }
            return state.pid
        } catch {
            for hook in (config["hooks"]?["poststop"]?.array ?? []).map(RuntimeHook.init) {
                run(hook, "poststop", ["id": .string(id), "status": "stopped"])
            }
            try? Files.removeTree(directory(id))
            throw error
        }
    }

    /// A terminal needs somebody who takes it, and who takes one wants a terminal.
    private func check(_ terminal: Bool, _ options: LaunchOptions) throws(DrydockError) {
        if terminal, options.consoleSocket == nil, options.ownConsole == nil {
            throw DrydockError(
                .invalidArgument, "cannot allocate tty if runc will detach without setting console socket",
                remedy: "give --console-socket, or leave --detach out")
        }
        if options.consoleSocket != nil, !terminal || options.ownConsole != nil {
            throw Self.wrong("cannot use console socket if runc will not detach or allocate tty")
        }
    }

    /// A cgroup may be there already: frozen it would hold the container for ever, and with others in it limits are shared.
    private func inspect(_ places: [FilePath]) throws(DrydockError) {
        for place in places {
            if Files.line(place.appending("freezer.state")).map({ $0 != "THAWED" }) == true
                || Files.line(place.appending("cgroup.freeze")) == "1"
            {
                throw DrydockError(
                    .conflict, "container's cgroup unexpectedly frozen", reason: "\(place) is frozen",
                    remedy: "thaw it, or choose another linux.cgroupsPath")
            }
        }
        let others = Set(places.flatMap { RuntimeState.members($0) }).count
        if others > 0 { warn("container's cgroup is not empty: \(others) process(es) found") }
    }

    /// `process.consoleSize`.
    private static func size(_ settings: inout MonitorSettings, _ process: JSONValue?) {
        func number(_ key: String) -> UInt16 { UInt16(clamping: process?.at("consoleSize.\(key)")?.int ?? 0) }
        (settings.rows, settings.columns) = (number("height"), number("width"))
    }

    /// Who hands sockets to a process tells it how many they are (sd_listen_fds(3)).
    private static func told(_ options: LaunchOptions, _ config: JSONValue) -> JSONValue {
        guard options.listening > 0, let process = config["process"] else { return config }
        return config.setting("process", listening(options, process))
    }

    private static func listening(_ options: LaunchOptions, _ process: JSONValue) -> JSONValue {
        guard options.listening > 0 else { return process }
        let words = ["LISTEN_FDS=\(options.listening)", "LISTEN_PID=1"].map(JSONValue.string)
        return process.setting("env", .array((process["env"]?.array ?? []) + words))
    }

    private static func arguments(_ config: JSONValue) -> [String] {
        (config.at("process.args")?.array ?? []).compactMap(\.string)
    }

    private func write(_ pid: Int32, _ options: LaunchOptions) throws(DrydockError) {
        guard let file = options.pidFile else { return }
        try AtomicFile.write(Array(String(pid).utf8), to: file, durable: false)
    }

    private func launch(
        _ plan: LaunchPlan, _ settings: inout MonitorSettings, _ options: LaunchOptions, _ arguments: [String]
    ) throws(DrydockError) -> LaunchReply {
        settings.once = true
        settings.preserve = options.preserve
        settings.consoleSocket = options.consoleSocket?.string ?? ""
        if settings.terminal, settings.consoleSocket.isEmpty, let make = options.ownConsole {
            settings.consoleSocket = try make().string
        }
        var plan = plan
        if options.keepsKeyring {
            plan.operations.removeAll { operation in
                if case .keyring = operation { true } else { false }
            }
        }
        let (own, other) = try UnixSocket.pair()
        let orders = 3 + options.preserve
        var descriptors: [Int32: Int32] = [0: 0, 1: 1, 2: 2, orders: other.number]
        for number in 3..<orders {
            guard fcntl(number, F_GETFD) >= 0 else {
                throw Self.wrong("--preserve-fds: descriptor \(number) is not open")
            }
            descriptors[number] = number
        }
        let view = SealedView(of: monitor)
        let child = try ChildProcess.spawn(
            view.path, ["drydock-monitor", "--once", String(orders)], descriptors: descriptors)
        other.close()
        let connection = MonitorConnection(own)
        try connection.send(.plan(.launch, settings: settings.json, plan: plan.flattened()))
        let reply: Result<LaunchReply, DrydockError> = Result { () throws(DrydockError) in
            try LaunchReply(connection, plan: plan, arguments: arguments, words: .bundle)
        }
        _ = try? child.wait()
        if let debug, case .success(let told) = reply {
            debug("child process \(told.pid) is in \(told.cgroups.joined(separator: ", "))")
            for line in told.times(plan) { debug(line) }
        }
        return try reply.get()
    }

    /// Lets a created container's program begin (`start`).
    public func start(_ id: String) throws(DrydockError) {
        let state = try found(id)
        let status = state.status(in: directory(id))
        guard status == "created" else {
            throw DrydockError(
                .conflict, "cannot start a container that has \(status == "running" ? "already started" : status)")
        }
        let connection = try UnixSocket.connect(socket(id), messages: true)
        unlink(socket(id).string)
        var message = cl_times()
        while true {
            var descriptor: Int32 = -1
            let count = withUnsafeMutableBytes(of: &message) {
                cl_receive(connection.number, $0.baseAddress, $0.count, &descriptor)
            }
            guard count > 0 else { break }
            guard message.head.kind == UInt32(CL_REC_ERROR) else { continue }
            let plan = try compiler(state.config, state.bundle, id).compile(state: "{}")
            let record = message.head
            let text = withUnsafeBytes(of: record.text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            let json: JSONValue = [
                "index": .int(Int64(record.index)), "errno": .int(Int64(record.error)),
                "stage": .int(Int64(record.detail)), "text": .string(text),
            ]
            throw LaunchReply.failure(json, plan, Self.arguments(state.config), .bundle)
        }
        for hook in (state.config["hooks"]?["poststart"]?.array ?? []).map(RuntimeHook.init) {
            run(hook, "poststart", state.document("running"))
        }
    }

    /// Runs a hook that changes nothing any more: one that fails is told (specification, "Lifecycle").
    private func run(_ hook: RuntimeHook, _ kind: String, _ state: JSONValue) {
        let words = hook.arguments.isEmpty ? [hook.path] : hook.arguments
        do throws(DrydockError) {
            let ended = try ChildProcess.run(
                hook.path, words, environment: hook.environment, input: Array(state.compact.utf8))
            guard ended.status != 0 else { return }
            let said = String(decoding: ended.output + ended.error, as: UTF8.self)
            warn("\(kind) hook \(hook.path): exit status \(ended.status), stdout/stderr: \(said)")
        } catch {
            warn("\(kind) hook \(hook.path): \(error.message)")
        }
    }

    /// The state of a container, as the specification has it and runc extends it (`state`).
    public func state(_ id: String) throws(DrydockError) -> JSONValue {
        let state = try found(id)
        return state.document(state.status(in: directory(id)), more: true)
    }

    /// Sends a signal to the first process, or to all (`kill`).
    public func kill(_ id: String, _ signal: Int32, all: Bool) throws(DrydockError) {
        let state = try found(id)
        let status = state.status(in: directory(id))
        guard status != "stopped" else {
            if all { return }
            throw DrydockError(.conflict, "container not running")
        }
        for pid in all ? state.processes : [state.pid] where Glibc.kill(pid, signal) != 0 && errno != ESRCH {
            throw .system("signal \(signal) to process \(pid)", errno: errno)
        }
        // What is frozen does not end.
        if signal == SIGKILL, status == "paused", let freezer = state.freezer {
            try Files.write(Array(freezer.thawed.utf8), toFile: freezer.file)
        }
    }

    /// Removes a stopped container; with `force`, also one that runs, or none at all (`delete`).
    public func delete(_ id: String, force: Bool) throws(DrydockError) {
        let state: RuntimeState
        do throws(DrydockError) {
            state = try found(id)
        } catch {
            if force && error.code == .notFound {
                try? Files.removeTree(directory(id))
                return
            }
            throw error
        }
        let status = state.status(in: directory(id))
        if status != "stopped" {
            guard force || status == "created" else {
                throw DrydockError(
                    .conflict, "cannot delete container \(id) that is not stopped: \(status)",
                    remedy: "stop it first, or say --force")
            }
            if let freezer = state.freezer, status == "paused" {
                try? Files.write(Array(freezer.thawed.utf8), toFile: freezer.file)
            }
            Glibc.kill(state.pid, SIGKILL)
            let deadline = WallClock.now + 10_000_000_000
            var patience = Patience()
            while state.status(in: directory(id)) != "stopped" {
                guard WallClock.now < deadline else {
                    throw DrydockError(
                        .system, "container init still running",
                        reason: "process \(state.pid) was killed and did not end",
                        remedy: "it waits for a device, or in a frozen cgroup: see /proc/\(state.pid)/cgroup")
                }
                patience.pause()
            }
        }
        removeCgroups(state.cgroups)
        try Files.removeTree(directory(id))
        for hook in (state.config["hooks"]?["poststop"]?.array ?? []).map(RuntimeHook.init) {
            run(hook, "poststop", state.document("stopped"))
        }
    }

    /// What is left in them, and below them, is killed first; the kernel needs a moment to see them empty.
    private func removeCgroups(_ places: [String]) {
        for place in places.map({ FilePath($0) }) {
            var patience = Patience()
            for _ in 0..<500 {
                if rmdir(place.string) == 0 || errno == ENOENT { break }
                let below = RuntimeState.below(place)
                for inner in below + [place] {
                    for pid in RuntimeState.members(inner) { Glibc.kill(pid, SIGKILL) }
                }
                for inner in below { rmdir(inner.string) }
                patience.pause()
            }
        }
    }

    /// Starts a further process in a running container (`exec`). Returns its number.
    /// - Parameters:
    ///   - evenPaused: whether it may wait in a paused container.
    ///   - cgroups: cgroups below the container's, as `--cgroup` names them.
    public func exec(
        _ id: String, process: JSONValue, _ options: LaunchOptions, evenPaused: Bool = false, cgroups: [String] = []
    ) throws(DrydockError) -> Int32 {
        let state = try found(id)
        let status = state.status(in: directory(id))
        guard status == "running" || status == "created" || (status == "paused" && evenPaused) else {
            throw DrydockError(
                .conflict,
                "cannot exec in a \(status) container"
                    + (status == "paused" ? " (use --ignore-paused to override)" : ""))
        }
        let process = Self.listening(options, process)
        var settings = MonitorSettings()
        settings.target = state.pid
        settings.terminal = process["terminal"]?.bool ?? false
        try check(settings.terminal, options)
        Self.size(&settings, process)
        let places = try joined(state, cgroups)
        let plan = try compiler(state.config, state.bundle, id).exec(process, joining: places)
        let arguments = (process["args"]?.array ?? []).compactMap(\.string)
        let reply = try launch(plan, &settings, options, arguments)
        try write(reply.pid, options)
        return reply.pid
    }

    /// The process that a configuration describes, to be changed for `exec`.
    public func process(of id: String) throws(DrydockError) -> JSONValue {
        try found(id).config["process"] ?? .object([])
    }

    /// All processes of a container (`ps`).
    public func processes(_ id: String) throws(DrydockError) -> [Int32] {
        let state = try found(id)
        return state.status(in: directory(id)) == "stopped" ? [] : state.processes
    }

    /// All containers (`list`).
    public func list() throws(DrydockError) -> [JSONValue] {
        guard Files.exists(root) else { return [] }
        var result: [JSONValue] = []
        for id in try Files.names(in: root).sorted() where Self.isValid(id) {
            if let state = try? state(id) { result.append(state) }
        }
        return result
    }
}

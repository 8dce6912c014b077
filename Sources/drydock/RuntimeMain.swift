import Diagnostics
import Glibc
import Linux
import Runtime
import SystemPackage

/// `drydock runtime …`, or `drydock-runtime …` by a link of that name: the command line of an OCI runtime, for those who
/// call one (podman, containerd, tests).
struct RuntimeMain {
    private var global: [String: String] = [:]
    private var flags: [String: [String]] = [:]
    private var words: [String] = []
    private var command = ""

    /// Flags that take no value, of all commands.
    private static let switches: Set = [
        "debug", "systemd-cgroup", "no-pivot", "no-new-keyring", "detach", "d", "tty", "t", "all", "a", "force", "f",
        "quiet", "q", "no-new-privs", "keep", "no-subreaper", "version", "v", "help", "h", "ignore-paused", "rootless",
    ]

    static func run(_ arguments: [String]) -> Int32 {
        var main = RuntimeMain()
        do throws(DrydockError) {
            return try main.dispatch(arguments)
        } catch {
            main.log(error)
            // runc's: 255 where exec could not begin, otherwise 1. What is wrong with a program is in the message.
            return main.command == "exec" ? 255 : 1
        }
    }

    private func log(_ error: DrydockError) {
        write(error.message, level: "error")
        try? Files.write(Array("drydock runtime: \(error.message)\n".utf8), to: 2)
        if let remedy = error.remedy { try? Files.write(Array("  → \(remedy)\n".utf8), to: 2) }
    }

    private func warn(_ text: String) {
        write(text, level: "warning")
        try? Files.write(Array("drydock runtime: warning: \(text)\n".utf8), to: 2)
    }

    private func write(_ text: String, level: String) {
        if let path = global["log"] {
            let line: String
            if global["log-format"] == "json" {
                let json: JSONValue = [
                    "msg": .string(text), "level": .string(level), "time": .string(WallClock.text(WallClock.now)),
                ]
                line = json.compact + "\n"
            } else {
                line =
                    "time=\"\(WallClock.text(WallClock.now))\" level=\(level) msg=\(JSONValue.string(text).compact)\n"
            }
            if let file = try? OwnedDescriptor.open(
                FilePath(path), .writeOnly, options: [.create, .append], permissions: [.ownerReadWrite])
            {
                try? Files.write(Array(line.utf8), to: file.number)
            }
        }
    }

    private mutating func dispatch(_ arguments: [String]) throws(DrydockError) -> Int32 {
        var rest = arguments[...]
        while let word = rest.first, word.hasPrefix("-") {
            rest.removeFirst()
            let (name, value) = Self.split(word)
            if Self.switches.contains(name) {
                global[name] = value ?? "true"
            } else {
                global[name] = value ?? rest.popFirst() ?? ""
            }
        }
        if global["version"] != nil || global["v"] != nil {
            print("drydock runtime version 0.1.0\nspec: 1.0.2-dev")
            return 0
        }
        if global["help"] != nil || global["h"] != nil {
            print(Self.help)
            return 0
        }
        guard let command = rest.popFirst() else {
            print(Self.help)
            return 0
        }
        self.command = command
        try parse(rest, of: command)
        if isSet("help", "h") || command == "help" {
            print(Self.help)
            return 0
        }
        return try perform(command)
    }

    private func usage() -> DrydockError {
        DrydockError(
            .invalidArgument,
            "usage: drydock runtime [--root DIR] [--log FILE] COMMAND …",
            remedy:
                "the commands are create, start, run, state, kill, delete, exec, ps, pause, resume, update, features, spec and list"
        )
    }

    private static func split(_ word: String) -> (String, String?) {
        let parts = word.drop { $0 == "-" }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (parts.first.map(String.init) ?? "", parts.count > 1 ? String(parts[1]) : nil)
    }

    private mutating func parse(_ rest: ArraySlice<String>, of command: String) throws(DrydockError) {
        var rest = rest
        let stopsAtWords = command == "exec"
        while let word = rest.popFirst() {
            if word == "--" {
                words += rest
                return
            }
            guard word.hasPrefix("-"), word != "-" else {
                words.append(word)
                // What follows the id of exec is the program's.
                if stopsAtWords {
                    words += rest
                    return
                }
                continue
            }
            let (name, value) = Self.split(word)
            // -f is --force of delete, and --format of ps and list.
            if Self.switches.contains(name), name != "f" || command == "delete" {
                flags[name] = [value ?? "true"]
            } else if let value = value ?? rest.popFirst() {
                flags[name, default: []].append(value)
            } else {
                throw DrydockError(.invalidArgument, "flag needs an argument: \(word)")
            }
        }
    }

    private func value(_ names: String...) -> String? { names.compactMap { flags[$0]?.last }.first }
    private func isSet(_ names: String...) -> Bool { names.contains { flags[$0]?.last == "true" } }

    private var id: String {
        get throws(DrydockError) {
            guard let id = words.first else { throw DrydockError(.invalidArgument, "container id cannot be empty") }
            return id
        }
    }

    private static func absolute(_ path: String) -> FilePath {
        FilePath(path).isAbsolute
            ? FilePath(path) : Places.workingDirectory.pushing(FilePath(path)).lexicallyNormalized()
    }

    private var options: OCIRuntime.LaunchOptions {
        get throws(DrydockError) {
            var options = OCIRuntime.LaunchOptions()
            options.pidFile = value("pid-file").map(Self.absolute)
            options.consoleSocket = value("console-socket").map(Self.absolute)
            options.preserve = value("preserve-fds").flatMap { Int32($0) } ?? 0
            guard (0...8).contains(options.preserve) else {
                throw DrydockError(.unsupported, "--preserve-fds: at most 8 descriptors can be handed on")
            }
            return options
        }
    }

    private func perform(_ command: String) throws(DrydockError) -> Int32 {
        var runtime = OCIRuntime(root: global["root"].map(Self.absolute))
        let told = self
        runtime.warn = { told.warn($0) }
        let bundle = Self.absolute(value("bundle", "b") ?? ".")
        switch command {
        case "create": _ = try runtime.create(id, bundle: bundle, options)
        case "start": try runtime.start(id)
        case "run": return try run(runtime, bundle)
        case "state": print(try runtime.state(id).pretty())
        case "kill":
            let name = words.count > 1 ? words[1] : value("signal", "s") ?? "TERM"
            guard let number = Self.signal(name) else {
                throw DrydockError(.invalidArgument, "unknown signal \"\(name)\"")
            }
            try runtime.kill(id, number, all: isSet("all", "a"))
        case "delete": try runtime.delete(id, force: isSet("force", "f"))
        case "exec": return try exec(runtime)
        case "ps": return try processes(runtime)
        case "pause": try runtime.freeze(id, true)
        case "resume": try runtime.freeze(id, false)
        case "update": try runtime.update(id, try resources())
        case "features": print(RuntimeDocuments.features.pretty())
        case "spec": try spec(bundle)
        case "list": try list(runtime)
        case "plan": print(try runtime.plan(words.first ?? "container", bundle: bundle).text)
        default: throw usage()
        }
        return 0
    }

    static func signal(_ name: String) -> Int32? {
        if let number = Int32(name) { return (0...64).contains(number) ? number : nil }
        var upper = name.uppercased()
        if upper.hasPrefix("SIG") { upper.removeFirst(3) }
        if upper.hasPrefix("RTMIN") || upper.hasPrefix("RTMAX") {
            let base: Int32 = upper.hasPrefix("RTMIN") ? 34 : 64
            let number = base + (upper.count == 5 ? 0 : Int32(upper.dropFirst(5)) ?? 100)
            return (34...64).contains(number) ? number : nil
        }
        return signals[upper]
    }

    private static let signals: [String: Int32] = [
        "HUP": SIGHUP, "INT": SIGINT, "QUIT": SIGQUIT, "ILL": SIGILL, "TRAP": SIGTRAP, "ABRT": SIGABRT, "BUS": SIGBUS,
        "FPE": SIGFPE, "KILL": SIGKILL, "USR1": SIGUSR1, "SEGV": SIGSEGV, "USR2": SIGUSR2, "PIPE": SIGPIPE,
        "ALRM": SIGALRM, "TERM": SIGTERM, "CHLD": SIGCHLD, "CONT": SIGCONT, "STOP": SIGSTOP, "TSTP": SIGTSTP,
        "TTIN": SIGTTIN, "TTOU": SIGTTOU, "URG": SIGURG, "XCPU": SIGXCPU, "XFSZ": SIGXFSZ, "VTALRM": SIGVTALRM,
        "PROF": SIGPROF, "WINCH": SIGWINCH, "IO": SIGIO, "SYS": SIGSYS, "PWR": SIGPWR, "POLL": SIGIO, "CLD": SIGCHLD,
        "IOT": SIGABRT, "STKFLT": 16,
    ]

    // MARK: Processes in the foreground

    private func run(_ runtime: OCIRuntime, _ bundle: FilePath) throws(DrydockError) -> Int32 {
        let detach = isSet("detach", "d")
        if !detach { ChildProcess.inheritOrphans() }
        let pid = try runtime.create(id, bundle: bundle, options)
        do throws(DrydockError) {
            try runtime.start(id)
        } catch {
            try? runtime.delete(id, force: true)
            throw error
        }
        if detach { return 0 }
        let status = wait(pid)
        if !isSet("keep") { try runtime.delete(id, force: true) }
        return status
    }

    /// Passes signals on to a process until it ends.
    private func wait(_ pid: Int32) -> Int32 {
        let numbers = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT]
        let signals = try? SignalPipe(numbers)
        let handle = try? ProcessHandle(pid)
        while true {
            var entries = [
                pollfd(fd: handle?.descriptor.number ?? -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals?.readEnd.number ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            poll(&entries, 2, handle == nil ? 0 : -1)
            if entries[1].revents != 0, let signals {
                var bytes = [UInt8](repeating: 0, count: 64)
                let count = read(signals.readEnd.number, &bytes, bytes.count)
                for number in bytes.prefix(max(0, count)) { try? handle?.signal(Int32(number)) }
            }
            if entries[0].revents != 0 || handle == nil {
                return (try? ChildProcess(pid: pid).wait()) ?? 255
            }
        }
    }

    private func exec(_ runtime: OCIRuntime) throws(DrydockError) -> Int32 {
        var process: JSONValue
        let file = value("process", "p")
        if let file {
            process = try JSONValue(
                parsing: file == "-" ? try StandardPrompt.readAll() : try Files.read(FilePath(file)))
        } else {
            process = try runtime.process(of: id)
            guard words.count > 1 else { throw DrydockError(.invalidArgument, "process args cannot be empty") }
            process = process.setting("args", .array(words.dropFirst().map(JSONValue.string)))
            process = process.setting("terminal", .bool(isSet("tty", "t")))
            if let directory = value("cwd") { process = process.setting("cwd", .string(directory)) }
            let environment = (process["env"]?.array ?? []) + (flags["env"] ?? []).map(JSONValue.string)
            process = process.setting("env", .array(environment + (flags["e"] ?? []).map(JSONValue.string)))
            if isSet("no-new-privs") { process = process.setting("noNewPrivileges", true) }
            if let user = value("user", "u") {
                let parts = user.split(separator: ":").compactMap { Int64($0) }
                guard let uid = parts.first else { throw DrydockError(.invalidArgument, "invalid user: \(user)") }
                process = process.setting(
                    "user", ["uid": .int(uid), "gid": .int(parts.count > 1 ? parts[1] : 0)])
            }
            try addRights(to: &process)
        }
        let detach = isSet("detach", "d")
        if !detach { ChildProcess.inheritOrphans() }
        let pid = try runtime.exec(id, process: process, options, evenPaused: isSet("ignore-paused"))
        return detach ? 0 : wait(pid)
    }

    /// `--additional-gids` and `--cap`.
    private func addRights(to process: inout JSONValue) throws(DrydockError) {
        let groups = (flags["additional-gids"] ?? []) + (flags["g"] ?? [])
        if !groups.isEmpty {
            let user = process["user"] ?? .object([])
            let numbers = groups.compactMap { Int64($0) }.map { JSONValue.int($0) }
            process = process.setting(
                "user", user.setting("additionalGids", .array((user["additionalGids"]?.array ?? []) + numbers)))
        }
        let names = ((flags["cap"] ?? []) + (flags["c"] ?? [])).map(JSONValue.string)
        guard !names.isEmpty else { return }
        var sets = process["capabilities"] ?? .object([])
        for set in ["bounding", "effective", "permitted"] {
            sets = sets.setting(set, .array((sets[set]?.array ?? []) + names))
        }
        process = process.setting("capabilities", sets)
    }

    // MARK: Documents

    private func processes(_ runtime: OCIRuntime) throws(DrydockError) -> Int32 {
        let pids = try runtime.processes(id)
        if value("format", "f") == "json" {
            print(JSONValue.array(pids.map { .int(Int64($0)) }).compact)
            return 0
        }
        let given = Array(words.dropFirst())
        let output = try ChildProcess.run("ps", ["ps"] + (given.isEmpty ? ["-ef"] : given))
        let lines = output.text.split(separator: "\n", omittingEmptySubsequences: true)
        guard let header = lines.first else { return output.status }
        let titles = header.split(separator: " ", omittingEmptySubsequences: true)
        guard let column = titles.firstIndex(of: "PID") else {
            throw DrydockError(.invalidArgument, "couldn't find PID field in ps output")
        }
        print(header)
        for line in lines.dropFirst() {
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            if fields.count > column, let pid = Int32(fields[column]), pids.contains(pid) { print(line) }
        }
        return 0
    }

    private func resources() throws(DrydockError) -> JSONValue {
        if let file = value("resources", "r") {
            return try JSONValue(parsing: file == "-" ? try StandardPrompt.readAll() : try Files.read(FilePath(file)))
        }
        var resources = JSONValue.object([])
        func set(_ flag: String, _ group: String, _ key: String, text: Bool = false) {
            guard let value = value(flag) else { return }
            let number: JSONValue = text ? .string(value) : .int(Int64(value) ?? 0)
            resources = resources.setting(group, (resources[group] ?? .object([])).setting(key, number))
        }
        set("memory", "memory", "limit")
        set("memory-swap", "memory", "swap")
        set("memory-reservation", "memory", "reservation")
        set("cpu-share", "cpu", "shares")
        set("cpu-quota", "cpu", "quota")
        set("cpu-period", "cpu", "period")
        set("cpuset-cpus", "cpu", "cpus", text: true)
        set("cpuset-mems", "cpu", "mems", text: true)
        set("pids-limit", "pids", "limit")
        set("blkio-weight", "blockIO", "weight")
        return resources
    }

    private func spec(_ bundle: FilePath) throws(DrydockError) {
        let file = bundle.appending("config.json")
        guard !Files.exists(file) else {
            throw DrydockError(.conflict, "File config.json exists. Remove it first", remedy: "rm \(file)")
        }
        let text = RuntimeDocuments.template(rootless: isSet("rootless") || getuid() != 0).pretty() + "\n"
        try AtomicFile.write(Array(text.utf8), to: file)
    }

    private func list(_ runtime: OCIRuntime) throws(DrydockError) {
        let all = try runtime.list()
        if isSet("quiet", "q") {
            for state in all { print(state["id"]?.string ?? "") }
            return
        }
        if value("format", "f") == "json" {
            print(JSONValue.array(all).compact)
            return
        }
        let rows =
            [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]]
            + all.map { state in
                ["id", "pid", "status", "bundle", "created", "owner"].map { key in
                    state[key]?.string ?? state[key]?.int.map { String($0) } ?? ""
                }
            }
        let widths = (0..<6).map { column in max(12, (rows.map { $0[column].count }.max() ?? 0) + 3) }
        for row in rows {
            print(zip(row, widths).map { $0 + String(repeating: " ", count: max(0, $1 - $0.count)) }.joined())
        }
    }
}

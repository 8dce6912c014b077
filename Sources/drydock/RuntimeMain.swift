import Diagnostics
import Glibc
import Linux
import Runtime
import SystemPackage

/// `drydock runtime …`, or `drydock-runtime …` by a link of that name: the command line of an OCI runtime, for those who
/// call one (podman, containerd, tests).
struct RuntimeMain {
    private(set) var given = RuntimeArguments()

    static func run(_ arguments: [String]) -> Int32 {
        var main = RuntimeMain()
        do throws(DrydockError) {
            return try main.dispatch(arguments)
        } catch {
            main.log(error)
            // runc's: 255 where exec could not begin, otherwise 1. What is wrong with a program is in the message.
            return main.given.command == "exec" ? 255 : 1
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

    /// What is told with `--debug` goes to the log alone where there is one.
    private func debug(_ text: String) {
        write(text, level: "debug")
        if given.global["log"] == nil { try? Files.write(Array(Self.line(text, level: "debug").utf8), to: 2) }
    }

    private func write(_ text: String, level: String) {
        guard let path = given.global["log"], !path.isEmpty else { return }
        let line =
            if given.global["log-format"] == "json" {
                JSONValue.object([
                    ("level", .string(level)), ("msg", .string(text)), ("time", .string(WallClock.text(WallClock.now))),
                ]).compact + "\n"
            } else {
                Self.line(text, level: level)
            }
        if let file = try? OwnedDescriptor.open(
            FilePath(path), .writeOnly, options: [.create, .append], permissions: [.ownerReadWrite])
        {
            try? Files.write(Array(line.utf8), to: file.number)
        }
    }

    private static func line(_ text: String, level: String) -> String {
        "time=\"\(WallClock.text(WallClock.now))\" level=\(level) msg=\(JSONValue.string(text).compact)\n"
    }

    private mutating func dispatch(_ arguments: [String]) throws(DrydockError) -> Int32 {
        let rest = try given.begin(arguments)
        if given.global["version"] != nil {
            print("drydock runtime version 0.1.0\nspec: 1.0.2-dev")
            return 0
        }
        let format = given.global["log-format"] ?? "text"
        guard ["text", "json"].contains(format) else {
            throw DrydockError(.invalidArgument, "invalid log-format: \(format)", remedy: "say text or json")
        }
        if given.global["help"] != nil || ["", "help"].contains(given.command) {
            print(RuntimeArguments.overview)
            return 0
        }
        guard let shape = RuntimeArguments.commands.first(where: { $0.name == given.command }) else {
            let all = RuntimeArguments.commands.map(\.name).joined(separator: ", ")
            log(
                DrydockError(
                    .invalidArgument, "No help topic for '\(given.command)'", remedy: "the commands are \(all)"))
            return 3
        }
        try given.read(rest, of: shape)
        if given.isSet("help") {
            print(RuntimeArguments.help(of: shape))
            return 0
        }
        return try perform(given.command)
    }

    private var id: String {
        get throws(DrydockError) {
            guard let id = given.words.first, !id.isEmpty else {
                throw DrydockError(.invalidArgument, "container id cannot be empty")
            }
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
            options.pidFile = given.value("pid-file").map(Self.absolute)
            options.consoleSocket = given.value("console-socket").map(Self.absolute)
            if let file = given.value("config") { options.configuration = FilePath(file) }
            options.keepsKeyring = given.isSet("no-new-keyring")
            options.listening = max(0, getenv("LISTEN_FDS").flatMap { Int32(String(cString: $0)) } ?? 0)
            let extra = given.value("preserve-fds") ?? "0"
            guard let number = Int32(extra), number >= 0 else {
                throw DrydockError(.invalidArgument, "--preserve-fds: invalid number \"\(extra)\"")
            }
            options.preserve = number + options.listening
            guard options.preserve <= 8 else {
                throw DrydockError(.unsupported, "--preserve-fds: at most 8 descriptors can be handed on")
            }
            return options
        }
    }

    private func perform(_ command: String) throws(DrydockError) -> Int32 {
        var runtime = OCIRuntime(root: given.global["root"].map(Self.absolute))
        let told = self
        runtime.warn = { told.warn($0) }
        if given.global["debug"] == "true" { runtime.debug = { told.debug($0) } }
        let bundle = Self.absolute(given.value("bundle") ?? ".")
        switch command {
        case "create": _ = try runtime.create(id, bundle: bundle, options)
        case "start": try runtime.start(id)
        case "run": return try run(runtime, bundle)
        case "state": print(try runtime.state(id).pretty())
        case "kill":
            let name = given.words.count > 1 ? given.words[1] : given.value("signal") ?? "TERM"
            guard let number = Self.signal(name) else {
                throw DrydockError(.invalidArgument, "unknown signal \"\(name)\"")
            }
            try runtime.kill(id, number, all: given.isSet("all"))
        case "delete": try runtime.delete(id, force: given.isSet("force"))
        case "exec": return try exec(runtime)
        case "ps": return try processes(runtime, id)
        case "events": try events(runtime, id)
        case "pause": try runtime.freeze(id, true)
        case "resume": try runtime.freeze(id, false)
        case "update": try runtime.update(id, try resources(warn: warn))
        case "features": print(RuntimeDocuments.features.pretty())
        case "spec": try spec(bundle)
        case "list": try list(runtime)
        default: print(try runtime.plan(given.words.first ?? "container", bundle: bundle).text)
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
        let detach = given.isSet("detach")
        var options = try options
        let foreground = ForegroundProcess(root: runtime.root)
        if !detach { foreground.prepare(&options) }
        let pid = try runtime.create(id, bundle: bundle, options)
        do throws(DrydockError) {
            if !detach { try foreground.takeTerminal() }
            try runtime.start(id)
        } catch {
            try? runtime.delete(id, force: true)
            throw error
        }
        if detach { return 0 }
        let status = foreground.wait(pid)
        if !given.isSet("keep") { try runtime.delete(id, force: true) }
        return status
    }

    private func exec(_ runtime: OCIRuntime) throws(DrydockError) -> Int32 {
        var process: JSONValue
        if let file = given.value("process") {
            process = try JSONValue(
                parsing: file == "-" ? try StandardPrompt.readAll() : try Files.read(FilePath(file)))
        } else {
            process = try runtime.process(of: id)
            guard given.words.count > 1 else {
                throw DrydockError(.invalidArgument, "process args cannot be empty")
            }
            process = process.setting("args", .array(given.words.dropFirst().map(JSONValue.string)))
            process = process.setting("terminal", .bool(given.isSet("tty")))
            if let directory = given.value("cwd") { process = process.setting("cwd", .string(directory)) }
            let environment = (process["env"]?.array ?? []) + given.values("env").map(JSONValue.string)
            process = process.setting("env", .array(environment))
            if given.isSet("no-new-privs") { process = process.setting("noNewPrivileges", true) }
            if let user = given.value("user") {
                let parts = user.split(separator: ":").map { UInt32($0) }
                guard let first = parts.first, let uid = first, parts.count < 3,
                    let gid = parts.count > 1 ? parts[1] : 0
                else {
                    throw DrydockError(
                        .invalidArgument, "parsing \(user) as UID[:GID] failed", remedy: "give numbers: 1000:1000")
                }
                process = process.setting("user", ["uid": .int(Int64(uid)), "gid": .int(Int64(gid))])
            }
            try addRights(to: &process)
        }
        for (flag, what) in [("apparmor", "apparmor profile"), ("process-label", "selinux label")]
        where given.value(flag)?.isEmpty == false {
            throw DrydockError(.unsupported, "\(what) specified, but not supported", remedy: "leave --\(flag) out")
        }
        let detach = given.isSet("detach")
        var options = try options
        let foreground = ForegroundProcess(root: runtime.root)
        if !detach { foreground.prepare(&options) }
        let pid = try runtime.exec(
            id, process: process, options, evenPaused: given.isSet("ignore-paused"), cgroups: given.values("cgroup"))
        if detach { return 0 }
        try foreground.takeTerminal()
        return foreground.wait(pid)
    }

    /// `--additional-gids` and `--cap`.
    private func addRights(to process: inout JSONValue) throws(DrydockError) {
        let groups = given.values("additional-gids")
        if !groups.isEmpty {
            let user = process["user"] ?? .object([])
            let numbers = groups.compactMap { Int64($0) }.map { JSONValue.int($0) }
            process = process.setting(
                "user", user.setting("additionalGids", .array((user["additionalGids"]?.array ?? []) + numbers)))
        }
        let names = given.values("cap").map(JSONValue.string)
        guard !names.isEmpty else { return }
        var sets = process["capabilities"] ?? .object([])
        for set in ["bounding", "effective", "permitted"] {
            sets = sets.setting(set, .array((sets[set]?.array ?? []) + names))
        }
        process = process.setting("capabilities", sets)
    }
}

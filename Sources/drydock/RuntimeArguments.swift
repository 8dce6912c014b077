import Diagnostics

/// The words of one call of `drydock runtime`: flags before the command, the command, its flags and its operands.
struct RuntimeArguments {
    /// A flag; without a value it is a switch.
    struct Flag {
        let name: String
        var short: String?
        var value: String?
        let meaning: String

        init(_ name: String, short: String? = nil, value: String? = nil, _ meaning: String) {
            self.name = name
            self.short = short
            self.value = value
            self.meaning = meaning
        }

        /// How it is written.
        var usage: String {
            var text = "--" + name
            if let short { text += ", -" + short }
            if let value { text += " " + value }
            return text
        }
    }

    /// A command and what may follow it.
    struct Command {
        let name: String
        let summary: String
        var operands = "CONTAINER"
        var count = 1...1
        var flags: [Flag] = []
        /// Whether everything from the first word on belongs to somebody else.
        var endsAtWord = false
    }

    private(set) var global: [String: String] = [:]
    private(set) var command = ""
    private(set) var words: [String] = []
    private var flags: [String: [String]] = [:]

    /// The last value of a flag.
    func value(_ name: String) -> String? { flags[name]?.last }
    /// All values of a flag.
    func values(_ name: String) -> [String] { flags[name] ?? [] }
    /// Whether a switch is on.
    func isSet(_ name: String) -> Bool { flags[name]?.last == "true" }

    /// Reads the flags before the command, and the command's name.
    /// - Returns: what follows.
    mutating func begin(_ arguments: [String]) throws(DrydockError) -> ArraySlice<String> {
        var rest = arguments[...]
        while let word = rest.first, word.hasPrefix("-") {
            rest.removeFirst()
            let (flag, value) = try Self.read(word, &rest, among: Self.globalFlags)
            global[flag.name] = value
        }
        command = rest.popFirst() ?? ""
        return rest
    }

    /// Reads what follows a command.
    mutating func read(_ rest: ArraySlice<String>, of shape: Command) throws(DrydockError) {
        var rest = rest
        while let word = rest.popFirst() {
            if word == "--" {
                words += rest
                break
            }
            guard word.hasPrefix("-"), word != "-" else {
                words.append(word)
                if shape.endsAtWord {
                    words += rest
                    break
                }
                continue
            }
            let (flag, value) = try Self.read(word, &rest, among: shape.flags + [Self.help])
            flags[flag.name, default: []].append(value)
        }
        guard !isSet("help"), !shape.count.contains(words.count) else { return }
        let bounds = shape.count
        let wanted =
            bounds.lowerBound == bounds.upperBound
            ? "exactly \(bounds.lowerBound)"
            : words.count < bounds.lowerBound
                ? "a minimum of \(bounds.lowerBound)" : "a maximum of \(bounds.upperBound)"
        throw DrydockError(
            .invalidArgument, "\"\(command)\" requires \(wanted) argument(s)",
            remedy: "'drydock runtime \(command) --help' prints how it is called")
    }

    private static func read(
        _ word: String, _ rest: inout ArraySlice<String>, among flags: [Flag]
    ) throws(DrydockError) -> (Flag, String) {
        let parts = word.drop { $0 == "-" }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts.first.map(String.init) ?? ""
        guard let flag = flags.first(where: { $0.name == name || $0.short == name }) else {
            throw DrydockError(.invalidArgument, "Incorrect Usage: flag provided but not defined: -\(name)")
        }
        if parts.count > 1 { return (flag, String(parts[1])) }
        if flag.value == nil { return (flag, "true") }
        guard let value = rest.popFirst() else {
            throw DrydockError(.invalidArgument, "flag needs an argument: -\(name)")
        }
        return (flag, value)
    }

    // MARK: Help

    private static let help = Flag("help", short: "h", "print this")

    /// What is printed for a command with `--help`.
    static func help(of command: Command) -> String {
        let options = table((command.flags + [help]).map { ($0.usage, $0.meaning) })
        return """
            NAME:
               drydock runtime \(command.name) - \(command.summary)

            USAGE:
               drydock runtime \(command.name) [command options] \(command.operands)

            OPTIONS:
            \(options)
            """
    }

    private static func table(_ rows: [(name: String, meaning: String)]) -> String {
        let width = rows.map(\.name.count).max() ?? 0
        return rows.map { name, meaning in
            "   " + name + String(repeating: " ", count: width - name.count + 2) + meaning
        }.joined(separator: "\n")
    }

    /// What is printed without a command.
    static var overview: String {
        let lines = table(commands.map { ($0.name, $0.summary) })
        let options = table(globalFlags.filter { !ignored.contains($0.name) }.map { ($0.usage, $0.meaning) })
        return """
            NAME:
               drydock runtime - an OCI runtime: containers from bundles

            A bundle is a directory with a config.json (OCI runtime specification) and a root file system. Callers such as
            podman use this command line; for images and names see 'drydock docker'.

            USAGE:
               drydock runtime [global options] command [command options] [arguments...]

            COMMANDS:
            \(lines)

            GLOBAL OPTIONS:
            \(options)
            """
    }

    /// Flags of runc and crun that callers give and that decide nothing here.
    private static let ignored: Set = ["systemd-cgroup", "cgroup-manager", "rootless", "criu"]

    private static let globalFlags = [
        Flag("root", value: "DIR", "where the state of containers is kept"),
        Flag("log", value: "FILE", "where errors are written, too"),
        Flag("log-format", value: "FORMAT", "text or json"),
        Flag("debug", "tell of each operation, with its time"),
        Flag("version", short: "v", "print the version"), help,
        Flag("systemd-cgroup", "ignored"), Flag("cgroup-manager", value: "NAME", "ignored"),
        Flag("rootless", value: "MODE", "ignored"), Flag("criu", value: "FILE", "ignored"),
    ]

    private static let creation = [
        Flag("bundle", short: "b", value: "DIR", "the bundle; the working directory where it is not said"),
        Flag("config", short: "f", value: "FILE", "the configuration, where it is not the bundle's config.json"),
        Flag("console-socket", value: "SOCKET", "the socket that is sent the terminal"),
        Flag("pid-file", value: "FILE", "a file that gets the process's number"),
        Flag("preserve-fds", value: "N", "hand on N descriptors from 3 on"),
        Flag("no-pivot", "ignored: the root is always exchanged by pivot_root"),
        Flag("no-new-keyring", "keep the caller's session keyring"),
    ]

    static let commands = [
        Command(name: "create", summary: "create a container: all is done but its program", flags: creation),
        Command(name: "start", summary: "let the program of a created container begin"),
        Command(
            name: "run", summary: "create, start, wait for the end and delete",
            flags: creation + [
                Flag("detach", short: "d", "do not wait for the end"), Flag("keep", "do not delete it at its end"),
                Flag("no-subreaper", "ignored"),
            ]),
        Command(name: "state", summary: "print the state of a container as JSON"),
        Command(
            name: "kill", summary: "send a signal (TERM) to a container", operands: "CONTAINER [SIGNAL]", count: 1...2,
            flags: [
                Flag("all", short: "a", "to all of its processes"),
                Flag("signal", short: "s", value: "SIGNAL", "the signal"),
            ]),
        Command(
            name: "delete", summary: "remove a container that has stopped",
            flags: [Flag("force", short: "f", "kill it first where it runs")]),
        Command(
            name: "exec", summary: "start one more program in a container", operands: "CONTAINER COMMAND [ARG...]",
            count: 1...Int.max,
            flags: [
                Flag("process", short: "p", value: "FILE", "the process as JSON, - for standard input"),
                Flag("env", short: "e", value: "VAR=VALUE", "set a variable"),
                Flag("cwd", value: "DIR", "the working directory"),
                Flag("user", short: "u", value: "UID[:GID]", "whose rights it has"),
                Flag("additional-gids", short: "g", value: "GID", "one more group"),
                Flag("cap", short: "c", value: "CAPABILITY", "one more capability"),
                Flag("tty", short: "t", "give it a terminal"), Flag("detach", short: "d", "do not wait for the end"),
                Flag("console-socket", value: "SOCKET", "the socket that is sent the terminal"),
                Flag("pid-file", value: "FILE", "a file that gets the process's number"),
                Flag("preserve-fds", value: "N", "hand on N descriptors from 3 on"),
                Flag("no-new-privs", "no program that it starts gives it more rights"),
                Flag("cgroup", value: "[CONTROLLER,...:]PATH", "a cgroup below the container's"),
                Flag("ignore-paused", "also in a paused container"),
                Flag("process-label", value: "LABEL", "refused: SELinux is not supported"),
                Flag("apparmor", value: "PROFILE", "refused: AppArmor is not supported"),
            ], endsAtWord: true),
        Command(
            name: "ps", summary: "list the processes of a container", operands: "CONTAINER [PS OPTION...]",
            count: 1...Int.max, flags: [Flag("format", short: "f", value: "FORMAT", "table or json")], endsAtWord: true),
        Command(
            name: "events", summary: "print what a container uses, and when memory runs out, as JSON",
            flags: [
                Flag("interval", value: "DURATION", "how often: 5s where it is not said"),
                Flag("stats", "print once, then end"),
            ]),
        Command(name: "pause", summary: "freeze all processes of a container"),
        Command(name: "resume", summary: "let them go on"),
        Command(name: "update", summary: "change limits", flags: limits),
        Command(
            name: "list", summary: "list containers", operands: "", count: 0...0,
            flags: [
                Flag("format", short: "f", value: "FORMAT", "table or json"),
                Flag("quiet", short: "q", "identifiers only"),
            ]),
        Command(
            name: "spec", summary: "write a config.json to begin with", operands: "", count: 0...0,
            flags: [
                Flag("bundle", short: "b", value: "DIR", "where it is written"),
                Flag("rootless", "one for an ordinary user"),
            ]),
        Command(name: "features", summary: "print what this runtime can do as JSON", operands: "", count: 0...0),
        Command(
            name: "plan", summary: "print what would be done to start a bundle", operands: "[CONTAINER]", count: 0...1,
            flags: [Flag("bundle", short: "b", value: "DIR", "the bundle")]),
    ]

    private static let limits = [
        Flag("resources", short: "r", value: "FILE", "linux.resources as JSON, - for standard input"),
        Flag("memory", value: "BYTES", "memory; -1 for no limit"),
        Flag("memory-swap", value: "BYTES", "memory and swap together; -1 for as much swap as there is"),
        Flag("memory-reservation", value: "BYTES", "memory that is left to it when memory runs short"),
        Flag("cpu-period", value: "MICROSECONDS", "the period of the quota"),
        Flag("cpu-quota", value: "MICROSECONDS", "processor time in each period"),
        Flag("cpu-share", value: "N", "its share of the processors where they are busy"),
        Flag("cpu-rt-period", value: "MICROSECONDS", "the period of the real-time quota"),
        Flag("cpu-rt-runtime", value: "MICROSECONDS", "real-time processor time in each period"),
        Flag("cpuset-cpus", value: "LIST", "the processors on which it runs"),
        Flag("cpuset-mems", value: "LIST", "the memory nodes that it uses"),
        Flag("pids-limit", value: "N", "processes; -1 for no limit"),
        Flag("blkio-weight", value: "N", "its share of disks, 10 to 1000"),
        Flag("kernel-memory", value: "BYTES", "ignored: kernels have none any more"),
        Flag("kernel-memory-tcp", value: "BYTES", "ignored: kernels have none any more"),
    ]
}

/// Flags that several commands share, and their texts.
enum Flags {
    static let tableFormat = """
        Format output using a custom template:
        'table':            Print output in table format with column headers (default)
        'table TEMPLATE':   Print output in table format using the given Go template
        'json':             Print in JSON format
        'TEMPLATE':         Print output using the given Go template.
        Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates
        """
    static let documentFormat = """
        Format output using a custom template:
        'json':             Print in JSON format
        'TEMPLATE':         Print output using the given Go template.
        Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates
        """

    static let listFormat = Flag("format", nil, .string, tableFormat, values: ["table", "json"])
    static let inspectFormat = Flag("format", "f", .string, documentFormat, values: ["json"])
    static let noTrunc = Flag("no-trunc", "Don't truncate output")
    static let filter = Flag("filter", "f", .filter, "Filter output based on conditions provided")
    static let detachKeys = Flag(
        "detach-keys", nil, .string, "Override the key sequence for detaching a container")
    static let signal = Flag("signal", "s", .string, "Signal to send to the container", values: signals)
    static let stopTimeout = Flag(
        "timeout", "t", .int, "Seconds to wait before killing the container", oldName: "time")
    static let pullPlatform = Flag(
        "platform", nil, .string, "Set platform if server is multi-platform capable")
    static let force = Flag("force", "f", "Do not prompt for confirmation")
    static let signals = ["SIGHUP", "SIGINT", "SIGKILL", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"]

    /// `--platform` of a command that works on one of several variants.
    static func platform(_ what: String) -> Flag {
        Flag(
            "platform", nil, .string,
            "\(what). Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")")
    }

    static func pruneFilter(_ example: String) -> Flag {
        Flag("filter", nil, .filter, "Provide filter values (e.g. \"\(example)\")")
    }

    /// What `create` and `run` share.
    static func create(pullText: String) -> [Flag] {
        (common(pullText: pullText) + isolation).sorted { $0.name < $1.name }
    }

    private static func common(pullText: String) -> [Flag] {
        [
            Flag(
                "add-host", nil, .list, "Add a custom host-to-IP mapping (host:ip)", check: FlagChecks.extraHost),
            Flag(
                "attach", "a", .stream, "Attach to STDIN, STDOUT or STDERR", values: ["stdin", "stdout", "stderr"]),
            Flag("cap-add", nil, .list, "Add Linux capabilities"),
            Flag("cap-drop", nil, .list, "Drop Linux capabilities"),
            Flag("dns", nil, .list, "Set custom DNS servers", check: FlagChecks.address),
            Flag("entrypoint", nil, .string, "Overwrite the default ENTRYPOINT of the image"),
            Flag("env", "e", .environment, "Set environment variables"),
            Flag("env-file", nil, .list, "Read in a file of environment variables", names: .file),
            Flag("help", "Print usage"),
            Flag("hostname", "h", .string, "Container host name"),
            Flag("init", "Run an init inside the container that forwards signals and reaps processes"),
            Flag("interactive", "i", "Keep STDIN open even if not attached"),
            Flag("label", "l", .list, "Set meta data on a container", check: FlagChecks.label),
            Flag("label-file", nil, .list, "Read in a line delimited file of labels", names: .file),
            Flag("mount", nil, .list, type: "mount", "Attach a filesystem mount to the container"),
            Flag("name", nil, .string, "Assign a name to the container"),
            Flag(
                "network", nil, .string, type: "network", "Connect a container to a network",
                values: ["bridge", "host", "none"], names: .network, oldName: "net"),
            Flag("platform", nil, .string, "Set platform if server is multi-platform capable"),
            Flag("privileged", "Give extended privileges to this container"),
            Flag("publish", "p", .list, "Publish a container's port(s) to the host"),
            Flag("publish-all", "P", "Publish all exposed ports to random ports"),
            Flag("pull", nil, .string, pullText, preset: "missing", values: ["always", "missing", "never"]),
            Flag("quiet", "q", "Suppress the pull output"),
            Flag("read-only", "Mount the container's root filesystem as read only"),
            Flag("rm", "Automatically remove the container and its associated anonymous volumes when it exits"),
            Flag("stop-signal", nil, .string, "Signal to stop the container", values: signals),
            Flag("stop-timeout", nil, .int, "Timeout (in seconds) to stop a container"),
            Flag("tmpfs", nil, .list, "Mount a tmpfs directory"),
            Flag("tty", "t", "Allocate a pseudo-TTY"),
            Flag("user", "u", .string, "Username or UID (format: <name|uid>[:<group|gid>])"),
            Flag("volume", "v", .list, "Bind mount a volume", names: .volume),
            Flag("workdir", "w", .string, "Working directory inside the container"),
        ] + life
    }

    /// Docker's flags of `create` and `run` that are not here yet.
    static let missingAtCreate =
        [
            "blkio-weight-device", "cpu-rt-period", "cpu-rt-runtime", "device-read-bps", "device-read-iops",
            "device-write-bps", "device-write-iops", "gpus", "ip", "ip6", "link", "link-local-ip", "network-alias",
            "storage-opt", "use-api-socket", "volume-driver", "volumes-from",
        ] + windowsOnly

    /// Flags that Docker's client refuses for a daemon on Linux.
    static let windowsOnly = ["cpu-count", "cpu-percent", "io-maxbandwidth", "io-maxiops"]
}

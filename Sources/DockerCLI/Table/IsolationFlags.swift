extension Flags {
    private static let cgroupNamespaces = """
        Cgroup namespace to use (host|private)
        'host':    Run the container in the Docker host's cgroup namespace
        'private': Run the container in its own private cgroup namespace
        '':        Use the cgroup namespace as configured by the
                   default-cgroupns-mode option on the daemon (default)
        """

    private static func bytes(_ name: String, _ letter: Character?, _ help: String) -> Flag {
        Flag(name, letter, .string, type: "bytes", help, check: FlagChecks.bytes)
    }

    /// Flags of `create` and `run` about namespaces, rights, devices and limits.
    static let isolation: [Flag] = [
        Flag(
            "annotation", nil, .list, type: "map",
            "Add an annotation to the container (passed through to the OCI runtime)", shown: "map[]"),
        Flag(
            "blkio-weight", nil, .string, type: "uint16",
            "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)",
            check: FlagChecks.unsigned16),
        Flag("cgroup-parent", nil, .string, "Optional parent cgroup for the container"),
        Flag("cgroupns", nil, .string, cgroupNamespaces, values: ["host", "private"]),
        Flag("cidfile", nil, .string, "Write the container ID to the file", names: .file),
        Flag("cpu-period", nil, .int, "Limit CPU CFS (Completely Fair Scheduler) period"),
        Flag("cpu-quota", nil, .int, "Limit CPU CFS (Completely Fair Scheduler) quota"),
        Flag("cpu-shares", "c", .int, "CPU shares (relative weight)"),
        Flag("cpus", nil, .string, type: "decimal", "Number of CPUs", check: FlagChecks.decimal),
        Flag("cpuset-cpus", nil, .string, "CPUs in which to allow execution (0-3, 0,1)"),
        Flag("cpuset-mems", nil, .string, "MEMs in which to allow execution (0-3, 0,1)"),
        Flag("device", nil, .list, "Add a host device to the container", names: .file),
        Flag(
            "device-cgroup-rule", nil, .list, "Add a rule to the cgroup allowed devices list",
            check: FlagChecks.deviceRule),
        Flag("disable-content-trust", "Skip image verification", preset: "true"),
        Flag("dns-option", nil, .list, "Set DNS options", oldName: "dns-opt"),
        Flag("dns-search", nil, .list, "Set custom DNS search domains", check: FlagChecks.domain),
        Flag("domainname", nil, .string, "Container NIS domain name"),
        Flag("expose", nil, .list, "Expose a port or a range of ports"),
        Flag("group-add", nil, .list, "Add additional groups to join"),
        Flag("ipc", nil, .string, "IPC mode to use", values: ["host", "none", "private", "shareable"]),
        Flag("isolation", nil, .string, "Container isolation technology", values: ["default"]),
        // Docker 28 takes it and does nothing with it: the kernel has no such limit any more.
        bytes("kernel-memory", nil, "Kernel memory limit"),
        Flag("mac-address", nil, .string, "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
        bytes("memory", "m", "Memory limit"),
        bytes("memory-reservation", nil, "Memory soft limit"),
        Flag(
            "memory-swap", nil, .string, type: "bytes",
            "Swap limit equal to memory plus swap: '-1' to enable unlimited swap", check: FlagChecks.swap),
        Flag("memory-swappiness", nil, .int, "Tune container memory swappiness (0 to 100)", preset: "-1"),
        Flag("oom-kill-disable", "Disable OOM Killer"),
        Flag("oom-score-adj", nil, .int, "Tune host's OOM preferences (-1000 to 1000)"),
        Flag("pid", nil, .string, "PID namespace to use", values: ["host"]),
        Flag("pids-limit", nil, .int, "Tune container pids limit (set -1 for unlimited)"),
        Flag("runtime", nil, .string, "Runtime to use for this container"),
        Flag("security-opt", nil, .list, "Security Options"),
        bytes("shm-size", nil, "Size of /dev/shm"),
        Flag(
            "sysctl", nil, .list, type: "map", "Sysctl options", shown: "map[]", check: FlagChecks.sysctl),
        Flag(
            "ulimit", nil, .list, type: "ulimit", "Ulimit options", shown: "[]", check: FlagChecks.ulimit),
        Flag("userns", nil, .string, "User namespace to use", values: ["host"]),
        Flag("uts", nil, .string, "UTS namespace to use", values: ["host"]),
    ]
}

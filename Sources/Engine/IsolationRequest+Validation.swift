import Diagnostics
import Glibc
import Linux
import Runtime
import SystemPackage

extension IsolationRequest {
    private static func wrong(_ message: String, remedy: String? = nil) -> DrydockError {
        DrydockError(.invalidArgument, message, remedy: remedy, exitStatus: 125)
    }

    /// Refuses what Docker's daemon refuses, in its words, and says what this machine will not do.
    /// - Returns: warnings, as Docker prints them after `WARNING: `.
    func validate(_ request: CreateRequest) throws(DrydockError) -> [String] {
        try validateNames(request)
        try validateRights(request)
        for (name, value) in sysctls {
            if name.hasPrefix("net."), request.network == "host" {
                throw Self.wrong("sysctl '\(name)' is not allowed in the host network namespace")
            }
            if ipcMode == "host",
                name.hasPrefix("kernel.msg") || name.hasPrefix("kernel.sem")
                    || name.hasPrefix("kernel.shm") || name.hasPrefix("fs.mqueue.")
            {
                throw Self.wrong("sysctl '\(name)' is not allowed in the host ipc namespace")
            }
            if value.contains("\n") { throw Self.wrong("invalid value of sysctl \(name)") }
        }
        guard (-1000...1000).contains(oomScoreAdjustment) else {
            throw Self.wrong("Invalid value \(oomScoreAdjustment), range for oom score adj is [-1000, 1000]")
        }
        if let directory = request.workingDir, !directory.isEmpty, !directory.hasPrefix("/") {
            throw Self.wrong("the working directory '\(directory)' is invalid, it needs to be an absolute path")
        }
        if let signal = request.stopSignal, Signal.number(signal) == nil {
            throw Self.wrong("invalid signal: \(signal)")
        }
        for (_, options) in request.tmpfs { try Self.checkTmpfs(options) }
        if sharedMemorySize < 0 { throw Self.wrong("SHM size can not be less than 0") }
        return try validateResources()
    }

    /// The options that Docker lets through to a tmpfs.
    private static func checkTmpfs(_ options: String) throws(DrydockError) {
        let flags: Set = [
            "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync", "async", "dirsync", "remount",
            "mand",
            "nomand", "atime", "noatime", "diratime", "nodiratime", "bind", "rbind", "unbindable", "runbindable",
            "private", "rprivate", "shared", "rshared", "slave", "rslave", "relatime", "norelatime", "strictatime",
            "nostrictatime", "defaults",
        ]
        for word in options.split(separator: ",").map(String.init) where !flags.contains(word) {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, ["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"].contains(parts[0])
            else { throw wrong("invalid tmpfs option [\"\(word)\"]") }
        }
    }

    private func validateNames(_ request: CreateRequest) throws(DrydockError) {
        let sharesNetwork = request.network == "host" || request.network.hasPrefix("container:")
        if request.hostname != nil, request.network.hasPrefix("container:") || utsMode == "host" {
            let mode = utsMode == "host" ? "UTS" : "network"
            throw Self.wrong("conflicting options: hostname and the \(mode) mode")
        }
        if request.network == "container" || request.network == "container:" {
            throw Self.wrong("invalid container format container:<name|id>")
        }
        if request.network.hasPrefix("container:") {
            if !request.ports.isEmpty || request.publishAll {
                throw Self.wrong("conflicting options: port publishing and the container type network mode")
            }
            if !exposed.isEmpty {
                throw Self.wrong("conflicting options: port exposing and the container type network mode")
            }
            if !request.extraHosts.isEmpty {
                throw Self.wrong("conflicting options: custom host-to-IP mapping and the network mode")
            }
            if !request.dns.isEmpty { throw Self.wrong("conflicting options: dns and the network mode") }
        }
        if sharesNetwork, !macAddress.isEmpty {
            throw Self.wrong("conflicting options: mac-address and the network mode")
        }
        switch ipcMode {
        case "", "none", "private", "shareable", "host": break
        case let mode where mode.hasPrefix("container:") && mode.count > 10: break
        default: throw Self.wrong("invalid IPC mode: \(ipcMode)")
        }
        if !technology.isEmpty, technology.lowercased() != "default" {
            throw Self.wrong("Invalid isolation: \"\(technology)\" - linux only supports 'default'")
        }
        if !runtime.isEmpty, !["drydock", "runc", "io.containerd.runc.v2"].contains(runtime) {
            throw Self.wrong(
                "unknown or invalid runtime name: \(runtime)", remedy: "There is one runtime here: drydock.")
        }
    }

    private func validateRights(_ request: CreateRequest) throws(DrydockError) {
        for (flag, names) in [("CapAdd", request.capAdd), ("CapDrop", request.capDrop)] {
            for name in names where name.uppercased() != "ALL" && CapabilitySet(names: [name]) == nil {
                let upper = name.uppercased()
                throw Self.wrong(
                    "invalid \(flag): unknown capability: \"\(upper.hasPrefix("CAP_") ? upper : "CAP_" + upper)\"",
                    remedy: "Capabilities look like NET_ADMIN; `man 7 capabilities` lists them.")
            }
        }
        for option in securityOptions {
            switch SecurityOption(option) {
            case .unknown:
                throw Self.wrong(
                    option.contains("=") || option.contains(":")
                        ? "invalid --security-opt 2: \"\(option)\"" : "invalid --security-opt 1: \"\(option)\"")
            case .seccomp(let profile) where profile != "unconfined" && profile != "builtin" && !profile.isEmpty:
                do throws(DrydockError) {
                    _ = try SeccompProfile(try JSONValue(parsing: Array(profile.utf8)))
                } catch {
                    throw error.code == .corrupt
                        ? Self.wrong("Decoding seccomp profile failed: \(error.message)") : error.exiting(125)
                }
            default: break
            }
        }
        for device in devices {
            guard FilePath(device.target).isAbsolute else {
                throw Self.wrong("invalid device path in the container: \(device.target)")
            }
        }
        for rule in deviceRules where DeviceRule(rule) == nil {
            throw Self.wrong("invalid device cgroup rule format: '\(rule)'")
        }
    }

    private func validateResources() throws(DrydockError) -> [String] {
        if memory != 0 && memory < 6 << 20 { throw Self.wrong("Minimum memory limit allowed is 6MB") }
        if memory > 0 && memorySwap > 0 && memorySwap < memory {
            throw Self.wrong("Minimum memoryswap limit should be larger than memory limit, see usage")
        }
        if memory == 0 && memorySwap > 0 {
            throw Self.wrong("You should always set the Memory limit when using Memoryswap limit, see usage")
        }
        if memoryReservation > 0 && memoryReservation < 6 << 20 {
            throw Self.wrong("Minimum memory reservation allowed is 6MB")
        }
        if memory > 0 && memoryReservation > memory {
            throw Self.wrong("Minimum memory limit can not be less than memory reservation limit, see usage")
        }
        let processors = Int64(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        if nanoCPUs > 0 && (cpuPeriod > 0 || cpuQuota > 0) {
            throw Self.wrong(
                "Conflicting options: Nano CPUs and CPU \(cpuPeriod > 0 ? "Period" : "Quota") cannot both be set")
        }
        if nanoCPUs < 0 || nanoCPUs > processors * 1_000_000_000 {
            let word = processors == 1 ? "is only 1 CPU" : "are only \(processors) CPUs"
            throw Self.wrong("Range of CPUs is from 0.01 to \(processors).00, as there \(word) available")
        }
        if nanoCPUs > 0, !Self.usableControllers.contains("cpu") {
            throw Self.wrong(
                "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted",
                remedy: "As root, or with systemd's delegation (see 'drydock doctor'), it can be.")
        }
        if cpuShares < 0 { throw Self.wrong("invalid CPU shares (\(cpuShares)): value must be a positive integer") }
        if cpuPeriod != 0 && !(1000...1_000_000).contains(cpuPeriod) {
            throw Self.wrong("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
        }
        if cpuQuota > 0 && cpuQuota < 1000 { throw Self.wrong("CPU cfs quota can not be less than 1ms (i.e. 1000)") }
        if blockWeight != 0 && !(10...1000).contains(blockWeight) {
            throw Self.wrong("Range of blkio weight is from 10 to 1000")
        }
        for (name, value, file) in [
            ("cpus", cpus, "/sys/devices/system/cpu/online"), ("mems", memoryNodes, "/sys/devices/system/node/online"),
        ] where !value.isEmpty {
            guard let wanted = Self.numbers(value) else {
                throw Self.wrong("Invalid value \(value) for cpuset \(name)")
            }
            let online = Self.numbers(Files.line(FilePath(file)) ?? "0") ?? [0]
            guard wanted.isSubset(of: online) else {
                let word = name == "cpus" ? "CPUs" : "memory nodes"
                throw Self.wrong(
                    "Requested \(word) are not available - requested \(value), available: \(Files.line(FilePath(file)) ?? "0")"
                )
            }
        }
        return warnings
    }

    /// The controllers by which this machine lets this user limit something.
    private static var usableControllers: Set<String> {
        if UserNamespace.current != .root, case .separate = Cgroups.layout() { return [] }
        return Set(Cgroups.controllers())
    }

    /// Limits that this machine cannot apply for this user, in Docker's words.
    private var warnings: [String] {
        let usable = Self.usableControllers
        var warnings: [String] = []
        if oomKillDisable, case .unified = Cgroups.layout() {
            warnings.append("Your kernel does not support OomKillDisable. OomKillDisable discarded.")
        } else if oomKillDisable, memory == 0 {
            warnings.append(
                "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources."
            )
        }
        func lost(_ controller: String, _ asked: Bool, _ what: String, _ effect: String) {
            guard asked, !usable.contains(controller) else { return }
            warnings.append("Your kernel does not support \(what) \(effect)")
        }
        let absent = "or the cgroup is not mounted."
        lost("memory", memory > 0, "memory limit capabilities", "\(absent) Limitation discarded.")
        lost("memory", memorySwap > 0, "swap limit capabilities", "\(absent) Memory limited without swap.")
        lost("memory", memoryReservation > 0, "memory soft limit capabilities", "\(absent) Limitation discarded.")
        lost("pids", pidsLimit > 0, "PIDs limit capabilities", "\(absent) PIDs limit discarded.")
        lost("cpu", cpuShares > 0, "CPU shares", "\(absent) Shares discarded.")
        lost("cpu", cpuQuota > 0 || cpuPeriod > 0, "CPU CFS scheduler.", "CPU period/quota discarded.")
        lost("cpuset", !cpus.isEmpty || !memoryNodes.isEmpty, "cpuset", "\(absent) Cpuset discarded.")
        if !usable.contains("io") {
            lost("blkio", blockWeight > 0, "Block I/O weight", "\(absent) Weight discarded.")
        }
        var hasSwappiness = usable.contains("memory")
        if case .unified = Cgroups.layout() { hasSwappiness = false }
        if swappiness >= 0, !hasSwappiness {
            warnings.append(
                "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded."
            )
        }
        return warnings
    }

    /// The numbers of a list such as `0-2,4`; nil where it is none.
    static func numbers(_ text: String) -> Set<Int>? {
        var result: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard let first = ends.first, let low = first, let last = ends.last, let high = last, ends.count <= 2,
                low <= high, low >= 0, high < 8192
            else { return nil }
            result.formUnion(low...high)
        }
        return result
    }
}

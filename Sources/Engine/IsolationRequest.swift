import Diagnostics

/// What `docker create` and `docker run` ask for about namespaces, rights, devices and limits; the defaults are Docker's.
public struct IsolationRequest: Sendable {
    /// A limit of `--ulimit`.
    public struct Ulimit: Sendable, Hashable {
        /// `nofile`, without `RLIMIT_`.
        public var name: String
        /// The limit that applies.
        public var soft: Int64
        /// How far it may be raised.
        public var hard: Int64

        /// Makes a limit.
        public init(name: String, soft: Int64, hard: Int64) {
            self.name = name
            self.soft = soft
            self.hard = hard
        }
    }

    /// A device of `--device HOST[:CONTAINER[:rwm]]`.
    public struct Device: Sendable, Hashable {
        /// The path on the host.
        public var path: String
        /// The path in the container.
        public var target: String
        /// `rwm`
        public var permissions: String

        /// Makes a device.
        public init(path: String, target: String, permissions: String) {
            self.path = path
            self.target = target
            self.permissions = permissions
        }
    }

    /// `--domainname`
    public var domainname = ""
    /// `--pid`: empty, `host`, `container:NAME`.
    public var pidMode = ""
    /// `--ipc`: empty, `none`, `private`, `shareable`, `host`, `container:NAME`.
    public var ipcMode = ""
    /// `--uts`: empty or `host`.
    public var utsMode = ""
    /// `--userns`: empty or `host`.
    public var usernsMode = ""
    /// `--cgroupns`: empty, `host`, `private`.
    public var cgroupnsMode = ""
    /// `--security-opt`, a seccomp profile with the content of its file.
    public var securityOptions: [String] = []
    /// `--shm-size` in bytes; 0 for Docker's 64 MiB.
    public var sharedMemorySize: Int64 = 0
    /// `--ulimit`
    public var ulimits: [Ulimit] = []
    /// `--sysctl`
    public var sysctls: [String: String] = [:]
    /// `--device`
    public var devices: [Device] = []
    /// `--device-cgroup-rule`
    public var deviceRules: [String] = []
    /// `--group-add`
    public var groups: [String] = []
    /// `--oom-score-adj`
    public var oomScoreAdjustment = 0
    /// `--oom-kill-disable`
    public var oomKillDisable = false
    /// `--dns-search`
    public var dnsSearch: [String] = []
    /// `--dns-option`
    public var dnsOptions: [String] = []
    /// `--mac-address`
    public var macAddress = ""
    /// `--expose`: `80/tcp`
    public var exposed: [String] = []
    /// `--annotation`
    public var annotations: [String: String] = [:]
    /// `--cgroup-parent`
    public var cgroupParent = ""
    /// `--isolation`: empty or `default`, however it is spelled.
    public var technology = ""
    /// `--runtime`
    public var runtime = ""
    /// `--cidfile`, shown in the document only.
    public var containerIDFile = ""
    /// `--memory` in bytes, 0 for no limit.
    public var memory: Int64 = 0
    /// `--memory-swap` in bytes, -1 for no limit, 0 for twice the memory.
    public var memorySwap: Int64 = 0
    /// `--memory-reservation` in bytes.
    public var memoryReservation: Int64 = 0
    /// `--memory-swappiness`, -1 for the kernel's.
    public var swappiness: Int64 = -1
    /// `--cpus` in billionths of a processor.
    public var nanoCPUs: Int64 = 0
    /// `--cpu-shares`
    public var cpuShares: Int64 = 0
    /// `--cpu-period` in microseconds.
    public var cpuPeriod: Int64 = 0
    /// `--cpu-quota` in microseconds.
    public var cpuQuota: Int64 = 0
    /// `--cpuset-cpus`
    public var cpus = ""
    /// `--cpuset-mems`
    public var memoryNodes = ""
    /// `--pids-limit`, 0 and -1 for no limit.
    public var pidsLimit: Int64 = 0
    /// `--blkio-weight`
    public var blockWeight: Int64 = 0

    /// Asks for nothing special.
    public init() {}

    /// What goes into `HostConfig`, for what differs from a container without special wishes.
    var hostConfig: [(key: String, value: JSONValue)] {
        var pairs: [(key: String, value: JSONValue)] = []
        func text(_ key: String, _ value: String) { if !value.isEmpty { pairs.append((key, .string(value))) } }
        func number(_ key: String, _ value: Int64) { if value != 0 { pairs.append((key, .int(value))) } }
        func list(_ key: String, _ value: [String]) { if !value.isEmpty { pairs.append((key, .strings(value))) } }
        func map(_ key: String, _ value: [String: String]) {
            guard !value.isEmpty else { return }
            let sorted = value.sorted { $0.key < $1.key }
            pairs.append((key, .object(sorted.map { (key: $0.key, value: .string($0.value)) })))
        }
        text("ContainerIDFile", containerIDFile)
        text("CgroupnsMode", cgroupnsMode)
        list("DnsOptions", dnsOptions)
        list("DnsSearch", dnsSearch)
        list("GroupAdd", groups)
        text("IpcMode", ipcMode)
        number("OomScoreAdj", Int64(oomScoreAdjustment))
        text("PidMode", pidMode)
        list("SecurityOpt", securityOptions)
        text("UTSMode", utsMode)
        text("UsernsMode", usernsMode)
        number("ShmSize", sharedMemorySize)
        map("Sysctls", sysctls)
        map("Annotations", annotations)
        text("Runtime", runtime)
        text("Isolation", technology)
        number("CpuShares", cpuShares)
        number("Memory", memory)
        number("NanoCpus", nanoCPUs)
        text("CgroupParent", cgroupParent)
        number("BlkioWeight", blockWeight)
        number("CpuPeriod", cpuPeriod)
        number("CpuQuota", cpuQuota)
        text("CpusetCpus", cpus)
        text("CpusetMems", memoryNodes)
        if !devices.isEmpty {
            pairs.append(
                (
                    "Devices",
                    .array(
                        devices.map {
                            [
                                "PathOnHost": .string($0.path), "PathInContainer": .string($0.target),
                                "CgroupPermissions": .string($0.permissions),
                            ]
                        })
                ))
        }
        list("DeviceCgroupRules", deviceRules)
        number("MemoryReservation", memoryReservation)
        if memory > 0 || memorySwap != 0 { number("MemorySwap", memorySwap == 0 ? memory * 2 : memorySwap) }
        if swappiness >= 0 { pairs.append(("MemorySwappiness", .int(swappiness))) }
        if oomKillDisable { pairs.append(("OomKillDisable", true)) }
        if pidsLimit > 0 { pairs.append(("PidsLimit", .int(pidsLimit))) }
        if !ulimits.isEmpty {
            pairs.append(
                (
                    "Ulimits",
                    .array(ulimits.map { ["Name": .string($0.name), "Hard": .int($0.hard), "Soft": .int($0.soft)] })
                ))
        }
        if securityOptions.contains(where: { SecurityOption($0) == .systemPathsUnconfined }) {
            pairs += [("MaskedPaths", .array([])), ("ReadonlyPaths", .array([]))]
        }
        return pairs
    }
}

/// A `--security-opt`, as Docker's daemon reads it.
enum SecurityOption: Equatable {
    case noNewPrivileges(Bool)
    case seccomp(String)
    case appArmor(String)
    case label(String)
    case systemPathsUnconfined
    case unknown

    init(_ text: String) {
        if text == "no-new-privileges" {
            self = .noNewPrivileges(true)
            return
        }
        let separator: Character = text.contains("=") ? "=" : ":"
        let parts = text.split(separator: separator, maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let value = parts.count > 1 ? parts[1] : ""
        switch parts[0] {
        case "no-new-privileges":
            self = value == "true" ? .noNewPrivileges(true) : value == "false" ? .noNewPrivileges(false) : .unknown
        case "seccomp" where parts.count > 1: self = .seccomp(value)
        case "apparmor" where parts.count > 1: self = .appArmor(value)
        case "label" where parts.count > 1: self = .label(value)
        case "systempaths" where value == "unconfined": self = .systemPathsUnconfined
        default: self = .unknown
        }
    }
}

public import Linux

/// What a container's cgroup is like.
public struct CgroupPlan: Sendable, Equatable {
    /// The path below the tree's root, `drydock/<id>` where it does not begin with a slash.
    public var path: String
    /// What is written into its files.
    public var settings: [CgroupSetting]
    /// What programs may do with devices, in order, the last that matches wins; empty for everything.
    public var devices: [DeviceRule]

    /// Whether the container is a member of every tree of version 1, also of those that do not limit it.
    public var everywhere = false
    /// Directories of cgroups that are there already and are joined.
    public var places: [String] = []

    /// The cgroup of a container.
    public init(path: String, settings: [CgroupSetting] = [], devices: [DeviceRule] = []) {
        self.path = path
        self.settings = settings
        self.devices = devices
    }

    /// How the trees of this machine say what was asked for.
    /// - Parameter unified: whether there is one tree for all controllers.
    init(path: String, resources: CgroupResources, devices: [DeviceRule], unified: Bool) {
        self.path = path
        self.devices = devices
        settings = unified ? resources.unified : resources.separate
    }
}

/// Limits of a cgroup; nil is unlimited, or the kernel's own choice.
public struct CgroupResources: Sendable, Hashable {
    /// Bytes of memory.
    public var memory: Int64?
    /// Bytes of memory and swap together; -1 for as much swap as there is.
    public var memorySwap: Int64?
    /// Bytes of memory that are left to it when memory runs short.
    public var memoryReservation: Int64?
    /// How readily its memory is swapped out, 0 to 100.
    public var swappiness: Int64?
    /// Number of processes.
    public var pids: Int64?
    /// Its share of the processors where they are busy; 1024 is normal.
    public var cpuShares: Int64?
    /// Microseconds of processor time in each period.
    public var cpuQuota: Int64?
    /// Microseconds of a period.
    public var cpuPeriod: Int64?
    /// The processors on which it runs, `0-2,4`.
    public var cpus: String?
    /// The memory nodes that it uses.
    public var memoryNodes: String?
    /// Whether the kernel waits instead of ending a process when memory runs out; version 1 only.
    public var oomKillDisable = false
    /// Its share of disks, 10 to 1000.
    public var blockWeight: Int64?
    /// More files of version 2 with their values.
    public var unifiedFiles: [String: String] = [:]

    /// More files of version 1 with their values.
    var separateFiles: [CgroupSetting] = []
    /// Lines of files of version 2 that take several.
    var unifiedLines: [CgroupSetting] = []

    /// No limits.
    public init() {}

    /// Whether nothing is limited.
    public var isEmpty: Bool { self == CgroupResources() }

    var separate: [CgroupSetting] {
        var result: [CgroupSetting] = []
        func add(_ controller: String, _ file: String, _ value: Int64?) {
            if let value { result.append(CgroupSetting(controller, file, String(value))) }
        }
        add("memory", "memory.limit_in_bytes", memory)
        add("memory", "memory.soft_limit_in_bytes", memoryReservation)
        // The sum of both cannot be below the first, so it comes after it; a kernel without swap accounts has no file.
        if let memorySwap {
            result.append(CgroupSetting("memory", "memory.memsw.limit_in_bytes", String(memorySwap), optional: true))
        }
        add("memory", "memory.swappiness", swappiness)
        if oomKillDisable { add("memory", "memory.oom_control", 1) }
        if let pids { result.append(CgroupSetting("pids", "pids.max", pids < 0 ? "max" : String(pids))) }
        add("cpu", "cpu.shares", cpuShares)
        add("cpu", "cpu.cfs_period_us", cpuPeriod)
        add("cpu", "cpu.cfs_quota_us", cpuQuota)
        if cpus != nil || memoryNodes != nil {
            result.append(CgroupSetting("cpuset", "cpuset.cpus", cpus ?? ""))
            result.append(CgroupSetting("cpuset", "cpuset.mems", memoryNodes ?? ""))
        }
        if let blockWeight {
            result.append(CgroupSetting("blkio", "blkio.weight", String(blockWeight), optional: true))
            result.append(CgroupSetting("blkio", "blkio.bfq.weight", String(blockWeight), optional: true))
        }
        return result + separateFiles
    }

    var unified: [CgroupSetting] {
        var result: [CgroupSetting] = []
        func add(_ file: String, _ value: String?, optional: Bool = false) {
            guard let value else { return }
            let controller = String(file.prefix { $0 != "." })
            result.append(CgroupSetting(controller, file, value, optional: optional))
        }
        func number(_ value: Int64?) -> String? { value.map { $0 < 0 ? "max" : String($0) } }
        add("memory.max", number(memory))
        if let memorySwap {
            // Here swap is counted alone.
            let alone: Int64 = max(0, memorySwap - max(0, memory ?? 0))
            let swap = memorySwap < 0 ? "max" : String(alone)
            add("memory.swap.max", swap, optional: true)
        }
        add("memory.low", number(memoryReservation))
        add("pids.max", number(pids))
        if let cpuShares, cpuShares > 0 {
            // 2…262144 become 1…10000, as the kernel's documentation of version 2 maps them.
            let shares = max(2, min(262_144, cpuShares))
            let weight: Int64 = 1 + (shares - 2) * 9999 / 262_142
            add("cpu.weight", String(weight))
        }
        if cpuQuota != nil || cpuPeriod != nil {
            let quota = cpuQuota.flatMap { $0 > 0 ? String($0) : nil } ?? "max"
            add("cpu.max", "\(quota) \(cpuPeriod ?? 100_000)")
        }
        add("cpuset.cpus", cpus)
        add("cpuset.mems", memoryNodes)
        if let blockWeight {
            add("io.bfq.weight", String(blockWeight), optional: true)
            add("io.weight", "default \(CgroupLimits.ioWeight(blockWeight))", optional: true)
        }
        for (file, value) in unifiedFiles.sorted(by: { $0.key < $1.key }) { add(file, value) }
        return result + unifiedLines
    }
}

extension DeviceRule {
    /// What Docker lets every container do with devices: make any node, use the harmless ones.
    static let docker: [DeviceRule] = {
        var rules = [
            DeviceRule(allow: false, kind: .all, major: nil, minor: nil, access: .all),
            DeviceRule(allow: true, kind: .character, major: nil, minor: nil, access: .makeNode),
            DeviceRule(allow: true, kind: .block, major: nil, minor: nil, access: .makeNode),
        ]
        let usual: [(UInt32, UInt32?)] = [
            (1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2), (136, nil), (10, 200),
        ]
        for (major, minor) in usual {
            rules.append(DeviceRule(allow: true, kind: .character, major: major, minor: minor, access: .all))
        }
        return rules
    }()
}

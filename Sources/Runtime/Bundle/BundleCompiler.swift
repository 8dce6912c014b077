import Diagnostics
import Linux
import SystemPackage

/// Turns the `config.json` of a bundle (OCI runtime specification 1.0 to 1.2, Linux) into a plan.
struct BundleCompiler {
    let config: JSONValue
    /// The directory of the bundle, absolute.
    let bundle: FilePath
    /// The container's id.
    let id: String
    let cgroups: Cgroups.Layout
    let privilege: UserNamespace.Privilege
    /// Where filters of system calls are kept.
    let seccompCache: FilePath

    /// A namespace of the configuration: one's own, or that behind a file.
    struct Space: Equatable {
        var kind: Namespace
        var path: String?
    }

    init(
        _ config: JSONValue, bundle: FilePath, id: String, cgroups: Cgroups.Layout,
        privilege: UserNamespace.Privilege, seccompCache: FilePath
    ) throws(DrydockError) {
        self.config = config
        self.bundle = bundle
        self.id = id
        self.cgroups = cgroups
        self.privilege = privilege
        self.seccompCache = seccompCache
        try check()
    }

    static func wrong(_ message: String) -> DrydockError { DrydockError(.invalidArgument, message, exitStatus: 1) }

    private func check() throws(DrydockError) {
        let version = config["ociVersion"]?.string ?? ""
        guard version.hasPrefix("1.") else { throw Self.wrong("config.json: unsupported ociVersion \"\(version)\"") }
        guard config.at("root.path")?.string?.isEmpty == false else {
            throw Self.wrong("config.json: root.path is missing")
        }
        for mount in config["mounts"]?.array ?? [] {
            guard mount["destination"]?.string?.isEmpty == false else {
                throw Self.wrong("config.json: a mount without destination")
            }
            if mount["destination"]?.string == "/" {
                throw Self.wrong("config.json: a mount cannot have / as its destination")
            }
            let options = strings("options", in: mount)
            if mount["uidMappings"]?.array?.isEmpty == false || options.contains(where: ["idmap", "ridmap"].contains) {
                throw DrydockError(.unsupported, "config.json: id-mapped mounts are not supported")
            }
        }
        try checkNamespaces()
        try checkValues()
        try checkSupport()
        guard let process = config["process"], process.pairs != nil else { return }
        guard process["cwd"]?.string?.hasPrefix("/") == true else {
            throw Self.wrong("config.json: process.cwd must be an absolute path")
        }
        guard process["args"]?.array?.isEmpty == false else {
            throw Self.wrong("config.json: process.args must not be empty")
        }
    }

    /// The namespaces that the configuration names.
    func spaces() throws(DrydockError) -> [Space] {
        var result: [Space] = []
        for entry in config.at("linux.namespaces")?.array ?? [] {
            let name = entry["type"]?.string ?? ""
            guard let kind = Namespace(rawValue: name) else {
                throw Self.wrong("config.json: unknown namespace \"\(name)\"")
            }
            guard !result.contains(where: { $0.kind == kind }) else {
                throw Self.wrong("config.json: namespace \(name) is there twice")
            }
            let path = entry["path"]?.string ?? ""
            result.append(Space(kind: kind, path: path.isEmpty ? nil : path))
        }
        return result
    }

    /// The directory that becomes the root.
    var root: FilePath { bundle.pushing(FilePath(config.at("root.path")?.string ?? "rootfs")).lexicallyNormalized() }

    func strings(_ path: String, in json: JSONValue? = nil) -> [String] {
        ((json ?? config).at(path)?.array ?? []).compactMap(\.string)
    }

    func hooks(_ name: String) -> [RuntimeHook] {
        (config["hooks"]?[name]?.array ?? []).map(RuntimeHook.init)
    }

    /// The plan.
    /// - Parameter state: the container's state as hooks get it.
    func compile(state: String) throws(DrydockError) -> LaunchPlan {
        let spaces = try spaces()
        let joinsUser = spaces.contains { $0.kind == .user && $0.path != nil }
        let new = spaces.filter { $0.path == nil && $0.kind != .cgroup && $0.kind != .time }.map(\.kind)
        var operations: [LaunchOperation] = []
        if let score = config.at("process.oomScoreAdj")?.int {
            operations.append(
                .write(path: "/proc/self/oom_score_adj", value: String(score), optional: privilege != .root))
        }
        let entersFirst = entersFirst(spaces, new)
        if entersFirst {
            operations += joins(spaces, [], late: false, forks: false) + [.unshare(new)] + idMaps(new)
            if spaces.contains(where: { $0.kind == .pid }) { operations.append(.fork) }
        } else {
            operations += idMaps(new)
            operations += joins(spaces, new, late: joinsUser, forks: true)
        }
        operations.append(.cgroup(cgroup()))
        let early = hooks("prestart") + hooks("createRuntime")
        if !early.isEmpty { operations.append(.hooks(early, state: state)) }
        operations.append(.await)
        if spaces.contains(Space(kind: .cgroup, path: nil)) { operations.append(.unshare([.cgroup])) }
        operations += timeOperations(spaces)
        if spaces.contains(where: { $0.kind == .mount && $0.path == nil }) {
            operations += try fileSystem(spaces, state: state)
        }
        operations += switching(spaces)
        operations += try process(state: state, named: spaces)
        return LaunchPlan(namespaces: joinsUser || entersFirst ? [] : new, operations: operations)
    }

    private func idMaps(_ new: [Namespace]) -> [LaunchOperation] {
        guard new.contains(.user) else { return [] }
        func lines(_ key: String) -> String {
            (config.at("linux.\(key)")?.array ?? []).map {
                "\($0["containerID"]?.int ?? 0) \($0["hostID"]?.int ?? 0) \($0["size"]?.int ?? 0)\n"
            }.joined()
        }
        return [
            .idMaps(uids: lines("uidMappings"), gids: lines("gidMappings")), .identity(.root, groupsOptional: true),
        ]
    }

    /// A new user namespace has no rights over namespaces that were there before: they are entered first.
    private func entersFirst(_ spaces: [Space], _ new: [Namespace]) -> Bool {
        privilege == .root && new.contains(.user) && spaces.contains { $0.path != nil }
    }

    private func joins(_ spaces: [Space], _ new: [Namespace], late: Bool, forks: Bool) -> [LaunchOperation] {
        var operations: [LaunchOperation] = []
        let order: [Namespace] = [.user, .ipc, .uts, .network, .cgroup, .mount, .pid, .time]
        for kind in order {
            guard let path = spaces.first(where: { $0.kind == kind })?.path else { continue }
            operations.append(.joinFile(path: path, kind: kind))
            if kind == .user { operations.append(.identity(.root, groupsOptional: true)) }
        }
        if late && !new.isEmpty { operations.append(.unshare(new)) }
        let other = spaces.contains { $0.kind == .pid && $0.path != nil } || (late && new.contains(.pid))
        return operations + (forks && other ? [.fork] : [])
    }

    private func timeOperations(_ spaces: [Space]) -> [LaunchOperation] {
        guard spaces.contains(Space(kind: .time, path: nil)) else { return [] }
        var operations: [LaunchOperation] = [.unshare([.time])]
        for clock in ["monotonic", "boottime"] {
            guard let offset = config.at("linux.timeOffsets.\(clock)") else { continue }
            let value = "\(clock) \(offset["secs"]?.int ?? 0) \(offset["nanosecs"]?.int ?? 0)"
            operations.append(.write(path: "/proc/self/timens_offsets", value: value, optional: false))
        }
        return operations
    }

    /// The cgroup that the configuration asks for.
    func cgroup() -> CgroupPlan {
        var path = config.at("linux.cgroupsPath")?.string ?? "/" + id
        // `slice:prefix:name` is systemd's way to say it; without systemd it is a path of that form.
        let parts = path.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 3 { path = "/\(parts[0])/\(parts[1])-\(parts[2]).scope" }
        // No ".." leads above the tree.
        path = FilePath("/" + path).lexicallyNormalized().string
        var unified = false
        if case .unified = cgroups { unified = true }
        let json = config.at("linux.resources") ?? .object([])
        var plan = CgroupPlan(
            path: path, resources: CgroupResources(json), devices: privilege == .root ? deviceRules(json) : [],
            unified: unified)
        plan.everywhere = true
        return plan
    }

    private func deviceRules(_ json: JSONValue) -> [DeviceRule] {
        var rules: [DeviceRule] = []
        for entry in json["devices"]?.array ?? [] {
            func number(_ key: String) -> UInt32? {
                entry[key]?.int.flatMap { $0 < 0 ? nil : UInt32(truncatingIfNeeded: $0) }
            }
            let kind = DeviceRule.Kind(rawValue: entry["type"]?.string ?? "a") ?? .all
            let access = DeviceRule.Access(entry["access"]?.string ?? "rwm") ?? .all
            rules.append(
                DeviceRule(
                    allow: entry["allow"]?.bool ?? false, kind: kind, major: number("major"), minor: number("minor"),
                    access: access.isEmpty ? .all : access))
        }
        // The devices that every container has can always be used.
        return rules.isEmpty || rules.allSatisfy { $0.allow && $0.isEverything }
            ? [] : rules + DeviceRule.docker.dropFirst()
    }

    private func switching(_ spaces: [Space]) -> [LaunchOperation] {
        var operations: [LaunchOperation] = []
        if let name = config["hostname"]?.string, !name.isEmpty { operations.append(.hostname(name)) }
        if let name = config["domainname"]?.string, !name.isEmpty { operations.append(.domainname(name)) }
        if spaces.contains(Space(kind: .network, path: nil)) { operations.append(.loopback) }
        return operations
    }
}

extension CgroupResources {
    /// Reads `linux.resources`.
    init(_ json: JSONValue) {
        self.init()
        func number(_ path: String) -> Int64? { json.at(path)?.int }
        memory = number("memory.limit")
        memorySwap = number("memory.swap")
        memoryReservation = number("memory.reservation")
        swappiness = number("memory.swappiness")
        oomKillDisable = json.at("memory.disableOOMKiller")?.bool ?? false
        pids = number("pids.limit").flatMap { $0 == 0 ? nil : $0 }
        cpuShares = number("cpu.shares").flatMap { $0 == 0 ? nil : $0 }
        cpuQuota = number("cpu.quota").flatMap { $0 == 0 ? nil : $0 }
        cpuPeriod = number("cpu.period").flatMap { $0 == 0 ? nil : $0 }
        cpus = json.at("cpu.cpus")?.string.flatMap { $0.isEmpty ? nil : $0 }
        memoryNodes = json.at("cpu.mems")?.string.flatMap { $0.isEmpty ? nil : $0 }
        blockWeight = number("blockIO.weight").flatMap { $0 == 0 ? nil : $0 }
        for (file, value) in json["unified"]?.pairs ?? [] { unifiedFiles[file] = value.string }
        func both(_ path: String, _ controller: String, _ separate: String, _ unified: String) {
            guard let value = number(path) else { return }
            separateFiles.append(CgroupSetting(controller, separate, String(value)))
            unifiedFiles[unified] = String(value)
        }
        both("cpu.idle", "cpu", "cpu.idle", "cpu.idle")
        both("cpu.burst", "cpu", "cpu.cfs_burst_us", "cpu.max.burst")
        for (key, file) in [("realtimePeriod", "cpu.rt_period_us"), ("realtimeRuntime", "cpu.rt_runtime_us")] {
            if let value = number("cpu.\(key)"), value != 0 {
                separateFiles.append(CgroupSetting("cpu", file, String(value)))
            }
        }
        throttles(json["blockIO"] ?? .null)
        for entry in json.at("blockIO.weightDevice")?.array ?? [] {
            guard let weight = entry["weight"]?.int, weight != 0 else { continue }
            let value = "\(entry["major"]?.int ?? 0):\(entry["minor"]?.int ?? 0) \(weight)"
            for file in ["blkio.weight_device", "blkio.bfq.weight_device"] {
                separateFiles.append(CgroupSetting("blkio", file, value, optional: true))
            }
            unifiedLines.append(CgroupSetting("io", "io.bfq.weight", value, optional: true))
        }
        for entry in json["hugepageLimits"]?.array ?? [] {
            let size = entry["pageSize"]?.string ?? ""
            let limit = String(entry["limit"]?.int ?? 0)
            separateFiles.append(CgroupSetting("hugetlb", "hugetlb.\(size).limit_in_bytes", limit))
            unifiedFiles["hugetlb.\(size).max"] = limit
        }
        if let number = number("network.classID"), number != 0 {
            separateFiles.append(CgroupSetting("net_cls", "net_cls.classid", String(number)))
        }
        for entry in json.at("network.priorities")?.array ?? [] {
            let value = "\(entry["name"]?.string ?? "") \(entry["priority"]?.int ?? 0)"
            separateFiles.append(CgroupSetting("net_prio", "net_prio.ifpriomap", value))
        }
    }

    /// How much is read from and written to single disks.
    private mutating func throttles(_ json: JSONValue) {
        let kinds = [
            ("throttleReadBpsDevice", "read_bps_device", "rbps"),
            ("throttleWriteBpsDevice", "write_bps_device", "wbps"),
            ("throttleReadIOPSDevice", "read_iops_device", "riops"),
            ("throttleWriteIOPSDevice", "write_iops_device", "wiops"),
        ]
        var lines: [String: [String]] = [:]
        for (key, file, word) in kinds {
            for entry in json[key]?.array ?? [] {
                let device = "\(entry["major"]?.int ?? 0):\(entry["minor"]?.int ?? 0)"
                let rate = entry["rate"]?.int ?? 0
                separateFiles.append(CgroupSetting("blkio", "blkio.throttle.\(file)", "\(device) \(rate)"))
                lines[device, default: []].append("\(word)=\(rate)")
            }
        }
        for (device, words) in lines.sorted(by: { $0.key < $1.key }) {
            unifiedLines.append(CgroupSetting("io", "io.max", ([device] + words).joined(separator: " ")))
        }
    }
}

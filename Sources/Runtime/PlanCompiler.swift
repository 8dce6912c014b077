import Diagnostics
import Linux
import SystemPackage

/// Turns a specification into a plan. It looks at nothing but its arguments, so the same specification on the same
/// machine gives the same plan.
struct PlanCompiler {
    let spec: ContainerSpec
    /// The container's directory.
    let directory: FilePath
    /// Whether the machine's root runs it: only root makes device nodes and needs no user namespace.
    let privilege: UserNamespace.Privilege
    /// How it is connected: `bridge`, `pasta`, `slirp4netns`, `isolated`, `host`, `none`, `container`.
    let networkKind: String
    /// The id maps of this process, which a nested user namespace repeats.
    let idMaps: (uids: [UserNamespace.IDRange], gids: [UserNamespace.IDRange])
    /// How cgroups are mounted.
    let cgroups: Cgroups.Layout
    /// Processes whose namespaces are joined instead of having own ones.
    var joined: [Namespace: Int32] = [:]
    /// The directory with `hosts`, `hostname` and `resolv.conf`: another container's where its network is shared.
    var networkFiles: FilePath?

    var isRoot: Bool { privilege == .root }
    /// Whether the network is not the host's.
    var apartNetwork: Bool { networkKind != "host" }

    /// The namespaces that are the host's.
    var shared: [Namespace] {
        var shared: [Namespace] = []
        if spec.pidMode == .host { shared.append(.pid) }
        if spec.ipcMode == .host { shared.append(.ipc) }
        if spec.utsMode == .host { shared.append(.uts) }
        if spec.cgroupMode == .host { shared.append(.cgroup) }
        if !apartNetwork { shared.append(.network) }
        return shared
    }

    /// Those that the container gets for itself at its birth.
    private var own: [Namespace] {
        ([.mount, .pid, .uts, .ipc, .network] as [Namespace]).filter { joined[$0] == nil && !shared.contains($0) }
    }

    func compile() -> LaunchPlan {
        var namespaces = own
        // To join what belongs to another user namespace, an ordinary user joins that first; what is new comes after.
        if !isRoot { namespaces = joined.isEmpty ? [.user] + own : [] }
        let operations =
            beginning + parentOperations + fileSystemOperations + userMounts + systemValues + hiddenPaths
            + cgroupOperations + switchOperations
            + processOperations(
                ProcessShape(
                    arguments: spec.arguments, environment: spec.environment, directory: spec.workingDirectory,
                    user: spec.user, privileged: spec.privileged, isContainer: true))
        var plan = LaunchPlan(namespaces: namespaces, operations: operations)
        plan.foresight = foresight
        return plan
    }

    /// An overlay that syncs must not be mounted in vain: unmounting it writes the whole file system out.
    private var foresight: LaunchPlan.Foresight {
        guard isRoot, joined.isEmpty, shared.isEmpty, spec.devices.isEmpty, case .overlay = spec.root else {
            return .none
        }
        if spec.mounts.isEmpty { return spec.autoRemove ? .root : .system }
        // What was asked for may lie over what is hidden.
        let isApart = !spec.mounts.contains { mount in
            LaunchPlan.isSystem(FilePath(mount.target).lexicallyNormalized().string)
        }
        return isApart ? .system : .none
    }

    // What needs the host's /proc, the id maps, and what is shared with another container.
    private var beginning: [LaunchOperation] {
        var operations: [LaunchOperation] = []
        if let score = spec.oomScoreAdjustment {
            // Lowering it is root's alone; Docker without root lets that pass, too.
            operations.append(
                .write(path: "/proc/self/oom_score_adj", value: String(score), optional: !isRoot && score <= 0))
        }
        if !isRoot && joined.isEmpty {
            func lines(_ map: [UserNamespace.IDRange]) -> String {
                map.map { "\($0.inside) \($0.inside) \($0.count)\n" }.joined()
            }
            operations.append(.idMaps(uids: lines(idMaps.uids), gids: lines(idMaps.gids)))
        }
        guard !joined.isEmpty else { return operations }
        func join(_ kind: Namespace, _ pid: Int32) -> LaunchOperation {
            .joinFile(path: "/proc/\(pid)/ns/\(kind.file)", kind: kind)
        }
        if !isRoot, let pid = joined.values.first { operations.append(join(.user, pid)) }
        for kind in [Namespace.ipc, .uts, .network, .pid] {
            if let pid = joined[kind] { operations.append(join(kind, pid)) }
        }
        if !isRoot { operations.append(.unshare(own)) }
        if joined[.pid] != nil || (!isRoot && own.contains(.pid)) { operations.append(.fork) }
        return operations
    }

    // What the monitor begins with; everything but the id maps goes on beside the mounts.
    private var parentOperations: [LaunchOperation] {
        let path = spec.cgroupParent.isEmpty ? spec.id : spec.cgroupParent + "/" + spec.id
        var unified = false
        if case .unified = cgroups { unified = true }
        let rules = spec.privileged || !isRoot ? [] : DeviceRule.docker + spec.deviceRules
        var operations: [LaunchOperation] = [
            .cgroup(CgroupPlan(path: path, resources: spec.resources, devices: rules, unified: unified))
        ]
        if !["host", "none", "container"].contains(networkKind) {
            let hosts = directory.appending("hosts").string
            operations.append(
                .network(
                    kind: networkKind, hostsFile: hosts, hostname: spec.hostNames, hardwareAddress: spec.hardwareAddress
                )
            )
            if let hub = spec.hub { operations.append(.forward(hub)) }
            operations += spec.ports.map { .publish($0) }
        }
        return operations
    }

    /// Values below /proc/sys, before it becomes read-only.
    private var systemValues: [LaunchOperation] { sysctls.map { .sysctl(name: $0.name, value: $0.value) } }

    /// What was asked for, and what Docker sets where nobody did: ports below 1024 and echo requests are everybody's in a
    /// network of the container's own.
    var sysctls: [(name: String, value: String)] {
        var result = spec.sysctls.map { (name: $0.name, value: $0.value) }
        guard own.contains(.network) else { return result }
        func add(_ name: String, _ value: String) {
            if !result.contains(where: { $0.name == name }) { result.append((name: name, value: value)) }
        }
        add("net.ipv4.ip_unprivileged_port_start", "0")
        // The groups of the range have to exist.
        if isRoot { add("net.ipv4.ping_group_range", "0 2147483647") }
        return result
    }

    /// What Docker hides and protects (its list in oci/defaults.go has the same effect).
    private var hiddenPaths: [LaunchOperation] {
        guard !spec.privileged, spec.hidesSystemPaths else { return [] }
        return SystemPaths.masked.map { .mask($0) } + SystemPaths.readOnly.map { .readOnly($0) }
    }

    private var cgroupOperations: [LaunchOperation] {
        var operations: [LaunchOperation] = [.await]
        guard spec.cgroupMode != .host else {
            return operations + [
                .bind(source: "/sys/fs/cgroup", target: "/sys/fs/cgroup", readOnly: true, optional: true)
            ]
        }
        operations.append(.unshare([.cgroup]))
        let flags: MountFlags = spec.privileged ? .harmless : [.harmless, .readOnly]
        switch cgroups {
        case .unified:
            operations.append(
                .mount(
                    type: "cgroup2", source: "cgroup", target: "/sys/fs/cgroup", flags: flags, data: "", optional: true)
            )
        case .separate(let trees) where isRoot:
            // A container without a cgroup of its own would see the host's.
            var limited: [String] = []
            for setting in spec.resources.separate where !limited.contains(setting.controller) {
                limited.append(setting.controller)
            }
            operations.append(
                .mount(
                    type: "tmpfs", source: "cgroup", target: "/sys/fs/cgroup", flags: .harmless, data: "mode=755",
                    optional: true))
            for controller in limited where trees[controller] != nil {
                operations.append(
                    .mount(
                        type: "cgroup", source: "cgroup", target: "/sys/fs/cgroup/\(controller)", flags: flags,
                        data: controller, optional: true))
            }
            if !spec.privileged { operations.append(.readOnly("/sys/fs/cgroup")) }
        case .separate, .absent: break
        }
        return operations
    }

    private var switchOperations: [LaunchOperation] {
        var operations: [LaunchOperation] = [.pivot]
        if joined[.uts] == nil && spec.utsMode != .host {
            operations.append(.hostname(spec.hostname))
            if !spec.domainname.isEmpty { operations.append(.domainname(spec.domainname)) }
        }
        if own.contains(.network) { operations.append(.loopback) }
        return operations
    }
}

/// The paths of `/proc` and `/sys` that a container must not see or change, as Docker has them.
public enum SystemPaths {
    /// What is hidden.
    public static let masked = [
        "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
        "/sys/devices/virtual/powercap",
    ]
    /// What is read-only.
    public static let readOnly = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
}

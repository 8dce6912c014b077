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
    /// How it is connected: `bridge`, `pasta`, `slirp4netns`, `isolated`, `host`, `none`.
    let networkKind: String
    /// The id maps of this process, which a nested user namespace repeats.
    let idMaps: (uids: [UserNamespace.IDRange], gids: [UserNamespace.IDRange])
    /// How cgroups are mounted.
    let cgroups: Cgroups.Layout

    private var isRoot: Bool { privilege == .root }
    private var ownNetwork: Bool { networkKind != "host" }

    func compile() -> LaunchPlan {
        var namespaces: [Namespace] = [.mount, .pid, .uts, .ipc]
        if !isRoot { namespaces.insert(.user, at: 0) }
        if ownNetwork { namespaces.append(.network) }
        let operations =
            identityOperations + fileSystemOperations + userMounts + hiddenPaths + cgroupOperations + switchOperations
            + processOperations(
                ProcessShape(
                    arguments: spec.arguments, environment: spec.environment, directory: spec.workingDirectory,
                    user: spec.user, privileged: spec.privileged, isContainer: true))
        return LaunchPlan(namespaces: namespaces, operations: operations)
    }

    // What the monitor begins with; everything but the id maps goes on beside the mounts.
    private var identityOperations: [LaunchOperation] {
        var operations: [LaunchOperation] = []
        if !isRoot {
            func lines(_ map: [UserNamespace.IDRange]) -> String {
                map.map { "\($0.inside) \($0.inside) \($0.count)\n" }.joined()
            }
            operations.append(.idMaps(uids: lines(idMaps.uids), gids: lines(idMaps.gids)))
        }
        operations.append(.cgroup(name: spec.id, resources: spec.resources))
        if networkKind != "host" && networkKind != "none" {
            let hosts = directory.appending("hosts").string
            operations.append(.network(kind: networkKind, hostsFile: hosts, hostname: spec.hostname))
            if let hub = spec.hub { operations.append(.forward(hub)) }
            operations += spec.ports.map { .publish($0) }
        }
        return operations
    }

    private var fileSystemOperations: [LaunchOperation] {
        let mountPoint = directory.appending("root").string
        var operations: [LaunchOperation] = [.privateMounts]
        switch spec.root {
        case .overlay(let lower, let upper, let work):
            operations.append(
                .overlay(
                    lower: lower.map(\.string), upper: upper.string, work: work.string, target: mountPoint,
                    userXattr: !isRoot, volatile: spec.autoRemove))
        case .directory(let path): operations.append(.root(path.string))
        }
        operations.append(
            .mount(type: "proc", source: "proc", target: "/proc", flags: .harmless, data: "", optional: false))
        operations += deviceOperations
        if ownNetwork || isRoot {
            var flags = MountFlags.harmless
            if !spec.privileged { flags.insert(.readOnly) }
            operations.append(
                .mount(type: "sysfs", source: "sysfs", target: "/sys", flags: flags, data: "", optional: false))
        } else {
            // Only the owner of a network namespace may mount a sysfs that shows it.
            operations.append(.bind(source: "/sys", target: "/sys", readOnly: true, optional: false))
        }
        for name in ["resolv.conf", "hostname", "hosts"] {
            operations.append(
                .bind(
                    source: directory.appending(name).string, target: "/etc/\(name)", readOnly: false, optional: false))
        }
        return operations
    }

    private var deviceOperations: [LaunchOperation] {
        var operations: [LaunchOperation] = [
            .mount(
                type: "tmpfs", source: "tmpfs", target: "/dev", flags: [.noSetuid, .strictAccessTime],
                data: "mode=755,size=65536k", optional: false)
        ]
        let devices: [(String, UInt32, UInt32)] = [
            ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
        ]
        for (name, major, minor) in devices {
            operations.append(.device(path: "/dev/\(name)", major: major, minor: minor, fromHost: !isRoot))
        }
        let links = [
            ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx"), ("core", "/proc/kcore"),
        ]
        for (name, target) in links { operations.append(.symlink(path: "/dev/\(name)", to: target)) }
        // Group 5 is tty in every distribution; with one id only it does not exist.
        let group = privilege == .single ? "" : ",gid=5"
        operations += [
            .mount(
                type: "devpts", source: "devpts", target: "/dev/pts", flags: [.noSetuid, .noExecute],
                data: "newinstance,ptmxmode=0666,mode=0620\(group)", optional: false),
            .mount(
                type: "mqueue", source: "mqueue", target: "/dev/mqueue", flags: .harmless, data: "", optional: false),
            .mount(
                type: "tmpfs", source: "shm", target: "/dev/shm", flags: .harmless,
                data: "mode=1777,size=\(spec.sharedMemorySize)", optional: false),
        ]
        if spec.terminal { operations.append(.console(path: "/dev/console")) }
        return operations
    }

    private var userMounts: [LaunchOperation] {
        // A mount below another one comes after it.
        let ordered = spec.mounts.enumerated().sorted { left, right in
            let depths = (depth(left.element.target), depth(right.element.target))
            return depths.0 == depths.1 ? left.offset < right.offset : depths.0 < depths.1
        }
        return ordered.map { _, mount in
            switch mount.source {
            case .bind(let source):
                return .bind(source: source.string, target: mount.target, readOnly: mount.readOnly, optional: false)
            case .tmpfs(let options):
                var flags = MountFlags.harmless
                if mount.readOnly { flags.insert(.readOnly) }
                return .mount(
                    type: "tmpfs", source: "tmpfs", target: mount.target, flags: flags, data: options, optional: false)
            }
        }
    }

    private func depth(_ path: String) -> Int { path.split(separator: "/").count }

    /// What Docker hides and protects (its list in oci/defaults.go has the same effect).
    private var hiddenPaths: [LaunchOperation] {
        guard !spec.privileged else { return [] }
        let masked = [
            "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
            "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
            "/sys/devices/virtual/powercap",
        ]
        let protected = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
        return masked.map { .mask($0) } + protected.map { .readOnly($0) }
    }

    private var cgroupOperations: [LaunchOperation] {
        var operations: [LaunchOperation] = [.await, .unshare([.cgroup])]
        let flags: MountFlags = spec.privileged ? .harmless : [.harmless, .readOnly]
        switch cgroups {
        case .unified:
            operations.append(
                .mount(
                    type: "cgroup2", source: "cgroup", target: "/sys/fs/cgroup", flags: flags, data: "", optional: true)
            )
        case .separate(let trees) where isRoot:
            // A container without a cgroup of its own would see the host's.
            let limited = [("memory", spec.resources.memory), ("pids", spec.resources.pids)].filter { $0.1 != nil }
            operations.append(
                .mount(
                    type: "tmpfs", source: "cgroup", target: "/sys/fs/cgroup", flags: .harmless, data: "mode=755",
                    optional: true))
            for (controller, _) in limited where trees[controller] != nil {
                operations.append(
                    .mount(
                        type: "cgroup", source: "cgroup", target: "/sys/fs/cgroup/\(controller)", flags: flags,
                        data: controller, optional: true))
            }
        case .separate, .absent: break
        }
        return operations
    }

    private var switchOperations: [LaunchOperation] {
        var operations: [LaunchOperation] = [.pivot, .hostname(spec.hostname)]
        if !spec.domainname.isEmpty { operations.append(.domainname(spec.domainname)) }
        if ownNetwork { operations.append(.loopback) }
        return operations
    }

    /// What a program of the container and one started by `exec` have in common.
    struct ProcessShape {
        var arguments: [String]
        var environment: [String]
        var directory: String
        var user: ProcessUser
        var privileged: Bool
        var isContainer: Bool
    }

    private func processOperations(_ shape: ProcessShape) -> [LaunchOperation] {
        Self.processOperations(shape, Restrictions(spec), isRoot: isRoot)
    }

    static func processOperations(
        _ shape: ProcessShape, _ spec: Restrictions, isRoot: Bool
    ) -> [LaunchOperation] {
        let bounding = shape.privileged ? CapabilitySet.all : spec.capabilities
        // Only root has capabilities; another user could only get them from a file, up to the bounding set.
        let effective = shape.user.uid == 0 ? bounding : CapabilitySet.none
        var operations: [LaunchOperation] = [.session, .standardStreams, .umask(0o022)]
        operations += spec.limits.map { .limit($0) }
        operations += [.closeDescriptors, .workingDirectory(shape.directory)]
        if shape.isContainer && spec.readOnlyRoot { operations.append(.readOnlyRoot) }
        operations.append(.boundingSet(bounding))
        if !spec.seccompFilter.isEmpty && !spec.noNewPrivileges && !shape.privileged {
            operations.append(.seccomp(spec.seccompFilter))
        }
        operations += [
            .identity(shape.user, groupsOptional: !isRoot),
            .capabilities(effective: effective, inheritable: .none, ambient: .none),
        ]
        if spec.noNewPrivileges && !shape.privileged {
            operations.append(.noNewPrivileges)
            if !spec.seccompFilter.isEmpty { operations.append(.seccomp(spec.seccompFilter)) }
        }
        operations += [
            .defaultSignals, .deathSignal(9),
            .execute(arguments: shape.arguments, environment: shape.environment),
        ]
        return operations
    }

    /// The plan of a program that is started in a running container.
    static func exec(
        _ exec: ExecSpec, in facts: LaunchFacts
    ) -> LaunchPlan {
        var joined: [Namespace] = [.mount, .pid, .uts, .ipc, .cgroup]
        if !facts.isRoot { joined.insert(.user, at: 0) }
        if facts.network != "host" { joined.append(.network) }
        var operations: [LaunchOperation] = [
            .cgroup(name: "", resources: CgroupResources()), .await, .join(joined), .fork,
        ]
        if exec.terminal { operations.append(.console(path: "")) }
        operations += processOperations(
            ProcessShape(
                arguments: exec.arguments, environment: exec.environment, directory: exec.workingDirectory,
                user: exec.user, privileged: exec.privileged || facts.restrictions.privileged, isContainer: false),
            facts.restrictions, isRoot: facts.isRoot)
        return LaunchPlan(namespaces: [], operations: operations)
    }
}

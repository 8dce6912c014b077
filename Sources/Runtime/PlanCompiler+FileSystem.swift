import Linux
import SystemPackage

extension PlanCompiler {
    var fileSystemOperations: [LaunchOperation] {
        let mountPoint = directory.appending("root").string
        var operations = [apart(mountPoint)]
        switch spec.root {
        case .overlay(let lower, let upper, let work):
            operations.append(
                .overlay(
                    lower: lower.map(\.string), upper: upper.string, work: work.string, target: mountPoint,
                    userXattr: !isRoot, volatile: spec.autoRemove))
        case .directory(let path): operations.append(.root(path.string))
        }
        if spec.pidMode == .host && !isRoot {
            // Only the owner of a pid namespace may mount a proc that shows it.
            operations.append(.bind(source: "/proc", target: "/proc", readOnly: false, optional: false))
        } else {
            operations.append(
                .mount(type: "proc", source: "proc", target: "/proc", flags: .harmless, data: "", optional: false))
        }
        operations += deviceOperations
        if apartNetwork || isRoot {
            var flags = MountFlags.harmless
            if !spec.privileged { flags.insert(.readOnly) }
            operations.append(
                .mount(type: "sysfs", source: "sysfs", target: "/sys", flags: flags, data: "", optional: false))
        } else {
            // Only the owner of a network namespace may mount a sysfs that shows it.
            operations.append(.bind(source: "/sys", target: "/sys", readOnly: true, optional: false))
        }
        if !coversFiles { operations += fileMounts }
        return operations
    }

    /// Whether a volume lies over all of `/etc`, so that the generated files have to be mounted after it.
    private var coversFiles: Bool { spec.mounts.contains { $0.target == "/etc" } }

    /// The generated files, which a read-only root makes read-only as well.
    private var fileMounts: [LaunchOperation] {
        let mounted = Set(spec.mounts.map(\.target))
        return ["resolv.conf", "hostname", "hosts"].filter { !mounted.contains("/etc/\($0)") }.map { name in
            .bind(
                source: (networkFiles ?? directory).appending(name).string, target: "/etc/\(name)",
                readOnly: spec.readOnlyRoot, optional: false)
        }
    }

    /// What keeps the container's mounts from the host: all are its own, unless a volume is to follow the host (`rslave`)
    /// or to share with it (`rshared`).
    private func apart(_ mountPoint: String) -> LaunchOperation {
        switch spec.rootPropagation {
        case "shared": return .privateMount(above: mountPoint)
        case let word?:
            guard let slave = Propagation(word) else { return .privateMounts }
            return .propagation(slave, recursive: true)
        case nil: return .privateMounts
        }
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
        operations += spec.devices.map { .deviceNode($0, fromHost: !isRoot) }
        let links = [
            ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx"), ("core", "/proc/kcore"),
        ]
        // Not every kernel has /proc/kcore; like runc, no link to nowhere.
        for (name, target) in links where name != "core" || Files.exists("/proc/kcore") {
            operations.append(.symlink(path: "/dev/\(name)", to: target))
        }
        // Group 5 is tty in every distribution; with one id only it does not exist.
        let group = privilege == .single ? "" : ",gid=5"
        operations.append(
            .mount(
                type: "devpts", source: "devpts", target: "/dev/pts", flags: [.noSetuid, .noExecute],
                data: "newinstance,ptmxmode=0666,mode=0620\(group)", optional: false))
        operations += sharedMemory
        if spec.terminal { operations.append(.console(path: "/dev/console")) }
        return operations
    }

    private var sharedMemory: [LaunchOperation] {
        let queues = LaunchOperation.mount(
            type: "mqueue", source: "mqueue", target: "/dev/mqueue", flags: .harmless, data: "", optional: false)
        let mounted = spec.mounts.contains { $0.target == "/dev/shm" }
        if let pid = joined[.ipc] {
            return [queues] + (mounted ? [] : [.borrow(namespace: "/proc/\(pid)/ns/mnt", path: "/dev/shm")])
        }
        if spec.ipcMode == .host {
            let queues =
                isRoot
                ? queues
                : LaunchOperation.bind(source: "/dev/mqueue", target: "/dev/mqueue", readOnly: false, optional: true)
            return [queues]
                + (mounted ? [] : [.bind(source: "/dev/shm", target: "/dev/shm", readOnly: false, optional: false)])
        }
        if spec.withoutSharedMemory || mounted { return [queues] }
        return [
            queues,
            .mount(
                type: "tmpfs", source: "shm", target: "/dev/shm", flags: .harmless,
                data: "mode=1777,size=\(spec.sharedMemorySize)", optional: false),
        ]
    }

    var userMounts: [LaunchOperation] {
        // A mount below another one comes after it.
        let ordered = spec.mounts.enumerated().sorted { left, right in
            let depths = (depth(left.element.target), depth(right.element.target))
            return depths.0 == depths.1 ? left.offset < right.offset : depths.0 < depths.1
        }
        let mounts = ordered.map { _, mount -> LaunchOperation in
            let readOnly: MountAttributes = mount.readOnly ? .readOnly : []
            switch mount.source {
            case .bind(let source):
                return .bindMount(BindMount(source: source.string, target: mount.target, attributes: readOnly))
            case .bindWith(let source, let recursive, let propagation):
                return .bindMount(
                    BindMount(
                        source: source.string, target: mount.target, recursive: recursive, attributes: readOnly,
                        propagation: propagation))
            case .tmpfs(let options):
                let words = options.split(separator: ",").map(String.init)
                var read = MountOptions(["noexec", "nosuid", "nodev"] + words)
                if mount.readOnly { read.flags.insert(.readOnly) }
                return .mountFileSystem(
                    FileSystemMount(
                        type: "tmpfs", source: "tmpfs", target: mount.target, flags: read.flags,
                        data: read.data.joined(separator: ","), propagation: read.propagation))
            }
        }
        return coversFiles ? mounts + fileMounts : mounts
    }

    private func depth(_ path: String) -> Int { path.split(separator: "/").count }
}

extension ContainerSpec {
    /// How the container's mounts stay connected with the host's, as its volumes ask for it: `shared`, `slave`, or nil for
    /// not at all.
    var rootPropagation: String? {
        var words: [String] = []
        for mount in mounts {
            if case .bindWith(_, _, let propagation?) = mount.source { words.append(propagation.word) }
        }
        if words.contains(where: { $0.hasSuffix("shared") }) { return "shared" }
        return words.contains { $0.hasSuffix("slave") } ? "slave" : nil
    }
}

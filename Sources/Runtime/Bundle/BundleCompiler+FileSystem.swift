import Diagnostics
import Linux
import SystemPackage

extension BundleCompiler {
    func fileSystem(_ spaces: [Space], state: String) throws(DrydockError) -> [LaunchOperation] {
        var operations: [LaunchOperation] = []
        var late: [LaunchOperation] = []
        let wanted = config.at("linux.rootfsPropagation")?.string ?? ""
        // Nothing of the container may reach the host, unless both were to share; what the host mounts may come in where
        // that was asked for.
        if wanted.contains("shared") {
            operations.append(.privateMount(above: root.string))
        } else if wanted.contains("slave"), let slave = Propagation("slave") {
            operations.append(.propagation(slave, recursive: true))
        } else {
            operations.append(.privateMounts)
        }
        operations.append(.root(root.string))
        for mount in config["mounts"]?.array ?? [] {
            let mounted = try self.mount(mount, spaces)
            guard case .mountFileSystem(var system)? = mounted.first, system.target == "/dev",
                system.flags.contains(.readOnly), mounted.count == 1
            else {
                operations += mounted
                continue
            }
            // Nodes and links are made in it first.
            system.flags.remove(.readOnly)
            operations.append(.mountFileSystem(system))
            late.append(
                .mount(
                    type: "", source: "none", target: "/dev",
                    flags: system.flags.intersection(.harmless).union([.remount, .bind, .readOnly]), data: "",
                    optional: false))
        }
        operations += devices
        if config.at("process.terminal")?.bool == true { operations.append(.console(path: "/dev/console")) }
        operations += hooks("createContainer").map { .hook($0, state: state) }
        for (name, value) in config.at("linux.sysctl")?.pairs ?? [] {
            operations.append(.sysctl(name: name, value: value.string ?? ""))
        }
        operations += late
        operations += strings("linux.maskedPaths").map { .mask($0) }
        operations += strings("linux.readonlyPaths").map { .readOnly($0) }
        operations.append(.pivot)
        if !wanted.isEmpty {
            guard let propagation = Propagation(wanted) else {
                throw Self.wrong("config.json: unknown rootfsPropagation \"\(wanted)\"")
            }
            operations.append(.propagation(propagation, recursive: wanted.hasPrefix("r")))
        }
        return operations
    }

    private func mount(_ json: JSONValue, _ spaces: [Space]) throws(DrydockError) -> [LaunchOperation] {
        let type = json["type"]?.string ?? ""
        let target = json["destination"]?.string ?? ""
        let options = MountOptions(strings("options", in: json))
        let source = json["source"]?.string ?? ""
        if options.isBind || type == "bind" || type == "rbind" {
            return [
                .bindMount(
                    BindMount(
                        source: bundle.pushing(FilePath(source)).string, target: target,
                        recursive: options.isRecursive || type == "rbind", attributes: options.flags.attributes,
                        cleared: options.recursiveAttributes ? options.cleared.attributes : [],
                        recursiveAttributes: options.recursiveAttributes, propagation: options.propagation))
            ]
        }
        if type == "cgroup" { return cgroupMounts(target, options, spaces) }
        return [
            .mountFileSystem(
                FileSystemMount(
                    type: type, source: source.isEmpty ? type : source, target: target, flags: options.flags,
                    data: options.data.joined(separator: ","), propagation: options.propagation))
        ]
    }

    /// A mount of type `cgroup` means all trees of version 1, or the one of version 2.
    private func cgroupMounts(_ target: String, _ options: MountOptions, _ spaces: [Space]) -> [LaunchOperation] {
        guard spaces.contains(where: { $0.kind == .cgroup }) else {
            return hostCgroupMounts(target, options)
        }
        func mount(_ type: String, _ place: String, _ flags: MountFlags, _ data: String) -> LaunchOperation {
            .mount(type: type, source: "cgroup", target: place, flags: flags, data: data, optional: true)
        }
        switch cgroups {
        case .absent: return []
        case .unified: return [mount("cgroup2", target, options.flags, "")]
        case .separate(let trees):
            guard privilege == .root else { return [mount("tmpfs", target, .harmless, "mode=755")] }
            return [mount("tmpfs", target, .harmless, "mode=755")]
                + trees.keys.sorted().map { name in
                    // The tree of systemd has no controller, only a name.
                    mount("cgroup", "\(target)/\(name)", options.flags, name == "systemd" ? "none,name=systemd" : name)
                }
        }
    }

    /// Without a cgroup namespace the trees of version 1 show the container's own cgroup all the same, as runc has it.
    private func hostCgroupMounts(_ target: String, _ options: MountOptions) -> [LaunchOperation] {
        func bind(_ source: String, _ place: String) -> LaunchOperation {
            .bindMount(
                BindMount(source: source, target: place, attributes: options.flags.attributes, optional: true))
        }
        guard case .separate(let trees) = cgroups, privilege == .root else { return [bind("/sys/fs/cgroup", target)] }
        return [
            .mount(type: "tmpfs", source: "cgroup", target: target, flags: .harmless, data: "mode=755", optional: true)
        ]
            + trees.sorted { $0.key < $1.key }.map { bind($0.value.string + cgroup().path, "\(target)/\($0.key)") }
    }

    private var devices: [LaunchOperation] {
        let mounts = (config["mounts"]?.array ?? [])
        // A /dev that is the host's has everything already.
        let own = !mounts.contains {
            $0["destination"]?.string == "/dev" && MountOptions(strings("options", in: $0)).isBind
        }
        guard own else { return [] }
        let namespaces = (config.at("linux.namespaces")?.array ?? []).compactMap { $0["type"]?.string }
        let fromHost = privilege != .root || namespaces.contains("user")
        var operations: [LaunchOperation] = []
        let usual: [(String, UInt32, UInt32)] = [
            ("null", 1, 3), ("random", 1, 8), ("full", 1, 7), ("tty", 5, 0), ("zero", 1, 5), ("urandom", 1, 9),
        ]
        let listed = config.at("linux.devices")?.array ?? []
        for (name, major, minor) in usual where !listed.contains(where: { $0["path"]?.string == "/dev/\(name)" }) {
            operations.append(.device(path: "/dev/\(name)", major: major, minor: minor, fromHost: fromHost))
        }
        for device in listed {
            guard let path = device["path"]?.string else { continue }
            let kind: ContainerDevice.Kind =
                switch device["type"]?.string {
                case "b": .block
                case "p": .pipe
                default: .character
                }
            func number(_ key: String) -> UInt32? { device[key]?.int.map { UInt32(truncatingIfNeeded: $0) } }
            operations.append(
                .deviceNode(
                    ContainerDevice(
                        path: path, kind: kind, major: number("major") ?? 0, minor: number("minor") ?? 0,
                        mode: number("fileMode").map { $0 & 0o7777 } ?? 0o666, uid: number("uid") ?? 0,
                        gid: number("gid") ?? 0), fromHost: fromHost))
        }
        let links = [
            ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"), ("core", "/proc/kcore"),
        ]
        // Not every kernel has /proc/kcore; like runc, no link to nowhere.
        for (name, target) in links where name != "core" || Files.exists("/proc/kcore") {
            operations.append(.symlink(path: "/dev/\(name)", to: target))
        }
        if mounts.contains(where: { $0["destination"]?.string == "/dev/pts" }) {
            operations.append(.symlink(path: "/dev/ptmx", to: "pts/ptmx"))
        }
        return operations
    }
}

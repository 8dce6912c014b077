import Linux

extension LaunchOperation: CustomStringConvertible {
    /// What the operation does, in words; errors and `explain plan` use it.
    public var description: String {
        switch self {
        case .join(let kinds): "join the container's namespaces: \(list(kinds))"
        case .fork: "go on as a new process inside the pid namespace"
        case .unshare(let kinds): "unshare namespaces: \(list(kinds))"
        case .privateMounts: "make all mounts private, so that nothing mounted from here on is seen by the host"
        case .overlay(let lower, let upper, _, let target, _, _):
            "mount overlay on \(target): \(lower.count) read-only layer\(lower.count == 1 ? "" : "s") below \(upper)"
        case .root(let path): "take \(path) as the root"
        case .joinFile(let path, let kind): "join the \(kind.rawValue) namespace \(path)"
        case .mountFileSystem(let mount):
            "mount \(mount.type) on \(mount.target)" + (mount.flags.contains(.readOnly) ? ", read-only" : "")
                + (mount.data.isEmpty ? "" : " (\(mount.data))")
        case .bindMount(let mount):
            "mount \(mount.source) of the host on \(mount.target)"
                + (mount.attributes.contains(.readOnly) ? ", read-only" : "")
        case .borrow(let namespace, let path): "mount \(path) of the other container (\(namespace)) on \(path)"
        case .deviceNode(let device, let fromHost):
            fromHost
                ? "mount the host's \(device.hostPath ?? device.path) on \(device.path)"
                : "mknod \(device.path) (device \(device.major):\(device.minor))"
        case .sysctl(let name, let value): "set \(name) to \(value)"
        case .symlink(let path, let to): "symlink \(path) to \(to)"
        case .directory(let path, _): "mkdir \(path)"
        case .mask(let path): "hide \(path)"
        case .readOnly(let path): "make \(path) read-only"
        case .console(let path): "open a terminal" + (path.isEmpty ? "" : " and mount it on \(path)")
        case .pivot: "pivot_root: the new root becomes / and the old one goes away"
        case .readOnlyRoot: "make / read-only"
        case .propagation: "decide how mounts on / spread"
        case .privateMount(let path): "keep mounts on \(path) from reaching the host"
        case .hostname(let name): "sethostname \(name)"
        case .domainname(let name): "setdomainname \(name)"
        case .loopback: "bring the loopback device up"
        case .standardStreams: "connect standard input, output and error"
        case .session: "setsid"
        case .closeDescriptors: "close every other file descriptor"
        case .keyring(let name): "join a session keyring of its own (\(name))"
        case .workingDirectory(let path, _): "chdir to \(path)"
        case .limit(let limit): "setrlimit \(limit.resource) to \(limit.soft):\(limit.hard)"
        case .write(let path, let value, _): "write \(value) to \(path)"
        case .umask(let mask): "umask 0\(String(mask, radix: 8))"
        case .boundingSet(let set): "give up all capabilities but \(set.names.count) for good"
        case .identity(let user, _): "become user \(user.uid), group \(user.gid)"
        case .call(let call): call.description
        case .capabilities(let effective, _, _, _): "start with \(effective.names.count) capabilities"
        case .noNewPrivileges: "set no_new_privs"
        case .seccomp(let filter): "load a seccomp filter of \(filter.count / 8) instructions"
        case .defaultSignals: "put signals back to their defaults"
        case .deathSignal(0): "go on from here without the monitor"
        case .deathSignal(let number): "ask for signal \(number) when the monitor dies"
        case .initProcess: "leave a first process that passes signals on and reaps orphans"
        case .hook(let hook, _): "run the hook \(hook.path)"
        case .hooks(let hooks, _): "run the hooks " + hooks.map(\.path).joined(separator: ", ")
        case .findProgram: "find the program"
        case .awaitStart: "wait to be started"
        case .execute(let arguments, _): "exec \(arguments.joined(separator: " "))"
        case .idMaps: "write the id maps of the user namespace"
        case .cgroup(let cgroup):
            "create cgroup \(cgroup.path) and put the container into it"
                + (cgroup.settings.isEmpty
                    ? "" : ": " + cgroup.settings.map { "\($0.file)=\($0.value)" }.joined(separator: ", "))
                + (cgroup.devices.isEmpty ? "" : " (\(cgroup.devices.count) device rules)")
        case .network(let kind, _, _, _): "connect the network (\(kind))"
        case .forward(let hub): "listen on \(hub.address):\(hub.port) inside for \(hub.name)"
        case .publish(let port):
            "listen on \(port.hostAddress):\(port.hostPort)"
                + (port.lastHostPort == port.hostPort ? "" : ", or the first free port up to \(port.lastHostPort),")
                + " for port \(port.containerPort)/\(port.transport.rawValue)"
        case .await: "wait until the monitor has done its part"
        }
    }

    /// The dotted name of the trace span: `launch.mount`.
    public var traceName: String {
        let name =
            switch self {
            case .join, .joinFile: "join"
            case .borrow: "borrow"
            case .sysctl: "sysctl"
            case .keyring: "keyring"
            case .initProcess: "init"
            case .hook, .hooks: "hook"
            case .findProgram: "find"
            case .awaitStart: "start"
            case .fork: "fork"
            case .unshare: "unshare"
            case .privateMounts, .propagation, .privateMount: "propagation"
            case .overlay: "overlay"
            case .root: "root"
            case .mountFileSystem: "mount"
            case .bindMount: "bind"
            case .deviceNode: "device"
            case .symlink: "symlink"
            case .directory: "mkdir"
            case .mask: "mask"
            case .readOnly, .readOnlyRoot: "read-only"
            case .console: "console"
            case .pivot: "pivot-root"
            case .hostname, .domainname: "hostname"
            case .loopback: "loopback"
            case .standardStreams: "stdio"
            case .session: "session"
            case .closeDescriptors: "close"
            case .workingDirectory: "chdir"
            case .limit: "rlimit"
            case .write: "write"
            case .umask: "umask"
            case .boundingSet, .capabilities: "capabilities"
            case .identity: "identity"
            case .call: "process"
            case .noNewPrivileges: "no-new-privs"
            case .seccomp: "seccomp"
            case .defaultSignals, .deathSignal: "signals"
            case .execute: "exec"
            case .idMaps: "id-maps"
            case .cgroup: "cgroup"
            case .network: "network"
            case .forward: "hub"
            case .publish: "publish"
            case .await: "await"
            }
        return "launch." + name
    }

    private func list(_ kinds: [Namespace]) -> String { kinds.map(\.rawValue).joined(separator: ", ") }
}

import CLinux

/// What is done to start a container or to enter one, as data: executed by a small C interpreter between clone and
/// exec, printed by `explain plan`, traced, and blamed in errors.
public struct LaunchPlan: Sendable {
    /// The namespaces that the new process is born with.
    public var namespaces: [Namespace]
    /// What is done, in order.
    public var operations: [LaunchOperation]
    /// How much of it can be done before the container is asked for.
    var foresight = Foresight.none

    /// Makes a plan.
    public init(namespaces: [Namespace], operations: [LaunchOperation]) {
        self.namespaces = namespaces
        self.operations = operations
    }

    /// The plan as text: one line per operation with its number, its side, and what it does.
    public var text: String {
        var lines = ["clone a process with new namespaces: " + namespaces.map(\.rawValue).joined(separator: ", ")]
        for (index, operation) in operations.enumerated() {
            let side = operation.side == .parent ? "monitor" : "child"
            lines.append("\(index + 1). [\(side)] \(operation.description)")
        }
        return lines.joined(separator: "\n")
    }
}

/// A kind of namespace; see namespaces(7).
public enum Namespace: String, Sendable, CaseIterable {
    /// User and group ids, and capabilities.
    case user
    /// Mount points.
    case mount
    /// Process ids.
    case pid
    /// The host name.
    case uts
    /// System V objects and POSIX message queues.
    case ipc
    /// Network devices, addresses, routes, ports.
    case network
    /// The root of the cgroup tree.
    case cgroup
    /// The clocks that count since the machine started.
    case time

    /// The flag of clone(2).
    var flag: Int64 {
        switch self {
        case .user: 0x1000_0000
        case .mount: 0x0002_0000
        case .pid: 0x2000_0000
        case .uts: 0x0400_0000
        case .ipc: 0x0800_0000
        case .network: 0x4000_0000
        case .cgroup: 0x0200_0000
        case .time: 0x0000_0080
        }
    }

    /// The name of its file below `/proc/<pid>/ns`.
    var file: String {
        switch self {
        case .mount: "mnt"
        case .network: "net"
        default: rawValue
        }
    }
}

/// Who carries an operation out.
public enum LaunchSide: Sendable {
    /// The new process, in C.
    case child
    /// The monitor; the child waits for it.
    case parent
}

/// One step of a plan.
public enum LaunchOperation: Sendable, Equatable {
    /// Joins the namespaces of the container.
    case join([Namespace])
    /// Joins the namespace behind a file (`/proc/<pid>/ns/net`, or one that is kept alive by a mount).
    case joinFile(path: String, kind: Namespace)
    /// Goes on as a new process, which is a member of the joined pid namespace.
    case fork
    /// Leaves namespaces for new ones.
    case unshare([Namespace])
    /// Keeps mounts of the container from reaching the host.
    case privateMounts
    /// Mounts the image's layers and the container's own layer as one tree, which becomes the root.
    case overlay(lower: [String], upper: String, work: String, target: String, userXattr: Bool, volatile: Bool)
    /// Takes an existing directory as the root.
    case root(String)
    /// Mounts a file system in the root.
    case mountFileSystem(FileSystemMount)
    /// Makes a file or a directory of the host visible in the root.
    case bindMount(BindMount)
    /// Mounts what another mount namespace has at a path at the same path of the root.
    case borrow(namespace: String, path: String)
    /// Makes a device node, or takes the host's where the process may not make one.
    case deviceNode(ContainerDevice, fromHost: Bool)
    /// Sets a value below /proc/sys, through the container's own proc.
    case sysctl(name: String, value: String)
    /// Makes a symbolic link.
    case symlink(path: String, to: String)
    /// Makes a directory.
    case directory(path: String, mode: UInt32)
    /// Hides a path.
    case mask(String)
    /// Makes a path read-only.
    case readOnly(String)
    /// Opens a terminal in the container and binds it as the console; empty for none.
    case console(path: String)
    /// Makes the new root `/` and lets go of the old one.
    case pivot
    /// Keeps what is mounted on a path from reaching the host: the mount on which the path lies becomes private, all
    /// others stay as they are.
    case privateMount(above: String)
    /// Makes `/` read-only.
    case readOnlyRoot
    /// Decides whether mounts made later are seen by others, and theirs here.
    case propagation(Propagation, recursive: Bool)
    /// Sets the host name.
    case hostname(String)
    /// Sets the NIS domain name.
    case domainname(String)
    /// Brings the loopback device up.
    case loopback
    /// Connects standard input, output and error.
    case standardStreams
    /// Becomes the leader of a new session.
    case session
    /// Closes every other descriptor.
    case closeDescriptors
    /// Becomes the owner of a session keyring, so that the keys of who started the container stay out of reach.
    case keyring(String)
    /// Goes to the working directory.
    case workingDirectory(String, create: Bool)
    /// Sets a resource limit.
    case limit(ResourceLimit)
    /// Writes a value into a file of /proc.
    case write(path: String, value: String, optional: Bool)
    /// Sets the mask of permissions of new files.
    case umask(UInt32)
    /// Gives up capabilities for good.
    case boundingSet(CapabilitySet)
    /// Takes the user's ids.
    case identity(ProcessUser, groupsOptional: Bool)
    /// Sets the capabilities that the program starts with.
    /// (`permitted` where it is more than `effective`).
    case capabilities(
        effective: CapabilitySet, permitted: CapabilitySet? = nil, inheritable: CapabilitySet, ambient: CapabilitySet)
    /// Chooses the kind of machine that the kernel claims to be, the scheduling, or how urgent reading and writing is.
    case call(ProcessCall)
    /// Keeps programs from gaining rights by being executed.
    case noNewPrivileges
    /// Loads a filter of system calls.
    case seccomp([UInt8])
    /// Puts signals back to their defaults.
    case defaultSignals
    /// Ends with the monitor.
    case deathSignal(Int32)
    /// Leaves a first process that passes signals on and reaps what is orphaned (`--init`).
    case initProcess
    /// Runs a program of the bundle in the child.
    case hook(RuntimeHook, state: String)
    /// Finds the program, so that a wrong name is known before anything waits.
    case findProgram
    /// Waits until the container is told to start.
    case awaitStart
    /// Becomes the program.
    case execute(arguments: [String], environment: [String])
    /// Writes the id maps of the user namespace.
    case idMaps(uids: String, gids: String)
    /// Puts the process into a cgroup of its own.
    case cgroup(CgroupPlan)
    /// Connects the network namespace.
    case network(kind: String, hostsFile: String, hostname: String, hardwareAddress: String)
    /// Runs programs of the bundle outside.
    case hooks([RuntimeHook], state: String)
    /// Listens in the container's network for connections to the hub.
    case forward(HubForward)
    /// Listens on the host for connections to the container.
    case publish(PublishedPort)
    /// Waits for what the monitor was asked to do meanwhile.
    case await

    /// Who carries it out.
    public var side: LaunchSide {
        switch self {
        case .idMaps, .cgroup, .network, .forward, .publish, .hooks: .parent
        default: .child
        }
    }
}

/// Flags of mount(2).
public struct MountFlags: OptionSet, Sendable, Hashable {
    /// The kernel's number.
    public let rawValue: Int64
    /// Makes flags from the kernel's number.
    public init(rawValue: Int64) { self.rawValue = rawValue }
    /// Cannot be written.
    public static let readOnly = MountFlags(rawValue: 1)
    /// Set-user-id bits have no effect.
    public static let noSetuid = MountFlags(rawValue: 2)
    /// Device files do not work.
    public static let noDevices = MountFlags(rawValue: 4)
    /// Programs cannot be executed.
    public static let noExecute = MountFlags(rawValue: 8)
    /// Every write waits for the disk.
    public static let synchronous = MountFlags(rawValue: 16)
    /// Times of access are not kept.
    public static let noAccessTime = MountFlags(rawValue: 1 << 10)
    /// Times of access of directories are not kept.
    public static let noDirectoryAccessTime = MountFlags(rawValue: 1 << 11)
    /// Every change of a directory waits for the disk.
    public static let synchronousDirectories = MountFlags(rawValue: 128)
    /// Locks of files bind everybody; the kernel has them no longer.
    public static let mandatoryLocks = MountFlags(rawValue: 64)
    /// Symbolic links are not followed.
    public static let noSymlinks = MountFlags(rawValue: 256)
    /// The kernel's log says less.
    public static let silent = MountFlags(rawValue: 1 << 15)
    /// Changes of a file are counted.
    public static let countsChanges = MountFlags(rawValue: 1 << 23)
    /// Times are written to the disk late.
    public static let lazyTimes = MountFlags(rawValue: 1 << 25)
    /// Times of access are kept only when older than times of change.
    public static let relativeAccessTime = MountFlags(rawValue: 1 << 21)
    /// Times of access are always kept.
    public static let strictAccessTime = MountFlags(rawValue: 1 << 24)
    /// An existing mount gets other flags.
    public static let remount = MountFlags(rawValue: 32)
    /// Only the mount is meant, not the file system.
    public static let bind = MountFlags(rawValue: 4096)
    /// nosuid, nodev and noexec.
    public static let harmless: MountFlags = [.noSetuid, .noDevices, .noExecute]
}

extension LaunchOperation {
    /// Mounts a file system in the root.
    static func mount(
        type: String, source: String, target: String, flags: MountFlags, data: String, optional: Bool
    ) -> LaunchOperation {
        .mountFileSystem(
            FileSystemMount(
                type: type, source: source, target: target, flags: flags, data: data, optional: optional))
    }

    /// Makes a file or a directory of the host visible in the root, with everything that is mounted below it.
    static func bind(source: String, target: String, readOnly: Bool, optional: Bool) -> LaunchOperation {
        .bindMount(
            BindMount(source: source, target: target, attributes: readOnly ? .readOnly : [], optional: optional))
    }

    /// Makes one of the devices that every container has.
    static func device(path: String, major: UInt32, minor: UInt32, fromHost: Bool) -> LaunchOperation {
        .deviceNode(ContainerDevice(path: path, kind: .character, major: major, minor: minor), fromHost: fromHost)
    }
}

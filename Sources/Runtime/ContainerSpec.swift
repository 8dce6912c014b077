public import Linux
public import SystemPackage

/// All that the runtime has to know to start a container; nothing in it is looked up later.
public struct ContainerSpec: Sendable {
    /// The container's id: 64 hexadecimal digits.
    public var id: String
    /// The name that the container sees as its own.
    public var hostname: String
    /// The NIS domain name, empty for none.
    public var domainname = ""
    /// Where the file system comes from.
    public var root: RootFileSystem
    /// The program and its arguments; the program is looked up in the container's PATH.
    public var arguments: [String]
    /// The environment, `NAME=value`, complete (see `ContainerRuntime.environment`).
    public var environment: [String]
    /// The directory in which the program starts; made when missing.
    public var workingDirectory = "/"
    /// Who runs the program, as numbers.
    public var user = ProcessUser.root
    /// Whether the container has a terminal.
    public var terminal = false
    /// Whether standard input stays open for clients that attach (`-i`).
    public var openInput = false
    /// Whether standard input closes when the first client that sent input leaves (`docker run -i`).
    public var inputOnce = true
    /// What is mounted besides the root and the usual places, in order.
    public var mounts: [ContainerMount] = []
    /// How the container is connected.
    public var network = NetworkMode.bridge
    /// The ports that are opened on the host.
    public var ports: [PublishedPort] = []
    /// The connection to the practice hub, where there is one.
    public var hub: HubForward?
    /// More lines for `/etc/hosts`: a name and its address.
    public var extraHosts: [(name: String, address: String)] = []
    /// Name servers; the host's where empty.
    public var nameServers: [String] = []
    /// Domains in which short names are looked up; the host's where empty, none where it is only a dot.
    public var searchDomains: [String] = []
    /// Options of the resolver; the host's where empty.
    public var resolverOptions: [String] = []
    /// The hardware address on the bridge, as text; empty for one made from the IP address.
    public var hardwareAddress = ""
    /// Which process ids it sees.
    public var pidMode = NamespaceMode.own
    /// Which System V objects, message queues and shared memory it sees.
    public var ipcMode = NamespaceMode.own
    /// Whether it has no shared memory at all (`--ipc none`).
    public var withoutSharedMemory = false
    /// Whose host name it has.
    public var utsMode = NamespaceMode.own
    /// Which cgroups it sees.
    public var cgroupMode = NamespaceMode.own
    /// Whether its first process only looks after the program (`--init`).
    public var initProcess = false
    /// How likely the kernel ends it when memory runs out, -1000 to 1000.
    public var oomScoreAdjustment: Int?
    /// Values below /proc/sys.
    public var sysctls: [(name: String, value: String)] = []
    /// Devices besides those that every container has.
    public var devices: [ContainerDevice] = []
    /// What it may do with devices besides what Docker allows every container.
    public var deviceRules: [DeviceRule] = []
    /// Whether what of /proc and /sys concerns the machine is hidden and protected.
    public var hidesSystemPaths = true
    /// The cgroup above its own, empty for `drydock`.
    public var cgroupParent = ""
    /// What is noted about it for other programs (`--annotation`).
    public var annotations: [String: String] = [:]
    /// The capabilities of the container's root.
    public var capabilities = CapabilitySet.docker
    /// Nothing is hidden, everything is allowed (`--privileged`).
    public var privileged = false
    /// Whether programs can never gain rights by being executed (setuid, file capabilities).
    public var noNewPrivileges = false
    /// Whether the root is read-only.
    public var readOnlyRoot = false
    /// The size of `/dev/shm` in bytes.
    public var sharedMemorySize: Int64 = 64 << 20
    /// Resource limits.
    public var limits: [ResourceLimit] = []
    /// A compiled seccomp filter (`struct sock_filter` instructions), or empty for none.
    public var seccompFilter: [UInt8] = []
    /// What the filter was made from, for who writes a bundle.
    public var seccompProfile: SeccompProfile?
    /// Limits of the container's cgroup.
    public var resources = CgroupResources()
    /// The signal that asks the container to stop: a number.
    public var stopSignal: Int32 = 15
    /// Whether the container is removed when it ends.
    public var autoRemove = false
    /// What the monitor runs after the container has ended when no attached client takes the responsibility.
    public var cleanupCommand: [String] = []
    /// What its monitor does besides running it.
    public var life = LifeCycle()

    /// Makes a specification; the rest has Docker's defaults.
    public init(id: String, hostname: String, root: RootFileSystem, arguments: [String], environment: [String]) {
        self.id = id
        self.hostname = hostname
        self.root = root
        self.arguments = arguments
        self.environment = environment
    }
}

/// Where the root of a container comes from.
public enum RootFileSystem: Sendable, Equatable {
    /// An overlay: read-only layers (the topmost first), and the directories of the container's own layer.
    /// `upper` and `work` are made when missing.
    case overlay(lower: [FilePath], upper: FilePath, work: FilePath)
    /// A directory as it is.
    case directory(FilePath)
}

/// Who a program runs as, after names have been looked up.
public struct ProcessUser: Sendable, Hashable {
    /// The user id in the container.
    public var uid: UInt32
    /// The group id in the container.
    public var gid: UInt32
    /// Supplementary groups.
    public var groups: [UInt32]

    /// Makes a user from numbers.
    public init(uid: UInt32, gid: UInt32, groups: [UInt32] = []) {
        self.uid = uid
        self.gid = gid
        self.groups = groups
    }

    /// The container's root.
    public static let root = ProcessUser(uid: 0, gid: 0, groups: [0])
}

/// A mount that was asked for.
public struct ContainerMount: Sendable, Hashable {
    /// What is mounted.
    public enum Source: Sendable, Hashable {
        /// A file or a directory of the host (`-v /host:/there`), with what is mounted below it.
        case bind(FilePath)
        /// The same, with a choice of what comes along and how later mounts spread.
        case bindWith(FilePath, recursive: Bool, propagation: Propagation?)
        /// An empty file system in memory with mount options (`size=64m`, `mode=1777`).
        case tmpfs(options: String)
    }

    /// What is mounted.
    public var source: Source
    /// Where, as an absolute path in the container.
    public var target: String
    /// Whether it cannot be written.
    public var readOnly: Bool

    /// Makes a mount.
    public init(_ source: Source, at target: String, readOnly: Bool = false) {
        self.source = source
        self.target = target
        self.readOnly = readOnly
    }
}

/// How a container is connected.
public enum NetworkMode: Sendable, Hashable {
    /// Docker's default: a bridge of this machine as root; `pasta` or `slirp4netns` otherwise.
    case bridge
    /// The host's network.
    case host
    /// Only the loopback device.
    case none
    /// The network of another container, by id.
    case container(String)
}

/// A port of the host that leads into the container (`-p 8080:80`).
public struct PublishedPort: Sendable, Hashable {
    /// The transport.
    public enum Transport: String, Sendable {
        /// TCP.
        case tcp
        /// UDP.
        case udp
    }

    /// The address of the host, `0.0.0.0` for all.
    public var hostAddress: String
    /// The port of the host, 0 for any free one.
    public var hostPort: UInt16
    /// The last port of the host that may be taken, where `hostPort` begins a range; else the same.
    public var lastHostPort: UInt16
    /// The port in the container.
    public var containerPort: UInt16
    /// The transport.
    public var transport: Transport

    /// Makes a published port.
    public init(
        hostAddress: String = "0.0.0.0", hostPort: UInt16, lastHostPort: UInt16? = nil, containerPort: UInt16,
        transport: Transport = .tcp
    ) {
        self.hostAddress = hostAddress
        self.hostPort = hostPort
        self.lastHostPort = lastHostPort ?? hostPort
        self.containerPort = containerPort
        self.transport = transport
    }
}

/// How the practice hub is reached from inside: the monitor listens on a loopback address in the container's network.
public struct HubForward: Sendable, Hashable {
    /// The name that `/etc/hosts` gives it.
    public var name: String
    /// The loopback address inside, see `address(forHome:)`.
    public var address: String
    /// The port inside.
    public var port: UInt16
    /// The hub's port on 127.0.0.1 of the host.
    public var hubPort: UInt16

    /// Makes a connection to the hub.
    public init(name: String = "hub.drydock", address: String, port: UInt16 = 5480, hubPort: UInt16) {
        self.name = name
        self.address = address
        self.port = port
        self.hubPort = hubPort
    }

    /// The loopback address that belongs to a data root: 127.x.y.z with x from 64 to 127, the same every time.
    public static func address(forHome home: FilePath) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in home.string.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return "127.\(64 + hash % 64).\((hash >> 8) % 256).\(1 + (hash >> 16) % 254)"
    }
}

/// A limit of `setrlimit(2)` (`--ulimit`).
public struct ResourceLimit: Sendable, Hashable {
    /// The number of the resource (`RLIMIT_NOFILE` is 7).
    public var resource: Int32
    /// The limit that applies.
    public var soft: Int64
    /// How far the process may raise it.
    public var hard: Int64

    /// Makes a limit.
    public init(resource: Int32, soft: Int64, hard: Int64) {
        self.resource = resource
        self.soft = soft
        self.hard = hard
    }
}

/// Whose namespace of a kind a container has.
public enum NamespaceMode: Sendable, Hashable {
    /// Its own.
    case own
    /// The host's.
    case host
    /// That of another container, by id.
    case container(String)
}

/// A device that a container sees.
public struct ContainerDevice: Sendable, Hashable {
    /// The kind of device.
    public enum Kind: String, Sendable {
        /// Bytes in a row.
        case character = "c"
        /// Blocks, such as disks.
        case block = "b"
        /// A named pipe.
        case pipe = "p"

        var type: UInt32 {
            switch self {
            case .character: 0o020000
            case .block: 0o060000
            case .pipe: 0o010000
            }
        }
    }

    /// The path inside.
    public var path: String
    /// The path outside, where it is another one.
    public var hostPath: String?
    /// The kind.
    public var kind: Kind
    /// The major number.
    public var major: UInt32
    /// The minor number.
    public var minor: UInt32
    /// The permissions of the node.
    public var mode: UInt32
    /// The owner of the node.
    public var uid: UInt32
    /// The group of the node.
    public var gid: UInt32

    /// Makes a device.
    public init(
        path: String, hostPath: String? = nil, kind: Kind, major: UInt32, minor: UInt32, mode: UInt32 = 0o666,
        uid: UInt32 = 0, gid: UInt32 = 0
    ) {
        self.path = path
        self.hostPath = hostPath
        self.kind = kind
        self.major = major
        self.minor = minor
        self.mode = mode
        self.uid = uid
        self.gid = gid
    }
}

/// A program that is started in a running container (`docker exec`).
public struct ExecSpec: Sendable {
    /// The program and its arguments.
    public var arguments: [String]
    /// The complete environment.
    public var environment: [String]
    /// The directory in which it starts.
    public var workingDirectory = "/"
    /// Who runs it.
    public var user = ProcessUser.root
    /// Whether it gets a terminal of its own.
    public var terminal = false
    /// Whether standard input is sent to it.
    public var openInput = false
    /// Whether nobody waits for it (`-d`).
    public var detached = false
    /// All capabilities (`--privileged`).
    public var privileged = false
    /// Its name: 64 hexadecimal digits.
    public var id = ""

    /// Makes a specification.
    public init(arguments: [String], environment: [String]) {
        self.arguments = arguments
        self.environment = environment
    }
}

extension ResourceLimit {
    /// The numbers of limits by the names that `--ulimit` has for them.
    public static let numbers: [String: Int32] = [
        "cpu": 0, "fsize": 1, "data": 2, "stack": 3, "core": 4, "rss": 5, "nproc": 6, "nofile": 7, "memlock": 8,
        "as": 9, "locks": 10, "sigpending": 11, "msgqueue": 12, "nice": 13, "rtprio": 14, "rttime": 15,
    ]
}

public import SystemPackage

/// What a container is doing, read from what its monitor left; see `ContainerRuntime.state`.
public enum ContainerState: Sendable, Equatable {
    /// It never ran.
    case created
    /// It runs.
    case running(RunningInfo)
    /// It ended and is about to be started again.
    case restarting(ExitInfo)
    /// It ran and ended.
    case exited(ExitInfo)

    /// Whether it runs: as Docker counts it, also while it is paused and between two starts.
    public var isRunning: Bool {
        switch self {
        case .running, .restarting: true
        case .created, .exited: false
        }
    }
}

/// What is known of a running container.
public struct RunningInfo: Sendable, Equatable {
    /// The process of the container's program as the host sees it.
    public var pid: Int32
    /// The process of the monitor; 0 where it was killed and the container goes on without it.
    public var monitor: Int32
    /// When it started: nanoseconds since 1970.
    public var startedAt: Int64
    /// How it is connected.
    public var network: NetworkInfo
    /// Whether all its processes are frozen.
    public var paused: Bool
    /// How often it was started again since somebody started it.
    public var restarts: Int
    /// Its cgroup of version 2, where it has one.
    public var cgroup: FilePath?

    /// Makes the information; see the properties.
    public init(
        pid: Int32, monitor: Int32, startedAt: Int64, network: NetworkInfo, paused: Bool = false, restarts: Int = 0,
        cgroup: FilePath? = nil
    ) {
        self.pid = pid
        self.monitor = monitor
        self.startedAt = startedAt
        self.network = network
        self.paused = paused
        self.restarts = restarts
        self.cgroup = cgroup?.isEmpty == true ? nil : cgroup
    }
}

/// How a container is connected, with what was found out when it started.
public struct NetworkInfo: Sendable, Equatable {
    /// `bridge`, `pasta`, `slirp4netns`, `host`, `none`, `isolated` (a network of its own that leads nowhere but to
    /// the hub).
    public var kind = "none"
    /// The address, empty where it has none of its own.
    public var address = ""
    /// The length of the network's prefix.
    public var prefix = 0
    /// The gateway.
    public var gateway = ""
    /// The hardware address.
    public var hardwareAddress = ""
    /// The published ports as they were bound (`hostPort` is never 0).
    public var ports: [PublishedPort] = []

    /// Not connected.
    public init() {}
}

/// How a container ended.
public struct ExitInfo: Sendable, Equatable {
    /// The exit status as Docker gives it: the program's own, or 128 and the signal; 255 where nobody saw it.
    public var code: Int32
    /// When it started: nanoseconds since 1970.
    public var startedAt: Int64
    /// When it ended: nanoseconds since 1970; the time of discovery where nobody saw it.
    public var finishedAt: Int64
    /// Whether the kernel ended it because memory ran out.
    public var outOfMemory: Bool
    /// How often it was started again since somebody started it.
    public var restarts: Int
    /// Whether somebody stopped it.
    public var stopped: Bool
    /// Whether its monitor died before it, with the machine or alone.
    public var lost: Bool

    /// Makes the information; see the properties.
    public init(
        code: Int32, startedAt: Int64, finishedAt: Int64, outOfMemory: Bool = false, restarts: Int = 0,
        stopped: Bool = false, lost: Bool = false
    ) {
        self.code = code
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.outOfMemory = outOfMemory
        self.restarts = restarts
        self.stopped = stopped
        self.lost = lost
    }
}

/// What is read of a container's log.
public struct LogOptions: Sendable {
    /// Only the last so many lines; nil for all.
    public var tail: Int?
    /// Only what was written at this time or later: nanoseconds since 1970.
    public var since: Int64?
    /// Only what was written before this time.
    public var until: Int64?
    /// Whether to wait for more until the container ends.
    public var follow = false
    /// Whether each line is preceded by its time.
    public var timestamps = false
    /// Whether standard output is wanted.
    public var output = true
    /// Whether standard error is wanted.
    public var error = true
    /// Whether each line is preceded by what `--log-opt labels=…,env=…` asked to keep with it.
    public var details = false

    /// Everything that was written so far.
    public init() {}
}

/// One of the two streams that a program writes.
public enum OutputStream: String, Sendable {
    /// Standard output.
    case stdout
    /// Standard error.
    case stderr
}

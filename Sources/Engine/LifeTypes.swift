/// When a container is started again, as it was asked for (`--restart`).
public struct RestartSetting: Sendable, Hashable {
    /// `no`, `always`, `on-failure`, `unless-stopped`.
    public var name: String
    /// How often at most, for `on-failure`; 0 is without end.
    public var maximumRetryCount: Int

    /// Makes a setting.
    public init(_ name: String = "no", maximumRetryCount: Int = 0) {
        self.name = name
        self.maximumRetryCount = maximumRetryCount
    }
}

/// How what a container writes is kept, as it was asked for (`--log-driver`, `--log-opt`).
public struct LogSetting: Sendable, Hashable {
    /// `json-file`, `local`, `none`.
    public var driver: String
    /// The driver's options: `max-size`, `max-file`, `compress`, `labels`, `env` …
    public var options: [String: String]

    /// Makes a setting.
    public init(driver: String = "json-file", options: [String: String] = [:]) {
        self.driver = driver
        self.options = options
    }
}

/// What `docker update` changes; nil leaves a value as it is.
public struct UpdateRequest: Sendable {
    /// `--restart`
    public var restart: RestartSetting?
    /// `--memory` in bytes.
    public var memory: Int64?
    /// `--cpus`, in billionths.
    public var nanoCPUs: Int64?
    /// `--cpu-shares`
    public var cpuShares: Int64?
    /// `--cpu-quota` in microseconds.
    public var cpuQuota: Int64?
    /// `--cpu-period` in microseconds.
    public var cpuPeriod: Int64?
    /// `--cpuset-cpus`
    public var cpusetCPUs: String?
    /// `--cpuset-mems`
    public var cpusetMemoryNodes: String?
    /// `--blkio-weight`, 10 to 1000.
    public var blockWeight: Int64?
    /// `--pids-limit`; -1 is no limit.
    public var pids: Int64?
    /// `--memory-swap` in bytes; -1 is no limit.
    public var memorySwap: Int64?
    /// `--memory-reservation` in bytes.
    public var memoryReservation: Int64?

    /// Changes nothing.
    public init() {}
}

/// What `docker top` shows.
public struct ProcessTable: Sendable, Hashable {
    /// The columns' titles.
    public var titles: [String]
    /// A row for each process.
    public var processes: [[String]]

    /// Makes a table.
    public init(titles: [String], processes: [[String]]) {
        self.titles = titles
        self.processes = processes
    }
}

/// What a container uses at one moment: what `docker stats` makes its lines from.
public struct UsageSample: Sendable, Hashable {
    /// The container's ID.
    public var id: String
    /// The container's name.
    public var name: String
    /// When it was taken: nanoseconds of a clock that only goes forward.
    public var time: UInt64
    /// The processor time used since the start: nanoseconds.
    public var cpu: UInt64 = 0
    /// The processors that it can use.
    public var processors = 1
    /// Bytes of memory, without what the kernel could take back at once.
    public var memory: Int64 = 0
    /// The most memory that it can use: bytes.
    public var memoryLimit: Int64 = 0
    /// Bytes received.
    public var received: Int64 = 0
    /// Bytes sent.
    public var sent: Int64 = 0
    /// Bytes read from devices.
    public var read: Int64 = 0
    /// Bytes written to devices.
    public var written: Int64 = 0
    /// Processes and threads.
    public var pids = 0

    /// Nothing is used.
    public init(id: String, name: String, time: UInt64) {
        self.id = id
        self.name = name
        self.time = time
    }
}

/// What a path in a container is, for `docker cp`.
public struct PathStatus: Sendable, Hashable {
    /// The last part of the path.
    public var name: String
    /// Whether it is a directory.
    public var isDirectory: Bool
    /// Where it leads, where it is a symbolic link: an absolute path in the container; else empty.
    public var linkTarget: String
    /// Its size in bytes.
    public var size: Int64
    /// Whether it is a regular file.
    public var isRegular = false

    /// Makes a value.
    public init(name: String, isDirectory: Bool, linkTarget: String = "", size: Int64 = 0) {
        self.name = name
        self.isDirectory = isDirectory
        self.linkTarget = linkTarget
        self.size = size
    }
}

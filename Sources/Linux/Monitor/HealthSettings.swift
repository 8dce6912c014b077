public import Diagnostics

/// How the health of a container is looked after; the times are nanoseconds.
public struct HealthSettings: Sendable, Equatable {
    /// The time between the end of a check and the next one.
    public var interval: Int64
    /// How long a check may take.
    public var timeout: Int64
    /// How long failures do not count after the start.
    public var startPeriod: Int64
    /// The time between checks in that period.
    public var startInterval: Int64
    /// How many failures in a row make a container unhealthy.
    public var retries: Int
    /// The words that events tell of the check.
    public var command: String

    /// Settings with Docker's defaults where a value is 0.
    public init(
        interval: Int64 = 0, timeout: Int64 = 0, startPeriod: Int64 = 0, startInterval: Int64 = 0, retries: Int = 0,
        command: String = ""
    ) {
        self.interval = interval > 0 ? interval : 30_000_000_000
        self.timeout = timeout > 0 ? timeout : 30_000_000_000
        self.startPeriod = max(0, startPeriod)
        self.startInterval = startInterval > 0 ? startInterval : 5_000_000_000
        self.retries = retries > 0 ? retries : 3
        self.command = command
    }

    init?(_ json: JSONValue) {
        guard json.pairs?.isEmpty == false else { return nil }
        self.init(
            interval: json["interval"]?.int ?? 0, timeout: json["timeout"]?.int ?? 0,
            startPeriod: json["startPeriod"]?.int ?? 0, startInterval: json["startInterval"]?.int ?? 0,
            retries: Int(json["retries"]?.int ?? 0), command: json["command"]?.string ?? "")
    }

    var json: JSONValue {
        [
            "interval": .int(interval), "timeout": .int(timeout), "startPeriod": .int(startPeriod),
            "startInterval": .int(startInterval), "retries": .int(Int64(retries)), "command": .string(command),
        ]
    }
}

/// The health of a container as results come in (the state machine of Docker's engine).
public struct HealthState: Sendable, Equatable {
    /// What is known.
    public enum Status: String, Sendable {
        /// No check has succeeded yet, and not enough have failed.
        case starting
        /// The last checks succeeded, or too few failed.
        case healthy
        /// Too many failed one after the other.
        case unhealthy
    }

    /// The outcome of one check.
    public struct Result: Sendable, Equatable {
        /// When it began: nanoseconds since 1970.
        public var start: Int64
        /// When it ended.
        public var end: Int64
        /// The exit status; -1 where it took too long or could not be started.
        public var code: Int32
        /// The beginning of what it wrote.
        public var output: String

        /// Makes a result.
        public init(start: Int64, end: Int64, code: Int32, output: String) {
            self.start = start
            self.end = end
            self.code = code
            self.output = output
        }
    }

    /// What is known.
    public private(set) var status = Status.starting
    /// How many checks failed since the last that succeeded.
    public private(set) var failingStreak = 0
    /// The last results, oldest first.
    public private(set) var log: [Result] = []

    /// How many results are kept.
    public static let kept = 5

    /// Nothing is known.
    public init() {}

    /// Takes a result. Returns whether the status changed.
    /// - Parameter startedAt: when the container started: nanoseconds since 1970.
    public mutating func take(_ result: Result, _ settings: HealthSettings, startedAt: Int64) -> Bool {
        let before = status
        log.append(result)
        if log.count > Self.kept { log.removeFirst() }
        if result.code == 0 {
            failingStreak = 0
            status = .healthy
        } else if status != .starting || result.start - startedAt >= settings.startPeriod {
            failingStreak += 1
            if failingStreak >= settings.retries { status = .unhealthy }
        }
        return status != before
    }

    /// How long to wait before the next check: nanoseconds.
    public func pause(_ settings: HealthSettings, sinceStart: Int64) -> Int64 {
        status == .starting && sinceStart < settings.startPeriod ? settings.startInterval : settings.interval
    }

    /// As `State.Health` of `docker inspect` has it.
    public var json: JSONValue {
        [
            "Status": .string(status.rawValue), "FailingStreak": .int(Int64(failingStreak)),
            "Log": .array(
                log.map { result in
                    [
                        "Start": .string(WallClock.text(result.start)), "End": .string(WallClock.text(result.end)),
                        "ExitCode": .int(Int64(result.code)), "Output": .string(result.output),
                    ]
                }),
        ]
    }
}

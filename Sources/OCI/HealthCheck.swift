public import Diagnostics

/// How the health of a container is asked for: `Healthcheck` of Docker's configuration. Times are nanoseconds; 0 is
/// Docker's default.
public struct HealthCheck: Hashable, Sendable {
    /// The program: `NONE`, or `CMD` with its arguments, or `CMD-SHELL` with a line; empty takes the image's.
    public var test: [String]
    /// The time between two checks.
    public var interval: Int64
    /// How long a check may take.
    public var timeout: Int64
    /// How long failures do not count after the start.
    public var startPeriod: Int64
    /// The time between checks in that period.
    public var startInterval: Int64
    /// How many failures in a row make a container unhealthy.
    public var retries: Int

    /// Makes a check.
    public init(
        test: [String] = [], interval: Int64 = 0, timeout: Int64 = 0, startPeriod: Int64 = 0, startInterval: Int64 = 0,
        retries: Int = 0
    ) {
        self.test = test
        self.interval = interval
        self.timeout = timeout
        self.startPeriod = startPeriod
        self.startInterval = startInterval
        self.retries = retries
    }

    /// Reads a check; nil for anything but an object.
    public init?(_ json: JSONValue) {
        guard json.pairs != nil else { return nil }
        self.init(
            test: stringList(json["Test"]) ?? [], interval: json["Interval"]?.int ?? 0,
            timeout: json["Timeout"]?.int ?? 0, startPeriod: json["StartPeriod"]?.int ?? 0,
            startInterval: json["StartInterval"]?.int ?? 0, retries: Int(json["Retries"]?.int ?? 0))
    }

    /// The check as JSON, without what has no value.
    public var json: JSONValue {
        var pairs: [(key: String, value: JSONValue)] = []
        if !test.isEmpty { pairs.append(("Test", .array(test.map(JSONValue.string)))) }
        let numbers = [
            ("Interval", interval), ("Timeout", timeout), ("StartPeriod", startPeriod),
            ("StartInterval", startInterval), ("Retries", Int64(retries)),
        ]
        for (key, value) in numbers where value != 0 { pairs.append((key, .int(value))) }
        return .object(pairs)
    }

    /// Whether there is something to run.
    public var isOn: Bool { test.first.map { $0 != "NONE" } ?? false }

    /// The check with what it does not say taken from another one, the image's.
    public func completed(by other: HealthCheck) -> HealthCheck {
        guard test.first != "NONE" else { return self }
        var result = self
        if test.isEmpty { result.test = other.test }
        if interval == 0 { result.interval = other.interval }
        if timeout == 0 { result.timeout = other.timeout }
        if startPeriod == 0 { result.startPeriod = other.startPeriod }
        if startInterval == 0 { result.startInterval = other.startInterval }
        if retries == 0 { result.retries = other.retries }
        return result
    }
}

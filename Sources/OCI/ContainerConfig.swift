public import Diagnostics

/// What a container starts with: the `Config` of an image and of a container, with Docker's field names.
public struct ContainerConfig: Hashable, Sendable {
    /// The user, and the group: `1000:1000`, `node`.
    public var user = ""
    /// The ports that the image says it listens on: `80/tcp`.
    public var exposedPorts: [String] = []
    /// The environment, `NAME=value`.
    public var env: [String] = []
    /// The program with its first arguments; nil where none is set.
    public var entrypoint: [String]?
    /// The arguments, or the program where there is no entry point; nil where none is set.
    public var cmd: [String]?
    /// The paths that are volumes.
    public var volumes: [String] = []
    /// The working directory.
    public var workingDir = ""
    /// Labels.
    public var labels: [String: String] = [:]
    /// The signal that stops a container: `SIGTERM` where nil.
    public var stopSignal: String?
    /// Triggers for images built on this one.
    public var onBuild: [String] = []
    /// The shell of shell-form instructions.
    public var shell: [String]?
    /// How the health of a container is asked for; nil where it is not.
    public var healthcheck: HealthCheck?

    /// Makes an empty configuration.
    public init() {}

    /// Reads a configuration; fields of an unexpected type are taken as missing.
    public init(_ json: JSONValue) {
        user = json["User"]?.string ?? ""
        exposedPorts = (json["ExposedPorts"]?.pairs ?? []).map(\.key).sorted()
        env = stringList(json["Env"]) ?? []
        entrypoint = stringList(json["Entrypoint"])
        cmd = stringList(json["Cmd"])
        volumes = (json["Volumes"]?.pairs ?? []).map(\.key).sorted()
        workingDir = json["WorkingDir"]?.string ?? ""
        labels = stringMap(json["Labels"])
        stopSignal = json["StopSignal"]?.string
        onBuild = stringList(json["OnBuild"]) ?? []
        shell = stringList(json["Shell"])
        healthcheck = json["Healthcheck"].flatMap(HealthCheck.init)
    }

    /// The configuration as JSON.
    /// - Parameter empty: whether fields without a value are written too, as Docker's `inspect` does.
    public func json(empty: Bool) -> JSONValue {
        func set(_ keys: [String]) -> JSONValue { .object(keys.map { (key: $0, value: .object([])) }) }
        func list(_ items: [String]?) -> JSONValue { items.map { .array($0.map(JSONValue.string)) } ?? .null }
        var pairs: [(key: String, value: JSONValue)] = []
        func put(_ key: String, _ value: JSONValue, _ present: Bool) {
            if present || empty { pairs.append((key, value)) }
        }
        put("User", .string(user), !user.isEmpty)
        if !exposedPorts.isEmpty { pairs.append(("ExposedPorts", set(exposedPorts))) }
        put("Env", list(env), !env.isEmpty)
        put("Cmd", list(cmd), cmd != nil)
        put("Volumes", volumes.isEmpty ? .null : set(volumes), !volumes.isEmpty)
        put("WorkingDir", .string(workingDir), !workingDir.isEmpty)
        put("Entrypoint", list(entrypoint), entrypoint != nil)
        put("OnBuild", onBuild.isEmpty ? .null : list(onBuild), !onBuild.isEmpty)
        put("Labels", sortedObject(labels), !labels.isEmpty)
        if let stopSignal { pairs.append(("StopSignal", .string(stopSignal))) }
        if let shell { pairs.append(("Shell", list(shell))) }
        if let healthcheck { pairs.append(("Healthcheck", healthcheck.json)) }
        return .object(pairs)
    }
}

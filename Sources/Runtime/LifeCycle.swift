public import Linux
public import SystemPackage

/// What a container's monitor does besides running it: starting it again, asking for its health, keeping its log,
/// telling what happens.
public struct LifeCycle: Sendable {
    /// When the container is started again.
    public var restart = RestartPolicy()
    /// How its health is asked for, and by which program.
    public var health: (settings: HealthSettings, check: ExecSpec)?
    /// How what it writes is kept.
    public var log = LogSettings()
    /// The home's log of events; nil where nothing is told.
    public var events: FilePath?
    /// What events tell of it: `name`, `image`, and its labels.
    public var attributes: [String: String] = [:]

    /// Never started again, never asked, one log without a limit.
    public init() {}
}

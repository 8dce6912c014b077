public import SystemPackage

/// Starts containers and looks after them through their monitors.
///
/// A container is a directory `<containers>/<id>` with the files that its monitor leaves. Every function blocks until
/// it is done; none of them may be called on the cooperative pool.
public struct ContainerRuntime: Sendable {
    /// The directory of all containers.
    public let containers: FilePath
    /// The monitor's program.
    public let monitor: FilePath
    let standby = StandbyMonitor()

    /// Makes a runtime for a directory of containers.
    /// - Parameter monitor: the monitor's program; where nil, `drydock-monitor` next to the running executable.
    public init(containers: FilePath, monitor: FilePath? = nil) {
        self.containers = containers
        self.monitor = monitor ?? Self.defaultMonitor
    }

    /// The directory of a container.
    public func directory(_ id: String) -> FilePath { containers.appending(id) }

    /// The log of a container, in Docker's json-file format.
    public func logPath(_ id: String) -> FilePath { directory(id).appending("log.json") }
}

import Diagnostics
import Glibc
import Linux
import Synchronization
import SystemPackage

/// A monitor that was started ahead and waits for its container. It ends when nobody can ask it any more.
final class StandbyMonitor: Sendable {
    private let socket = Mutex<OwnedDescriptor?>(nil)

    /// As long as a container's identifier, so that the monitor can show that one in its place (proc(5), `cmdline`).
    private static let name = String(repeating: "-", count: 64)

    /// Starts a monitor; failing is not an error, the next start then starts its own.
    func prepare(_ program: FilePath) {
        socket.withLock { $0 = try? Self.start(program, name: Self.name) }
    }

    /// Tells the monitor that waits which plan is likely to come.
    /// - Parameter stage: a directory over which its process may mount what nobody else sees.
    func expect(_ plan: [UInt8], stage: FilePath) {
        var settings = MonitorSettings()
        settings.directory = stage.string
        socket.withLock { socket in
            guard let own = socket else { return }
            try? MonitorConnection(own).send(.plan(.prepare, settings: settings.json, plan: plan))
        }
    }

    /// The connection to the monitor that waits; nil where there is none.
    func take() -> OwnedDescriptor? {
        guard let found = socket.withLock({ $0.take() }) else { return nil }
        // It says nothing before it is asked: whatever is to be read now is its end.
        var entry = pollfd(fd: found.number, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) == 0 ? found : nil
    }

    /// Starts a monitor. - Returns: the connection to it.
    static func start(_ program: FilePath, name: String) throws(DrydockError) -> OwnedDescriptor {
        let (own, other) = try UnixSocket.pair()
        // A container that finds its way to this program in /proc must not be able to write it (CVE-2019-5736).
        let view = SealedView(of: program)
        _ = try ChildProcess.spawn(
            view.path, ["drydock-monitor", name], descriptors: [3: other.number], detached: true, directory: "/")
        return own
    }
}

extension ContainerRuntime {
    /// Starts a monitor ahead, which the next container that this process starts gets: that saves it the start of a
    /// program. Whoever calls this should be about to start one.
    public func prepareMonitor() { standby.prepare(monitor) }

    /// Works out what a start would do: what is used for the first time is slow. The monitor that stands by makes the
    /// namespaces and the cgroup for it, and the directory is there; the next container of this id and kind gets them.
    public func rehearse(_ spec: ContainerSpec) {
        for directory in directoriesAhead() where directory.isAbandoned { discard(directory) }
        guard let network = try? NetworkChoice(spec.network, UserNamespace.current),
            let compiler = try? compiler(spec, network)
        else { return }
        makeDirectoryAhead(spec, network.kind, LaunchFacts(spec, compiler))
        let stage = containers.removingLastComponent().appending("stage")
        mkdir(stage.string, 0o700)
        standby.expect(compiler.compile().flattened(), stage: stage)
    }
}

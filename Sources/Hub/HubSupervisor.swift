public import Diagnostics
public import SystemPackage

/// Where a hub answers.
public struct HubAddress: Sendable, Hashable {
    /// The address on this machine: `127.0.0.1`.
    public var host: String
    /// The port.
    public var port: Int

    /// Makes an address.
    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// `http://127.0.0.1:4123`
    public var url: String { "http://\(host):\(port)" }
}

/// Finds the hub of a home, and starts it where it is not running.
///
/// All functions block and may be called from any thread that may.
public enum HubSupervisor {
    /// The hub of a home, after starting it where no process serves it.
    ///
    /// - Parameters:
    ///   - data: the hub's data directory (`HOME/hub`).
    ///   - program: what to start where none serves, with its arguments; it is given `DRYDOCK_HUB_READY_FD` in its environment,
    ///     which `HubServer.run` writes its address to. By default this executable with `hub serve --data …`.
    ///   - deadline: how long a start may take.
    /// - Throws: `.unavailable` with the hub's last words where it does not start.
    public static func ensureRunning(
        data: FilePath, program: [String]? = nil, deadline: Duration = .seconds(10)
    ) throws(DrydockError) -> HubAddress { throw DrydockError(.internal, "not there yet") }

    /// The hub of a directory where one is running, else nil.
    public static func running(data: FilePath) throws(DrydockError) -> HubAddress? { nil }

    /// The loopback address, the same for ever for one home, where containers find the hub at port 5480
    /// (`hub.drydock`).
    /// - Parameter home: the absolute path of the home.
    public static func containerAddress(home: FilePath) -> String { "127.64.0.1" }

    /// Keeps the hub from ending while the returned value lives, even before it is started. It costs an open file.
    public static func lease(data: FilePath) throws(DrydockError) -> HubLease {
        throw DrydockError(.internal, "not there yet")
    }
}

/// Keeps a hub from ending; the kernel takes it back when its process ends.
public final class HubLease: Sendable {
    /// The open file that carries the lease; a child process that inherits it shares the lease.
    public let descriptor: FileDescriptor

    init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }

    deinit { try? descriptor.close() }
}

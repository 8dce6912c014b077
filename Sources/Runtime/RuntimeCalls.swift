public import Diagnostics
import Glibc
import Linux
import SystemPackage

extension ContainerRuntime {
    static var defaultMonitor: FilePath {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard count > 0 else { return "drydock-monitor" }
        let path = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return FilePath(path).removingLastComponent().appending("drydock-monitor")
    }

    static var unfinished: DrydockError { DrydockError(.internal, "the runtime is being built") }

    /// Starts a container: its monitor, the namespaces, the root, the program.
    ///
    /// With `attach`, the session that comes back is attached since before the program's first instruction, so that
    /// nothing it writes is lost; `run` it. Without, the session is only good for its facts and may be dropped.
    /// - Throws: Docker's words with exit status 125, 126 or 127; the container is as it was before.
    public func start(_ spec: ContainerSpec, attach: AttachOptions?, span: Span) throws(DrydockError)
        -> ContainerSession
    {
        throw Self.unfinished
    }

    /// Attaches to a running container (`docker attach`).
    public func attach(_ id: String, _ options: AttachOptions) throws(DrydockError) -> ContainerSession {
        throw Self.unfinished
    }

    /// Starts a program in a running container (`docker exec`). A detached one is only started.
    /// - Throws: Docker's words with exit status 126 or 127.
    public func exec(
        _ id: String, _ spec: ExecSpec, attach: AttachOptions, span: Span
    ) throws(DrydockError) -> ContainerSession {
        throw Self.unfinished
    }

    /// Sends a signal to a container's first process.
    /// - Throws: `.conflict` where it does not run.
    public func signal(_ id: String, _ number: Int32) throws(DrydockError) { throw Self.unfinished }

    /// Waits until a container ends. Returns its exit status, at once where it has ended already.
    public func wait(_ id: String) throws(DrydockError) -> Int32 { throw Self.unfinished }

    /// Stops a container: `signal`, and SIGKILL where it still runs after `grace` seconds. Returns its exit status.
    @discardableResult
    public func stop(_ id: String, signal: Int32, grace: Double) throws(DrydockError) -> Int32 {
        throw Self.unfinished
    }

    /// What a container is doing.
    public func state(_ id: String) throws(DrydockError) -> ContainerState { throw Self.unfinished }

    /// Reads a container's log and calls `line` for every part of it, in order; with `follow`, until the container
    /// ends or `line` returns false.
    public func logs(
        _ id: String, _ options: LogOptions, _ line: (OutputStream, [UInt8]) throws -> Bool
    ) throws { throw Self.unfinished }

    /// Removes a container's directory with everything in it. It must not run.
    public func remove(_ id: String) throws(DrydockError) { throw Self.unfinished }

    /// What the runtime would do to start the container, without doing it (`explain plan`).
    public func plan(_ spec: ContainerSpec) throws(DrydockError) -> LaunchPlan { throw Self.unfinished }
}

/// What is done to start a container, as data.
public struct LaunchPlan: Sendable {}

/// A connection to a program that was started or attached to.
public final class ContainerSession: Sendable {
    /// The process as the host sees it, 0 where unknown.
    public let pid: Int32
    /// How the container is connected; empty for exec.
    public let network: NetworkInfo
    /// What this machine could not do for the container, for the user to be told once.
    public let notices: [String]

    init(pid: Int32, network: NetworkInfo, notices: [String]) {
        self.pid = pid
        self.network = network
        self.notices = notices
    }

    /// Passes input, output, signals and window sizes on until the program ends or the user detaches. The terminal is
    /// put back as it was.
    public func run() throws(DrydockError) -> AttachEnd { throw ContainerRuntime.unfinished }

    /// Leaves; the program goes on, and the monitor takes the responsibility for it.
    public func detach() {}
}

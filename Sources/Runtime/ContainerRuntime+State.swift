public import Diagnostics
import Glibc
import Linux
public import SystemPackage

extension ContainerRuntime {
    /// What a container is doing.
    ///
    /// A container whose monitor died without saying so (it was killed, or the machine stopped) counts as exited
    /// with 137.
    public func state(_ id: String) throws(DrydockError) -> ContainerState {
        let directory = directory(id)
        if let bytes = try Files.readIfPresent(directory.appending("exit.json")) {
            let json = try JSONValue(parsing: bytes)
            return .exited(
                ExitInfo(
                    code: Int32(truncatingIfNeeded: json["code"]?.int ?? 137), startedAt: json["startedAt"]?.int ?? 0,
                    finishedAt: json["finishedAt"]?.int ?? 0, outOfMemory: json["oom"]?.bool ?? false))
        }
        guard let bytes = try Files.readIfPresent(directory.appending("run.json")) else { return .created }
        let json = try JSONValue(parsing: bytes)
        let startedAt = json["startedAt"]?.int ?? 0
        guard FileLock.isHeld(directory.appending("monitor.lock")) else {
            // It may have ended properly between the two looks.
            if Files.exists(directory.appending("exit.json")) { return try state(id) }
            return .exited(ExitInfo(code: 137, startedAt: startedAt, finishedAt: WallClock.now))
        }
        return .running(
            RunningInfo(
                pid: Int32(truncatingIfNeeded: json["pid"]?.int ?? 0),
                monitor: Int32(truncatingIfNeeded: json["monitor"]?.int ?? 0), startedAt: startedAt,
                network: NetworkInfo(json["network"] ?? .null)))
    }

    /// The monitors of containers that run below a directory, as many as are worth trying; see `UserNamespace.enter`.
    public static func monitors(below containers: FilePath) -> [Int32] {
        ((try? Files.names(in: containers)) ?? []).lazy.prefix(64).compactMap { name in
            let directory = containers.appending(name)
            guard let bytes = try? Files.readIfPresent(directory.appending("run.json")),
                FileLock.isHeld(directory.appending("monitor.lock"))
            else { return nil }
            return (try? JSONValue(parsing: bytes))?["monitor"]?.int.map { Int32(truncatingIfNeeded: $0) }
        }
    }

    /// Sends a signal to a container's first process.
    /// - Throws: `.conflict` where it does not run.
    public func signal(_ id: String, _ number: Int32) throws(DrydockError) {
        try signal(number, try connect(id), id)
    }

    private func signal(_ number: Int32, _ connection: MonitorConnection, _ id: String) throws(DrydockError) {
        try connection.send(.number(.signal, number))
        guard let reply = try connection.receive(), reply.kind == .done else { throw Self.notRunning(id) }
    }

    /// Waits until a container ends. Returns its exit status, at once where it has ended already.
    /// - Throws: `.conflict` where it never ran.
    public func wait(_ id: String) throws(DrydockError) -> Int32 {
        let connection: MonitorConnection
        do throws(DrydockError) {
            connection = try connect(id)
        } catch {
            return try exitStatus(id)
        }
        try connection.send(Frame(.wait))
        while let frame = try connection.receive() {
            if frame.kind == .exited { return frame.number }
        }
        return try exitStatus(id)
    }

    private func exitStatus(_ id: String) throws(DrydockError) -> Int32 {
        switch try state(id) {
        case .exited(let info): return info.code
        case .created, .running: throw Self.notRunning(id)
        }
    }

    /// Stops a container: `signal`, and SIGKILL where it still runs after `grace` seconds (a negative number waits for
    /// ever). Returns its exit status; at once where it has ended already.
    @discardableResult
    public func stop(_ id: String, signal number: Int32, grace: Double) throws(DrydockError) -> Int32 {
        let waiting: MonitorConnection
        do throws(DrydockError) {
            waiting = try connect(id)
        } catch {
            return try exitStatus(id)
        }
        try waiting.send(Frame(.wait))
        try? signal(id, number)
        let milliseconds = grace < 0 ? -1 : Int32(clamping: Int64(grace * 1000))
        if let frame = try waiting.receive(milliseconds: milliseconds) { return frame.number }
        try? signal(id, SIGKILL)
        if let frame = try waiting.receive() { return frame.number }
        return try exitStatus(id)
    }

    /// Removes a container's directory with everything in it.
    /// - Throws: `.conflict` where it runs.
    public func remove(_ id: String) throws(DrydockError) {
        if try state(id).isRunning {
            throw DrydockError(.conflict, "container \(id) is running")
        }
        try Files.removeTree(directory(id))
    }
}

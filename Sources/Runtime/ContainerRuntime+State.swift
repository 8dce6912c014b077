public import Diagnostics
import Glibc
import Linux
public import SystemPackage

extension ContainerRuntime {
    /// What a container is doing, read from what its monitor left.
    ///
    /// A container outlives a monitor that was killed; see `RunningInfo.monitor`. The end of one that ended unseen is
    /// written down once, so that everybody sees the same.
    public func state(_ id: String) throws(DrydockError) -> ContainerState {
        if let exit = try json("exit.json", of: id) { return .exited(ExitInfo(exit)) }
        guard let run = try json("run.json", of: id).map(RunRecord.init) else { return try begun(id) }
        let isLocked = FileLock.isHeld(directory(id).appending("monitor.lock"))
        if isLocked, run.mayHaveMonitor { return Self.live(run.json, monitored: true) }
        // It may have ended properly between the two looks.
        if let exit = try json("exit.json", of: id) { return .exited(ExitInfo(exit)) }
        if run.process != nil { return Self.live(run.json, monitored: false) }
        return try settle(id, run.json)
    }

    /// What a container is doing whose monitor has not written down that it runs.
    private func begun(_ id: String) throws(DrydockError) -> ContainerState {
        guard let start = try json("starting.json", of: id).map(RunRecord.init),
            !FileLock.isHeld(directory(id).appending("monitor.lock")), let process = start.process
        else { return .created }
        // Its monitor was killed between the first instruction of the program and that.
        if start.hasBegun, start.process != nil { return Self.live(start.json, monitored: false) }
        try? process.signal(SIGKILL)
        _ = process.waitForEnd(milliseconds: 5000)
        return .created
    }

    func json(_ name: String, of id: String) throws(DrydockError) -> JSONValue? {
        guard let bytes = try Files.readIfPresent("\(containers.string)/\(id)/\(name)") else { return nil }
        return try JSONValue(parsing: bytes)
    }

    private static func live(_ run: JSONValue, monitored: Bool) -> ContainerState {
        if run["restarting"]?.bool == true { return .restarting(ExitInfo(run)) }
        var network = NetworkInfo(run["network"] ?? .null)
        // The monitor is what listens on the ports of the host.
        if !monitored { network.ports = [] }
        return .running(
            RunningInfo(
                pid: Int32(truncatingIfNeeded: run["pid"]?.int ?? 0),
                monitor: monitored ? Int32(truncatingIfNeeded: run["monitor"]?.int ?? 0) : 0,
                startedAt: run["startedAt"]?.int ?? 0, network: network,
                paused: run["paused"]?.bool ?? false, restarts: Int(run["restarts"]?.int ?? 0),
                cgroup: run["cgroup"]?.string.map { FilePath($0) }))
    }

    /// Processes in the user namespace that a user's containers share, or in one of a container below it, as many as are
    /// worth trying; see `UserNamespace.enter`.
    public static func monitors(below containers: FilePath) -> [Int32] {
        ((try? Files.names(in: containers)) ?? []).lazy.prefix(64).compactMap { name in
            let directory = containers.appending(name)
            guard let bytes = try? Files.readIfPresent(directory.appending("run.json")),
                let run = (try? JSONValue(parsing: bytes)).map(RunRecord.init)
            else { return nil }
            guard !Files.exists(directory.appending("exit.json")) else { return nil }
            if FileLock.isHeld(directory.appending("monitor.lock")), run.mayHaveMonitor {
                return run.json["monitor"]?.int.map { Int32(truncatingIfNeeded: $0) }
            }
            return run.process?.pid
        }
    }

    /// The health of a container, as `State.Health` has it; nil where nobody asks for it.
    public func health(_ id: String) -> JSONValue? {
        guard let bytes = try? Files.readIfPresent(directory(id).appending("health.json")) else { return nil }
        return try? JSONValue(parsing: bytes)
    }

    /// The names of the programs that were started in a container and still run.
    public func executions(_ id: String) -> [String] {
        guard let bytes = try? Files.readIfPresent(directory(id).appending("execs.json")),
            let json = try? JSONValue(parsing: bytes)
        else { return [] }
        return (json.array ?? []).compactMap(\.string)
    }

    // MARK: Removing

    /// Takes a container, so that no monitor can start it; nil where one has it.
    /// - Throws: `.notFound` where the container was removed.
    public func claim(_ id: String) throws(DrydockError) -> ContainerClaim? {
        let file = directory(id).appending("monitor.lock")
        do throws(DrydockError) {
            guard let lock = try FileLock.ifFree(file) else { return nil }
            guard lock.isLock(of: file) else { throw Self.missing(id) }
            return ContainerClaim(id: id, lock: lock)
        } catch {
            throw error.errno == ENOENT ? Self.missing(id) : error
        }
    }

    static func missing(_ id: String) -> DrydockError {
        DrydockError(.notFound, "No such container: \(id)")
    }

    /// Removes a container's directory with everything in it.
    public func remove(_ claim: ContainerClaim) throws(DrydockError) {
        let directory = directory(claim.id)
        let doomed = doomed(claim.id)
        try Files.removeTree(doomed)
        guard Glibc.rename(directory.string, doomed.string) == 0 || errno == ENOENT else {
            throw .system("remove \(directory)", errno: errno)
        }
        try Files.removeTree(doomed)
        CgroupLimits.remove(name: claim.id)
        claim.release()
    }

    /// The name under which a directory is removed: a monitor that comes then finds nothing, and what a kill leaves of it
    /// is known to be rubbish.
    private func doomed(_ id: String) -> FilePath { containers.appending(".\(id).removed") }

    /// The container that the directory of this name was, where it is one that is being removed.
    public static func condemned(_ name: String) -> String? {
        guard name.hasPrefix("."), name.hasSuffix(".removed") else { return nil }
        return String(name.dropFirst().dropLast(".removed".count))
    }

    /// Whether nothing is left of a container.
    public func isGone(_ id: String) -> Bool { !Files.exists(directory(id)) && !Files.exists(doomed(id)) }

    /// Removes what a removal that was killed left.
    public func finishRemoval(_ id: String) throws(DrydockError) {
        try Files.removeTree(doomed(id))
        if Files.exists(directory(id)), let claim = try claim(id) { try remove(claim) }
    }

    /// Removes the directory of a container that never ran, or that nothing refers to.
    /// - Throws: `.conflict` where it runs.
    public func remove(_ id: String) throws(DrydockError) {
        guard let claim = try claim(id) else { throw DrydockError(.conflict, "container \(id) is running") }
        try remove(claim)
    }
}

/// A container that no monitor can start as long as this exists.
public struct ContainerClaim: Sendable {
    /// The container.
    public let id: String
    fileprivate let lock: FileLock

    /// Gives the container back.
    public func release() { lock.unlock() }
}

extension ExitInfo {
    init(_ json: JSONValue) {
        self.init(
            code: Int32(truncatingIfNeeded: json["code"]?.int ?? 137), startedAt: json["startedAt"]?.int ?? 0,
            finishedAt: json["finishedAt"]?.int ?? 0, outOfMemory: json["oom"]?.bool ?? false,
            restarts: Int(json["restarts"]?.int ?? 0), stopped: json["stopped"]?.bool ?? false,
            lost: json["lost"]?.bool ?? false)
    }
}

public import Diagnostics
import Glibc
import Linux
public import SystemPackage

extension ContainerRuntime {
    /// What a container is doing, read from what its monitor left.
    ///
    /// A monitor that died without saying so (it was killed, or the machine stopped) takes its container with it. What is
    /// found then is written down once, so that everybody sees the same: exited with 137.
    public func state(_ id: String) throws(DrydockError) -> ContainerState {
        let directory = directory(id)
        if let exit = try json("exit.json", in: directory) { return .exited(ExitInfo(exit)) }
        guard let run = try json("run.json", in: directory) else { return .created }
        if FileLock.isHeld(directory.appending("monitor.lock")) { return Self.live(run, monitored: true) }
        // It may have ended properly between the two looks.
        if let exit = try json("exit.json", in: directory) { return .exited(ExitInfo(exit)) }
        if Self.isAlive(run) { return Self.live(run, monitored: false) }
        return try settle(id, run)
    }

    private func json(_ name: String, in directory: FilePath) throws(DrydockError) -> JSONValue? {
        guard let bytes = try Files.readIfPresent(directory.appending(name)) else { return nil }
        return try JSONValue(parsing: bytes)
    }

    private static func live(_ run: JSONValue, monitored: Bool) -> ContainerState {
        if run["restarting"]?.bool == true { return .restarting(ExitInfo(run)) }
        return .running(
            RunningInfo(
                pid: Int32(truncatingIfNeeded: run["pid"]?.int ?? 0),
                monitor: monitored ? Int32(truncatingIfNeeded: run["monitor"]?.int ?? 0) : 0,
                startedAt: run["startedAt"]?.int ?? 0, network: NetworkInfo(run["network"] ?? .null),
                paused: run["paused"]?.bool ?? false, restarts: Int(run["restarts"]?.int ?? 0),
                cgroup: run["cgroup"]?.string.map { FilePath($0) }))
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

    /// Whether the container's process is still the one that was started: it has no monitor when its program shed the
    /// signal that the kernel sends it at the monitor's death (a set-user-ID program does).
    private static func isAlive(_ run: JSONValue) -> Bool {
        guard let pid = run["pid"]?.int, pid > 0, run["boot"]?.string == Boot.identity,
            let started = ProcessHandle.startTime(Int32(truncatingIfNeeded: pid))
        else { return false }
        return Int64(started) == run["startTime"]?.int && !isZombie(pid)
    }

    private static func isZombie(_ pid: Int64) -> Bool {
        guard let line = Files.line(FilePath("/proc/\(pid)/stat")), let end = line.lastIndex(of: ")") else {
            return true
        }
        return line[line.index(after: end)...].drop { $0 == " " }.first == "Z"
    }

    /// Writes down the end of a container whose monitor died.
    private func settle(_ id: String, _ run: JSONValue) throws(DrydockError) -> ContainerState {
        let found = ExitInfo(
            code: 137, startedAt: run["startedAt"]?.int ?? 0, finishedAt: WallClock.now,
            restarts: Int(run["restarts"]?.int ?? 0), lost: true)
        // Somebody else may be doing the same, or starting it again.
        guard let claim = try claim(id) else { return .exited(found) }
        defer { claim.release() }
        if let exit = try json("exit.json", in: directory(id)) { return .exited(ExitInfo(exit)) }
        let exit: JSONValue = [
            "code": 137, "startedAt": .int(found.startedAt), "finishedAt": .int(found.finishedAt), "oom": false,
            "restarts": .int(Int64(found.restarts)), "lost": true,
        ]
        ExitRecord.write(exit, in: directory(id))
        if let cgroup = run["cgroup"]?.string, !cgroup.isEmpty { rmdir(cgroup) }
        for name in ["monitor.sock", "execs.json", "health.json"] { unlink(directory(id).appending(name).string) }
        return .exited(found)
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

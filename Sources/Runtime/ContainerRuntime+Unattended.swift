import Diagnostics
import Glibc
import Linux
import SystemPackage

/// Containers whose monitor was killed. They go on, and are reached through the process that `run.json` names; how that
/// ends is written down by whoever ends it or notices.
extension ContainerRuntime {
    /// The exit status of what ended unseen, as Docker shows it.
    private static var unknownStatus: Int32 { 255 }

    /// What only a monitor can do.
    static func unattended(_ id: String) -> DrydockError {
        DrydockError(
            .unattended, "the monitor of container \(id) was killed",
            reason: "the container goes on, but nobody takes its output, starts programs in it or forwards its ports",
            remedy: "docker restart \(id.prefix(12)) gives it a new one")
    }

    /// What its monitor wrote down last.
    private func run(_ id: String) throws(DrydockError) -> JSONValue? {
        if let run = try json("run.json", of: id) { return run }
        return try json("starting.json", of: id)
    }

    /// The first process of a container that has no monitor.
    private func process(_ id: String) throws(DrydockError) -> ProcessHandle {
        guard let run = try run(id), let process = RunRecord(run).process else { throw Self.notRunning(id) }
        return process
    }

    /// Sends a signal.
    /// - Parameter last: whether it is meant to end the container.
    func signalUnattended(_ info: RunningInfo, _ id: String, _ number: Int32, last: Bool) throws(DrydockError) {
        let process = try process(id)
        if last || number == SIGKILL { try note(id, ["stopped": true]) }
        // Written before it is sent: whoever finds that it ended then knows why.
        if number == SIGKILL { try note(id, ["ends": .int(128 + Int64(SIGKILL))]) }
        try process.signal(number)
        if last || number == SIGKILL, info.paused { try thaw(info, id) }
    }

    /// Ends a container: a signal, and SIGKILL where it still runs after so many milliseconds (negative: never).
    /// - Returns: its exit status, 255 where the kernel does not tell.
    func stopUnattended(_ id: String, _ number: Int32, milliseconds: Int32) throws(DrydockError) -> Int32 {
        guard let info = try state(id).running, info.monitor == 0, let process = try? process(id) else {
            return try exitStatus(id)
        }
        try? signalUnattended(info, id, number, last: true)
        if !process.waitForEnd(milliseconds: milliseconds) {
            try? signalUnattended(info, id, SIGKILL, last: true)
            guard process.waitForEnd(milliseconds: 20_000) else { throw Self.doesNotEnd(info.pid) }
        }
        return try end(id, process)
    }

    /// Waits for the end.
    func waitUnattended(_ id: String) throws(DrydockError) {
        guard let process = try? process(id) else { return }
        _ = process.waitForEnd(milliseconds: -1)
        _ = try end(id, process)
    }

    /// Writes down how a process ended that somebody held on to.
    private func end(_ id: String, _ process: ProcessHandle) throws(DrydockError) -> Int32 {
        if let status = process.statusLeft { try? note(id, ["ends": .int(Int64(status))]) }
        return try exitStatus(id)
    }

    static func doesNotEnd(_ pid: Int32) -> DrydockError {
        DrydockError(
            .system, "could not kill container: process \(pid) does not end",
            reason: "it waits in the kernel for a device or a network file system")
    }

    func pauseUnattended(_ info: RunningInfo, _ id: String, _ wanted: Bool) throws(DrydockError) {
        // The process must be the one that was started.
        _ = try process(id)
        let freezer = Freezer(cgroup: info.cgroup, name: id, process: info.pid)
        if wanted { try freezer.freeze() } else { try freezer.thaw() }
        try note(id, ["paused": .bool(wanted)])
    }

    private func thaw(_ info: RunningInfo, _ id: String) throws(DrydockError) {
        try Freezer(cgroup: info.cgroup, name: id, process: info.pid).thaw()
    }

    /// The root directory as the container's first process sees it.
    func rootUnattended(_ info: RunningInfo, _ id: String) throws(DrydockError) -> ContainerRoot {
        let process = try process(id)
        do throws(DrydockError) {
            let root = ContainerRoot(directory: try OwnedDescriptor.place(FilePath("/proc/\(process.pid)/root")))
            // It was that process's only if that process still lives.
            guard !process.waitForEnd(milliseconds: 0) else { throw Self.notRunning(id) }
            return root
        } catch  where error.errno == EACCES || error.errno == EPERM {
            throw Self.unattended(id)
        }
    }

    /// Adds to what is written down of a container that has no monitor.
    private func note(_ id: String, _ more: [String: JSONValue]) throws(DrydockError) {
        var patience = Patience()
        for _ in 0..<5000 {
            if let claim = try claim(id) {
                defer { claim.release() }
                let directory = directory(id)
                guard !Files.exists(directory.appending("exit.json")), var run = try run(id) else { return }
                for (key, value) in more { run = run.setting(key, value) }
                return try AtomicFile.write(
                    Array(run.compact.utf8), to: directory.appending("run.json"), durable: false)
            }
            patience.pause()
        }
    }

    /// Writes down the end of a container that ended without a monitor, and puts away what the monitor would have.
    func settle(_ id: String, _ run: JSONValue) throws(DrydockError) -> ContainerState {
        let wasRestarting = run["restarting"]?.bool == true
        // Between two starts the last end was seen.
        let status =
            wasRestarting ? run["code"]?.int : run["boot"]?.string == Boot.identity ? run["ends"]?.int : nil
        let found = ExitInfo(
            code: status.map { Int32(truncatingIfNeeded: $0) } ?? Self.unknownStatus,
            startedAt: run["startedAt"]?.int ?? 0,
            finishedAt: wasRestarting ? run["finishedAt"]?.int ?? WallClock.now : WallClock.now,
            restarts: Int(run["restarts"]?.int ?? 0), stopped: run["stopped"]?.bool ?? false, lost: true)
        // Somebody else may be doing the same, or starting it again.
        guard let claim = try claim(id) else { return .exited(found) }
        defer { claim.release() }
        if let exit = try json("exit.json", of: id) { return .exited(ExitInfo(exit)) }
        let exit: JSONValue = [
            "code": .int(Int64(found.code)), "startedAt": .int(found.startedAt), "finishedAt": .int(found.finishedAt),
            "oom": false, "restarts": .int(Int64(found.restarts)), "stopped": .bool(found.stopped), "lost": true,
        ]
        ExitRecord.write(exit, in: directory(id))
        for name in ["monitor.sock", "execs.json", "health.json"] { unlink(directory(id).appending(name).string) }
        putAway(id, run)
        return .exited(found)
    }

    /// The network's devices went with the network namespace, the mounts with theirs.
    private func putAway(_ id: String, _ run: JSONValue) {
        let helper = run.at("network.helper")
        if let process = RunRecord.process(helper?["pid"]?.int, startTime: helper?["startTime"]?.int) {
            try? process.signal(SIGTERM)
        }
        for place in (run["cgroups"]?.array ?? []).compactMap(\.string) { rmdir(place) }
        CgroupLimits.remove(name: id)
    }
}

public import Diagnostics
import Glibc
public import Linux
import SystemPackage

extension ContainerRuntime {
    /// Sends a signal to a container's first process.
    /// - Parameters:
    ///   - last: whether the container is not started again when it ends by it.
    ///   - keeps: whether a container that removes itself when it ends stays this time.
    ///   - patience: how many milliseconds its monitor may take to answer.
    /// - Throws: `.conflict` where it does not run, `.unavailable` where its monitor does not answer.
    public func signal(
        _ id: String, _ number: Int32, last: Bool = false, keeps: Bool = false, patience: Int32 = 20_000
    ) throws(DrydockError) {
        guard let info = try state(id).running else {
            if last, try state(id).isRunning { return try stopRestarting(id) }
            throw Self.notRunning(id)
        }
        guard info.monitor > 0 else { return try signalUnattended(info, id, number, last: last) }
        let connection = try connect(id)
        if last { try ask(connection, Frame(.stopping, [keeps ? 1 : 0]), id, patience) }
        try ask(connection, .number(.signal, number), id, patience)
        // A process that stands still does not take a signal.
        if last && info.paused { try ask(connection, Frame(.resume), id, patience) }
    }

    /// Ends the waiting for another start.
    private func stopRestarting(_ id: String) throws(DrydockError) {
        try ask(try connect(id), Frame(.stopping), id)
    }

    /// Asks a monitor for something and waits until it is done.
    private func ask(
        _ connection: MonitorConnection, _ frame: Frame, _ id: String, _ patience: Int32 = 20_000
    ) throws(DrydockError) {
        try connection.send(frame)
        guard let reply = try connection.receive(milliseconds: patience) else {
            guard try state(id).isRunning else { throw Self.notRunning(id) }
            throw DrydockError(
                .unavailable, "the monitor of container \(id) does not answer",
                reason: "it was stopped, or the machine is very busy", remedy: "docker kill \(id.prefix(12)) ends both")
        }
        guard reply.kind != .done else { return }
        let json = (try? JSONValue(parsing: reply.payload)) ?? .null
        guard let message = json["message"]?.string, message != "the container is not running" else {
            throw Self.notRunning(id)
        }
        throw DrydockError(
            json["code"]?.string.map(DrydockError.Code.init(rawValue:)) ?? .system, message,
            reason: json["reason"]?.string, remedy: json["remedy"]?.string)
    }

    /// Freezes all processes of a container; returns when they stand still.
    /// - Throws: `.conflict` where it does not run.
    public func pause(_ id: String) throws(DrydockError) { try pause(id, true) }

    /// Lets the processes of a container go on.
    /// - Throws: `.conflict` where it does not run.
    public func unpause(_ id: String) throws(DrydockError) { try pause(id, false) }

    private func pause(_ id: String, _ wanted: Bool) throws(DrydockError) {
        if let info = try state(id).running, info.monitor == 0 { return try pauseUnattended(info, id, wanted) }
        try ask(try connect(id), Frame(wanted ? .pause : .resume), id)
    }

    /// Changes when a running container is started again; nothing happens to one that does not run.
    public func change(_ id: String, _ policy: RestartPolicy) throws(DrydockError) {
        try tell(id, Frame(.policy, Array(policy.json.compact.utf8)))
    }

    /// Tells a running container's monitor its new name; nothing happens to one that does not run.
    public func rename(_ id: String, to name: String) throws(DrydockError) {
        try tell(id, Frame(.rename, Array(name.utf8)))
    }

    private func tell(_ id: String, _ frame: Frame) throws(DrydockError) {
        do throws(DrydockError) {
            try ask(try connect(id), frame, id)
        } catch  where error.code == .conflict || error.code == .unattended {
            // It does not run, or nobody is there to know: the next start takes what is written down.
        }
    }

    /// Waits until a container ends. Returns its exit status, at once where it does not run (0 where it never ran).
    public func wait(_ id: String) throws(DrydockError) -> Int32 {
        let connection: MonitorConnection
        do throws(DrydockError) {
            connection = try connect(id)
        } catch  where error.code == .conflict || error.code == .unattended {
            return try exitStatus(id)
        }
        try connection.send(Frame(.wait))
        while let frame = try connection.receive() {
            if frame.kind == .exited { return frame.number }
        }
        return try exitStatus(id)
    }

    /// The exit status of a container that has ended. One without a monitor is waited for.
    func exitStatus(_ id: String) throws(DrydockError) -> Int32 {
        var patience = Patience()
        while true {
            switch try state(id) {
            case .exited(let info), .restarting(let info): return info.code
            case .created: return 0
            case .running(let info) where info.monitor == 0:
                try waitUnattended(id)
                patience.pause()
            // The monitor listens before it writes down that it runs, and the other way round at the end.
            case .running: patience.pause()
            }
        }
    }

    /// Stops a container: `signal`, and SIGKILL where it still runs after `grace` seconds (a negative number or infinity
    /// waits for ever). It is not started again. Returns its exit status; at once where it has ended already.
    /// - Parameter keeps: whether a container that removes itself when it ends stays this time.
    @discardableResult
    public func stop(
        _ id: String, signal number: Int32, grace: Double, keeps: Bool = false
    ) throws(DrydockError) -> Int32 {
        let milliseconds = grace < 0 || grace.isInfinite ? -1 : Int32(clamping: Int64(min(grace, 2_000_000) * 1000))
        let waiting: MonitorConnection
        do throws(DrydockError) {
            waiting = try connect(id)
        } catch  where error.code == .conflict || error.code == .unattended {
            return try stopUnattended(id, number, milliseconds: milliseconds)
        }
        try waiting.send(Frame(.wait))
        try? signal(id, number, last: true, keeps: keeps)
        if let frame = try waiting.receive(milliseconds: milliseconds) { return frame.number }
        // Its monitor may have been killed meanwhile.
        if try state(id).running?.monitor == 0 { return try stopUnattended(id, SIGKILL, milliseconds: 10_000) }
        try? signal(id, SIGKILL, last: true, keeps: keeps)
        if let frame = try waiting.receive(milliseconds: 20_000) { return frame.number }
        if try state(id).isRunning { try kill(id) }
        return try exitStatus(id)
    }

    /// Ends a container at once, whatever its monitor does: one that does not answer is ended with it.
    public func kill(_ id: String) throws(DrydockError) {
        var answers = true
        do throws(DrydockError) {
            try signal(id, SIGKILL, last: true, patience: 5000)
        } catch  where error.code == .unavailable {
            answers = false
        } catch  where error.code != .conflict {
            throw error
        } catch {
            // It has ended, or it is only just starting.
        }
        var patience = Patience()
        for _ in 0..<(answers ? 5000 : 1) {
            let state = try state(id)
            guard state.isRunning, state.running?.monitor != 0 else { break }
            patience.pause()
        }
        guard let info = try state(id).running else { return }
        if info.monitor > 0, let monitor = try? ProcessHandle(info.monitor) {
            try? monitor.signal(SIGKILL)
            _ = monitor.waitForEnd(milliseconds: 10_000)
        }
        _ = try stopUnattended(id, SIGKILL, milliseconds: 10_000)
    }
}

extension ContainerState {
    /// What is known of it while it runs.
    public var running: RunningInfo? {
        if case .running(let info) = self { return info }
        return nil
    }
}

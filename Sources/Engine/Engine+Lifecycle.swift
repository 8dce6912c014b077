public import Diagnostics
import ImageStore
import Linux
import OCI
import Runtime
import SystemPackage

extension Engine {
    /// See `EngineOperations`.
    public func stop(
        _ name: String, timeout: Int?, signal: String?, _ span: Span
    ) throws(DrydockError) {
        let (record, document) = try find(name)
        guard try runtime.state(record.id).isRunning else { return }
        try stop(record, document, timeout: timeout, signal: signal, span)
        self.record("stop", record, document)
        removeUnattended(record, document)
    }

    private func stop(
        _ record: ContainerRecord, _ document: ContainerDocument, timeout: Int?, signal: String?, keeps: Bool = false,
        _ span: Span
    ) throws(DrydockError) {
        let named = signal.flatMap { $0.isEmpty ? nil : $0 } ?? document.config.stopSignal ?? "SIGTERM"
        guard let number = Signal.number(named) else { throw Self.invalidSignal(named) }
        let work = span.begin("container.stop", TraceFact("id", .text(String(record.id.prefix(12)))))
        do {
            self.record("kill", record, document, ["signal": String(number)])
            let grace = timeout ?? document.stopTimeout ?? 10
            let seconds = grace < 0 ? Double.infinity : Double(grace)
            let code = try runtime.stop(record.id, signal: number, grace: seconds, keeps: keeps)
            work.end(TraceFact("exit-code", .count(Int64(code))))
        } catch {
            work.fail(error)
            throw error
        }
    }

    static func invalidSignal(_ name: String) -> DrydockError {
        DrydockError(.invalidArgument, "invalid signal: \(name)", remedy: "Signals look like SIGTERM, KILL or 9.")
    }

    /// See `EngineOperations`.
    public func restart(_ name: String, timeout: Int?, signal: String?, _ span: Span) throws(DrydockError) {
        let (record, document) = try find(name)
        let isRunning = try runtime.state(record.id).isRunning
        if isRunning {
            try stop(record, document, timeout: timeout, signal: signal, keeps: true, span)
            self.record("stop", record, document)
        }
        _ = try start(record.id, attach: nil, span)
        self.record("restart", record, document)
    }

    /// See `EngineOperations`.
    public func kill(_ name: String, signal: String) throws(DrydockError) {
        let (record, document) = try find(name)
        guard let number = Signal.number(signal) else {
            if let number = Int32(signal), number > 0 {
                throw DrydockError(.invalidArgument, "the linux daemon does not support signal \(number)")
            }
            throw Self.invalidSignal(signal)
        }
        let state = try runtime.state(record.id)
        guard state.isRunning else {
            throw DrydockError(
                .conflict, "cannot kill container: \(name): container \(record.id) is not running")
        }
        // A signal that means the end also ends its being started again; another one does not, where one was named.
        let isLast = number == 9 || document.config.stopSignal.map { Signal.number($0) == number } ?? true
        if number == 9 {
            try runtime.kill(record.id)
            removeUnattended(record, document)
        } else {
            try runtime.signal(record.id, number, last: isLast)
        }
        self.record("kill", record, document, ["signal": String(number)])
    }

    /// See `EngineOperations`.
    public func wait(_ name: String) throws(DrydockError) -> Int32 {
        try runtime.wait(try store.container(name).id)
    }

    /// See `EngineOperations`.
    public func pause(_ name: String) throws(DrydockError) {
        let (record, _) = try find(name)
        switch try runtime.state(record.id) {
        case .created, .exited: throw Self.notRunning(record)
        case .restarting: throw Self.isRestarting(record)
        case .running(let info) where info.paused:
            throw DrydockError(.conflict, "Container \(record.id) is already paused")
        case .running: try runtime.pause(record.id)
        }
    }

    /// See `EngineOperations`.
    public func unpause(_ name: String) throws(DrydockError) {
        let (record, _) = try find(name)
        guard try runtime.state(record.id).running?.paused == true else {
            throw DrydockError(.conflict, "Container \(record.id) is not paused")
        }
        try runtime.unpause(record.id)
    }

    static func notRunning(_ record: ContainerRecord) -> DrydockError {
        DrydockError(
            .conflict, "container \(record.id) is not running", remedy: "Start it first: docker start \(record.name)")
    }

    static func isRestarting(_ record: ContainerRecord) -> DrydockError {
        DrydockError(
            .conflict, "Container \(record.id) is restarting, wait until the container is running",
            remedy: "docker logs \(record.name) tells why it ends.")
    }

    /// See `EngineOperations`.
    public func rename(_ name: String, to newName: String) throws(DrydockError) {
        let (record, document) = try find(name)
        let plain = newName.hasPrefix("/") ? String(newName.dropFirst()) : newName
        guard ContainerNames.isValid(plain) else {
            throw DrydockError(
                .invalidArgument,
                "Error when allocating new name: Invalid container name (\(newName)), only "
                    + "[a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        }
        guard record.name != plain else {
            throw DrydockError(
                .invalidArgument, "Renaming a container with the same name as its current name")
        }
        do throws(DrydockError) {
            try store.update(container: record.id) { record in
                record.name = plain
                guard let json = try? JSONValue(parsing: record.document) else { return }
                record.document = json.setting("Name", .string("/" + plain)).compact
            }
        } catch {
            var refused = error
            if error.code == .conflict { refused.message = "Error when allocating new name: \(error.message)" }
            throw refused
        }
        try runtime.rename(record.id, to: plain)
        var renamed = record
        renamed.name = plain
        self.record("rename", renamed, document, ["oldName": "/" + record.name])
    }
}

public import Diagnostics
import ImageStore
import Layers
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
        guard isRunning(record.id) else { return }
        let named = signal ?? document.config.stopSignal ?? "SIGTERM"
        guard let number = Signal.number(named) else { throw Self.invalidSignal(named) }
        let work = span.begin("container.stop", TraceFact("id", .text(String(record.id.prefix(12)))))
        do {
            let grace = timeout ?? document.stopTimeout ?? 10
            let code = try runtime.stop(record.id, signal: number, grace: grace < 0 ? .infinity : Double(grace))
            work.end(TraceFact("exit-code", .count(Int64(code))))
        } catch {
            work.fail(error)
            throw error
        }
    }

    private static func invalidSignal(_ name: String) -> DrydockError {
        DrydockError(.invalidArgument, "invalid signal: \(name)", remedy: "Signals look like SIGTERM, KILL or 9.")
    }

    /// See `EngineOperations`.
    public func kill(_ name: String, signal: String) throws(DrydockError) {
        let record = try store.container(name)
        guard let number = Signal.number(signal) else { throw Self.invalidSignal(signal) }
        guard isRunning(record.id) else {
            throw DrydockError(
                .conflict, "cannot kill container: \(name): container \(record.id) is not running")
        }
        try runtime.signal(record.id, number)
        if number == 9 { _ = try runtime.wait(record.id) }
    }

    /// See `EngineOperations`.
    public func wait(_ name: String) throws(DrydockError) -> Int32 {
        try runtime.wait(try store.container(name).id)
    }

    /// See `EngineOperations`.
    public func rename(_ name: String, to newName: String) throws(DrydockError) {
        let record = try store.container(name)
        guard ContainerNames.isValid(newName) else {
            throw DrydockError(
                .invalidArgument,
                "Error when allocating new name: Invalid container name (\(newName)), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            )
        }
        guard record.name != newName else {
            throw DrydockError(
                .invalidArgument, "Renaming a container with the same name as its current name")
        }
        try store.update(container: record.id) { record in
            record.name = newName
            guard let json = try? JSONValue(parsing: record.document) else { return }
            record.document = json.setting("Name", .string("/" + newName)).compact
        }
    }

    /// See `EngineOperations`.
    public func removeContainer(_ name: String, force: Bool, volumes: Bool) throws(DrydockError) {
        try removeContainer(name, force: force, volumes: volumes, mayWait: false)
    }

    /// - Parameter mayWait: whether the files may be removed when the caller has told that the command has ended
    ///   (`putOffRemovals`). To everybody the container is gone when this returns.
    func removeContainer(_ name: String, force: Bool, volumes: Bool, mayWait: Bool) throws(DrydockError) {
        let (record, document) = try find(name)
        if isRunning(record.id) {
            guard force else {
                throw DrydockError(
                    .conflict,
                    "cannot remove container \"\(record.name)\": container is running: stop the container before "
                        + "removing or force remove",
                    remedy: "docker stop \(record.name), or docker rm -f \(record.name)")
            }
            try runtime.signal(record.id, 9)
            _ = try runtime.wait(record.id)
        }
        let keep = { @Sendable [self] in
            guard let last = try? inspect(record, document, size: false) else { return }
            RemovedContainers(directory: home.path.appending("removed")).keep(last)
        }
        let isPutOff = mayWait && putOff.isOn
        if !isPutOff { keep() }
        // The row goes first: what a kill between the two leaves is removed with the next container.
        let unfinished = try store.remove(container: record.id, durably: !document.autoRemove) { id in
            !Files.exists(runtime.directory(id))
        }
        CrashPoint.reach()
        if document.driver == .fuse { releaseRoot(record.id) }
        let files = { @Sendable [self] () throws(DrydockError) in
            if isPutOff { keep() }
            for id in unfinished where !isRunning(id) { try? runtime.remove(id) }
            try runtime.remove(record.id)
            guard volumes else { return }
            for mount in document.mounts where mount.isVolume && !mount.isNamed {
                guard let name = mount.name else { continue }
                try Files.removeTree(home.path.appending("volumes").appending(name))
            }
        }
        if isPutOff { putOff.add(files) } else { try files() }
    }

    /// See `EngineOperations`.
    public func removedContainers() throws(DrydockError) -> [JSONValue] {
        RemovedContainers(directory: home.path.appending("removed")).documents
    }

    /// See `EngineOperations`.
    public func pruneContainers(matching filters: Filters) throws(DrydockError) -> PruneReport<String> {
        let filter = try PruneFilter(filters)
        var report = PruneReport<String>(removed: [], reclaimed: 0)
        for record in try store.containers() where !isRunning(record.id) {
            let document = try document(of: record)
            guard filter.accepts(created: record.created / 1_000_000_000, labels: document.config.labels) else {
                continue
            }
            report.reclaimed += DiskUsage.bytes(below: upper(record.id))
            try removeContainer(record.id, force: false, volumes: false)
            report.removed.append(record.id)
        }
        return report
    }

    /// See `EngineOperations`.
    public func exec(_ request: ExecRequest, _ span: Span) throws(DrydockError) -> Int32 {
        let (record, document) = try find(request.container)
        guard isRunning(record.id) else {
            throw DrydockError(
                .conflict, "container \(record.id) is not running",
                remedy: "Start it first: docker start \(record.name)")
        }
        var lowers: [FilePath] = []
        if let chain = record.chain { lowers = try store.layerMounts(chain: chain) }
        let config = document.config
        let found = try UserLookup(LayerStack([upper(record.id)] + lowers)).find(request.user ?? config.user)
        var env = Self.environment(config.env, document, home: found.home)
        if request.tty { ConfigChanges.set("TERM", "xterm", in: &env) }
        for entry in request.env {
            let key = String(entry.prefix { $0 != "=" })
            ConfigChanges.set(key, String(entry.dropFirst(key.count + 1)), in: &env)
        }
        var spec = ExecSpec(arguments: request.command, environment: env)
        spec.workingDirectory = request.workingDir ?? (config.workingDir.isEmpty ? "/" : config.workingDir)
        spec.user = found.user
        spec.terminal = request.tty
        spec.openInput = request.stdin
        spec.detached = request.detach
        spec.privileged = request.privileged
        var options = AttachOptions()
        options.stdin = request.stdin
        options.detachKeys = request.detachKeys
        options.signalProxy = false
        let work = span.begin("exec", TraceFact("command", .text(request.command.joined(separator: " "))))
        do {
            let session = try runtime.exec(record.id, spec, attach: options.forRuntime, span: work)
            work.end(TraceFact("pid", .count(Int64(session.pid))))
            guard !request.detach else {
                session.detach()
                return 0
            }
            switch try session.run() {
            case .exited(let code): return code
            case .detached: return 0
            }
        } catch {
            work.fail(error)
            throw error
        }
    }

    /// See `EngineOperations`.
    public func logs(_ request: LogRequest, _ emit: (OutputStream, [UInt8]) -> Void) throws(DrydockError) {
        let record = try store.container(request.container)
        var options = LogOptions()
        options.follow = request.follow
        options.tail = request.tail
        options.since = request.since.map { Int64($0 * 1e9) }
        options.until = request.until.map { Int64($0 * 1e9) }
        options.timestamps = request.timestamps
        do {
            try runtime.logs(record.id, options) { stream, bytes in
                emit(stream == .stdout ? .stdout : .stderr, bytes)
                return true
            }
        } catch let error as DrydockError {
            throw error
        } catch {
            throw DrydockError(.system, "read the log of \(record.name): \(error)")
        }
    }
}

/// Adds up what files take.
enum DiskUsage {
    /// The sizes of the regular files below a directory, in bytes; what cannot be read counts nothing.
    static func bytes(below directory: FilePath) -> Int64 {
        var total: Int64 = 0
        for name in (try? Files.names(in: directory)) ?? [] {
            let path = directory.appending(name)
            guard let status = try? FileAt.status(FileAt.workingDirectory, path.string) else { continue }
            if status.isDirectory {
                total += bytes(below: path)
            } else if status.isRegular {
                total += status.size
            }
        }
        return total
    }
}

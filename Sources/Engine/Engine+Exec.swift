public import Diagnostics
import ImageStore
import Layers
import OCI
import Runtime
import SystemPackage

extension Engine {
    /// See `EngineOperations`.
    public func exec(_ request: ExecRequest, _ span: Span) throws(DrydockError) -> Int32 {
        let (record, document) = try find(request.container)
        switch try runtime.state(record.id) {
        case .created, .exited: throw Self.notRunning(record)
        case .restarting: throw Self.isRestarting(record)
        case .running(let info) where info.paused:
            throw DrydockError(
                .conflict, "Container \(record.id) is paused, unpause the container before exec",
                remedy: "docker unpause \(record.name)")
        case .running(let info) where info.monitor == 0: throw Self.unattended(record, "start programs in it")
        case .running: break
        }
        let spec = try execution(record, document, request)
        var options = AttachOptions()
        options.stdin = request.stdin
        options.detachKeys = request.detachKeys
        options.signalProxy = false
        let attach = try options.forRuntime()
        let work = span.begin("exec", TraceFact("command", .text(request.command.joined(separator: " "))))
        do throws(DrydockError) {
            let session = try runtime.exec(record.id, spec, attach: attach, span: work)
            work.end(TraceFact("pid", .count(Int64(session.pid))))
            guard !request.detach else {
                session.detach()
                return 0
            }
            switch try session.run() {
            case .exited(let code): return code
            case .detached:
                self.record("exec_detach", record, document, ["execID": spec.id])
                throw DrydockError(.conflict, ExecRequest.leftMessage)
            case .lost, .gaveUp: throw Self.unattended(record, "start programs in it")
            }
        } catch {
            let known = error.message == ExecRequest.leftMessage ? error : explained(error, record)
            work.fail(known)
            throw known
        }
    }

    /// What cannot be entered because it has just ended says so, whatever the system call was that noticed.
    private func explained(_ error: DrydockError, _ record: ContainerRecord) -> DrydockError {
        switch try? runtime.state(record.id) {
        case .created, .exited: Self.notRunning(record)
        case .restarting: Self.isRestarting(record)
        case .running, nil: error
        }
    }

    private func execution(
        _ record: ContainerRecord, _ document: ContainerDocument, _ request: ExecRequest
    ) throws(DrydockError) -> ExecSpec {
        var lowers: [FilePath] = []
        if let chain = record.chain { lowers = try store.layerMounts(chain: chain) }
        let config = document.config
        let found = try UserLookup(LayerStack([upper(record.id)] + lowers)).find(request.user ?? config.user)
        var env = Self.environment(config.env, document, tty: request.tty, home: found.home)
        for entry in request.env { ConfigChanges.apply(entry, to: &env) }
        if let directory = request.workingDir, !directory.isEmpty, !directory.hasPrefix("/") {
            throw DrydockError(
                .invalidArgument, "OCI runtime exec failed: exec failed: Cwd must be an absolute path: unknown",
                exitStatus: 126)
        }
        var spec = ExecSpec(arguments: request.command, environment: env)
        spec.workingDirectory = request.workingDir ?? (config.workingDir.isEmpty ? "/" : config.workingDir)
        spec.user = found.user
        spec.terminal = request.tty
        spec.openInput = request.stdin
        spec.detached = request.detach
        spec.privileged = request.privileged
        spec.id = Self.newID()
        return spec
    }
}

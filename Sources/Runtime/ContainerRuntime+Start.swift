import CLinux
public import Diagnostics
import Glibc
import Linux
import SystemPackage

extension ContainerRuntime {
    static var defaultMonitor: FilePath {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else { return "drydock-monitor" }
        let path = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return FilePath(path).removingLastComponent().appending("drydock-monitor")
    }

    /// What the runtime would do to start the container, without doing it (`explain plan`).
    public func plan(_ spec: ContainerSpec) throws(DrydockError) -> LaunchPlan {
        try compiler(spec, NetworkChoice(spec.network, UserNamespace.current)).compile()
    }

    func compiler(_ spec: ContainerSpec, _ network: NetworkChoice) throws(DrydockError) -> PlanCompiler {
        let privilege = UserNamespace.current
        if privilege == .single, spec.user.uid != 0 || spec.user.gid != 0 {
            throw DrydockError(
                .unsupported, "user \(spec.user.uid) cannot be used: only root exists in this container",
                reason: "this user has no range of subordinate ids, so the container has one user",
                remedy: "install uidmap and add a line for this user to /etc/subuid and /etc/subgid", exitStatus: 125)
        }
        var compiler = PlanCompiler(
            spec: spec, directory: directory(spec.id), privilege: privilege, networkKind: network.kind,
            idMaps: (UserNamespace.idMap("/proc/self/uid_map"), UserNamespace.idMap("/proc/self/gid_map")),
            cgroups: Cgroups.layout())
        for (kind, mode, word) in [
            (Namespace.pid, spec.pidMode, "PID"), (.ipc, spec.ipcMode, "IPC"), (.uts, spec.utsMode, "UTS"),
        ] {
            if case .container(let id) = mode { compiler.joined[kind] = try process(of: id, word) }
        }
        if case .container(let id) = spec.network {
            compiler.joined[.network] = try process(of: id, "network")
            compiler.networkFiles = directory(id)
        }
        return compiler
    }

    /// The first process of a container whose namespace another one wants.
    private func process(of id: String, _ namespace: String) throws(DrydockError) -> Int32 {
        guard case .running(let info) = try state(id) else {
            throw DrydockError(
                .conflict, "cannot join \(namespace) namespace of a non running container: \(id)",
                reason: "a namespace lives as long as a process in it", remedy: "docker start \(id.prefix(12))",
                exitStatus: 125)
        }
        return info.pid
    }

    /// Starts a container: its monitor, the namespaces, the root, the program.
    ///
    /// With `attach`, the session that comes back is attached since before the program's first instruction, so that
    /// nothing it writes is lost; `run` it. Without, the session is only good for its facts and may be dropped.
    ///
    /// An ordinary user must have called `UserNamespace.enter` in this process.
    /// - Throws: Docker's words with exit status 125, 126 or 127; the container is as it was before.
    public func start(_ spec: ContainerSpec, attach: AttachOptions?, span: Span) throws(DrydockError)
        -> ContainerSession
    {
        guard UserNamespace.current != .ordinary else {
            throw DrydockError(.internal, "the user namespace was not entered before a container was started")
        }
        let network = try NetworkChoice(spec.network, UserNamespace.current)
        let compiler = try compiler(spec, network)
        let plan = compiler.compile()
        try ContainerFiles(spec: spec, directory: directory(spec.id), networkKind: network.kind).prepare()
        let facts = LaunchFacts(spec, compiler)
        try facts.write(to: directory(spec.id))
        var settings = MonitorSettings()
        settings.directory = directory(spec.id).string
        settings.terminal = spec.terminal
        settings.openInput = spec.openInput
        settings.inputOnce = spec.inputOnce
        settings.cleanup = spec.cleanupCommand
        settings.stopSignal = spec.stopSignal
        settings.take(spec)
        var flags = attach?.flags ?? []
        if attach != nil && spec.autoRemove { flags.insert(.responsible) }
        settings.attach = flags.rawValue
        settings.takeWindow(attach)

        let own: OwnedDescriptor
        let spawning = span.begin("launch.monitor")
        do throws(DrydockError) {
            if let ready = standby.take() {
                own = ready
            } else {
                own = try StandbyMonitor.start(monitor, name: spec.id)
            }
        } catch {
            let failure = Self.monitorMissing(monitor, error)
            spawning.fail(failure)
            throw failure
        }
        spawning.end()
        let connection = MonitorConnection(own)
        var plans = plan.flattened()
        settings.planSize = plans.count
        if let check = spec.life.health?.check { plans += PlanCompiler.exec(check, in: facts).flattened() }
        let asked = cl_now()
        try connection.send(.plan(.launch, settings: settings.json, plan: plans))
        let reply = try LaunchReply(connection, plan: plan, arguments: spec.arguments, words: .run)
        reply.trace(plan, span, asked: asked)
        return ContainerSession(
            connection: connection, options: attach, terminal: spec.terminal, pid: reply.pid, network: reply.network,
            notices: network.notices + reply.notices)
    }

    /// The address under which a container finds this machine (`--add-host NAME:host-gateway`).
    public func hostGateway(_ mode: NetworkMode) throws(DrydockError) -> String {
        switch try NetworkChoice(mode, UserNamespace.current).kind {
        case "bridge": return try Bridge.ensure().gateway.description
        // Docker names the bridge there, too.
        case "none" where UserNamespace.current == .root: return try Bridge.ensure().gateway.description
        case "host": return "127.0.0.1"
        default:
            throw DrydockError(
                .unsupported, "unable to derive the IP value for host-gateway",
                reason: "without a bridge, which needs root, no address of this machine leads to it from a container",
                remedy: "use --network host, or the hub's name, hub.drydock", exitStatus: 125)
        }
    }

    private static func monitorMissing(_ path: FilePath, _ error: DrydockError) -> DrydockError {
        DrydockError(
            .unsupported, "the monitor cannot be started: \(path)", reason: error.message,
            remedy: "drydock-monitor must lie next to drydock: install both ('make install')", errno: error.errno,
            exitStatus: 125)
    }

    /// Starts a program in a running container (`docker exec`). A detached one is only started.
    /// - Throws: Docker's words with exit status 126 or 127; `.conflict` where the container does not run.
    public func exec(
        _ id: String, _ spec: ExecSpec, attach: AttachOptions, span: Span
    ) throws(DrydockError) -> ContainerSession {
        let connection = try connect(id)
        let facts = try LaunchFacts(readFrom: directory(id))
        let plan = PlanCompiler.exec(spec, in: facts)
        var settings = MonitorSettings()
        settings.terminal = spec.terminal
        settings.openInput = spec.openInput && !spec.detached
        settings.inputOnce = true
        settings.detached = spec.detached
        settings.execID = spec.id
        settings.command = spec.arguments.joined(separator: " ")
        settings.attach = attach.flags.rawValue
        settings.takeWindow(attach)
        try connection.send(.plan(.exec, settings: settings.json, plan: plan.flattened()))
        let reply = try LaunchReply(connection, plan: plan, arguments: spec.arguments, words: .exec)
        reply.trace(plan, span)
        return ContainerSession(
            connection: connection, options: spec.detached ? nil : attach, terminal: spec.terminal, pid: reply.pid,
            network: NetworkInfo(), notices: [])
    }

    /// Attaches to a running container (`docker attach`).
    /// - Throws: `.conflict` where it does not run.
    public func attach(_ id: String, _ options: AttachOptions) throws(DrydockError) -> ContainerSession {
        let running: RunningInfo? = if case .running(let info) = try state(id) { info } else { nil }
        let connection = try connect(id)
        let facts = try LaunchFacts(readFrom: directory(id))
        try connection.send(Frame(.attach, [options.flags.rawValue]))
        guard let frame = try connection.receive(), frame.kind == .done else { throw Self.notRunning(id) }
        return ContainerSession(
            connection: connection, options: options, terminal: facts.terminal, pid: running?.pid ?? 0,
            network: running?.network ?? NetworkInfo(), notices: [])
    }

    /// A connection to the monitor of a running container.
    func connect(_ id: String) throws(DrydockError) -> MonitorConnection {
        do throws(DrydockError) {
            return MonitorConnection(try UnixSocket.connect(directory(id).appending("monitor.sock")))
        } catch {
            switch error.errno {
            case ENOENT, ECONNREFUSED, ENOTDIR:
                throw try state(id).running?.monitor == 0 ? Self.unattended(id) : Self.notRunning(id)
            default: throw error
            }
        }
    }

    static func notRunning(_ id: String) -> DrydockError {
        DrydockError(.conflict, "container \(id) is not running")
    }
}

extension AttachOptions {
    /// As the monitor wants to know it.
    var flags: AttachFlags {
        var flags: AttachFlags = []
        if input { flags.insert(.input) }
        if output { flags.insert(.output) }
        if error { flags.insert(.error) }
        return flags
    }
}

extension MonitorSettings {
    fileprivate mutating func take(_ spec: ContainerSpec) {
        id = spec.id
        restart = spec.life.restart
        health = spec.life.health?.settings
        log = spec.life.log
        events = spec.life.events?.string ?? ""
        attributes = spec.life.attributes
        if case .overlay(_, _, let work) = spec.root {
            volatileMark = VolatileMark.path(work: work).string
        }
    }

    fileprivate mutating func takeWindow(_ attach: AttachOptions?) {
        guard terminal, let attach, let size = TerminalDevice.size(attach.outputDescriptor.rawValue) else { return }
        rows = size.rows
        columns = size.columns
    }
}

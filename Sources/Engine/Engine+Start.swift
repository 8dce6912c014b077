public import Diagnostics
import ImageStore
import Layers
import Linux
import OCI
import Runtime
import SystemPackage

extension Engine {
    /// See `EngineOperations`.
    public func start(_ name: String, attach: AttachOptions?, _ span: Span) throws(DrydockError) -> Int32? {
        let fresh = preparation.takeFresh(name)
        let (record, document): (ContainerRecord, ContainerDocument)
        if let fresh {
            (record, document) = (fresh.record, fresh.document)
        } else {
            (record, document) = try find(name)
        }
        let state = try runtime.state(record.id)
        if state.running?.paused == true {
            throw DrydockError(
                .conflict, "cannot start a paused container, try unpause instead",
                remedy: "docker unpause \(record.name)")
        }
        if state.isRunning {
            guard let attach else { return nil }
            return try join(record, document, attach)
        }
        let work = span.begin("container.start", TraceFact("id", .text(String(record.id.prefix(12)))))
        let session: ContainerSession
        let options = try attach?.forRuntime()
        do {
            let spec = try specification(record, document, lowers: fresh?.lowers, isFresh: fresh != nil)
            if attach != nil { self.record("attach", record, document) }
            session = try runtime.start(spec, attach: options, span: work)
            work.end(TraceFact("pid", .count(Int64(session.pid))))
        } catch {
            work.fail(error)
            if error.code == .conflict, error.message == MonitorSettings.alreadyRunning {
                // Another command was quicker.
                guard let attach else { return nil }
                return try join(record, document, attach)
            }
            if error.code != .notFound || error.exitStatus != 1 { try rememberFailure(error, of: record.id) }
            throw error
        }
        for notice in session.notices { span.fact("notice", .text(notice)) }
        guard attach != nil else {
            session.detach()
            return nil
        }
        return try finish(session, record, document)
    }

    /// See `EngineOperations`.
    public func attach(_ name: String, _ options: AttachOptions) throws(DrydockError) -> Int32? {
        let (record, document) = try find(name)
        switch try runtime.state(record.id) {
        case .created, .exited:
            throw DrydockError(
                .conflict, "You cannot attach to a stopped container, start it first",
                remedy: "docker start -a \(record.name)")
        case .restarting: throw Self.isRestarting(record)
        case .running(let info) where info.paused:
            throw DrydockError(
                .conflict, "Container \(record.id) is paused, unpause the container before attach",
                remedy: "docker unpause \(record.name)")
        case .running(let info) where info.monitor == 0: throw Self.unattended(record, "attach to it")
        case .running: return try join(record, document, options)
        }
    }

    private func join(
        _ record: ContainerRecord, _ document: ContainerDocument, _ options: AttachOptions
    ) throws(DrydockError) -> Int32? {
        let session = try runtime.attach(record.id, try options.forRuntime())
        self.record("attach", record, document)
        return try finish(session, record, document)
    }

    /// Goes along with a container until it ends or is left, and removes it where it was started with `--rm`.
    private func finish(
        _ session: ContainerSession, _ record: ContainerRecord, _ document: ContainerDocument
    ) throws(DrydockError) -> Int32? {
        switch try session.run() {
        case .exited(let code):
            if document.driver == .fuse, document.restart.name == "no", !session.isKept { releaseRoot(document.id) }
            if document.autoRemove, !session.isKept {
                do {
                    try removeContainer(document.id, force: true, volumes: true, mayWait: true)
                } catch  where error.code == .notFound {
                    // The monitor's own cleaning came first.
                }
            }
            return code
        case .detached:
            self.record("detach", record, document)
            return nil
        case .gaveUp:
            throw DrydockError(
                .interrupted, "got 3 SIGTERM/SIGINTs, forcefully exiting",
                reason: "the container goes on: its first process takes no notice of Ctrl-C, because process 1 of a "
                    + "container only gets the signals that it asks for",
                remedy: "docker stop \(record.name) ends it; with docker run --init or -it, Ctrl-C does")
        case .lost: throw Self.unattended(record, "see how it ends").exiting(125)
        }
    }

    /// Keeps why a container did not start, as Docker's `State.Error` does; one that was to be removed goes at once.
    private func rememberFailure(_ error: DrydockError, of id: String) throws(DrydockError) {
        let failure: JSONValue = [
            "ExitCode": .int(Int64(error.exitStatus == 1 ? 128 : error.exitStatus)), "Error": .string(error.message),
        ]
        let record = try store.update(container: id) { record in
            guard let json = try? JSONValue(parsing: record.document) else { return }
            record.document = json.setting(ContainerDocument.failureKey, failure).compact
        }
        if try document(of: record).autoRemove { try? removeContainer(id, force: true, volumes: true) }
    }

    /// Everything the runtime has to know, worked out from the document and the image's files.
    /// - Parameters:
    ///   - known: the image's layers, the topmost first, where the caller knows them.
    ///   - isFresh: whether the container has changed no file yet.
    func specification(
        _ record: ContainerRecord, _ document: ContainerDocument, starting: Bool = true,
        lowers known: [FilePath]? = nil,
        isFresh: Bool = false
    ) throws(DrydockError) -> ContainerSpec {
        let id = record.id
        var lowers = known ?? []
        if known == nil, let chain = record.chain { lowers = try store.layerMounts(chain: chain) }
        let config = document.config
        let groups = document.strings("HostConfig.GroupAdd")
        let found = try preparation.user(record.chain, config.user, groups, isFresh: isFresh) {
            () throws(DrydockError) in
            try UserLookup(LayerStack([upper(id)] + lowers)).find(config.user, groups: groups)
        }
        let hostNetwork = document.networkMode == "host"
        var spec = ContainerSpec(
            id: id, hostname: document.hostname,
            root: try rootFileSystem(id, lowers, document, starting: starting), arguments: document.argv,
            environment: Self.environment(config.env, document, tty: document.tty, home: found.home))
        spec.user = found.user
        spec.workingDirectory = config.workingDir.isEmpty ? "/" : config.workingDir
        spec.terminal = document.tty
        spec.openInput = document.openStdin
        spec.inputOnce = document.json.at("Config.StdinOnce")?.bool ?? false
        spec.readOnlyRoot = document.readOnlyRootfs
        spec.privileged = document.privileged
        spec.autoRemove = document.autoRemove
        spec.stopSignal = Signal.number(config.stopSignal ?? "SIGTERM") ?? 15
        spec.capabilities = try capabilities(document)
        if starting {
            for mount in document.mounts where !mount.isVolume {
                try SharedMounts.check(mount.source, mount.propagation)
            }
        }
        spec.mounts = document.mounts.map {
            ContainerMount(
                $0.isVolume
                    ? .bind(FilePath($0.source))
                    : .bindWith(
                        FilePath($0.source), recursive: !$0.nonRecursive, propagation: Propagation($0.propagation)),
                at: $0.target, readOnly: $0.readOnly)
        }
        for (target, options) in document.json.at("HostConfig.Tmpfs")?.pairs ?? [] {
            spec.mounts.append(ContainerMount(.tmpfs(options: options.string ?? ""), at: target))
        }
        spec.ports = document.ports.map {
            PublishedPort(
                hostAddress: $0.hostAddress.isEmpty ? "0.0.0.0" : $0.hostAddress, hostPort: $0.hostPort,
                lastHostPort: $0.lastHostPort, containerPort: $0.containerPort,
                transport: $0.transport == "udp" ? .udp : .tcp)
        }
        spec.network = try network(document)
        for entry in document.strings("HostConfig.ExtraHosts") {
            let parts = entry.split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { continue }
            let address = parts[1] == "host-gateway" ? try runtime.hostGateway(spec.network) : parts[1]
            spec.extraHosts.append((name: parts[0], address: address))
        }
        spec.nameServers = document.strings("HostConfig.Dns")
        if starting, spec.network != .none, let port = try hubPort(), !hostNetwork || port > 0 {
            spec.hub = HubForward(address: HubForward.address(forHome: home.path), hubPort: port)
        }
        try isolate(&spec, document)
        if starting, case .container(let other) = spec.ipcMode { try checkSharesMemory(other) }
        spec.life = try lifeCycle(record, document, found)
        if document.autoRemove {
            spec.cleanupCommand = cleanupCommand(id)
        }
        return spec
    }

    /// The root of a container that runs is there already.
    private func rootFileSystem(
        _ id: String, _ lowers: [FilePath], _ document: ContainerDocument, starting: Bool
    ) throws(DrydockError) -> RootFileSystem {
        if !starting, document.driver == .fuse, isRunning(id) {
            return .directory(runtime.directory(id).appending("merged"))
        }
        return try root(id, lowers: lowers, driver: document.driver)
    }

    /// What the monitor does besides running the container.
    private func lifeCycle(
        _ record: ContainerRecord, _ document: ContainerDocument, _ found: UserLookup.Result
    ) throws(DrydockError) -> LifeCycle {
        var life = LifeCycle()
        let config = document.config
        life.restart = try document.restart.checked()
        life.log = try document.logging.checked(config)
        life.events = home.events
        life.attributes = config.labels
        life.attributes["image"] = document.imageName
        life.attributes["name"] = record.name
        if let health = config.healthcheck,
            let command = document.healthCommand(shell: config.shell ?? ["/bin/sh", "-c"])
        {
            var check = ExecSpec(
                arguments: command,
                environment: Self.environment(config.env, document, tty: false, home: found.home))
            check.workingDirectory = config.workingDir.isEmpty ? "/" : config.workingDir
            check.user = found.user
            let settings = HealthSettings(
                interval: health.interval, timeout: health.timeout, startPeriod: health.startPeriod,
                startInterval: health.startInterval, retries: health.retries, command: command.joined(separator: " "))
            life.health = (settings, check)
        }
        return life
    }

    /// The port of the hub, started where it does not run. A container starts without it too: only its packages are
    /// then out of reach.
    private func hubPort() throws(DrydockError) -> UInt16? {
        guard let url = try? configuration.hub.ensureRunning(), let colon = url.lastIndex(of: ":") else { return nil }
        return UInt16(url[url.index(after: colon)...].prefix { $0.isNumber })
    }

    private func network(_ document: ContainerDocument) throws(DrydockError) -> NetworkMode {
        switch document.networkMode {
        case "none": .none
        case "host": .host
        case let mode where mode.hasPrefix("container:"):
            .container(try store.container(String(mode.dropFirst(10))).id)
        default: .bridge
        }
    }

    private func capabilities(_ document: ContainerDocument) throws(DrydockError) -> CapabilitySet {
        if document.privileged { return .all }
        func set(_ path: String) throws(DrydockError) -> CapabilitySet {
            let names = document.strings(path)
            if names.contains(where: { $0.uppercased() == "ALL" }) { return .all }
            guard let set = CapabilitySet(names: names) else {
                let name = names.first { CapabilitySet(names: [$0]) == nil } ?? ""
                throw DrydockError(
                    .invalidArgument, "invalid capability: \"\(name)\"",
                    remedy: "Capabilities look like NET_ADMIN; `man 7 capabilities` lists them.", exitStatus: 125)
            }
            return set
        }
        let dropped = try set("HostConfig.CapDrop")
        let added = try set("HostConfig.CapAdd")
        if added == .all { return CapabilitySet(bits: dropped == .all ? added.bits : added.bits & ~dropped.bits) }
        return CapabilitySet(bits: CapabilitySet.docker.bits & ~dropped.bits | added.bits)
    }

    /// The environment in Docker's order: PATH and HOSTNAME, TERM for a terminal, the configuration's, HOME.
    static func environment(
        _ configured: [String], _ document: ContainerDocument, tty: Bool, home: String
    ) -> [String] {
        var env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        env.append("HOSTNAME=\(document.hostname)")
        if tty { env.append("TERM=xterm") }
        for entry in configured { ConfigChanges.apply(entry, to: &env) }
        // Like runc: an empty HOME is none.
        env.removeAll { $0 == "HOME=" }
        if !env.contains(where: { $0.hasPrefix("HOME=") }) { env.append("HOME=\(home)") }
        return env
    }
}

extension AttachOptions {
    /// The same for the runtime, on this process's standard streams.
    /// - Throws: Docker's words for keys that there are not.
    func forRuntime() throws(DrydockError) -> Runtime.AttachOptions {
        var options = Runtime.AttachOptions()
        options.input = stdin
        options.output = stdout
        options.error = stderr
        options.signalProxy = signalProxy
        if let detachKeys, !detachKeys.isEmpty { options.detachKeys = try DetachKeys.bytes(detachKeys) }
        return options
    }
}

/// Reads `--detach-keys`: `ctrl-p,ctrl-q` or single characters.
enum DetachKeys {
    static func bytes(_ text: String) throws(DrydockError) -> [UInt8] {
        var keys: [UInt8] = []
        for key in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let byte = byte(key) else {
                throw DrydockError(
                    .invalidArgument, "Invalid detach keys (\(text)) provided",
                    remedy:
                        "Keys are single characters or ctrl- with one of a-z @ [ \\ ] ^ _, with commas between them.")
            }
            keys.append(byte)
        }
        return keys
    }

    private static func byte(_ key: Substring) -> UInt8? {
        if key.utf8.count == 1 { return key.utf8.first }
        guard key.hasPrefix("ctrl-"), key.utf8.count == 6, let letter = key.utf8.last else { return nil }
        switch letter {
        case 0x61...0x7a: return letter - 0x60
        case 0x40, 0x5b...0x5f: return letter - 0x40
        default: return nil
        }
    }
}

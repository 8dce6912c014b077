import CLinux
import Diagnostics
import Glibc
import Linux
import SystemPackage

/// Looks after one container: from its start to its end, and again where its restart policy says so.
final class Monitor {
    let settings: MonitorSettings
    let directory: FilePath
    let loop: EventLoop
    var parent: ParentOperations
    private let plan: [UInt8]
    private let log: JSONLog?
    private let events: Events
    private var lock: FileLock?
    private var listener: OwnedDescriptor?
    private var clients: [ObjectIdentifier: Client] = [:]
    private var programs: [ObjectIdentifier: (program: Program, id: String)] = [:]
    private var container: Program?
    private var health: HealthCheck?
    private let check: [UInt8]
    private var state = RunState()
    private var policy: RestartPolicy
    private var backOff = RestartBackOff()
    private var restarting: EventLoop.Timer?
    private var freezer: Freezer?
    /// Somebody stops it: it is not started again.
    private var stopping = false
    /// What is to be removed when it ends stays this time.
    private var kept = false
    private var over = false
    private var responsible = false
    private var hostsSize: Int64 = 0
    /// When more memory was needed than for waiting; nil where it has been given back.
    private var untidy: UInt64?
    private let footprint = Footprint()
    private var soon = false
    /// A process that waits for a plan, perhaps for one like this container's.
    private var ahead: ChildAhead?
    /// The container's mount namespace: its mounts are taken apart when everybody knows that it has ended.
    private var mounts: OwnedDescriptor?

    init(
        _ settings: MonitorSettings, plan: [UInt8], check: [UInt8], ahead: ChildAhead? = nil
    ) throws(DrydockError) {
        self.settings = settings
        self.ahead = ahead
        self.plan = plan
        self.check = check
        policy = settings.restart
        directory = FilePath(settings.directory)
        loop = try EventLoop()
        parent = ParentOperations(loop)
        events = Events(settings)
        log = settings.log.kept ? JSONLog(directory.appending("log.json"), settings.log) : nil
    }

    /// Starts the container and stays until it has ended for good. The client is the one that started the monitor.
    func run(client socket: OwnedDescriptor, reader: FrameReader) {
        let starter = adopt(socket)
        defer { ahead?.abandon() }
        do throws(LaunchFailure) {
            try claim()
            let started = try launch()
            let flags = AttachFlags(rawValue: settings.attach)
            let times = started.times.map { JSONValue.array([.int(Int64($0.begun)), .int(Int64($0.done))]) }
            adopt(started)
            let facts = (state.json.pairs ?? []) + [("times", .array(times))]
            starter.send(Frame(.started, Array(JSONValue.object(facts).compact.utf8)))
            responsible = flags.contains(.responsible)
            if !flags.isDisjoint(with: [.input, .output, .error]) { container?.attach(starter, flags) }
        } catch {
            starter.closesWhenSent = true
            starter.send(Frame(.failed, Array(error.json.compact.utf8)))
            flushClients()
            listener?.close()
            parent.undo()
            if lock != nil {
                for name in ["monitor.sock", "starting.json"] { unlink(directory.appending(name).string) }
                ExitRecord.cancel(in: directory)
            }
            return
        }
        starter.take(reader)
        while !over { turn() }
        flushClients()
        end()
    }

    /// Waits for something to do and does it. When there is nothing for a while, soon where a program was started or
    /// ended, what that needed is given back; also now and then where there is always something to do.
    private func turn() {
        guard let since = untidy else {
            loop.turn()
            if untidy == nil { untidy = cl_now() }
            return
        }
        let worked = loop.turn(milliseconds: soon ? 100 : 1000)
        guard !worked || cl_now() - since > 2_000_000_000 else { return }
        footprint.trim()
        untidy = worked ? cl_now() : nil
        soon = false
    }

    private func tidySoon() {
        if untidy == nil { untidy = cl_now() }
        soon = true
    }

    // Starting

    /// Takes the container for this monitor: there is one at a time, and none for a container that was removed.
    private func claim() throws(LaunchFailure) {
        let file = directory.appending("monitor.lock")
        do throws(DrydockError) {
            let deadline = cl_now() + 30_000_000_000
            var patience = Patience()
            while lock == nil {
                lock = try FileLock.ifFree(file)
                if lock != nil { break }
                // The monitor before this one may still be putting things away; one that looks after it stays.
                let runs = Files.exists(directory.appending("run.json"))
                if runs && !Files.exists(directory.appending("exit.json")) || cl_now() > deadline {
                    throw DrydockError(.conflict, MonitorSettings.alreadyRunning)
                }
                patience.pause()
            }
            guard lock?.isLock(of: file) == true else {
                lock = nil
                throw DrydockError(.notFound, "No such container: \(settings.id)")
            }
            // One whose monitor was killed goes on without it.
            let left = (try? Files.readIfPresent(directory.appending("run.json"))).flatMap { $0 }
            if let left, !Files.exists(directory.appending("exit.json")), let run = try? JSONValue(parsing: left),
                RunRecord(run).process != nil
            {
                throw DrydockError(.conflict, MonitorSettings.alreadyRunning)
            }
            for name in ["exit.json", "run.json", "starting.json", "health.json", "execs.json"] {
                unlink(directory.appending(name).string)
            }
        } catch {
            throw LaunchFailure(error)
        }
    }

    /// Lets others speak to this monitor.
    private func listen() throws(DrydockError) {
        guard listener == nil else { return }
        let listener = try UnixSocket.listen(directory.appending("monitor.sock"))
        _ = cl_nonblocking(listener.number)
        self.listener = listener
        loop.watch(listener.number, .read) { [weak self] _ in self?.accept() }
        hostsSize = (try? FileAt.status(FileAt.workingDirectory, directory.appending("hosts").string))?.size ?? 0
    }

    private func launch() throws(LaunchFailure) -> StartedProcess {
        tidySoon()
        let ready = ahead
        ahead = nil
        let isSuitable = ready?.suits(plan) ?? false
        // It may hold the same directories.
        if isSuitable { parent.adopt(ready?.cgroup) } else { ready?.abandon() }
        let launcher = Launcher(settings: settings, parent: parent, target: -1) { (pid: Int32) throws(DrydockError) in
            // So that it can be found when this process is killed before it has written down that the container runs.
            let record = RunRecord(starting: pid).json.compact
            try? AtomicFile.write(Array(record.utf8), to: self.directory.appending("starting.json"), durable: false)
            try ExitRecord.reserve(in: self.directory)
            try self.listen()
        }
        return try launcher.launch(plan, in: isSuitable ? ready : nil)
    }

    /// Takes over a process that has become the container's program.
    private func adopt(_ started: StartedProcess) {
        let program = Program(started, settings: settings, log: log, loop: loop)
        container = program
        // Without an overlay the mounts are also somebody else's, who waits for them.
        mounts = settings.volatileMark.isEmpty ? nil : started.mounts
        program.finished = { [weak self] _, status in self?.programEnded(status) }
        state.begin(started.handle.pid, network: parent.networkJSON, cgroup: parent.cgroup)
        freezer = Freezer(cgroup: parent.cgroup?.birthplace, name: settings.id, process: started.handle.pid)
        save()
        events.record("start")
        guard let health = settings.health, !check.isEmpty else { return }
        footprint.divideCode()
        self.health = HealthCheck(health, self, check, startedAt: state.startedAt)
    }

    private func save() { write("run.json", state.json) }

    func write(_ name: String, _ json: JSONValue) {
        try? AtomicFile.write(Array(json.compact.utf8), to: directory.appending(name), durable: false)
    }

    // Clients

    private func accept() {
        guard let listener else { return }
        tidySoon()
        let number = cl_accept(listener.number, 0)
        if number >= 0 { _ = adopt(OwnedDescriptor(number)) }
    }

    private func adopt(_ socket: OwnedDescriptor) -> Client {
        let client = Client(socket, loop)
        clients[ObjectIdentifier(client)] = client
        client.received = { [weak self] client, frame in self?.handle(frame, from: client) }
        client.ended = { [weak self] client in
            client.program?.leave(client)
            self?.clients[ObjectIdentifier(client)] = nil
        }
        return client
    }

    private func handle(_ frame: Frame, from client: Client) {
        let program = client.program ?? container
        switch frame.kind {
        case .attach:
            guard let container, container.status == nil else {
                client.closesWhenSent = true
                return client.send(Frame(.failed, Array(#"{"message":"the container is not running"}"#.utf8)))
            }
            container.attach(client, AttachFlags(rawValue: frame.payload.first ?? 0))
            client.send(Frame(.done))
        case .exec: exec(frame, client)
        case .signal where client.program != nil: try? program?.handle.signal(frame.number)
        case .signal: answer(client) { () throws(DrydockError) in try signal(frame.number) }
        case .stopping:
            stopping = true
            kept = frame.payload.first == 1
            answer(client) { () throws(DrydockError) in if restarting != nil { containerEnded() } }
        case .pause: answer(client) { () throws(DrydockError) in try pause(true) }
        case .resume: answer(client) { () throws(DrydockError) in try pause(false) }
        case .policy:
            if let json = try? JSONValue(parsing: frame.payload) { policy = RestartPolicy(json) }
            answer(client) {}
        case .rename:
            events.name = String(decoding: frame.payload, as: UTF8.self)
            answer(client) {}
        case .root: handOutRoot(to: client)
        case .resize:
            guard frame.payload.count >= 4 else { return }
            let bytes = frame.payload.map(UInt16.init)
            let (rows, columns) = (bytes[0] | bytes[1] << 8, bytes[2] | bytes[3] << 8)
            program?.resize(rows: rows, columns: columns)
            let size = ["height": String(rows), "width": String(columns)]
            if program === container { events.record("resize", size) }
        case .wait: client.waits = true
        case .input: client.program?.feed(frame.payload)
        case .inputEnd: client.program?.inputEnded(client)
        default: break
        }
    }

    private func answer(_ client: Client, _ work: () throws(DrydockError) -> Void) {
        do throws(DrydockError) {
            try work()
            client.send(Frame(.done))
        } catch {
            client.send(Frame(.failed, Array(LaunchFailure(error).json.compact.utf8)))
        }
    }

    private func signal(_ number: Int32) throws(DrydockError) {
        guard let container, container.status == nil else {
            throw DrydockError(.conflict, "the container is not running")
        }
        try container.handle.signal(number)
    }

    private func pause(_ wanted: Bool) throws(DrydockError) {
        guard wanted != state.paused else { return }
        guard let container, container.status == nil, let freezer else {
            throw DrydockError(.conflict, "the container is not running")
        }
        if wanted { try freezer.freeze() } else { try freezer.thaw() }
        state.paused = wanted
        if wanted { health?.hold() } else { health?.goOn() }
        save()
        events.record(wanted ? "pause" : "unpause")
    }

    private func handOutRoot(to client: Client) {
        answer(client) { () throws(DrydockError) in
            guard let pid = container?.handle.pid, container?.status == nil else {
                throw DrydockError(.conflict, "the container is not running")
            }
            let root = try OwnedDescriptor.place(FilePath("/proc/\(pid)/root"))
            client.descriptor = root
        }
    }

    // Programs beside the container's own

    private func exec(_ frame: Frame, _ client: Client) {
        do throws(LaunchFailure) {
            let request: (settings: JSONValue, plan: [UInt8])
            do throws(DrydockError) { request = try frame.settingsAndPlan() } catch { throw LaunchFailure(error) }
            let settings = MonitorSettings(request.settings)
            let (program, times) = try exec(request.plan, settings)
            let facts: JSONValue = [
                "pid": .int(Int64(program.handle.pid)),
                "times": .array(times.map { JSONValue.array([.int(Int64($0.begun)), .int(Int64($0.done))]) }),
            ]
            client.send(Frame(.started, Array(facts.compact.utf8)))
            if settings.detached {
                client.closesWhenSent = true
            } else {
                program.attach(client, AttachFlags(rawValue: settings.attach))
            }
        } catch {
            client.closesWhenSent = true
            client.send(Frame(.failed, Array(error.json.compact.utf8)))
        }
    }

    /// Starts a program in the container.
    func exec(
        _ plan: [UInt8], _ settings: MonitorSettings
    ) throws(LaunchFailure) -> (program: Program, times: [(begun: UInt64, done: UInt64)]) {
        guard let container, container.status == nil else {
            throw LaunchFailure(DrydockError(.conflict, "the container is not running"))
        }
        tidySoon()
        let more = ["execID": settings.execID]
        events.record("exec_create: \(settings.command)", more)
        let target = container.handle.descriptor.number
        let started = try Launcher(settings: settings, parent: parent, target: target).launch(plan)
        events.record("exec_start: \(settings.command)", more)
        let program = Program(started, settings: settings, log: nil, loop: loop)
        programs[ObjectIdentifier(program)] = (program, settings.execID)
        saveExecs()
        program.finished = { [weak self] program, status in
            for client in program.clients {
                client.closesWhenSent = true
                client.send(.number(.exited, status))
            }
            guard let self else { return }
            programs[ObjectIdentifier(program)] = nil
            saveExecs()
            events.record("exec_die", ["execID": settings.execID, "exitCode": String(status)])
            program.ended(status)
        }
        return (program, started.times)
    }

    private func saveExecs() {
        let ids = programs.values.map(\.id).filter { !$0.isEmpty }.sorted()
        if ids.isEmpty {
            unlink(directory.appending("execs.json").string)
        } else {
            write("execs.json", .array(ids.map(JSONValue.string)))
        }
    }

    /// Gives back what a check of the container's health needed: the next one may come before there is time to.
    func checkEnded() { footprint.trim() }

    func healthChanged(to status: String) { events.record("health_status: \(status)") }

    // The end

    private func programEnded(_ status: Int32) {
        tidySoon()
        parent.closePorts()
        health?.stop()
        health = nil
        let ran = WallClock.now - state.startedAt
        let outOfMemory = parent.cgroup?.ranOutOfMemory ?? false
        state.end(status, outOfMemory: outOfMemory)
        if outOfMemory { events.record("oom") }
        events.record("die", ["exitCode": String(status), "execDuration": String(ran / 1_000_000_000)])
        let again = !stopping && policy.restarts(after: status, count: state.restarts)
        if again {
            state.restarting = true
            save()
        } else {
            containerEnded()
        }
        tellEnd(status, forGood: !again)
        guard again else { return }
        restarting = loop.after(backOff.next(ran: ran)) { [weak self] in self?.restart() }
    }

    /// Tells those who are attached, and those who wait.
    private func tellEnd(_ status: Int32, forGood: Bool) {
        let attached = container?.clients ?? []
        if forGood {
            responsible = attached.contains { $0.flags.contains(.responsible) && $0.isOpen }
            // Who removes it need not wait until everything here is put away: nobody starts it again.
            if responsible, !kept { release() }
        }
        for client in Array(clients.values) {
            let isAttached = attached.contains { $0 === client }
            guard forGood || isAttached || client.waits else { continue }
            client.closesWhenSent = true
            guard client.waits || isAttached else { continue }
            client.send(Frame(.exited, Frame.number(.exited, status).payload + [kept ? 1 : 0]))
        }
    }

    private func restart() {
        restarting = nil
        mounts = nil
        parent.undo()
        freezer?.remove()
        parent = ParentOperations(loop)
        // The line of the address before is not the new one's.
        truncate(directory.appending("hosts").string, off_t(hostsSize))
        do throws(LaunchFailure) {
            let started = try launch()
            state.restarts += 1
            adopt(started)
        } catch {
            containerEnded()
            tellEnd(state.code, forGood: true)
        }
    }

    private func containerEnded() {
        loop.cancel(restarting)
        restarting = nil
        state.restarting = false
        ExitRecord.write(state.exitJSON(stopped: stopping), in: directory)
        if let listener {
            loop.forget(listener.number)
            listener.close()
        }
        over = true
    }

    /// Gives clients the time to take what they have not taken yet.
    private func flushClients() {
        let deadline = cl_now() + 10_000_000_000
        while clients.values.contains(where: { $0.backlog > 0 }), cl_now() < deadline { loop.turn(milliseconds: 1000) }
        for client in Array(clients.values) { client.close() }
    }

    private func release() {
        unlink(directory.appending("monitor.sock").string)
        unlink(directory.appending("execs.json").string)
        lock?.unlock()
        lock = nil
    }

    private func end() {
        if lock == nil { Background.stepAside() }
        parent.release()
        freezer?.remove()
        if lock != nil {
            mounts = nil
            release()
        }
        if !responsible, !kept, let program = settings.cleanup.first {
            _ = try? ChildProcess.spawn(program, settings.cleanup, detached: true, directory: "/")
        }
        parent.removeDevice()
    }
}

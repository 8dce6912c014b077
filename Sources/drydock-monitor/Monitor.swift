import CLinux
import Diagnostics
import Glibc
import Linux
import SystemPackage

/// Looks after one container from its start to its end.
final class Monitor {
    private let settings: MonitorSettings
    private let directory: FilePath
    private let loop: EventLoop
    private let parent: ParentOperations
    private var lock: FileLock?
    private var listener: OwnedDescriptor?
    private var clients: [ObjectIdentifier: Client] = [:]
    private var programs: [ObjectIdentifier: Program] = [:]
    private var container: Program?
    private var startedAt: Int64 = 0
    private var over = false
    private var responsible = false

    init(_ settings: MonitorSettings) throws(DrydockError) {
        self.settings = settings
        directory = FilePath(settings.directory)
        loop = try EventLoop()
        parent = ParentOperations(loop)
    }

    /// Starts the container and stays until it has ended. The client is the one that started the monitor.
    func run(plan: [UInt8], client socket: OwnedDescriptor, reader: FrameReader) {
        let starter = adopt(socket)
        do throws(LaunchFailure) {
            let started = try begin(plan)
            let program = Program(
                started, settings: settings, log: JSONLog(directory.appending("log.json")), loop: loop)
            container = program
            program.finished = { [weak self] _, status in self?.containerEnded(status) }
            announce(started, to: starter)
        } catch {
            starter.closesWhenSent = true
            starter.send(Frame(.failed, Array(error.json.compact.utf8)))
            flushClients()
            listener?.close()
            parent.undo()
            unlink(directory.appending("monitor.sock").string)
            return
        }
        starter.take(reader)
        // After a second without anything to do, what doing it needed is given back.
        var busy = true
        while !over {
            let worked = loop.turn(milliseconds: busy ? 1000 : -1)
            if !worked { trim() }
            busy = worked
        }
        flushClients()
        end()
    }

    private func begin(_ plan: [UInt8]) throws(LaunchFailure) -> StartedProcess {
        do throws(DrydockError) {
            // The monitor before this one may still be putting things away.
            lock = try FileLock(directory.appending("monitor.lock"))
            for name in ["exit.json", "run.json"] { unlink(directory.appending(name).string) }
            let listener = try UnixSocket.listen(directory.appending("monitor.sock"))
            _ = cl_nonblocking(listener.number)
            self.listener = listener
            loop.watch(listener.number, .read) { [weak self] _ in self?.accept() }
        } catch {
            throw LaunchFailure(error)
        }
        return try Launcher(settings: settings, parent: parent, target: -1).launch(plan)
    }

    private func announce(_ started: StartedProcess, to starter: Client) {
        startedAt = WallClock.now
        let pid = started.handle.pid
        let state: [(key: String, value: JSONValue)] = [
            ("pid", .int(Int64(pid))), ("monitor", .int(Int64(getpid()))), ("startedAt", .int(startedAt)),
            ("startTime", .int(Int64(ProcessHandle.startTime(pid) ?? 0))), ("network", parent.networkJSON),
        ]
        write("run.json", .object(state))
        let flags = AttachFlags(rawValue: settings.attach)
        responsible = flags.contains(.responsible)
        let times = started.times.map { JSONValue.array([.int(Int64($0.begun)), .int(Int64($0.done))]) }
        starter.send(Frame(.started, Array(JSONValue.object(state + [("times", .array(times))]).compact.utf8)))
        if !flags.isDisjoint(with: [.input, .output, .error]) { container?.attach(starter, flags) }
    }

    private func write(_ name: String, _ json: JSONValue) {
        try? AtomicFile.write(Array(json.compact.utf8), to: directory.appending(name), durable: false)
    }

    // Clients

    private func accept() {
        guard let listener else { return }
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
        case .signal:
            let result: Result<Void, DrydockError> = Result { () throws(DrydockError) in
                try program?.handle.signal(frame.number)
            }
            guard client.program == nil else { return }
            if case .failure(let error) = result {
                client.send(Frame(.failed, Array(LaunchFailure(error).json.compact.utf8)))
            } else {
                client.send(Frame(.done))
            }
        case .resize:
            guard frame.payload.count >= 4 else { return }
            let bytes = frame.payload.map(UInt16.init)
            program?.resize(rows: bytes[0] | bytes[1] << 8, columns: bytes[2] | bytes[3] << 8)
        case .wait: client.waits = true
        case .input: client.program?.feed(frame.payload)
        case .inputEnd: client.program?.endInput()
        default: break
        }
    }

    private func exec(_ frame: Frame, _ client: Client) {
        do throws(LaunchFailure) {
            let request: (settings: JSONValue, plan: [UInt8])
            do throws(DrydockError) { request = try frame.settingsAndPlan() } catch { throw LaunchFailure(error) }
            guard let container, container.status == nil else {
                throw LaunchFailure(DrydockError(.conflict, "the container is not running"))
            }
            let settings = MonitorSettings(request.settings)
            let target = container.handle.descriptor.number
            let started = try Launcher(settings: settings, parent: parent, target: target).launch(request.plan)
            let program = Program(started, settings: settings, log: nil, loop: loop)
            programs[ObjectIdentifier(program)] = program
            program.finished = { [weak self] program, status in
                for client in program.clients {
                    client.closesWhenSent = true
                    client.send(.number(.exited, status))
                }
                self?.programs[ObjectIdentifier(program)] = nil
            }
            let times = started.times.map { JSONValue.array([.int(Int64($0.begun)), .int(Int64($0.done))]) }
            let facts: JSONValue = ["pid": .int(Int64(started.handle.pid)), "times": .array(times)]
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

    // The end

    private func containerEnded(_ status: Int32) {
        parent.closePorts()
        let exit: JSONValue = [
            "code": .int(Int64(status)), "startedAt": .int(startedAt), "finishedAt": .int(WallClock.now),
            "oom": .bool(parent.cgroup?.ranOutOfMemory ?? false),
        ]
        write("exit.json", exit)
        if let listener {
            loop.forget(listener.number)
            listener.close()
        }
        let attached = container?.clients ?? []
        responsible = attached.contains { $0.flags.contains(.responsible) && $0.isOpen }
        for client in clients.values {
            client.closesWhenSent = true
            if client.waits || attached.contains(where: { $0 === client }) { client.send(.number(.exited, status)) }
        }
        over = true
    }

    /// Gives clients the time to take what they have not taken yet.
    private func flushClients() {
        let deadline = cl_now() + 10_000_000_000
        while clients.values.contains(where: { $0.backlog > 0 }), cl_now() < deadline { loop.turn(milliseconds: 1000) }
        for client in Array(clients.values) { client.close() }
    }

    private func end() {
        parent.undo()
        unlink(directory.appending("monitor.sock").string)
        lock?.unlock()
        if !responsible, let program = settings.cleanup.first {
            _ = try? ChildProcess.spawn(program, settings.cleanup, detached: true, directory: "/")
        }
    }

    /// Gives back the memory of code and constants that only the start needed: what was never changed can be read
    /// again from the file.
    private func trim() {
        guard let maps = try? Files.read("/proc/self/smaps") else { return }
        var mapping: (start: UInt, length: UInt)?
        for line in String(decoding: maps, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            if fields.count >= 6, fields[1].hasPrefix("r-"), fields[5].hasPrefix("/") {
                let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
                mapping = ends.count == 2 ? (ends[0], ends[1] - ends[0]) : nil
            } else if let known = mapping, fields.first == "Anonymous:" {
                if fields[1] == "0" { _ = cl_trim_text(known.start, known.length) }
                mapping = nil
            } else if fields.count >= 5, !fields[0].hasSuffix(":") {
                mapping = nil
            }
        }
    }
}

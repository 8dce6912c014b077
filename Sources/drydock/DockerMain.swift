import Diagnostics
import DockerCLI
import Engine
import Glibc
import Linux
import Runtime
import Synchronization
import SystemPackage
import Terminal

/// Runs one docker command: `drydock docker ARGS…`, or `docker ARGS…` where the program is called by that name.
enum DockerMain {
    /// Enters the user namespace where the command needs it. Must come before the process has a second thread.
    static func prepare(_ arguments: [String], places: Places) throws(DrydockError) {
        guard DockerCommand.needs(arguments).identityMap else { return }
        _ = try UserNamespace.enter { ContainerRuntime.monitors(below: places.home.containers) }
    }

    /// The engine of this process's command. It is never closed: closing the store would fold its log into the
    /// database, with two syncs; the log serves the next command as well.
    private static let opened = Mutex<Engine?>(nil)

    /// Runs a command.
    /// - Parameters:
    ///   - engine: an engine that is open already.
    ///   - told: is called with the exit status as soon as it is known; what is done afterwards shows nothing.
    static func run(
        _ arguments: [String], places: Places, engine ready: Engine? = nil, told: (Int32) -> Void = { _ in }
    ) async -> Int32 {
        var (places, ready) = (places, ready)
        if let directory = DockerCommand.configDirectory(arguments) {
            var environment = places.environment
            environment["DOCKER_CONFIG"] = Places.workingDirectory.pushing(FilePath(directory)).string
            places = Places(places, home: places.home, environment: environment)
            ready = nil
        }
        let (home, known) = (places, ready)
        let trace = Trace()
        let record = Mutex(TraceRecord())
        trace.listen { event in record.withLock { $0.add(event) } }
        var context = CommandContext(
            engine: { () throws(DrydockError) in
                var engine = known
                if engine == nil { engine = try Composition(places: home).engine() }
                guard let engine else { throw DrydockError(.internal, "no engine") }
                opened.withLock { $0 = engine }
                return engine
            },
            output: StandardStream.output, errors: StandardStream.errors, terminal: StandardStream.traits(places),
            prompt: StandardPrompt(), trace: trace, environment: places.environment,
            workingDirectory: Places.workingDirectory.string,
            now: { StandardStream.now },
            readFile: { path throws(DrydockError) in try Files.read(FilePath(path)) })
        context.writeFile = { path, bytes throws(DrydockError) in
            let file = try OwnedDescriptor.open(
                FilePath(path), .writeOnly, options: [.create, .exclusiveCreate],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
            try Files.write(bytes, to: file.number)
        }
        context.clientConfig = {
            guard let bytes = try? Files.readIfPresent(Composition(places: home).dockerConfig),
                let config = try? JSONValue(parsing: bytes), config.pairs != nil
            else { return .object([]) }
            return config
        }
        let complete = context
        let status = await BlockingWork.$mayBlock.withValue(true) {
            await DockerCommand.run(arguments: arguments, context: complete)
        }
        told(status)
        let engine = opened.withLock { $0 }
        engine?.finishRemovals()
        await engine?.shutdown()
        let recorded = record.withLock { $0.events }
        if !recorded.isEmpty {
            TraceFile(command: DockerCommand.withoutSecrets(arguments), status: status, events: recorded).write(
                to: places.home.traces)
        }
        return status
    }
}

/// This process's standard streams, as a docker command sees them.
enum StandardStream {
    static let output = OutputSink { bytes in write(bytes, to: STDOUT_FILENO) }
    static let errors = OutputSink { bytes in write(bytes, to: STDERR_FILENO) }

    /// A reader that has gone ends the command, as it does every program of a pipe.
    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        do {
            try Files.write(bytes, to: descriptor)
        } catch {
            if error.errno == EPIPE { exit(128 + SIGPIPE) }
        }
    }

    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    static func traits(_ places: Places) -> TerminalTraits {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        var size = winsize()
        let known = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        let columns = known ? Int(size.ws_col) : Int(places.environment["COLUMNS"] ?? "") ?? 80
        let plain = places.environment["NO_COLOR"].map { !$0.isEmpty } ?? false
        let dumb = ["dumb", ""].contains(places.environment["TERM"] ?? "")
        return TerminalTraits(
            inputIsTerminal: isatty(STDIN_FILENO) == 1, outputIsTerminal: isTerminal && !dumb,
            errorIsTerminal: isatty(STDERR_FILENO) == 1, width: columns,
            usesColour: isatty(STDERR_FILENO) == 1 && !plain && !dumb)
    }
}

import Diagnostics
import Engine
import OCI

/// `docker run`, `docker create`, `docker start`, `docker attach`, `docker exec`.
enum RunCommands {
    static func create(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let request = try await decorated(invocation, context) { () throws(Failure) in
            try CreateOptions(invocation: invocation, context: context).request()
        }
        let engine = try context.open()
        do throws(Failure) {
            let created = try await create(request, engine, invocation, context)
            context.output.line(created.id)
            return 0
        } catch {
            // What `docker run` ends with 125 for is any failure here.
            throw error.exiting(1)
        }
    }

    static func run(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let detach = invocation.bool("detach")
        let request = try await decorated(invocation, context) { () throws(Failure) in
            var request = try CreateOptions(invocation: invocation, context: context).request()
            request.startsNow = true
            // One that nobody is attached to keeps its input open for those who attach later.
            if detach { request.attach = [] }
            return request
        }
        if !detach, request.tty, request.openStdin, !context.terminal.inputIsTerminal {
            throw .message("the input device is not a TTY")
        }
        if detach, invocation.isGiven("attach") {
            throw .message("conflicting options: cannot specify both --attach and --detach")
        }
        return try await decorated(invocation, context) { () async throws(Failure) in
            let engine = try context.open()
            let created = try await create(request, engine, invocation, context)
            let options = attachOptions(request, invocation, context)
            if !detach, !options.stdout, !options.stderr { context.output.line(created.id) }
            let span = invocation.span
            do throws(Failure) {
                let status = try await blocking { () throws(DrydockError) in
                    try engine.start(created.id, attach: detach ? nil : options, span)
                }
                if detach { context.output.line(created.id) }
                return status ?? 0
            } catch {
                // One that goes on without its monitor, or without this command, is not this command's to end.
                if request.autoRemove, error.error?.code != .unattended, error.error?.code != .interrupted {
                    try? engine.removeContainer(created.id, force: true, volumes: true)
                }
                throw error
            }
        }
    }

    private static func attachOptions(
        _ request: CreateRequest, _ invocation: Invocation, _ context: CommandContext
    ) -> AttachOptions {
        var options = AttachOptions()
        options.stdin = request.attach.contains("stdin")
        options.stdout = request.attach.contains("stdout")
        options.stderr = request.attach.contains("stderr")
        options.detachKeys = context.detachKeys(invocation, input: options.stdin)
        options.signalProxy = invocation.bool("sig-proxy")
        return options
    }

    /// Prints failures the way `docker run` does, and ends with 125 where nothing more special is known.
    private static func decorated<Value>(
        _ invocation: Invocation, _ context: CommandContext, _ body: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        do throws(Failure) { return try await body() } catch {
            guard error.error != nil else { throw error }
            context.errors.write(context.errorText.runText(error, command: invocation.commandLine))
            throw .printed(error.status == 1 && error.error?.code != .interrupted ? 125 : error.status)
        }
    }

    /// Makes the container; pulls the image first where the policy says so.
    private static func create(
        _ request: CreateRequest, _ engine: any EngineOperations, _ invocation: Invocation, _ context: CommandContext
    ) async throws(Failure) -> CreatedContainer {
        let span = invocation.span
        let file = request.isolation.containerIDFile
        let idFile = try file.isEmpty ? nil : IDFile(context.absolute(file), named: file)
        defer { idFile?.close() }
        for address in request.dns where address.hasPrefix("127.") || address == "::1" {
            context.errors.line("WARNING: Localhost DNS setting (--dns=\(address)) may fail in containers.")
        }
        if request.pull == .always { try await pull(request, engine, invocation, context) }
        var created: CreatedContainer
        do throws(Failure) {
            created = try await blocking { () throws(DrydockError) in try engine.create(request, span) }
        } catch {
            guard request.pull == .missing, error.error?.code == .notFound, isMissing(request, engine) else {
                throw error
            }
            let reference = try invocation.reference(request.image).withDefaultTag
            context.errors.line("Unable to find image '\(reference.familiar)' locally")
            try await pull(request, engine, invocation, context)
            created = try await blocking { () throws(DrydockError) in try engine.create(request, span) }
        }
        try idFile?.write(created.id)
        for warning in created.warnings { context.errors.line("WARNING: \(warning)") }
        return created
    }

    private static func isMissing(_ request: CreateRequest, _ engine: any EngineOperations) -> Bool {
        do throws(DrydockError) {
            _ = try engine.inspectImage(request.image)
            return request.platform != nil
        } catch {
            return error.code == .notFound
        }
    }

    private static func pull(
        _ request: CreateRequest, _ engine: any EngineOperations, _ invocation: Invocation, _ context: CommandContext
    ) async throws(Failure) {
        let reference = try invocation.reference(request.image).withDefaultTag
        _ = try await TransferCommands.pull(
            PullRequest(reference: reference, platform: request.platform), engine, invocation.span, context,
            sink: invocation.bool("quiet") ? nil : context.errors, isTerminal: context.terminal.errorIsTerminal)
    }

    static func start(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let joins = invocation.bool("attach") || invocation.bool("interactive")
        if joins, invocation.arguments.count > 1 {
            throw .message("you cannot start and attach multiple containers at once")
        }
        let engine = try context.open()
        let span = invocation.span
        if joins {
            var options = AttachOptions()
            options.stdin = invocation.bool("interactive")
            options.detachKeys = context.detachKeys(invocation, input: options.stdin)
            let attach = options
            let status = try await blocking { () throws(DrydockError) in
                try engine.start(invocation.arguments[0], attach: attach, span)
            }
            return status ?? 0
        }
        let failed = await context.forEach(invocation.arguments, atOnce: true) { name throws(Failure) in
            _ = try await blocking { () throws(DrydockError) in try engine.start(name, attach: nil, span) }
            context.output.line(name)
        }
        guard !failed.isEmpty else { return 0 }
        context.errors.line("Error: failed to start containers: \(failed.joined(separator: ", "))")
        return 1
    }

    static func attach(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let engine = try context.open()
        let name = invocation.arguments[0]
        let document = try daemon { () throws(DrydockError) in try engine.inspectContainer(name, size: false) }
        guard document.at("State.Running")?.bool == true else {
            throw .message("You cannot attach to a stopped container, start it first")
        }
        if document.at("State.Paused")?.bool == true {
            throw .message("You cannot attach to a paused container, unpause it first")
        }
        if document.at("State.Restarting")?.bool == true {
            throw .message("You cannot attach to a restarting container, wait until it is running")
        }
        var options = AttachOptions()
        options.stdin = !invocation.bool("no-stdin") && document.at("Config.OpenStdin")?.bool == true
        options.detachKeys = context.detachKeys(invocation, input: options.stdin)
        options.signalProxy = invocation.bool("sig-proxy")
        if options.stdin, document.at("Config.Tty")?.bool == true, !context.terminal.inputIsTerminal {
            throw .message("the input device is not a TTY")
        }
        let attach = options
        let status = try await blocking { () throws(DrydockError) in try engine.attach(name, attach) }
        // Docker's client counts leaving as a failure here, and not with `run` and `start`.
        guard let status else { throw .message("read escape sequence") }
        return status
    }

    static func exec(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        var request = ExecRequest(
            container: invocation.arguments[0], command: Array(invocation.arguments.dropFirst()))
        request.stdin = invocation.bool("interactive")
        request.tty = invocation.bool("tty")
        request.detach = invocation.bool("detach")
        request.env = try CreateOptions.environment(invocation, context)
        request.workingDir = invocation.string("workdir")
        request.user = invocation.string("user")
        request.privileged = invocation.bool("privileged")
        request.detachKeys = context.detachKeys(invocation, input: request.stdin)
        let engine = try context.open()
        if !request.detach, request.stdin, request.tty, !context.terminal.inputIsTerminal {
            _ = try daemon { () throws(DrydockError) in try engine.inspectContainer(request.container, size: false) }
            throw .message("the input device is not a TTY")
        }
        let (final, span) = (request, invocation.span)
        do throws(Failure) {
            return try await blocking { () throws(DrydockError) in try engine.exec(final, span) }
        } catch {
            guard case .daemon(var refused) = error else { throw error }
            if refused.message == ExecRequest.leftMessage { throw .client(refused) }
            if final.detach {
                // Nobody is there to be told by the program's streams: the daemon answers.
                if !refused.message.hasPrefix("OCI runtime ") { throw error.exiting(1) }
                refused.message = "Error response from daemon: " + refused.message
                throw .client(refused.exiting(1))
            }
            // Docker says this through the program's streams, too, as it says that there is no such program.
            if refused.message.hasPrefix("unable to find ") { throw .client(refused.exiting(126)) }
            throw error
        }
    }
}

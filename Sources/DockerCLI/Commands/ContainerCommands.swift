import Diagnostics
import Engine
import OCI

/// `docker container …` except for starting and joining.
enum ContainerCommands {
    static func list(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let last = invocation.bool("latest") ? 1 : invocation.int("last") ?? -1
        let format = context.format(invocation, "psFormat")
        let quiet = invocation.bool("quiet")
        let wantsSizes = invocation.bool("size") || format?.contains(".Size") == true
        let engine = try context.open()
        var containers = try daemon { () throws(DrydockError) in
            try engine.containers(
                all: invocation.bool("all") || last >= 0, sizes: wantsSizes && !quiet, matching: invocation.filters)
        }
        if last >= 0 { containers = Array(containers.prefix(last)) }
        context.output.write(
            bytes: try ContainerListing.render(
                containers, whole: invocation.bool("no-trunc"), sizes: invocation.bool("size"), format: format,
                quiet: quiet, now: context.now()))
        return 0
    }

    static func stop(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let (timeout, signal, span) = (invocation.int("timeout"), invocation.string("signal"), invocation.span)
        return try await each(invocation, context) { engine, name throws(DrydockError) in
            try engine.stop(name, timeout: timeout, signal: signal, span)
        }
    }

    static func restart(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let (timeout, signal, span) = (invocation.int("timeout"), invocation.string("signal"), invocation.span)
        return try await each(invocation, context) { engine, name throws(DrydockError) in
            try engine.restart(name, timeout: timeout, signal: signal, span)
        }
    }

    static func pause(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        try await each(invocation, context) { engine, name throws(DrydockError) in try engine.pause(name) }
    }

    static func unpause(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        try await each(invocation, context) { engine, name throws(DrydockError) in try engine.unpause(name) }
    }

    static func kill(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let signal = invocation.string("signal").flatMap { $0.isEmpty ? nil : $0 } ?? "KILL"
        return try await each(invocation, context) { engine, name throws(DrydockError) in
            try engine.kill(name, signal: signal)
        }
    }

    static func remove(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let (force, volumes) = (invocation.bool("force"), invocation.bool("volumes"))
        if invocation.bool("link") {
            return try await each(invocation, context) { engine, name throws(DrydockError) in
                try engine.removeLink(name)
            }
        }
        return try await each(invocation, context, force: force) { engine, name throws(DrydockError) in
            try engine.removeContainer(name, force: force, volumes: volumes)
        }
    }

    /// Does the same with each container that is named, and prints the names of those that it worked for.
    private static func each(
        _ invocation: Invocation, _ context: CommandContext, force: Bool = false,
        _ body: @escaping @Sendable (any EngineOperations, String) throws(DrydockError) -> Void
    ) async throws(Failure) -> Int32 {
        let engine = try context.open()
        let failed = await context.forEach(invocation.arguments, force: force) { name throws(Failure) in
            try await blocking { () throws(DrydockError) in try body(engine, name) }
            context.output.line(name)
        }
        return failed.isEmpty ? 0 : 1
    }

    static func wait(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let engine = try context.open()
        let failed = await context.forEach(invocation.arguments) { name throws(Failure) in
            let status = try await blocking { () throws(DrydockError) in try engine.wait(name) }
            context.output.line(String(status))
        }
        return failed.isEmpty ? 0 : 1
    }

    static func rename(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let (old, new) = (trimmed(invocation.arguments[0]), trimmed(invocation.arguments[1]))
        guard !old.isEmpty, !new.isEmpty else { throw .message("Error: Neither old nor new names may be empty") }
        let engine = try context.open()
        do throws(Failure) {
            try await blocking { () throws(DrydockError) in try engine.rename(old, to: new) }
        } catch {
            context.report(error)
            context.errors.line("Error: failed to rename container named \(old)")
            throw .printed(1)
        }
        return 0
    }

    static func diff(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let engine = try context.open()
        let name = invocation.arguments[0]
        let changes = try await blocking { () throws(DrydockError) in try engine.diff(name) }
        context.output.write(changes.map { "\($0.kind.rawValue) \($0.path)\n" }.joined())
        return 0
    }

    static func commit(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        var request = CommitRequest(container: invocation.arguments[0])
        if invocation.arguments.count > 1, !invocation.arguments[1].isEmpty {
            let reference = try invocation.reference(invocation.arguments[1])
            guard reference.digest == nil else { throw .message("refusing to create a tag with a digest reference") }
            request.reference = reference.withDefaultTag
        }
        request.author = invocation.string("author") ?? ""
        request.message = invocation.string("message") ?? ""
        request.changes = invocation.list("change")
        request.pause = invocation.bool("pause")
        let engine = try context.open()
        let (final, span) = (request, invocation.span)
        let image = try await blocking { () throws(DrydockError) in try engine.commit(final, span) }
        context.output.line(image.description)
        return 0
    }

    static func logs(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        var request = LogRequest(container: invocation.arguments[0])
        request.follow = invocation.bool("follow")
        request.timestamps = invocation.bool("timestamps")
        request.details = invocation.bool("details")
        let tail = invocation.string("tail") ?? "all"
        request.tail = Int(tail).flatMap { $0 < 0 ? nil : $0 }
        request.since = try moment("since", invocation, context)
        request.until = try moment("until", invocation, context)
        let engine = try context.open()
        let final = request
        let (output, errors) = (context.output, context.errors)
        try await blocking { () throws(DrydockError) in
            try engine.logs(final) { stream, bytes in
                (stream == .stdout ? output : errors).write(bytes: bytes)
            }
        }
        return 0
    }

    private static func moment(
        _ flag: String, _ invocation: Invocation, _ context: CommandContext
    ) throws(Failure) -> Int64? {
        guard let text = invocation.string(flag), !text.isEmpty else { return nil }
        guard let moment = HumanUnits.nanoseconds(ofMoment: text, now: context.now()) else {
            throw .message("invalid value for \"\(flag)\": failed to parse value as time or duration: \"\(text)\"")
        }
        return moment
    }

    static func prune(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        if !invocation.bool("force") {
            guard await context.confirm("WARNING! This will remove all stopped containers.") else { return 0 }
        }
        let engine = try context.open()
        let filters = context.pruneFilters(invocation)
        let report = try await blocking { () throws(DrydockError) in try engine.pruneContainers(matching: filters) }
        if !report.removed.isEmpty {
            context.output.line("Deleted Containers:")
            for id in report.removed { context.output.line(id) }
            context.output.line()
        }
        context.output.line("Total reclaimed space: \(Units.size(report.reclaimed, digits: 4))")
        return 0
    }

    static func port(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let engine = try context.open()
        let name = invocation.arguments[0]
        let document = try daemon { () throws(DrydockError) in try engine.inspectContainer(name, size: false) }
        let ports = document.at("NetworkSettings.Ports")?.pairs ?? []
        func addresses(_ value: JSONValue) -> [String] {
            (value.array ?? []).map { binding in
                let host = binding["HostIp"]?.string ?? ""
                return "\(host.contains(":") ? "[\(host)]" : host):\(binding["HostPort"]?.string ?? "")"
            }
        }
        guard invocation.arguments.count > 1 else {
            for port in ports.sorted(by: { $0.key < $1.key }) {
                for address in addresses(port.value) { context.output.line("\(port.key) -> \(address)") }
            }
            return 0
        }
        let asked = invocation.arguments[1]
        let key = asked.contains("/") ? asked : asked + "/tcp"
        let found = ports.first { $0.key == key }.map { addresses($0.value) } ?? []
        guard !found.isEmpty else { throw .message("Error: No public port '\(asked)' published for \(name)") }
        for address in found { context.output.line(address) }
        return 0
    }
}

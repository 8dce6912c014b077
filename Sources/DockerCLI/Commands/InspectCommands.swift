import Diagnostics
import Engine

/// `docker inspect` and its forms for one kind of object.
enum InspectCommands {
    /// The kinds that Docker knows by `--type`.
    private static let kinds = [
        "config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume",
    ]

    static func image(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let platform = invocation.spec.flag(named: "platform") == nil ? nil : try invocation.checkedPlatform()
        return try inspect(invocation, context) { engine, name throws(Failure) in
            if let platform { try engine.check(name, isFor: platform) }
            return try daemon { () throws(DrydockError) in try engine.inspectImage(name) }
        }
    }

    static func container(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let size = invocation.bool("size")
        return try inspect(invocation, context) { engine, name throws(Failure) in
            try daemon { () throws(DrydockError) in try engine.inspectContainer(name, size: size) }
        }
    }

    static func any(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let kind = invocation.string("type") ?? ""
        if !kind.isEmpty, !kinds.contains(kind) {
            let names = kinds.map { "\"\($0)\"" }.joined(separator: ", ")
            throw .message("unknown type: \"\(kind)\": must be one of \(names)")
        }
        if kind == "container" { return try await container(invocation, context) }
        if kind == "image" { return try await image(invocation, context) }
        let size = invocation.bool("size")
        return try inspect(invocation, context) { engine, name throws(Failure) in
            guard kind.isEmpty else { throw .daemon(noSuch(kind, name)) }
            if name.isEmpty { throw .message("invalid container name or ID: value is empty") }
            do throws(DrydockError) { return try engine.inspectContainer(name, size: size) } catch {
                guard error.code == .notFound else { throw .daemon(error) }
            }
            do throws(DrydockError) {
                let document = try engine.inspectImage(name)
                if size { context.errors.line("WARNING: --size ignored for image") }
                return document
            } catch {
                // What cannot be an image's name names nothing.
                guard [.notFound, .invalidArgument].contains(error.code) else { throw .daemon(error) }
            }
            throw .message("Error: No such object: \(name)")
        }
    }

    /// What Docker's daemon says of a kind of which there is nothing here.
    private static func noSuch(_ kind: String, _ name: String) -> DrydockError {
        switch kind {
        case "network": DrydockError(.notFound, "network \(name) not found")
        case "volume": DrydockError(.notFound, "get \(name): no such volume")
        case "plugin": DrydockError(.notFound, "plugin \"\(name)\" not found")
        default:
            DrydockError(
                .unavailable,
                "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this "
                    + "node to swarm and try again.")
        }
    }

    private static func inspect(
        _ invocation: Invocation, _ context: CommandContext,
        _ find: (any EngineOperations, String) throws(Failure) -> JSONValue
    ) throws(Failure) -> Int32 {
        let format = invocation.string("format").flatMap { $0.isEmpty ? nil : $0 }
        let template = try format.flatMap { format throws(Failure) in
            format == "json" ? nil : try InspectCommands.template(format)
        }
        let engine = try context.open()
        var documents: [JSONValue] = []
        var failures: [Failure] = []
        for name in invocation.arguments {
            do throws(Failure) { documents.append(try find(engine, name)) } catch { failures.append(error) }
        }
        if let template {
            if documents.isEmpty { context.output.line() }
            // `json` shows the document as it is.
            let isPlain = format?.contains("json") == true
            for document in documents {
                let subject = isPlain ? document : DocumentDefaults.filled(document)
                do throws(Failure) { context.output.line(try fill(template, subject, isTyped: true)) } catch {
                    context.output.line()
                    throw error
                }
            }
        } else if format != nil {
            for document in documents { context.output.line(document.compact) }
        } else {
            context.output.line(JSONValue.array(documents).pretty(indent: 4))
        }
        for failure in failures { context.report(failure) }
        return failures.isEmpty ? 0 : 1
    }

    /// Reads the template of `-f`.
    static func template(_ format: String) throws(Failure) -> Template {
        do throws(TemplateError) { return try Template(format) } catch {
            throw .message("template parsing error: template: \(error.message)", status: 64)
        }
    }

    /// Fills the template of `-f`.
    static func fill(
        _ template: Template, _ document: JSONValue, typeName: String? = nil, isTyped: Bool = false
    ) throws(Failure) -> String {
        do throws(TemplateError) {
            return try template.fill(
                TemplateSubject(document: document, typeName: typeName, isTyped: isTyped))
        } catch {
            throw .message("template parsing error: template: \(error.message)")
        }
    }
}

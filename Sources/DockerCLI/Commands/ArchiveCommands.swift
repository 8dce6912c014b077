import Diagnostics
import Engine
import OCI

/// `docker save`, `docker load`, `docker import`, `docker export`.
enum ArchiveCommands {
    static func save(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let platform = try invocation.checkedPlatform()
        let place = try output(invocation, context, "failed to save image")
        let engine = try context.open()
        let (names, span) = (invocation.arguments, invocation.span)
        try await blocking { () throws(DrydockError) in try engine.save(names, platform: platform, to: place, span) }
        return 0
    }

    static func export(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let place = try output(invocation, context, "failed to export container")
        let engine = try context.open()
        let (name, span) = (invocation.arguments[0], invocation.span)
        try await blocking { () throws(DrydockError) in try engine.export(name, to: place, span) }
        return 0
    }

    /// Where the archive goes; a terminal takes none.
    private static func output(
        _ invocation: Invocation, _ context: CommandContext, _ what: String
    ) throws(Failure) -> ArchivePlace {
        guard let path = invocation.string("output"), !path.isEmpty else {
            if context.terminal.outputIsTerminal {
                throw .message("cowardly refusing to save to a terminal. Use the -o flag or redirect")
            }
            return .standard
        }
        let place = ArchivePlace.file(context.absolute(path))
        if let problem = place.outputProblem { throw .message("\(what): \(problem)") }
        return place
    }

    static func load(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let platform = try invocation.checkedPlatform()
        var place = ArchivePlace.standard
        if let path = invocation.string("input"), !path.isEmpty {
            place = .file(context.absolute(path))
            try check(place, spelled: path)
        } else if context.terminal.inputIsTerminal {
            throw .message("requested load from stdin, but stdin is empty")
        }
        let isShown = context.terminal.outputIsTerminal && !invocation.bool("quiet")
        let engine = try context.open()
        let display =
            isShown
            ? TransferDisplay(
                context.trace, sink: context.output, redraws: true, width: context.terminal.width) : nil
        defer { display?.close() }
        let (source, span) = (place, invocation.span)
        let loaded = try await blocking { () throws(DrydockError) in
            try engine.load(from: source, platform: platform, span)
        }
        display?.close()
        for line in loaded {
            switch line {
            case .renamed(let name, let old):
                context.output.line(
                    "The image \(name) already exists, renaming the old one with ID \(old) to empty string")
            case .tagged(let name): context.output.line("Loaded image: \(name)")
            case .untagged(let id): context.output.line("Loaded image ID: \(id)")
            }
        }
        return 0
    }

    static func importImage(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let source = invocation.arguments[0]
        let isAddress = ["http://", "https://"].contains { source.hasPrefix($0) }
        let place = source == "-" ? ArchivePlace.standard : .file(context.absolute(source))
        var request = ImportRequest(
            source: isAddress ? .address(source) : .place(place), spelling: isAddress ? source : "-")
        if invocation.arguments.count > 1, !invocation.arguments[1].isEmpty {
            request.reference = try invocation.reference(invocation.arguments[1])
        }
        if !isAddress { try check(place, spelled: source) }
        request.changes = invocation.list("change")
        request.message = invocation.string("message") ?? ""
        request.platform = try invocation.platform()
        let engine = try context.open()
        if isAddress { context.output.line("Downloading from \(source)") }
        let (wanted, span) = (request, invocation.span)
        let id = try await daemon { () async throws(DrydockError) in try await engine.importImage(wanted, span) }
        context.output.line(id.description)
        return 0
    }

    private static func check(_ place: ArchivePlace, spelled path: String) throws(Failure) {
        guard let problem = place.inputProblem, case .file(let whole) = place else { return }
        throw .message(problem.replacing(whole, with: path))
    }
}

extension Invocation {
    /// The platform of `--platform`, refused by the command line itself where it is none.
    func checkedPlatform() throws(Failure) -> Platform? {
        guard let text = string("platform"), !text.isEmpty else { return nil }
        return try Self.platform(text)
    }

    /// Reads a platform as the command line does.
    static func platform(_ text: String) throws(Failure) -> Platform {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count > 3 {
            throw .message("invalid platform: \"\(text)\": cannot parse platform specifier: invalid argument")
        }
        if let platform = try? Platform(parsing: text) { return platform }
        throw .message("invalid platform: \"\(text)\": unknown operating system or architecture: invalid argument")
    }
}

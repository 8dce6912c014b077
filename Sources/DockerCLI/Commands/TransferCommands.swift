import Diagnostics
import Engine
import OCI

/// `docker pull`, `docker push`, `docker search`.
enum TransferCommands {
    static func pull(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        var reference = try invocation.reference(invocation.arguments[0])
        let all = invocation.bool("all-tags")
        let quiet = invocation.bool("quiet")
        if all, reference.tag != nil || reference.digest != nil {
            throw .message("tag can't be used with --all-tags/-a")
        }
        if !all, reference.tag == nil, reference.digest == nil {
            reference = reference.withDefaultTag
            if !quiet { context.output.line("Using default tag: latest") }
        }
        var request = PullRequest(reference: reference, allTags: all)
        request.platform = try invocation.platform()
        let engine = try context.open()
        let results = try await pull(
            request, engine, invocation.span, context, sink: quiet ? nil : context.output,
            isTerminal: context.terminal.outputIsTerminal)
        context.output.line(results.last.map { fullName($0.reference, all) } ?? reference.description)
        return 0
    }

    private static func fullName(_ reference: Reference, _ all: Bool) -> String {
        all ? reference.name : reference.description
    }

    /// Pulls and shows how it goes; `run` does this where an image is missing.
    /// - Parameter sink: where progress goes; nil shows none.
    static func pull(
        _ request: PullRequest, _ engine: any EngineOperations, _ span: Span, _ context: CommandContext,
        sink: OutputSink?, isTerminal: Bool
    ) async throws(Failure) -> [PullResult] {
        let display = sink.map {
            TransferDisplay(
                context.trace, sink: $0, redraws: isTerminal, width: context.terminal.width,
                showsDigests: request.allTags)
        }
        defer { display?.close() }
        let results = try await daemon { () async throws(DrydockError) in try await engine.pull(request, span) }
        display?.close()
        for result in results {
            if let warning = result.warning { sink?.line("WARNING: \(warning)") }
            if !request.allTags { sink?.line("Digest: \(result.digest)") }
        }
        let name = request.allTags ? request.reference.familiarName : results.first?.reference.familiar ?? ""
        sink?.line(
            results.contains(where: \.isNew)
                ? "Status: Downloaded newer image for \(name)" : "Status: Image is up to date for \(name)")
        for result in results {
            if let note = result.courseImage, sink != nil { context.note(note) }
        }
        return results
    }

    static func push(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        var reference = try invocation.reference(invocation.arguments[0])
        let all = invocation.bool("all-tags")
        let quiet = invocation.bool("quiet")
        if all, reference.tag != nil { throw .message("tag can't be used with --all-tags/-a") }
        if !all, reference.tag == nil {
            reference = reference.withDefaultTag
            if !quiet { context.output.line("Using default tag: latest") }
        }
        let platform = try invocation.checkedPlatform()
        let engine = try context.open()
        if let platform { try engine.check(reference.familiar, isFor: platform) }
        if !quiet { context.output.line("The push refers to repository [\(reference.name)]") }
        let display =
            quiet
            ? nil
            : TransferDisplay(
                context.trace, sink: context.output, redraws: context.terminal.outputIsTerminal,
                width: context.terminal.width)
        defer { display?.close() }
        let target = reference
        let span = invocation.span
        let results: [PushResult]
        do throws(DrydockError) { results = try await engine.push(target, allTags: all, span) } catch {
            throw .client(error)
        }
        display?.close()
        for result in results {
            let tag = result.reference.tag ?? "latest"
            context.output.line(
                quiet ? result.reference.description : "\(tag): digest: \(result.digest) size: \(result.size)")
        }
        return 0
    }

    static func search(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let limit = invocation.int("limit") ?? 0
        guard (0...100).contains(limit) else {
            throw .daemon(DrydockError(.invalidArgument, "limit \(limit) is outside the range of [1, 100]"))
        }
        let engine = try context.open()
        let results = try await daemon { () async throws(DrydockError) in
            try await engine.search(
                invocation.arguments[0], limit: limit == 0 ? 25 : limit, matching: invocation.filters)
        }
        let rows = results.map { ImageListings.row($0, whole: invocation.bool("no-trunc")) }
        context.output.write(
            try ImageListings.search.render(rows, format: invocation.string("format"), quiet: false))
        return 0
    }
}

extension CommandContext {
    /// Prints a remark of Drydock's own, dimmed, beside Docker's output, in the learner's language.
    func note(_ remark: String) {
        let text = Advice(environment: environment).translated(remark)
        let dims = terminal.usesColour && terminal.errorIsTerminal
        errors.line(dims ? "\u{1b}[2m\(text)\u{1b}[0m" : text)
    }
}

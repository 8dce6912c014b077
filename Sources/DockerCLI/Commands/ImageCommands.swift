import Diagnostics
import Engine
import OCI

/// `docker image …` except for transfers.
enum ImageCommands {
    static func list(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        var filters = invocation.filters
        if let pattern = invocation.arguments.first { filters["reference", default: []].append(pattern) }
        let engine = try context.open()
        let images = try daemon { () throws(DrydockError) in
            try engine.images(all: invocation.bool("all"), matching: filters)
        }
        let now = context.now()
        let rows = images.map { ImageListings.row($0, whole: invocation.bool("no-trunc"), now: now) }
        let listing = ImageListings.images(digests: invocation.bool("digests"))
        context.output.write(
            try listing.render(rows, format: invocation.string("format"), quiet: invocation.bool("quiet")))
        return 0
    }

    static func history(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let engine = try context.open()
        let lines = try daemon { () throws(DrydockError) in try engine.history(invocation.arguments[0]) }
        let human = invocation.bool("human")
        let now = context.now()
        let rows = lines.map {
            ImageListings.row($0, whole: invocation.bool("no-trunc"), human: human, now: now)
        }
        context.output.write(
            try ImageListings.history(human: human).render(
                rows, format: invocation.string("format"), quiet: invocation.bool("quiet")))
        return 0
    }

    static func tag(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let (source, target) = (invocation.arguments[0], invocation.arguments[1])
        for name in [source, target] {
            do throws(DrydockError) { _ = try Reference(parsing: name) } catch {
                throw .client(
                    DrydockError(
                        .invalidArgument,
                        "Error parsing reference: \"\(name)\" is not a valid repository/tag: "
                            + error.message, reason: error.reason, remedy: error.remedy))
            }
        }
        let engine = try context.open()
        try await blocking { () throws(DrydockError) in try engine.tag(source, as: target) }
        return 0
    }

    static func remove(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let engine = try context.open()
        let (force, keep) = (invocation.bool("force"), invocation.bool("no-prune"))
        let failed = await context.forEach(invocation.arguments, force: force) { name throws(Failure) in
            let removed = try await blocking { () throws(DrydockError) in
                try engine.removeImage(name, force: force, keepParents: keep)
            }
            for item in removed { context.output.line(text(item, "Untagged: ", "Deleted: ")) }
        }
        return failed.isEmpty ? 0 : 1
    }

    /// A line of what a prune removed.
    static func pruned(_ item: RemovedImage) -> String { text(item, "untagged: ", "deleted: ") }

    private static func text(_ item: RemovedImage, _ untagged: String, _ deleted: String) -> String {
        switch item {
        case .untagged(let name): untagged + name
        case .deleted(let digest): deleted + digest.description
        }
    }

    static func prune(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let all = invocation.bool("all")
        if !invocation.bool("force") {
            let warning =
                all
                ? "WARNING! This will remove all images without at least one container associated to them."
                : "WARNING! This will remove all dangling images."
            guard await context.confirm(warning) else { return 0 }
        }
        let engine = try context.open()
        let filters = invocation.filters
        let report = try await blocking { () throws(DrydockError) in
            try engine.pruneImages(all: all, matching: filters)
        }
        if !report.removed.isEmpty {
            context.output.line("Deleted Images:")
            for item in report.removed { context.output.line(pruned(item)) }
            context.output.line()
        }
        context.output.line("Total reclaimed space: \(Units.size(report.reclaimed, digits: 4))")
        return 0
    }
}

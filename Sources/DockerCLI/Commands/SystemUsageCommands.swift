import Diagnostics
import Engine

/// `docker system df`, `docker system prune`.
enum SystemUsageCommands {
    static func usage(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let engine = try context.open()
        let details = invocation.bool("verbose")
        let report = try await blocking { () throws(DrydockError) in try engine.diskUsage(details: details) }
        let format = invocation.string("format")
        let listing = UsageListings(report: report, now: context.now())
        context.output.write(
            details ? try listing.details(format: format) : try listing.summary(format: format))
        return 0
    }

    static func prune(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let all = invocation.bool("all")
        let volumes = invocation.bool("volumes")
        let filters = context.pruneFilters(invocation)
        if volumes, filters["until"] != nil {
            throw .message("ERROR: The \"until\" filter is not supported with \"--volumes\"")
        }
        if !invocation.bool("force") {
            guard await context.confirm(warning(all: all, volumes: volumes, filters)) else { return 0 }
        }
        let engine = try context.open()
        var reclaimed: Int64 = 0
        let containers = try await blocking { () throws(DrydockError) in
            try engine.pruneContainers(matching: filters)
        }
        reclaimed += containers.reclaimed
        section("Deleted Containers:", containers.removed, context)
        if let networks = engine as? any NetworkPruning {
            let removed = try await blocking { () throws(DrydockError) in try networks.pruneNetworks(matching: filters)
            }
            section("Deleted Networks:", removed, context)
        }
        if volumes, let store = engine as? any VolumePruning {
            let report = try await blocking { () throws(DrydockError) in
                try store.pruneVolumes(all: false, matching: filters)
            }
            reclaimed += report.reclaimed
            section("Deleted Volumes:", report.removed, context)
        }
        let images = try await blocking { () throws(DrydockError) in
            try engine.pruneImages(all: all, matching: filters)
        }
        reclaimed += images.reclaimed
        section("Deleted Images:", images.removed.map(ImageCommands.pruned), context)
        context.output.line("Total reclaimed space: \(Units.size(reclaimed, digits: 4))")
        return 0
    }

    private static func section(_ title: String, _ lines: [String], _ context: CommandContext) {
        guard !lines.isEmpty else { return }
        context.output.line(title)
        for line in lines { context.output.line(line) }
        context.output.line()
    }

    private static func warning(all: Bool, volumes: Bool, _ filters: Filters) -> String {
        var text = "WARNING! This will remove:\n  - all stopped containers\n"
        text += "  - all networks not used by at least one container\n"
        if volumes { text += "  - all anonymous volumes not used by at least one container\n" }
        text +=
            all
            ? "  - all images without at least one container associated to them\n  - all build cache\n"
            : "  - all dangling images\n  - unused build cache\n"
        let named = filters.flatMap { name, values in values.map { "\(name)=\($0)" } }.sorted()
        if !named.isEmpty {
            text += "\n  Items to be pruned will be filtered with:\n" + named.map { "  - \($0)\n" }.joined()
        }
        return text
    }
}

import Diagnostics
import Engine
import OCI

/// `docker image …` except for transfers.
enum ImageCommands {
    static func list(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        if invocation.bool("tree") { try checkTree(invocation) }
        var filters = invocation.filters
        if let pattern = invocation.arguments.first { filters["reference", default: []].append(pattern) }
        let engine = try context.open()
        let images = try daemon { () throws(DrydockError) in
            try engine.images(all: invocation.bool("all"), matching: filters)
        }
        let (now, whole) = (context.now(), invocation.bool("no-trunc"))
        if invocation.bool("tree") {
            let tree = ImageTree(
                width: context.terminal.outputIsTerminal ? context.terminal.width : 80,
                isTerminal: context.terminal.outputIsTerminal)
            context.output.write(tree.text(images, all: invocation.bool("all")))
            return 0
        }
        let format = context.format(invocation, "imagesFormat")
        let isTable = format.map { $0.isEmpty || $0.hasPrefix("table") } ?? true
        let showsDigests = (isTable && invocation.bool("digests")) || format?.contains("{{.Digest}}") == true
        let listing = ImageListings.images(digests: invocation.bool("digests"))
        let rows = Listing.Rows(ImageListings.lines(images, digests: showsDigests), columns: listing.columns) {
            ImageListings.cell($0, $1, whole: whole, now: now)
        }
        context.output.write(bytes: try listing.bytes(of: rows, format: format, quiet: invocation.bool("quiet")))
        return 0
    }

    private static func checkTree(_ invocation: Invocation) throws(Failure) {
        for (name, isGiven) in [
            ("quiet", invocation.bool("quiet")), ("no-trunc", invocation.bool("no-trunc")),
            ("digests", invocation.bool("digests")), ("format", !(invocation.string("format") ?? "").isEmpty),
        ] where isGiven { throw .message("--\(name) is not yet supported with --tree") }
    }

    static func history(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let platform = try invocation.checkedPlatform()
        let engine = try context.open()
        if let platform { try engine.check(invocation.arguments[0], isFor: platform) }
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
        func parsed(_ name: String) throws(Failure) -> Reference {
            do throws(DrydockError) { return try Reference(parsing: name) } catch {
                let words = "Error parsing reference: \(Units.quoted(name)) is not a valid repository/tag: "
                throw .client(
                    DrydockError(
                        .invalidArgument, words + error.message, reason: error.reason, remedy: error.remedy))
            }
        }
        if !ImageName.isID(source) { _ = try parsed(source) }
        guard try parsed(target).digest == nil else {
            throw .message("refusing to create a tag with a digest reference")
        }
        let engine = try context.open()
        try await blocking { () throws(DrydockError) in try engine.tag(source, as: target) }
        return 0
    }

    static func remove(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let engine = try context.open()
        let (force, keep) = (invocation.bool("force"), invocation.bool("no-prune"))
        var platforms: [Platform] = []
        for text in invocation.list("platform").flatMap({ $0.split(separator: ",") }) {
            platforms.append(try Invocation.platform(String(text)))
        }
        let wanted = platforms
        let failed = await context.forEach(invocation.arguments, force: force) { name throws(Failure) in
            for platform in wanted { try engine.check(name, isFor: platform) }
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
        let filters = context.pruneFilters(invocation)
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

extension EngineOperations {
    /// Refuses an image that is for another platform, in the words of Docker's daemon.
    func check(_ name: String, isFor platform: Platform) throws(Failure) {
        let document = try daemon { () throws(DrydockError) in try inspectImage(name) }
        let variant = document["Variant"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        let own = Platform(
            os: document["Os"]?.string ?? "", architecture: document["Architecture"]?.string ?? "", variant: variant)
        guard own.matches(platform) else {
            throw .daemon(
                DrydockError(
                    .notFound,
                    "image with reference \(name) was found but its platform (\(own)) does not match the specified "
                        + "platform (\(platform))"))
        }
    }
}

/// What a word that names an image can be besides a reference.
enum ImageName {
    /// A whole ID: 64 hexadecimal digits, with `sha256:` before them or not.
    static func isID(_ text: String) -> Bool {
        let hex = text.hasPrefix("sha256:") ? text.dropFirst(7) : text[...]
        return hex.utf8.count == 64 && hex.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}

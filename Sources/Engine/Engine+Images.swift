public import Diagnostics
import ImageStore
import OCI
import SystemPackage

extension Engine {
    /// See `EngineOperations`.
    public func images(all: Bool, matching filters: Filters) throws(DrydockError) -> [ImageSummary] {
        let filter = try ImageFilter(filters, engine: self)
        let counts = try store.containerCounts()
        var lines: [ImageSummary] = []
        for record in try store.images(intermediate: all) where filter.accepts(record) {
            let containers = counts[record.id] ?? 0
            for var line in filter.lines(of: record) {
                line.containers = containers
                lines.append(line)
            }
        }
        return lines
    }

    /// See `EngineOperations`.
    public func inspectImage(_ name: String) throws(DrydockError) -> JSONValue {
        let record = try store.image(name)
        let config = try store.config(of: record.id)
        let layers = try store.layerMounts(for: record.id).map(\.string)
        var graph: [(key: String, value: JSONValue)] = []
        if layers.count > 1 {
            graph.append((key: "LowerDir", value: .string(layers.dropFirst().joined(separator: ":"))))
        }
        if let top = layers.first { graph.append((key: "UpperDir", value: .string(top))) }
        return [
            "Id": .string(record.id.description), "RepoTags": .strings(record.tags.map(\.familiar)),
            "RepoDigests": .strings(record.digests.map(\.familiar)),
            "Parent": .string(record.parent?.description ?? ""),
            "Comment": .string(config.history.last?.comment ?? ""),
            "Created": .string(config.created ?? ""), "DockerVersion": .string(config.extra["docker_version"] ?? ""),
            "Author": .string(config.author ?? ""), "Config": config.config.json(empty: true),
            "Architecture": .string(config.platform.architecture), "Variant": .string(config.platform.variant ?? ""),
            "Os": .string(config.platform.os), "Size": .int(record.size), "VirtualSize": .int(record.size),
            "GraphDriver": ["Data": .object(graph), "Name": "overlay2"],
            "RootFS": ["Type": "layers", "Layers": .strings(config.diffIDs.map(\.description))],
            "Metadata": [
                "LastTagTime": .string(
                    record.lastTagged > 0
                        ? Timestamp(seconds: record.lastTagged).description : Self.never)
            ],
        ]
    }

    /// Docker's way to write that something has not happened.
    static var never: String { "0001-01-01T00:00:00Z" }

    /// See `EngineOperations`.
    public func history(_ name: String) throws(DrydockError) -> [HistoryLine] {
        let record = try store.image(name)
        let config = try store.config(of: record.id)
        var layers = try store.layers(of: record.id)[...]
        var lines: [HistoryLine] = []
        for entry in config.history {
            let layer = entry.emptyLayer ? nil : layers.popFirst()
            lines.append(
                HistoryLine(
                    id: nil, created: entry.created.flatMap { Timestamp($0) }?.seconds ?? 0,
                    createdBy: entry.createdBy ?? "", size: layer?.size ?? 0, comment: entry.comment ?? "", tags: []))
        }
        lines.reverse()
        // The newest line is the image itself; further down, images that it was made from on this machine are known.
        var known: ImageRecord? = record
        var position = 0
        while let image = known, position < lines.count {
            lines[position].id = image.id
            lines[position].tags = image.tags.map(\.familiar)
            guard let parent = image.parent, let next = try store.image(id: parent) else { break }
            let count = try store.config(of: next.id).history.count
            position = lines.count - count
            known = next
        }
        return lines
    }

    /// See `EngineOperations`.
    public func tag(_ source: String, as target: String) throws(DrydockError) {
        let reference: Reference
        do {
            reference = try Reference(parsing: target)
        } catch {
            throw DrydockError(
                .invalidArgument,
                "Error parsing reference: \"\(target)\" is not a valid repository/tag: \(error.message)",
                remedy: error.remedy)
        }
        guard reference.digest == nil else {
            throw DrydockError(.invalidArgument, "refusing to create a tag with a digest reference")
        }
        try store.tag(try store.image(source).id, as: reference.withDefaultTag)
    }

    /// See `EngineOperations`.
    public func removeImage(
        _ name: String, force: Bool, keepParents: Bool
    ) throws(DrydockError) -> [RemovedImage] {
        try store.removeImage(name, force: force, prune: !keepParents) { isRunning($0.id) }.items.map(RemovedImage.init)
    }

    /// See `EngineOperations`.
    public func pruneImages(
        all: Bool, matching filters: Filters
    ) throws(DrydockError) -> PruneReport<RemovedImage> {
        let until = try PruneFilter(filters)
        let removal = try store.pruneImages(all: all) { record in
            until.accepts(created: record.created.flatMap { Timestamp($0) }?.seconds ?? 0, labels: record.labels)
        }
        return PruneReport(removed: removal.items.map(RemovedImage.init), reclaimed: removal.reclaimed)
    }

    /// See `EngineOperations`.
    public func layers(holding path: String, of object: String) throws(DrydockError) -> [PathVersion] {
        try pathVersions(path, of: object)
    }
}

extension RemovedImage {
    init(_ item: RemovedItem) {
        switch item {
        case .untagged(let name): self = .untagged(name)
        case .deleted(let digest): self = .deleted(digest)
        }
    }
}

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
        let raw = try JSONValue(parsing: try store.configBytes(of: record.id))
        let config = try ImageConfig(raw)
        let comment = raw["comment"]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? config.history.last?.comment ?? ""
        var document: [(key: String, value: JSONValue)] = [
            ("Id", .string(record.id.description)), ("RepoTags", .strings(record.tags.map(\.familiar))),
            ("RepoDigests", .strings(record.digests.map(\.familiar))),
            ("Parent", .string(record.parent?.description ?? "")), ("Comment", .string(comment)),
        ]
        if let created = config.created { document.append(("Created", .string(created))) }
        document += [
            ("DockerVersion", .string(config.extra["docker_version"] ?? "")),
            ("Author", .string(config.author ?? "")),
            ("Config", InspectDocuments.imageConfig(config.config.json(empty: true), raw: raw["config"])),
            ("Architecture", .string(config.platform.architecture)),
        ]
        if let variant = config.platform.variant { document.append(("Variant", .string(variant))) }
        document.append(("Os", .string(config.platform.os)))
        if let version = raw["os.version"]?.string { document.append(("OsVersion", .string(version))) }
        let tagged = record.lastTagged > 0 ? Timestamp(seconds: record.lastTagged).description : Self.never
        document += [
            ("Size", .int(record.size)),
            ("GraphDriver", try graphDriver(of: record.id)),
            ("RootFS", ["Type": "layers", "Layers": .strings(config.diffIDs.map(\.description))]),
            ("Metadata", ["LastTagTime": .string(tagged)]),
        ]
        return .object(document)
    }

    /// Where the top layer of an image is, as the driver would mount it: nobody does, so only `UpperDir` and what is below
    /// are there.
    private func graphDriver(of image: Digest) throws(DrydockError) -> JSONValue {
        let driver = try storageDriver().driver
        let layers = try store.layerMounts(for: image)
        guard driver != .vfs, let top = layers.first else {
            return ["Data": .null, "Name": .string(driver.rawValue)]
        }
        var data: [(key: String, value: JSONValue)] = []
        if layers.count > 1 {
            data.append(("LowerDir", .string(layers.dropFirst().map(\.string).joined(separator: ":"))))
        }
        let place = top.removingLastComponent()
        data += [
            ("MergedDir", .string(place.appending("merged").string)), ("UpperDir", .string(top.string)),
            ("WorkDir", .string(place.appending("work").string)),
        ]
        return ["Data": .object(data), "Name": .string(driver.rawValue)]
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
        let id = try store.image(source).id
        try store.tag(id, as: reference.withDefaultTag)
        record(image: id, "tag", name: reference.withDefaultTag.familiar)
    }

    /// See `EngineOperations`.
    public func removeImage(
        _ name: String, force: Bool, keepParents: Bool
    ) throws(DrydockError) -> [RemovedImage] {
        guard name.contains(where: { !$0.isWhitespace }) else {
            throw DrydockError(.invalidArgument, "image name cannot be blank")
        }
        var lineage: [Digest] = []
        var next = try? store.image(name)
        while let image = next {
            lineage.append(image.id)
            next = try image.parent.flatMap { parent throws(DrydockError) in try store.image(id: parent) }
        }
        let removed = try store.removeImage(name, force: force, prune: !keepParents) { isRunning($0.id) }
        record(removal: removed.items, of: lineage)
        return removed.items.map(RemovedImage.init)
    }

    /// See `EngineOperations`.
    public func pruneImages(
        all: Bool, matching filters: Filters
    ) throws(DrydockError) -> PruneReport<RemovedImage> {
        let until = try PruneFilter(filters)
        let onlyDangling = try ImageFilter.dangling(filters)
        let all = all || onlyDangling == false
        var candidates: [Digest] = []
        let removal = try store.pruneImages(all: all) { record in
            let created = record.created.flatMap { Timestamp($0) }?.seconds ?? 0
            guard until.accepts(created: created, labels: record.labels) else { return false }
            candidates.append(record.id)
            return true
        }
        for item in removal.items {
            if case .deleted(let id) = item, candidates.contains(id) {
                record(image: id, "delete", name: id.description)
            }
        }
        record(.image, "prune", id: "", attributes: ["reclaimed": String(removal.reclaimed)])
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

public import Diagnostics
import ImageStore
import Layers
import Linux
public import OCI
import Runtime
import SystemPackage

extension Engine {
    /// See `EngineOperations`.
    public func diff(_ name: String) throws(DrydockError) -> [FileChange] {
        let record = try store.container(name)
        var lowers: [FilePath] = []
        if let chain = record.chain { lowers = try store.layerMounts(chain: chain) }
        return try ChangeDetector.changes(upper: upper(record.id), lower: LayerStack(lowers)).map { change in
            let kind: FileChange.Kind =
                switch change.kind {
                case .added: .added
                case .changed: .changed
                case .deleted: .deleted
                }
            return FileChange(kind: kind, path: change.path.string)
        }
    }

    /// See `EngineOperations`.
    public func commit(_ request: CommitRequest, _ span: Span) throws(DrydockError) -> Digest {
        let (record, document) = try find(request.container)
        let work = span.begin("commit", TraceFact("container", .text(record.name)))
        do {
            let id = try makeImage(of: record, document, request, work)
            let name = request.reference?.withDefaultTag.familiar ?? ""
            if !name.isEmpty { self.record(image: id, "tag", name: name) }
            self.record(
                "commit", record, document,
                ["comment": request.message, "imageID": id.description, "imageRef": name])
            work.end(TraceFact("image", .digest(id.description)))
            return id
        } catch {
            work.fail(error)
            throw error
        }
    }

    private func makeImage(
        of record: ContainerRecord, _ document: ContainerDocument, _ request: CommitRequest, _ span: Span
    ) throws(DrydockError) -> Digest {
        var image = ImageConfig(platform: .current)
        if let base = record.image { image = try store.config(of: base) }
        image.config = document.config
        try ConfigChanges.apply(request.changes, to: &image.config)
        let lease = try store.beginLease()
        defer { lease.end() }
        let layer = try paused(record, request.pause) { () throws(DrydockError) in
            try lease.commit(upper: upper(record.id), parent: record.chain, trace: span)
        }
        let isEmpty = layer.diffID == Self.emptyLayer
        if !isEmpty { image.diffIDs.append(layer.diffID) }
        image.created = Timestamp.now.description
        image.author = request.author.isEmpty ? image.author : request.author
        image.history.append(
            ImageConfig.History(
                created: image.created, createdBy: document.argv.joined(separator: " "),
                author: request.author.isEmpty ? nil : request.author,
                comment: request.message.isEmpty ? nil : request.message, emptyLayer: isEmpty))
        image.extra["container"] = record.id
        image.extra["docker_version"] = Self.dockerVersion
        span.fact("layer", .digest(layer.diffID.description))
        span.fact("layer-size", .bytes(layer.size))
        let registered = try lease.register(
            NewImage(
                config: Array(image.json.compact.utf8),
                references: request.reference.map { [$0.withDefaultTag] } ?? [], parent: record.image, isTaggedNow: true
            ))
        return registered.id
    }

    /// Does work while no process of a running container does; one that is paused already stays so.
    private func paused<Value>(
        _ record: ContainerRecord, _ isWanted: Bool, _ work: () throws(DrydockError) -> Value
    ) throws(DrydockError) -> Value {
        guard isWanted, let info = try runtime.state(record.id).running, !info.paused else { return try work() }
        do throws(DrydockError) { try runtime.pause(record.id) } catch {
            // It has just ended: then nothing changes its files either.
            guard error.code == .conflict else { throw error }
            return try work()
        }
        defer { try? runtime.unpause(record.id) }
        return try work()
    }

    /// The diff ID of a layer without anything in it: a tar of two empty blocks.
    private static var emptyLayer: Digest { Digest.sha256([UInt8](repeating: 0, count: 1024)) }

    func pathVersions(_ path: String, of object: String) throws(DrydockError) -> [PathVersion] {
        let wanted = FilePath(path.hasPrefix("/") ? path : "/" + path)
        var directories: [FilePath] = []
        var digests: [Digest?] = []
        let chain: Digest?
        let image: Digest?
        if let container = try? store.container(object) {
            directories.append(upper(container.id))
            digests.append(nil)
            (chain, image) = (container.chain, container.image)
        } else {
            let record = try store.image(object)
            (chain, image) = (record.chain.last, record.id)
        }
        if let chain { directories += try store.layerMounts(chain: chain) }
        if let image { digests += try store.config(of: image).diffIDs.reversed().map(Optional.some) }
        return try LayerStack(directories).versions(of: wanted).map { version in
            let index = directories.count - 1 - version.layer
            let digest = digests.indices.contains(version.layer) ? digests[version.layer] : nil
            switch version.kind {
            case .present(let status), .opaque(let status):
                return PathVersion(layer: digest, index: index, isDeletion: false, size: status.size)
            case .whiteout:
                return PathVersion(layer: digest, index: index, isDeletion: true, size: 0)
            }
        }
    }
}

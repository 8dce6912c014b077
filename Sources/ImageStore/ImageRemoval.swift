public import Diagnostics
internal import Foundation
internal import GRDB
internal import Layers
internal import OCI
internal import SystemPackage

extension ImageStore {
    /// Removes an image or one of its names, by Docker's rules.
    /// - Parameters:
    ///   - name: a reference, an ID or the beginning of one.
    ///   - force: `-f`
    ///   - prune: whether parents that nothing else needs go too (false: `--no-prune`).
    ///   - isRunning: whether a container runs.
    /// - Throws: code `.notFound`, or `.conflict` with Docker's words.
    public func removeImage(
        _ name: String, force: Bool = false, prune: Bool = true, isRunning: (ContainerRecord) -> Bool
    ) throws(DrydockError) -> Removal {
        let removal = try freeing { () throws(DrydockError) in
            try writeDurably { database in
                try withoutActuallyEscaping(isRunning) { isRunning in
                    let work = RemovalWork(self, database, force: force, prune: prune, isRunning: isRunning)
                    try work.remove(name)
                    try database.condemnBlobs()
                    return work.removal
                }
            }
        }
        try sweep()
        return removal
    }

    /// Removes images that nothing uses.
    /// - Parameters:
    ///   - all: also those with tags (`-a`), not only the dangling ones.
    ///   - matching: further filters (`until`, `label`).
    public func pruneImages(
        all: Bool, matching: (ImageRecord) -> Bool = { _ in true }
    ) throws(DrydockError) -> Removal {
        var total = Removal()
        let used = Set(try containers().compactMap(\.image))
        for image in try images() where matching(image) && !used.contains(image.id) {
            if !all {
                guard image.tags.isEmpty, try children(of: image.id).isEmpty else { continue }
            }
            let names = (image.tags + image.digests).map(\.familiar)
            for name in names.isEmpty ? [image.id.hex] : names {
                do throws(DrydockError) {
                    let removal = try removeImage(name, isRunning: { _ in false })
                    total.items += removal.items
                    total.reclaimed += removal.reclaimed
                } catch {
                    // In use, or gone with one of the others: it stays, or has been counted.
                    guard error.code == .conflict || error.code == .notFound else { throw error }
                }
            }
        }
        return total
    }
}

/// One `docker image rm`, inside a transaction.
private final class RemovalWork {
    private let store: ImageStore
    private let database: Database
    private let force: Bool
    private let prune: Bool
    private let isRunning: (ContainerRecord) -> Bool
    var removal = Removal()

    init(
        _ store: ImageStore, _ database: Database, force: Bool, prune: Bool,
        isRunning: @escaping (ContainerRecord) -> Bool
    ) {
        self.store = store
        self.database = database
        self.force = force
        self.prune = prune
        self.isRunning = isRunning
    }

    func remove(_ name: String) throws {
        let image = try database.findImage(name)
        var references = try database.names(of: image.id)
        var hasRemovedName = false
        if isPrefix(name, of: image.id) {
            if isSingle(references) {
                do {
                    try check(image.id, soft: !force, references: false)
                } catch let conflict as ImageConflict {
                    throw conflict.error
                }
                for reference in references { try untag(reference) }
            }
        } else {
            if !force, isSingle(references), let container = try containers(of: image.id).first {
                throw DrydockError(
                    .conflict,
                    "conflict: unable to remove repository reference \"\(name)\" (must force) - container "
                        + "\(container.id.prefix(12)) is using its referenced image \(image.id.short)",
                    remedy: "Remove the container first (docker container rm), or use -f.")
            }
            let parsed = try Reference(parsing: name)
            let reference = parsed.digest.map { parsed.pinned(to: $0) } ?? parsed.withDefaultTag
            try untag(reference)
            references.removeAll { $0 == reference }
            if reference.digest == nil {
                // Digest references of a repository go with its last tag.
                let isTagged = references.contains { $0.digest == nil && $0.name == reference.name }
                for other in references where !isTagged && other.digest != nil && other.name == reference.name {
                    try untag(other)
                    references.removeAll { $0 == other }
                }
            }
            if !references.isEmpty { return }
            hasRemovedName = true
        }
        try delete(image, force: force, quiet: hasRemovedName)
    }

    private func delete(_ image: ImageRecord, force: Bool, quiet: Bool) throws {
        do {
            try check(image.id, soft: !force, references: !force)
        } catch let conflict as ImageConflict {
            if quiet, try !isDangling(image.id) || conflict.isUsed { return }
            throw conflict.error
        }
        for reference in try database.names(of: image.id) { try untag(reference) }
        try database.execute(sql: "DELETE FROM images WHERE id = ?", arguments: [image.id.description])
        removal.items.append(.deleted(image.id))
        let unused = try database.unusedLayers()
        for chain in image.chain.reversed() {
            guard let layer = unused.first(where: { $0.chain == chain }) else { continue }
            try database.condemn(layer: chain)
            removal.items.append(.deleted(chain))
            removal.reclaimed += layer.size
        }
        guard prune, let parent = try image.parent.flatMap({ try database.image($0) }) else { return }
        try delete(parent, force: false, quiet: true)
    }

    private struct ImageConflict: Error {
        var error: DrydockError
        var isUsed: Bool
    }

    /// What stands in the way of deleting an image. Hard reasons always count; soft ones where not forced.
    private func check(_ id: Digest, soft: Bool, references: Bool) throws {
        func conflict(_ reason: String, hard: Bool, used: Bool = false) -> ImageConflict {
            let error = DrydockError(
                .conflict,
                "conflict: unable to delete \(id.short) (\(hard ? "cannot" : "must") be forced) - \(reason)")
            return ImageConflict(error: error, isUsed: used)
        }
        if try !database.children(of: id).isEmpty { throw conflict("image has dependent child images", hard: true) }
        let users = try containers(of: id)
        if let running = users.first(where: isRunning) {
            throw conflict("image is being used by running container \(running.id.prefix(12))", hard: true, used: true)
        }
        if references, try !database.names(of: id).isEmpty {
            throw conflict("image is referenced in multiple repositories", hard: false)
        }
        if soft, let stopped = users.first {
            throw conflict("image is being used by stopped container \(stopped.id.prefix(12))", hard: false, used: true)
        }
    }

    private func isDangling(_ id: Digest) throws -> Bool {
        try database.names(of: id).isEmpty && database.children(of: id).isEmpty
    }

    private func containers(of id: Digest) throws -> [ContainerRecord] {
        try Row.fetchAll(
            database, sql: "SELECT \(ContainerRecord.columns) FROM containers WHERE image = ? ORDER BY created DESC",
            arguments: [id.description]
        ).map { try ContainerRecord($0) }
    }

    private func untag(_ reference: Reference) throws {
        try database.execute(sql: "DELETE FROM names WHERE name = ?", arguments: [reference.description])
        removal.items.append(.untagged(reference.familiar))
    }

    private func isPrefix(_ name: String, of id: Digest) -> Bool {
        id.description.hasPrefix(name) || id.hex.hasPrefix(name)
    }

    /// Whether all names are in one repository, and at most one of them is a tag.
    private func isSingle(_ references: [Reference]) -> Bool {
        guard references.count > 1 else { return true }
        let tags = references.filter { $0.digest == nil }
        let repositories = Set(references.filter { $0.digest != nil }.map(\.name))
        guard tags.count <= 1, let one = tags.first ?? references.first else { return false }
        return repositories == [one.name]
    }
}

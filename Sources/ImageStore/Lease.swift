public import Diagnostics
internal import Foundation
internal import GRDB
public import Layers
internal import Linux
public import OCI
internal import Synchronization
public import SystemPackage

extension ImageStore {
    /// Begins to add layers or images. What is added or found through the lease is safe from garbage collection until
    /// it ends; a lease whose process dies ends by itself.
    /// - Parameter isPull: whether the layers that are whole are kept for the next try where the work is interrupted.
    public func beginLease(isPull: Bool = false) throws(DrydockError) -> Lease {
        try recover()
        keepReserve()
        return try Lease(self, isPull: isPull)
    }

    /// The descriptor of the blob that a layer was pulled as, or was once written as for a push; nil where there is
    /// none.
    public func blob(of diffID: Digest) throws(DrydockError) -> Descriptor? {
        let found = try read { database -> Descriptor? in
            let sql = "SELECT digest, size, type FROM layer_blobs WHERE diff = ? ORDER BY digest LIMIT 1"
            guard let row = try Row.fetchOne(database, sql: sql, arguments: [diffID.description]) else { return nil }
            return Descriptor(
                mediaType: MediaType(rawValue: row[2]), digest: try Digest(row[0] as String), size: row[1])
        }
        guard let found, blobs.size(found.digest) == found.size else { return nil }
        return found
    }

    /// The same, and where there is none the layer is compressed now, and kept. Moves data: call it on a thread that
    /// may block.
    /// - Throws: code `.corrupt` where the unpacked layer is not any more what it was.
    public func makeBlob(of layer: LayerRecord, trace: Span = .none) throws(DrydockError) -> Descriptor {
        if let known = try blob(of: layer.diffID) { return known }
        let lease = try beginLease()
        defer { lease.end() }
        guard try lease.hasLayer(layer.chainID) else { throw DrydockError(.notFound, "layer \(layer.chainID) is gone") }
        let span = trace.begin("layer.compress", TraceFact("layer", .digest(layer.diffID.description)))
        do throws(DrydockError) {
            let writer = try BlobWriter(blobs, lease.newPath("blob"), nil)
            let written = try LayerWriter.write(
                directory: layer.directory, compression: .gzip(level: 4)
            ) { bytes throws(DrydockError) in
                try writer.write(bytes)
            }
            guard written.diffID == layer.diffID else {
                throw DrydockError(
                    .corrupt, "layer \(layer.diffID) has been changed on the disk",
                    reason: "packed again it is \(written.diffID)", remedy: "Remove the image and make it again.")
            }
            try writer.sync()
            CrashPoint.reach()
            try write { database in
                try writer.install(as: written.digest)
                try database.addBlob(written.descriptor, of: layer.diffID)
            }
            span.end(TraceFact("size", .bytes(written.size)), TraceFact("digest", .digest(written.digest.description)))
            return written.descriptor
        } catch {
            span.fail(error)
            throw error
        }
    }
}

/// A piece of work that adds to the store: a pull, a commit, a load. It must be ended.
public final class Lease: Sendable {
    let store: ImageStore
    private let id: String
    private let state: Mutex<(lock: FileLock?, next: Int, isRegistered: Bool)>

    init(_ store: ImageStore, isPull: Bool) throws(DrydockError) {
        self.store = store
        let prefix = isPull ? ImageStore.pullLease + ImageStore.boot + "-" : "lease-"
        var made: (id: String, lock: FileLock)?
        while made == nil {
            let id = "\(prefix)\(UInt64.random(in: 0 ... .max))"
            let path = store.leaseLock(id)
            let lock = try FileLock(path)
            // Between making and locking the file, another process may have taken the lease for a dead one.
            if Files.exists(path) { made = (id, lock) }
        }
        guard let made else { throw DrydockError(.internal, "no lease") }
        let id = made.id
        self.id = id
        state = Mutex((made.lock, 0, false))
        try Files.makeDirectories(store.temporary.appending(id), mode: 0o700)
        // The row comes after the locked file, so that nobody takes the lease for a dead one.
        try store.write { try $0.execute(sql: "INSERT INTO leases (id) VALUES (?)", arguments: [id]) }
    }

    deinit { end() }

    /// A new name in the lease's own temporary directory.
    func newPath(_ kind: String) -> FilePath {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        return store.temporary.appending(id).appending("\(number).\(kind)")
    }

    /// Whether a layer is there, unpacked. If it is, it stays until the lease ends.
    public func hasLayer(_ chainID: Digest) throws(DrydockError) -> Bool {
        try store.write { database in
            guard try database.isUsable(chainID, store) else { return false }
            try database.hold(chainID, id)
            return true
        }
    }

    /// Begins to take in a layer that comes as a blob.
    /// - Parameters:
    ///   - blob: what the manifest says about it; digest and size are verified.
    ///   - diffID: what the configuration says about it; verified.
    ///   - parent: the chain ID of the layers below; nil for the base. They need not be there yet.
    ///   - resumes: whether to go on with the bytes of an interrupted transfer, and to leave them for the next one; see
    ///     `LayerIngest.resumedBytes`.
    public func ingest(
        _ blob: Descriptor, diffID: Digest, parent: Digest?, resumes: Bool = false, trace: Span = .none
    ) throws(DrydockError) -> LayerIngest {
        try LayerIngest(self, blob, diffID: diffID, parent: parent, resumes: resumes, trace)
    }

    /// Makes a layer of what a container's tree has different from the layers below; what a runtime puts there only to
    /// mount on it is left out. Moves data: call it on a thread that may block.
    /// - Parameter upper: the container's overlay upper directory or flat tree.
    /// - Returns: the layer; an unchanged directory gives an empty layer.
    public func commit(upper: FilePath, parent: Digest?, trace: Span = .none) throws(DrydockError) -> LayerRecord {
        var below: [FilePath] = []
        if let parent { below = try store.layerMounts(chain: parent) }
        let lower = LayerStack(below)
        return try commit(parent: parent, trace) { copy, options throws(DrydockError) in
            try LayerWriter.copy(
                upper: upper, over: lower, leavingOut: ChangeDetector.mountPoints, to: copy, options: options)
        }
    }

    /// Makes a layer of entries (course images, `import`). Moves data: call it on a thread that may block.
    public func commit(
        entries: [LayerEntry], parent: Digest?, trace: Span = .none
    ) throws(DrydockError) -> LayerRecord {
        try commit(parent: parent, trace) { copy, options throws(DrydockError) in
            try LayerWriter.copy(entries: entries, to: copy, options: options)
        }
    }

    private func commit(
        parent: Digest?, _ trace: Span, make: (FilePath, ApplyOptions) throws(DrydockError) -> WrittenLayer
    ) throws(DrydockError) -> LayerRecord {
        let span = trace.begin("layer.commit")
        do throws(DrydockError) {
            let place = newPath("layer")
            let copy = place.appending("diff")
            try Files.makeDirectories(copy, mode: 0o755)
            let written = try make(copy, unsynced)
            let layer = try install(
                place, diffID: written.diffID, parent: parent, size: written.fileBytes, blob: nil)
            span.end(
                TraceFact("diff-id", .digest(written.diffID.description)), TraceFact("size", .bytes(written.fileBytes)),
                TraceFact("entries", .count(written.entries)))
            return layer
        } catch {
            span.fail(error)
            throw error
        }
    }

    /// One `syncfs` when the image is registered covers all its layers.
    var unsynced: ApplyOptions {
        var options = ApplyOptions.forThisProcess()
        options.sync = false
        return options
    }

    /// Puts an unpacked layer, and the blob that it came as, in their places.
    func install(
        _ place: FilePath, diffID: Digest, parent: Digest?, size: Int64, blob: (BlobWriter, Descriptor)?
    ) throws(DrydockError) -> LayerRecord {
        let chain = parent.map { Digest.sha256("\($0) \(diffID)".utf8) } ?? diffID
        let (layer, trash) = try store.write { database -> (LayerRecord, FilePath?) in
            if let (writer, descriptor) = blob {
                try writer.install(as: descriptor.digest)
                try database.addBlob(descriptor, of: diffID)
            }
            try database.hold(chain, id)
            if try database.isUsable(chain, store), let layer = try database.layer(chain, store) {
                return (layer, try store.discard(place))
            }
            // A directory without a usable row is what a kill has left.
            let home = store.directory(chain).removingLastComponent()
            let trash = try store.discard(home)
            CrashPoint.reach()
            do throws(Errno) {
                try FileAt.rename(
                    FileAt.workingDirectory, place.string, FileAt.workingDirectory, home.string)
            } catch {
                throw DrydockError.system("name layer \(chain)", errno: error.rawValue)
            }
            try database.execute(
                sql: "INSERT OR REPLACE INTO layers (chain, diff, parent, size, durable) VALUES (?, ?, ?, ?, 0)",
                arguments: [chain.description, diffID.description, parent?.description, size])
            let layer = LayerRecord(
                chainID: chain, diffID: diffID, parent: parent, size: size, directory: store.directory(chain))
            return (layer, trash)
        }
        if let trash { try LayerApplier.remove(trash) }
        return layer
    }

    /// Registers an image in one transaction: it and its names are there after a kill, or nothing is.
    /// - Throws: code `.corrupt` where the configuration is malformed or names a layer that is not there.
    @discardableResult
    public func register(_ image: NewImage) throws(DrydockError) -> ImageRecord {
        let json = try JSONValue(parsing: image.config)
        let config = try ImageConfig(json)
        let chain = chainIDs(of: config.diffIDs)
        CrashPoint.reach()
        try sync()
        let record = try store.writeDurably { database -> ImageRecord in
            let id = Digest.sha256(image.config)
            var size: Int64 = 0
            for link in chain {
                guard try database.isUsable(link, store), let layer = try database.layer(link, store) else {
                    throw DrydockError(
                        .corrupt, "invalid image: layer \(link) is missing", remedy: "Pull the image again.")
                }
                size += layer.size
                try database.execute(
                    sql: "UPDATE layers SET durable = 1 WHERE chain = ? AND durable = 0", arguments: [link.description])
            }
            try database.insert(image, id, config, chain, size)
            for reference in image.references { try database.name(id, reference) }
            if image.isTaggedNow, !image.references.isEmpty { try database.noteTag(id) }
            try database.endKeeping(chain)
            guard let record = try database.image(id) else {
                throw DrydockError(.internal, "an image that was just registered is missing")
            }
            return record
        }
        state.withLock { $0.isRegistered = true }
        return record
    }

    private func sync() throws(DrydockError) {
        do throws(Errno) {
            let fd = try FileAt.open(FileAt.workingDirectory, store.root.string, O_RDONLY | O_DIRECTORY)
            defer { FileAt.close(fd) }
            try FileAt.syncFileSystem(fd)
        } catch {
            throw DrydockError.system("sync \(store.root)", errno: error.rawValue)
        }
    }

    /// Keeps the layers that are whole for a later pull, which will not fetch them again.
    /// - Throws: code `.system` where they cannot be synced; they are then collected.
    public func keepLayers() throws(DrydockError) { try store.keepLayers(of: id) }

    /// Ends the work. What was not registered is collected. Nothing happens the second time.
    public func end() {
        let (lock, isRegistered) = state.withLock { state in
            defer { state.lock = nil }
            return (state.lock, state.isRegistered)
        }
        guard let lock else { return }
        // A failure here is what a later recovery repairs.
        let isLeft = try? store.write { database in
            let left = try Bool.fetchOne(
                database,
                sql:
                    "SELECT EXISTS (SELECT 1 FROM lease_layers JOIN layers USING (chain) WHERE lease = ? AND NOT durable)",
                arguments: [id])
            try database.endLease(id)
            return left ?? false
        }
        CrashPoint.reach()
        try? store.removeLease(id)
        lock.unlock()
        // What was made and became part of no image, as an empty layer does not, goes.
        if !isRegistered || isLeft == true { _ = try? store.collectUnused() }
    }
}

extension ImageStore {
    /// Removes what failed work has left in the tables; strays on the disk are for `collectGarbage`.
    func collectUnused() throws(DrydockError) {
        try write { database in
            for layer in try database.unusedLayers() { try database.condemn(layer: layer.chain) }
            try database.condemnBlobs()
        }
        try sweep()
    }
}

extension Database {
    /// Whether a layer's row can be relied on: its directory is there, and what was never synced as part of an image
    /// is held by somebody who will do so.
    func isUsable(_ chain: Digest, _ store: ImageStore) throws -> Bool {
        let sql = """
            SELECT durable OR EXISTS (SELECT 1 FROM lease_layers WHERE lease_layers.chain = layers.chain)
            FROM layers WHERE chain = ?
            """
        guard try Bool.fetchOne(self, sql: sql, arguments: [chain.description]) == true else { return false }
        return Files.exists(store.directory(chain))
    }

    func hold(_ chain: Digest, _ lease: String) throws {
        try execute(
            sql: "INSERT OR IGNORE INTO lease_layers (lease, chain) VALUES (?, ?)",
            arguments: [lease, chain.description])
    }

    func addBlob(_ blob: Descriptor, of diffID: Digest) throws {
        try execute(
            sql: "INSERT OR REPLACE INTO layer_blobs (digest, diff, size, type) VALUES (?, ?, ?, ?)",
            arguments: [blob.digest.description, diffID.description, blob.size, blob.mediaType.rawValue])
    }

    func insert(_ image: NewImage, _ id: Digest, _ config: ImageConfig, _ chain: [Digest], _ size: Int64) throws {
        let labels = JSONValue.object(
            config.config.labels.sorted { $0.key < $1.key }.map { (key: $0.key, value: .string($0.value)) })
        try execute(
            sql: """
                INSERT INTO images (id, parent, created, size, labels, chain, top, tagged, config, manifest, manifest_type)
                VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET
                    parent = coalesce(parent, excluded.parent), manifest = coalesce(excluded.manifest, manifest),
                    manifest_type = coalesce(excluded.manifest_type, manifest_type)
                """,
            arguments: [
                id.description, image.parent == id ? nil : image.parent?.description, config.created, size,
                labels.compact, chain.map(\.hex).joined(separator: " "), chain.last?.description, Data(image.config),
                image.manifest.map { Data($0.bytes) }, image.manifest?.mediaType.rawValue,
            ])
    }
}

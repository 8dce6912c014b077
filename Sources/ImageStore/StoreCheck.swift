public import Diagnostics
internal import Foundation
internal import GRDB
internal import Layers
internal import Linux
internal import OCI
internal import SystemPackage

/// Something in the store that is not as docs/store.md says it must be.
public struct StoreProblem: Sendable, Hashable {
    /// What kind of problem.
    public enum Kind: String, Sendable, Hashable {
        /// The database says of itself that it is damaged.
        case database
        /// Work that a kill interrupted has left something in `tmp/`, or rows about it.
        case leftover
        /// Something was taken out of the tables, and is still on the disk.
        case condemned
        /// A layer that nothing needs.
        case unusedLayer = "unused-layer"
        /// A directory or a blob that no row names.
        case stray
        /// A row whose directory or file is missing.
        case missing
        /// What is on the disk is not what its digest says.
        case damaged
        /// A row that names another one that is not there.
        case dangling
    }

    /// What kind of problem.
    public var kind: Kind
    /// What has it: a layer, a blob, an image, a file.
    public var object: String
    /// What is wrong, in one sentence.
    public var detail: String
    /// Whether it has been repaired.
    public var isRepaired: Bool

    /// Makes a problem.
    public init(_ kind: Kind, _ object: String, _ detail: String, isRepaired: Bool = false) {
        self.kind = kind
        self.object = object
        self.detail = detail
        self.isRepaired = isRepaired
    }
}

extension ImageStore {
    /// Looks at every invariant of docs/store.md. Other processes may go on working meanwhile.
    /// - Parameters:
    ///   - repair: also removes what a kill has left, and unpacks missing or damaged layers again from their blobs.
    ///   - contents: also reads every layer and every blob, and compares it with its digest. Takes as long as reading
    ///     the whole store.
    public func check(repair: Bool, contents: Bool) throws(DrydockError) -> [StoreProblem] {
        var problems = try leftovers()
        // Under the write lock nobody is between a directory and its row.
        problems += try write { database in
            var found = try database.quickCheck()
            found += try database.checkImages()
            found += try database.checkLayers(self)
            found += try database.checkBlobs(self)
            found += try database.checkReferences(repair: repair)
            found += try self.strays(database)
            return found
        }
        if contents { problems += try checkContents() }
        guard repair else { return problems }
        _ = try collectGarbage()
        let lost = problems.filter { ($0.kind == .missing || $0.kind == .damaged) && $0.object.hasPrefix("layer ") }
        var restored: Set<String> = []
        for problem in lost where try restore(String(problem.object.dropFirst(6))) { restored.insert(problem.object) }
        for index in problems.indices {
            switch problems[index].kind {
            case .leftover, .condemned, .unusedLayer, .stray, .dangling: problems[index].isRepaired = true
            case .missing, .damaged:
                let object = problems[index].object
                if restored.contains(object) {
                    problems[index].isRepaired = true
                } else if object.hasPrefix("blob ") {
                    problems[index].isRepaired = try dropBlob(object)
                }
            case .database: break
            }
        }
        return problems
    }

    /// What interrupted work has left, and what is waiting to be removed.
    private func leftovers() throws(DrydockError) -> [StoreProblem] {
        var problems: [StoreProblem] = []
        for name in try Files.names(in: temporary).sorted() {
            let path = temporary.appending(name)
            if name.hasPrefix("trash-") {
                problems.append(StoreProblem(.condemned, "tmp/\(name)", "it was to be removed"))
            } else if name.hasSuffix(".lock") || name.hasPrefix("blob-"), try FileLock.ifFree(path) != nil {
                problems.append(StoreProblem(.leftover, "tmp/\(name)", "the process that worked on it has ended"))
            } else if !name.hasSuffix(".lock"), name.hasPrefix("lease-"), !Files.exists(leaseLock(name)) {
                problems.append(StoreProblem(.leftover, "tmp/\(name)", "the process that worked in it has ended"))
            }
        }
        let condemned = try read { database in
            try String.fetchAll(
                database, sql: "SELECT kind || ' ' || name FROM condemned WHERE kind <> 'container' ORDER BY 1")
        }
        problems += condemned.map { StoreProblem(.condemned, $0, "it was to be removed from the disk") }
        return problems
    }

    private func strays(_ database: Database) throws -> [StoreProblem] {
        let chains = Set(try String.fetchAll(database, sql: "SELECT chain FROM layers"))
        let waiting = Set(try String.fetchAll(database, sql: "SELECT name FROM condemned"))
        var problems: [StoreProblem] = []
        for name in try Files.names(in: root.appending("layers")).sorted() {
            let chain = "sha256:\(name)"
            if chains.contains(chain) || waiting.contains(chain) { continue }
            problems.append(StoreProblem(.stray, "layers/\(name)", "no row names this directory"))
        }
        let blobs = Set(try String.fetchAll(database, sql: "SELECT digest FROM layer_blobs"))
        for digest in try self.blobs.all()
        where !blobs.contains(digest.description) && !waiting.contains(digest.description) {
            problems.append(StoreProblem(.stray, "blobs/\(digest.algorithm.rawValue)/\(digest.hex)", "no row names it"))
        }
        return problems
    }

    /// Packs every layer again and reads every blob.
    private func checkContents() throws(DrydockError) -> [StoreProblem] {
        var problems: [StoreProblem] = []
        let lease = try beginLease()
        defer { lease.end() }
        for chain in try read({ try String.fetchAll($0, sql: "SELECT chain FROM layers ORDER BY chain") }) {
            guard let id = try? Digest(chain), try lease.hasLayer(id),
                let layer = try read({ try $0.layer(id, self) })
            else { continue }
            let packed = try? LayerWriter.write(directory: layer.directory, compression: .none) { _ in }.diffID
            let again = packed == layer.diffID ? packed : try lease.packedAgain(layer)
            if packed == nil || packed != again {
                problems.append(StoreProblem(.damaged, "layer \(chain)", "its files have been changed"))
            }
        }
        for text in try read({ try String.fetchAll($0, sql: "SELECT digest FROM layer_blobs ORDER BY digest") }) {
            guard let digest = try? Digest(text), blobs.has(digest) else { continue }
            do throws(DrydockError) {
                try blobs.verify(digest)
            } catch {
                guard error.code == .corrupt else { throw error }
                problems.append(StoreProblem(.damaged, "blob \(text)", "its bytes have another digest"))
            }
        }
        return problems
    }

    /// Unpacks a layer again from the blob that it came as; false where there is none.
    private func restore(_ text: String) throws(DrydockError) -> Bool {
        guard let chain = try? Digest(text), let layer = try read({ try $0.layer(chain, self) }),
            let blob = try blob(of: layer.diffID), (try? blobs.verify(blob.digest)) != nil
        else { return false }
        let lease = try beginLease()
        defer { lease.end() }
        if let trash = try write({ _ in try self.discard(layer.directory.removingLastComponent()) }) {
            try LayerApplier.remove(trash)
        }
        let ingest = try lease.ingest(blob, diffID: layer.diffID, parent: layer.parent)
        do throws(DrydockError) {
            try blobs.stream(blob.digest) { bytes throws(DrydockError) in try ingest.write(bytes) }
            _ = try ingest.commitBlocking()
        } catch {
            ingest.cancel()
            throw error
        }
        try Files.syncFileSystem(root)
        // Its images are as they were before.
        try write { database in
            try database.execute(
                sql: "UPDATE layers SET durable = 1 WHERE chain = ?", arguments: [chain.description])
        }
        return true
    }

    /// Forgets a damaged blob: a push makes it again from the unpacked layer. One that another program made stays: from
    /// the layer only another tar could be made, so that the image must be removed and fetched again.
    private func dropBlob(_ object: String) throws(DrydockError) -> Bool {
        guard let digest = try? Digest(object.dropFirst(5)) else { return false }
        let layers = try read { database in
            try String.fetchAll(
                database, sql: "SELECT chain FROM layers JOIN layer_blobs USING (diff) WHERE digest = ?",
                arguments: [digest.description]
            ).compactMap { try database.layer(ImageStore.digest($0), self) }
        }
        for layer in layers {
            let packed = try? LayerWriter.write(directory: layer.directory, compression: .none) { _ in }.diffID
            guard packed == layer.diffID else { return false }
        }
        try write { database in
            try database.execute(sql: "DELETE FROM layer_blobs WHERE digest = ?", arguments: [digest.description])
            try self.blobs.delete(digest)
        }
        return true
    }
}

extension Lease {
    /// Unpacks a layer from its blob beside the store and packs it: other programs put the same files into a tar in
    /// another way, so the layer's diff ID says nothing of its directory.
    /// - Returns: the digest of what would be packed; nil where there is no blob.
    fileprivate func packedAgain(_ layer: LayerRecord) throws(DrydockError) -> Digest? {
        guard let blob = try store.blob(of: layer.diffID) else { return nil }
        let place = newPath("check")
        try Files.makeDirectories(place, mode: 0o755)
        defer { try? LayerApplier.remove(place) }
        var options = unsynced
        if let parent = layer.parent { options.lower = (try? store.layerMounts(chain: parent)) ?? [] }
        do throws(DrydockError) {
            let applier = try LayerApplier(into: place, options: options)
            try store.blobs.stream(blob.digest) { bytes throws(DrydockError) in try applier.write(bytes) }
            _ = try applier.finish()
            return try LayerWriter.write(directory: place, compression: .none) { _ in }.diffID
        } catch {
            // The blob is damaged too: it is looked at by itself.
            guard error.code == .corrupt else { throw error }
            return nil
        }
    }
}

extension Database {
    fileprivate func quickCheck() throws -> [StoreProblem] {
        try String.fetchAll(self, sql: "PRAGMA quick_check").filter { $0 != "ok" }.map {
            StoreProblem(.database, "store.sqlite", $0)
        }
    }

    /// Every image has its ID as the digest of its configuration, and the layers that this names.
    fileprivate func checkImages() throws -> [StoreProblem] {
        var problems: [StoreProblem] = []
        let layers = Set(try String.fetchAll(self, sql: "SELECT chain FROM layers"))
        let rows = try Row.fetchCursor(self, sql: "SELECT id, config, chain FROM images ORDER BY number")
        while let row = try rows.next() {
            let (id, chain): (String, String) = (row[0], row[2])
            let bytes = Array(row[1] as Data)
            if Digest.sha256(bytes).description != id {
                problems.append(StoreProblem(.damaged, "image \(id)", "its configuration has another digest"))
                continue
            }
            guard let config = try? ImageConfig(JSONValue(parsing: bytes)) else {
                problems.append(StoreProblem(.damaged, "image \(id)", "its configuration cannot be read"))
                continue
            }
            let wanted = chainIDs(of: config.diffIDs)
            if wanted.map(\.hex).joined(separator: " ") != chain {
                problems.append(StoreProblem(.damaged, "image \(id)", "its configuration names other layers"))
            }
            for link in wanted where !layers.contains(link.description) {
                problems.append(StoreProblem(.missing, "image \(id)", "its layer \(link) is missing"))
            }
        }
        return problems
    }

    fileprivate func checkLayers(_ store: ImageStore) throws -> [StoreProblem] {
        var problems: [StoreProblem] = []
        let unused = Set(try unusedLayers().map(\.chain.description))
        for row in try Row.fetchAll(
            self,
            sql: """
                SELECT chain, parent, parent IS NOT NULL AND parent NOT IN (SELECT chain FROM layers) FROM layers
                ORDER BY chain
                """)
        {
            let chain: String = row[0]
            if unused.contains(chain) {
                problems.append(StoreProblem(.unusedLayer, "layer \(chain)", "nothing needs it"))
                continue
            }
            if !Files.exists(store.directory(try ImageStore.digest(chain))) {
                problems.append(StoreProblem(.missing, "layer \(chain)", "its directory is missing"))
            }
            if row[2] { problems.append(StoreProblem(.missing, "layer \(chain)", "the layer below it is missing")) }
        }
        return problems
    }

    fileprivate func checkBlobs(_ store: ImageStore) throws -> [StoreProblem] {
        var problems: [StoreProblem] = []
        for row in try Row.fetchAll(self, sql: "SELECT digest, size FROM layer_blobs ORDER BY digest") {
            let size = store.blobs.size(try Digest(row[0] as String))
            if size == nil {
                problems.append(StoreProblem(.missing, "blob \(row[0] as String)", "its file is missing"))
            } else if size != row[1] {
                problems.append(StoreProblem(.damaged, "blob \(row[0] as String)", "its file has another size"))
            }
        }
        return problems
    }

    /// Rows that name what is not there.
    fileprivate func checkReferences(repair: Bool) throws -> [StoreProblem] {
        var problems: [StoreProblem] = []
        func look(_ query: String, _ detail: String, repairing statement: String?) throws {
            let found = try String.fetchAll(self, sql: query)
            if repair, !found.isEmpty, let statement { try execute(sql: statement) }
            problems += found.map { StoreProblem(statement == nil ? .missing : .dangling, $0, detail) }
        }
        try look(
            "SELECT 'name ' || name FROM names WHERE image NOT IN (SELECT id FROM images)",
            "it points to an image that is not there",
            repairing: "DELETE FROM names WHERE image NOT IN (SELECT id FROM images)")
        try look(
            "SELECT 'image ' || id FROM images WHERE parent IS NOT NULL AND parent NOT IN (SELECT id FROM images)",
            "the image that it was made from is not there",
            repairing: "UPDATE images SET parent = NULL WHERE parent NOT IN (SELECT id FROM images)")
        try look(
            "SELECT 'container ' || id FROM containers WHERE chain IS NOT NULL AND chain NOT IN (SELECT chain FROM layers)",
            "the layers of its image are missing", repairing: nil)
        let orphans = "lease <> '\(ImageStore.keptLease)' AND lease NOT IN (SELECT id FROM leases)"
        try look(
            "SELECT 'lease ' || lease FROM lease_layers WHERE \(orphans)", "it holds a layer and is not there",
            repairing: "DELETE FROM lease_layers WHERE \(orphans)")
        return problems
    }
}

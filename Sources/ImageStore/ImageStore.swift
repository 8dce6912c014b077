public import Diagnostics
internal import Foundation
internal import GRDB
internal import Layers
internal import Linux
public import OCI
public import SystemPackage

/// Images, their layers and blobs, and the containers made from them, in one directory: `store.sqlite`, `blobs/`,
/// `layers/<chain>/diff`, `tmp/`.
///
/// Any number of processes may use it at once. Calls block, mostly for less than a millisecond; those that move data
/// say so. See docs/store.md for the layout and its invariants.
public final class ImageStore: Sendable {
    /// The store's directory.
    public let root: FilePath
    /// The compressed layers, as they were pulled or are to be pushed.
    public let blobs: BlobStore

    private let database: DatabaseQueue

    /// Opens the store in a directory (`$DRYDOCK_HOME/store`), and makes it where there is none. An existing store is
    /// opened without writing to it.
    /// - Throws: code `.system` where the directory cannot be made, `.unsupported` where a newer Drydock made it.
    public init(root: FilePath) throws(DrydockError) {
        self.root = root
        let layers = root.appending("layers")
        if !Files.exists(layers) {
            try Files.makeDirectories(root, mode: 0o700)
            try Files.makeDirectories(layers, mode: 0o700)
        }
        blobs = try BlobStore(root: root)
        database = try Schema.open(root)
    }

    var temporary: FilePath { root.appending("tmp") }

    /// The directory of an unpacked layer.
    func directory(_ chain: Digest) -> FilePath { root.appending("layers").appending(chain.hex).appending("diff") }

    func read<Value>(_ body: (Database) throws -> Value) throws(DrydockError) -> Value {
        do { return try database.read(body) } catch { throw DrydockError(database: error) }
    }

    /// Changes the database in one transaction, which other processes wait for. Survives a kill.
    func write<Value>(_ body: (Database) throws -> Value) throws(DrydockError) -> Value {
        CrashPoint.reach()
        defer { CrashPoint.reach() }
        do {
            return try database.write { database in
                defer { CrashPoint.reach() }
                return try body(database)
            }
        } catch { throw DrydockError(database: error) }
    }

    func write<Value>(durably: Bool, _ body: (Database) throws -> Value) throws(DrydockError) -> Value {
        durably ? try writeDurably(body) : try write(body)
    }

    /// The same, and survives a power failure too: it is on the disk when this returns.
    func writeDurably<Value>(_ body: (Database) throws -> Value) throws(DrydockError) -> Value {
        CrashPoint.reach()
        defer { CrashPoint.reach() }
        do {
            return try database.writeWithoutTransaction { database in
                // Who syncs anyway also shortens the log, which every process reads when it opens the database.
                try database.execute(sql: "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 64")
                defer { try? database.execute(sql: "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 1000") }
                var value: Value?
                try database.inTransaction(.immediate) {
                    value = try body(database)
                    CrashPoint.reach()
                    return .commit
                }
                guard let value else { throw DrydockError(.internal, "a transaction without a result") }
                return value
            }
        } catch { throw DrydockError(database: error) }
    }
}

// MARK: Looking up

extension ImageStore {
    /// Finds an image as Docker does: by reference (`alpine` means `alpine:latest`), by digest reference, by ID or by
    /// the beginning of an ID.
    /// - Throws: code `.notFound` with Docker's words (`No such image: x:latest`), also where a prefix fits several.
    public func image(_ name: String) throws(DrydockError) -> ImageRecord { try read { try $0.findImage(name) } }

    /// The image with an ID, or nil.
    public func image(id: Digest) throws(DrydockError) -> ImageRecord? { try read { try $0.image(id) } }

    /// The image that a reference points to, or nil.
    public func image(for reference: Reference) throws(DrydockError) -> ImageRecord? {
        try read { database in
            guard let id = try database.imageID(named: reference) else { return nil }
            return try database.image(id)
        }
    }

    /// An image, those that were made of it here, and those that consist of its layers and more.
    ///
    /// Of two images with the same layers neither comes from the other, unless one was made of the other here.
    public func descendants(of image: ImageRecord) throws(DrydockError) -> [Digest] {
        try read { database in
            let sql = """
                WITH RECURSIVE made(id) AS (
                    SELECT ?2 UNION SELECT images.id FROM images JOIN made ON images.parent = made.id)
                SELECT id FROM made UNION SELECT id FROM images
                WHERE (?1 = '' AND chain != '') OR substr(chain, 1, length(?1) + 1) = ?1 || ' '
                """
            return try String.fetchAll(database, sql: sql, arguments: [image.chainText, image.id.description]).map {
                try Digest($0)
            }
        }
    }

    /// All images, newest first. Intermediate images (no tag, with children) only where asked.
    public func images(intermediate: Bool = false) throws(DrydockError) -> [ImageRecord] {
        try read { database in
            var names: [String: [Reference]] = [:]
            let rows = try Row.fetchCursor(database, sql: "SELECT image, name, repository FROM names ORDER BY name")
            while let row = try rows.next() {
                names[row[0], default: []].append(try Reference(stored: row[1], repository: row[2]))
            }
            let hidden =
                intermediate
                ? ""
                : """
                 WHERE id IN (SELECT image FROM names) OR id NOT IN (SELECT parent FROM images WHERE parent IS NOT NULL)
                """
            let sql = "SELECT \(ImageRecord.columns) FROM images\(hidden) ORDER BY number DESC"
            var images: [(key: String, image: ImageRecord)] = []
            let found = try Row.fetchCursor(database, sql: sql)
            while let row = try found.next() {
                let image = try ImageRecord(row, names: names[row[0]] ?? [])
                images.append((sortKey(image.created), image))
            }
            // The sort is stable in effect: of equal times the one registered later comes first.
            return images.enumerated().sorted { ($1.element.key, $0.offset) < ($0.element.key, $1.offset) }
                .map(\.element.image)
        }
    }

    /// The images that were made from an image on this machine.
    public func children(of id: Digest) throws(DrydockError) -> [Digest] { try read { try $0.children(of: id) } }

    /// An image's configuration, exactly as it was registered.
    /// - Throws: code `.notFound`.
    public func configBytes(of id: Digest) throws(DrydockError) -> [UInt8] {
        try read { database in
            let sql = "SELECT config FROM images WHERE id = ?"
            guard let bytes = try Data.fetchOne(database, sql: sql, arguments: [id.description]) else {
                throw DrydockError(.notFound, "No such image: \(id)")
            }
            return Array(bytes)
        }
    }

    /// An image's configuration.
    /// - Throws: code `.notFound`.
    public func config(of id: Digest) throws(DrydockError) -> ImageConfig {
        try ImageConfig(try JSONValue(parsing: try configBytes(of: id)))
    }

    /// The manifest that an image was pulled or last pushed with, exactly as it came; nil for an image made here and
    /// never pushed.
    public func manifest(of id: Digest) throws(DrydockError) -> (bytes: [UInt8], mediaType: MediaType)? {
        try read { database in
            let sql = "SELECT manifest, manifest_type FROM images WHERE id = ? AND manifest IS NOT NULL"
            guard let row = try Row.fetchOne(database, sql: sql, arguments: [id.description]) else { return nil }
            return (Array(row[0] as Data), MediaType(rawValue: row[1]))
        }
    }

    /// The layers of an image, base first.
    /// - Throws: code `.notFound`.
    public func layers(of id: Digest) throws(DrydockError) -> [LayerRecord] {
        guard let image = try image(id: id) else { throw DrydockError(.notFound, "No such image: \(id)") }
        guard let top = image.chain.last else { return [] }
        return try layers(chain: top)
    }

    /// A layer and all below it, base first.
    /// - Throws: code `.corrupt` where one is missing.
    public func layers(chain: Digest) throws(DrydockError) -> [LayerRecord] {
        try read { database in
            var layers: [LayerRecord] = []
            var next: Digest? = chain
            while let wanted = next {
                guard let layer = try database.layer(wanted, self) else {
                    throw DrydockError(
                        .corrupt, "layer \(wanted) is missing", remedy: "Remove the image and pull it again.")
                }
                layers.append(layer)
                next = layer.parent
            }
            return layers.reversed()
        }
    }

    /// How many layers there are.
    public func layerCount() throws(DrydockError) -> Int {
        try read { try Int.fetchOne($0, sql: "SELECT count(*) FROM layers") ?? 0 }
    }

    /// The unpacked directories of a layer and all below it of which something is seen, top first: overlay's `lowerdir`.
    /// - Throws: code `.corrupt` where one is missing.
    public func layerMounts(chain: Digest) throws(DrydockError) -> [FilePath] {
        LayerRoot.seen(try layers(chain: chain).reversed().map(\.directory))
    }

    /// The unpacked directories of an image, top first: overlay's `lowerdir`.
    public func layerMounts(for image: Digest) throws(DrydockError) -> [FilePath] {
        LayerRoot.seen(try layers(of: image).reversed().map(\.directory))
    }
}

extension Database {
    func children(of id: Digest) throws -> [Digest] {
        try String.fetchAll(
            self, sql: "SELECT id FROM images WHERE parent = ? ORDER BY number", arguments: [id.description]
        ).map { try Digest($0) }
    }

    func layer(_ chain: Digest, _ store: ImageStore) throws -> LayerRecord? {
        let sql = "SELECT diff, parent, size FROM layers WHERE chain = ?"
        guard let row = try Row.fetchOne(self, sql: sql, arguments: [chain.description]) else { return nil }
        return LayerRecord(
            chainID: chain, diffID: try Digest(row[0] as String),
            parent: try (row[1] as String?).map { try Digest($0) }, size: row[2], directory: store.directory(chain))
    }
}

public import Diagnostics
import GRDB
import ImageStore
import Linux
public import OCI
public import SystemPackage

/// The hub's data: repositories, blobs and accounts, on disk in one directory.
///
/// Several processes may use one directory at once. All methods block on the disk and are meant for threads that may.
public final class HubRegistry: Sendable {
    /// The directory.
    public let data: FilePath
    let blobs: BlobStore
    let database: HubDatabase
    let cache: HubCache

    /// Opens a directory, and makes it where there is none.
    /// - Throws: `.system` or `.exhausted` where that fails.
    public init(data: FilePath) throws(DrydockError) {
        self.data = data
        // Private repositories and the hashes of passwords are nobody else's to read on this machine.
        try Files.makeDirectories(data, mode: 0o700)
        HubDatabase.hide(data.appending("hub.sqlite"))
        blobs = try BlobStore(root: data)
        database = try HubDatabase(data.appending("hub.sqlite"))
        cache = HubCache(database.generation)
    }

    /// Where packages are served from: `packages/` within the data directory, at `/alpine/…`.
    public var packages: FilePath { data.appending("packages") }

    // MARK: Images put in by this machine

    /// Whether a tag exists.
    public func hasTag(_ tag: String, of repository: String) throws(DrydockError) -> Bool {
        try manifest(tag, in: repository) != nil
    }

    /// Puts a blob into the hub from memory.
    /// - Returns: its digest.
    public func importBlob(_ bytes: [UInt8], to repository: String) throws(DrydockError) -> Digest {
        let digest = try blobs.put(bytes)
        try link(digest, to: repository)
        return digest
    }

    /// Puts a blob into the hub from a file, hashed on the way.
    /// - Returns: its digest and its size in bytes.
    public func importBlob(
        file: FilePath, to repository: String
    ) throws(DrydockError) -> (digest: Digest, size: Int64) {
        let source = try OwnedDescriptor.open(file, .readOnly)
        let writer = try blobs.writer()
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        do throws(DrydockError) {
            while true {
                let count = try Self.read(source, into: &buffer, from: file)
                guard count > 0 else { break }
                try writer.write(Array(buffer[..<count]))
            }
        } catch {
            writer.cancel()
            throw error
        }
        let size = writer.count
        let digest = try writer.commit()
        try link(digest, to: repository)
        return (digest, size)
    }

    private static func read(
        _ source: OwnedDescriptor, into buffer: inout [UInt8], from file: FilePath
    ) throws(DrydockError) -> Int {
        do {
            return try buffer.withUnsafeMutableBytes { try source.descriptor.read(into: $0) }
        } catch {
            throw DrydockError(.system, "read \(file): \(error)", errno: (error as? Errno)?.rawValue)
        }
    }

    /// Puts a manifest or an index into the hub and lets tags point at it, as the hub's owner.
    /// - Throws: `.invalidArgument` where something that it names is not in the repository.
    /// - Returns: its digest.
    public func importManifest(
        _ bytes: [UInt8], mediaType: MediaType, to repository: String, tags: [String]
    ) throws(DrydockError) -> Digest {
        let content = try ManifestContent(bytes, mediaType: mediaType)
        let digest = Digest.sha256(bytes)
        if let missing = try storeWhole(content, digest: digest, in: repository, tags: tags).first {
            throw DrydockError(
                .invalidArgument, "blob unknown to registry: \(missing)", reason: "the manifest names it")
        }
        return digest
    }

    /// Takes a tag away, as the hub's owner; the manifest stays. Nothing happens where there is no such tag.
    public func removeTag(_ tag: String, of repository: String) throws(DrydockError) {
        _ = try removeManifest(tag, in: repository)
    }

    /// Says what a repository is, for `docker search`.
    public func describe(_ repository: String, _ description: String, stars: Int = 0) throws(DrydockError) {
        try database.write { database in
            try Self.make(repository, in: database)
            try database.execute(
                sql: "UPDATE repository SET description = ?, stars = ? WHERE name = ?",
                arguments: [description, stars, repository])
        }
    }

    /// Makes a repository where there is none.
    static func make(_ repository: String, in database: Database) throws {
        try database.execute(
            sql: "INSERT OR IGNORE INTO repository (name, created) VALUES (?, ?)",
            arguments: [repository, HubDatabase.now])
    }
}

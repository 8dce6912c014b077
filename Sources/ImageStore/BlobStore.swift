public import Diagnostics
public import OCI
public import SystemPackage

/// Content-addressed files: `<root>/blobs/<algorithm>/<hex>`. A blob is there whole and synced, or not at all.
///
/// Any number of processes may use the same root at once.
public struct BlobStore: Sendable {
    /// The directory that contains `blobs` and `tmp`.
    public let root: FilePath

    /// Opens, and makes where needed, a blob store.
    /// - Throws: code `.system` where the directories cannot be made.
    public init(root: FilePath) throws(DrydockError) {
        self.root = root
    }

    /// The file that a blob has or would have.
    public func path(_ digest: Digest) -> FilePath {
        root.appending("blobs").appending(digest.algorithm.rawValue).appending(digest.hex)
    }

    /// The size of a blob in bytes, or nil where it is not there.
    public func size(_ digest: Digest) -> Int64? { nil }

    /// Whether a blob is there.
    public func has(_ digest: Digest) -> Bool { size(digest) != nil }

    /// Opens a blob for reading; the caller closes it.
    /// - Throws: code `.notFound` where it is not there.
    public func open(_ digest: Digest) throws(DrydockError) -> FileDescriptor {
        throw DrydockError(.internal, "not ready")
    }

    /// Reads a small blob (a manifest, a configuration) and verifies it.
    /// - Throws: code `.notFound`, `.corrupt` where the bytes do not have the digest, `.exhausted` above `limit` bytes.
    public func read(_ digest: Digest, limit: Int = 8 << 20) throws(DrydockError) -> [UInt8] {
        throw DrydockError(.internal, "not ready")
    }

    /// Begins a new blob. It must be committed or cancelled.
    /// - Parameter algorithm: what the blob's name is to be made with.
    public func writer(_ algorithm: Digest.Algorithm = .sha256) throws(DrydockError) -> BlobWriter {
        throw DrydockError(.internal, "not ready")
    }

    /// Stores bytes as a blob, and verifies the digest where one is given.
    @discardableResult
    public func put(_ bytes: [UInt8], expecting digest: Digest? = nil) throws(DrydockError) -> Digest {
        throw DrydockError(.internal, "not ready")
    }

    /// Removes a blob; nothing happens where it is not there.
    public func delete(_ digest: Digest) throws(DrydockError) {}

    /// The digests of all blobs, in no particular order.
    public func all() throws(DrydockError) -> [Digest] { [] }

    /// Reads a whole blob and compares.
    /// - Throws: code `.corrupt` where its bytes do not have its digest, `.notFound`.
    public func verify(_ digest: Digest) throws(DrydockError) {}

    /// Removes the temporary files of writers whose process has ended.
    public func recover() throws(DrydockError) {}
}

/// A blob that is being written: a temporary file, hashed on the way.
///
/// Calls block (they write to a file), and come from one thread at a time.
public final class BlobWriter: @unchecked Sendable {
    /// The number of bytes so far.
    public var count: Int64 { 0 }

    init() {}

    /// Adds bytes.
    /// - Throws: code `.exhausted` where the disk is full, `.system`.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(DrydockError) {}

    /// Adds bytes.
    public func write(_ bytes: [UInt8]) throws(DrydockError) {}

    /// Syncs the bytes and gives them their name; the blob is then there, also after a power failure.
    /// - Parameters:
    ///   - digest: what the bytes must have as digest, where that is known.
    ///   - size: how many bytes there must be, where that is known.
    /// - Throws: code `.corrupt` where they differ; the writer is then cancelled.
    @discardableResult
    public func commit(expecting digest: Digest? = nil, size: Int64? = nil) throws(DrydockError) -> Digest {
        throw DrydockError(.internal, "not ready")
    }

    /// Gives up: the temporary file is removed. Nothing happens after a commit.
    public func cancel() {}
}

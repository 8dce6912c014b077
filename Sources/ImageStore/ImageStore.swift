public import Diagnostics
public import Layers
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

    /// Opens the store in a directory (`$DRYDOCK_HOME/store`), and makes it where there is none.
    /// - Throws: code `.system` where the directory cannot be made, `.unsupported` where a newer Drydock made it.
    public init(root: FilePath) throws(DrydockError) {
        self.root = root
        self.blobs = try BlobStore(root: root)
    }
}

private let notReady = DrydockError(.internal, "not ready")

// MARK: Images

extension ImageStore {
    /// Finds an image as Docker does: by reference (`alpine` means `alpine:latest`), by digest reference, by ID or by
    /// the beginning of an ID.
    /// - Throws: code `.notFound` with Docker's words (`No such image: x:latest`), also where a prefix fits several.
    public func image(_ name: String) throws(DrydockError) -> ImageRecord { throw notReady }

    /// The image with an ID, or nil.
    public func image(id: Digest) throws(DrydockError) -> ImageRecord? { throw notReady }

    /// The image that a reference points to, or nil.
    public func image(for reference: Reference) throws(DrydockError) -> ImageRecord? { throw notReady }

    /// All images, newest first. Intermediate images (no tag, with children) only where asked.
    public func images(intermediate: Bool = false) throws(DrydockError) -> [ImageRecord] { throw notReady }

    /// The images that were made from an image on this machine.
    public func children(of id: Digest) throws(DrydockError) -> [Digest] { throw notReady }

    /// An image's configuration, exactly as it was registered.
    public func configBytes(of id: Digest) throws(DrydockError) -> [UInt8] { throw notReady }

    /// An image's configuration.
    public func config(of id: Digest) throws(DrydockError) -> ImageConfig { throw notReady }

    /// The manifest that an image was pulled with, exactly as it came; nil for an image made here and never pushed.
    public func manifest(of id: Digest) throws(DrydockError) -> (bytes: [UInt8], mediaType: MediaType)? {
        throw notReady
    }

    /// The layers of an image, base first.
    public func layers(of id: Digest) throws(DrydockError) -> [LayerRecord] { throw notReady }

    /// The unpacked directories of a layer and all below it, top first: overlay's `lowerdir`.
    /// - Throws: code `.corrupt` where one is missing.
    public func layerMounts(chain: Digest) throws(DrydockError) -> [FilePath] { throw notReady }

    /// The unpacked directories of an image, top first: overlay's `lowerdir`.
    public func layerMounts(for image: Digest) throws(DrydockError) -> [FilePath] { throw notReady }

    /// Points a tag or a digest reference to an image; the tag is taken away from the image that had it.
    public func tag(_ id: Digest, as reference: Reference) throws(DrydockError) { throw notReady }

    /// Remembers what a push or a pull of an image gave: its manifest, and the digest reference.
    public func record(
        manifest: [UInt8], mediaType: MediaType, reference: Reference, for id: Digest
    ) throws(DrydockError) { throw notReady }

    /// Removes an image or one of its names, by Docker's rules.
    /// - Parameters:
    ///   - name: a reference, an ID or the beginning of one.
    ///   - force: `-f`
    ///   - prune: whether parents that nothing else needs go too (false: `--no-prune`).
    ///   - isRunning: whether a container runs.
    /// - Throws: code `.notFound`, or `.conflict` with Docker's words.
    public func removeImage(
        _ name: String, force: Bool = false, prune: Bool = true, isRunning: (ContainerRecord) -> Bool
    ) throws(DrydockError) -> Removal { throw notReady }

    /// Removes images that nothing uses.
    /// - Parameters:
    ///   - all: also those with tags (`-a`), not only the dangling ones.
    ///   - matching: further filters (`until`, `label`).
    public func pruneImages(
        all: Bool, matching: (ImageRecord) -> Bool = { _ in true }
    ) throws(DrydockError) -> Removal { throw notReady }
}

// MARK: Layers as blobs

extension ImageStore {
    /// The descriptor of the blob that a layer was pulled as, or was once written as for a push; nil where there is none.
    public func blob(of diffID: Digest) throws(DrydockError) -> Descriptor? { throw notReady }

    /// The same, and where there is none the layer is compressed now, and kept. Moves data: call it on a thread that
    /// may block.
    public func makeBlob(of layer: LayerRecord, trace: Span = .none) throws(DrydockError) -> Descriptor {
        throw notReady
    }
}

// MARK: Containers

extension ImageStore {
    /// Adds a container.
    /// - Throws: code `.conflict` with Docker's words where the name is taken; `reason` is nil and the id of the other
    ///   container is in the message. Code `.notFound` where the image has gone.
    public func add(_ container: ContainerRecord) throws(DrydockError) { throw notReady }

    /// Finds a container by ID, name (with or without `/`) or the beginning of its ID.
    /// - Throws: code `.notFound` (`No such container: x`), `.invalidArgument` where a prefix fits several.
    public func container(_ name: String) throws(DrydockError) -> ContainerRecord { throw notReady }

    /// All containers, newest first.
    public func containers() throws(DrydockError) -> [ContainerRecord] { throw notReady }

    /// Changes a container in one transaction; `change` sees the present record. A new name may conflict, as in `add`.
    /// - Throws: code `.notFound` where it has gone.
    @discardableResult
    public func update(
        container id: String, _ change: (inout ContainerRecord) -> Void
    ) throws(DrydockError) -> ContainerRecord { throw notReady }

    /// Removes a container's record; whether there was one. Its directory is the engine's.
    @discardableResult
    public func remove(container id: String) throws(DrydockError) -> Bool { throw notReady }
}

// MARK: Adding

extension ImageStore {
    /// Begins to add layers or images. What is added or found through the lease is safe from garbage collection until
    /// it ends; a lease whose process dies ends by itself.
    public func beginLease() throws(DrydockError) -> Lease { throw notReady }

    /// Removes layers, blobs and temporary files that nothing refers to. Other processes may go on working.
    @discardableResult
    public func collectGarbage() throws(DrydockError) -> Removal { throw notReady }
}

/// A piece of work that adds to the store: a pull, a commit, a load. It must be ended.
public final class Lease: Sendable {
    init() {}

    /// Whether a layer is there, unpacked. If it is, it stays until the lease ends.
    public func hasLayer(_ chainID: Digest) throws(DrydockError) -> Bool { throw notReady }

    /// Begins to take in a layer that comes as a blob.
    /// - Parameters:
    ///   - blob: what the manifest says about it; digest and size are verified.
    ///   - diffID: what the configuration says about it; verified.
    ///   - parent: the chain ID of the layers below; nil for the base. They need not be there yet.
    public func ingest(
        _ blob: Descriptor, diffID: Digest, parent: Digest?, trace: Span = .none
    ) throws(DrydockError) -> LayerIngest { throw notReady }

    /// Makes a layer of an overlay upper directory. Moves data: call it on a thread that may block.
    /// - Returns: the layer; nil is never returned, an unchanged directory gives an empty layer.
    public func commit(upper: FilePath, parent: Digest?, trace: Span = .none) throws(DrydockError) -> LayerRecord {
        throw notReady
    }

    /// Makes a layer of entries (course images, `import`).
    public func commit(
        entries: [LayerEntry], parent: Digest?, trace: Span = .none
    ) throws(DrydockError) -> LayerRecord { throw notReady }

    /// Registers an image in one transaction: it and its names are there after a kill, or nothing is.
    /// - Throws: code `.corrupt` where the configuration is malformed or names a layer that is not there.
    @discardableResult
    public func register(_ image: NewImage) throws(DrydockError) -> ImageRecord { throw notReady }

    /// Ends the work. What was not registered is collected.
    public func end() {}
}

/// A layer that is being taken in: its bytes go to the blob store and are unpacked at the same time.
/// It must be committed or cancelled.
public final class LayerIngest: Sendable {
    init() {}

    /// Takes the next bytes, as they come. Suspends while too many bytes wait to be unpacked, and never blocks its
    /// thread.
    /// - Throws: what made the work fail, as soon as that is known.
    public func send(_ bytes: [UInt8]) async throws(DrydockError) {}

    /// The same for a caller that may block.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(DrydockError) {}

    /// Says that all bytes have been given; waits until they are unpacked, verifies size, digest and diff ID, and
    /// puts blob and layer in their places.
    /// - Throws: code `.corrupt` where anything differs from what was promised; nothing is then kept.
    public func commit() async throws(DrydockError) -> LayerRecord { throw notReady }

    /// The same for a caller that may block.
    public func commitBlocking() throws(DrydockError) -> LayerRecord { throw notReady }

    /// Gives up; nothing is kept. Nothing happens after a commit.
    public func cancel() {}
}

public import Diagnostics
internal import Layers
internal import Linux
internal import OCI
internal import Synchronization
internal import SystemPackage

/// A layer that is being taken in: its bytes go to the blob store and are unpacked at the same time.
/// It must be committed or cancelled.
public final class LayerIngest: Sendable {
    private enum Phase {
        case open, settled
    }

    /// How many bytes of the blob an interrupted transfer had left: what is given begins behind them.
    public let resumedBytes: Int64

    private let lease: Lease
    private let descriptor: Descriptor
    private let diffID: Digest
    private let parent: Digest?
    private let span: Span
    private let feeder = ByteFeeder(capacity: 1 << 20)
    private let place: FilePath
    private let applier: LayerApplier
    private let writer: BlobWriter
    private let thread: WorkerThread
    private let phase = Mutex(Phase.open)
    private let isPartial: Bool
    private let hasLower: Bool

    init(
        _ lease: Lease, _ descriptor: Descriptor, diffID: Digest, parent: Digest?, resumes: Bool, _ trace: Span
    ) throws(DrydockError) {
        self.lease = lease
        self.descriptor = descriptor
        self.diffID = diffID
        self.parent = parent
        span = trace.begin(
            "layer.unpack", TraceFact("digest", .digest(descriptor.digest.description)),
            TraceFact("size", .bytes(descriptor.size)))
        place = lease.newPath("layer")
        let directory = place.appending("diff")
        try Files.makeDirectories(directory, mode: 0o755)
        var options = lease.unsynced
        if let parent { options.lower = (try? lease.store.layerMounts(chain: parent)) ?? [] }
        hasLower = parent == nil || !options.lower.isEmpty
        let applier = try LayerApplier(into: directory, options: options)
        // The applier computes the SHA-256 of the compressed bytes; the blob need not do it again.
        let algorithm = descriptor.digest.algorithm
        let digester = algorithm == .sha256 ? nil : Digester(algorithm)
        var left = resumes ? try lease.store.partial(descriptor.digest) : nil
        if let found = left, found.count > descriptor.size {
            try? FileAt.unlink(FileAt.workingDirectory, found.path.string)
            left = nil
        }
        let writer =
            if let left {
                try BlobWriter(lease.store.blobs, left.path, digester, lock: left.lock, behind: left.count)
            } else {
                try BlobWriter(lease.store.blobs, lease.newPath("blob"), digester)
            }
        isPartial = left != nil
        resumedBytes = left?.count ?? 0
        self.applier = applier
        self.writer = writer
        let (feeder, span, size, resumed) = (feeder, span, descriptor.size, resumedBytes)
        if resumed > 0 { span.fact("resumed-bytes", .bytes(resumed)) }
        thread = try WorkerThread {
            do throws(DrydockError) {
                try writer.replay { chunk throws(DrydockError) in try applier.write(chunk) }
                var count = resumed
                while let chunk = try feeder.next() {
                    count += Int64(chunk.count)
                    guard count <= size else {
                        throw DrydockError(
                            .corrupt, "layer has more than the \(size) bytes that its manifest promises",
                            remedy: "Fetch it again.")
                    }
                    try writer.write(chunk)
                    try applier.write(chunk)
                    span.progress(count, of: size)
                }
            } catch {
                feeder.fail(error)
            }
        }
    }

    deinit { cancel() }

    /// Whether the work failed only because the layers below, to which the layer has hard links, were not there when it
    /// began: then it can be done once they are.
    public func mustFollowParent(_ error: DrydockError) -> Bool {
        !hasLower && error.code == .corrupt && error.reason == missingBelow
    }

    /// Takes the next bytes, as they come. Suspends while too many bytes wait to be unpacked, and never blocks its
    /// thread.
    /// - Throws: what made the work fail, as soon as that is known.
    public func send(_ bytes: [UInt8]) async throws(DrydockError) { try await feeder.send(bytes) }

    /// The same for a caller that may block.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(DrydockError) { try feeder.write(bytes) }

    /// Says that all bytes have been given; waits until they are unpacked, verifies size, digest and diff ID, and
    /// puts blob and layer in their places.
    /// - Throws: code `.corrupt` where anything differs from what was promised; nothing is then kept.
    public func commit() async throws(DrydockError) -> LayerRecord {
        try await WorkerThread.run { () throws(DrydockError) in try self.commitBlocking() }
    }

    /// The same for a caller that may block.
    public func commitBlocking() throws(DrydockError) -> LayerRecord {
        guard settle() else { throw DrydockError(.cancelled, "the layer was given up") }
        do throws(DrydockError) {
            feeder.close()
            thread.join()
            // Says why the thread ended early, if it did.
            while try feeder.next() != nil {}
            let applied = try applier.finish()
            try verify(applied)
            let layer = try lease.install(
                place, diffID: diffID, parent: parent, size: applied.fileBytes, blob: (writer, descriptor))
            span.end(
                TraceFact("diff-id", .digest(diffID.description)), TraceFact("unpacked", .bytes(applied.fileBytes)),
                TraceFact("entries", .count(applied.entries)))
            return layer
        } catch {
            discard(error, keepingBytes: isPartial && mustFollowParent(error))
            throw error
        }
    }

    private func verify(_ applied: AppliedLayer) throws(DrydockError) {
        func corrupt(_ what: String, _ found: String, _ wanted: String) -> DrydockError {
            DrydockError(
                .corrupt, "layer \(descriptor.digest.short): \(what) is \(found) instead of \(wanted)",
                reason: "the bytes are not those that the manifest names", remedy: "Pull the image again.")
        }
        guard applied.compressedSize == descriptor.size else {
            throw corrupt("the size", "\(applied.compressedSize)", "\(descriptor.size)")
        }
        if descriptor.digest.algorithm == .sha256 {
            guard applied.digest == descriptor.digest else {
                throw corrupt("the digest", "\(applied.digest)", "\(descriptor.digest)")
            }
        } else {
            _ = try writer.verify(descriptor.digest, descriptor.size)
        }
        guard applied.diffID == diffID else { throw corrupt("the diff ID", "\(applied.diffID)", "\(diffID)") }
    }

    /// Gives up. Nothing happens after a commit.
    /// - Parameter keepingBytes: whether what came stays for a later transfer of the same blob; only for an ingest that
    ///   was begun with `resumes`. Otherwise nothing is kept.
    public func cancel(keepingBytes: Bool = false) {
        guard settle() else { return }
        discard(DrydockError(.cancelled, "the layer was given up"), keepingBytes: keepingBytes && isPartial)
    }

    private func settle() -> Bool {
        phase.withLock { phase in
            defer { phase = .settled }
            return phase == .open
        }
    }

    private func discard(_ error: DrydockError, keepingBytes: Bool = false) {
        if keepingBytes {
            // What is on its way to the file still gets there.
            feeder.close()
        } else {
            feeder.fail(error)
        }
        applier.cancel()
        thread.join()
        if keepingBytes, writer.count > 0 { writer.suspend() } else { writer.cancel() }
        try? LayerApplier.remove(place)
        span.fail(error)
    }
}

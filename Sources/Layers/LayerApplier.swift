public import Diagnostics
internal import Glibc
internal import Linux
internal import OCI
internal import Synchronization
public import SystemPackage

/// Applies a tar change set, compressed or not, to a directory (OCI image-spec, layer.md).
///
/// Nothing outside the directory is ever touched, whatever the archive says. What is unpacked is visible in the
/// directory at once: give a temporary one and rename it. An instance takes bytes as they come (`write`), unpacks
/// them on threads of its own, and must be finished or cancelled.
public final class LayerApplier: Sendable {
    /// What the bytes are.
    enum Input {
        /// Whatever came, perhaps compressed.
        case compressed
        /// A tar that this process writes and hashes itself.
        case tar
    }

    private let arriving: ByteQueue
    private let unpacked: ByteQueue
    private let digester: Mutex<Digester?>
    private let threads: [WorkerThread]

    /// Begins to apply a change set to an existing directory.
    /// - Throws: code `.system` where the directory cannot be opened.
    public convenience init(into directory: FilePath, options: ApplyOptions) throws(DrydockError) {
        try self.init(into: directory, options: options, input: .compressed)
    }

    init(into directory: FilePath, options: ApplyOptions, input: Input) throws(DrydockError) {
        let root: Int32
        do throws(Errno) {
            root = try FileAt.open(FileAt.workingDirectory, directory.string, O_RDONLY | O_DIRECTORY)
        } catch {
            throw systemFailure(error, "open", text: directory.string)
        }
        digester = Mutex(input == .compressed ? Digester() : nil)
        let arriving = ByteQueue(capacity: 1 << 20)
        let unpacked = input == .compressed ? ByteQueue(capacity: 2 << 20) : arriving
        self.arriving = arriving
        self.unpacked = unpacked
        var threads: [WorkerThread] = []
        let outcome = Outcome()
        do throws(DrydockError) {
            if input == .compressed {
                threads.append(
                    try WorkerThread {
                        outcome.settle(arriving, unpacked) { () throws(DrydockError) in
                            let digester = try Self.decompress(arriving, to: unpacked, limit: options.limits.bytes)
                            outcome.value.withLock { $0.diffID = digester }
                        }
                    })
            }
            threads.append(
                try WorkerThread {
                    defer { FileAt.close(root) }
                    outcome.settle(arriving, unpacked) { () throws(DrydockError) in
                        let tree = try Self.unpack(unpacked, into: root, options)
                        outcome.value.withLock { $0.tree = tree }
                    }
                })
        } catch {
            arriving.fail(error)
            if threads.count < (input == .compressed ? 2 : 1) { FileAt.close(root) }
            throw error
        }
        self.threads = threads
        self.outcome = outcome
    }

    /// What the threads leave behind.
    private final class Outcome: Sendable {
        struct Value {
            var diffID: Digester?
            var tree: (fileBytes: Int64, entries: Int64) = (0, 0)
            var failure: DrydockError?
        }

        let value = Mutex(Value())

        func settle(_ queues: ByteQueue..., work: () throws(DrydockError) -> Void) {
            do throws(DrydockError) {
                try work()
            } catch {
                value.withLock { value in if value.failure == nil { value.failure = error } }
                for queue in queues { queue.fail(error) }
            }
        }
    }

    private let outcome: Outcome

    deinit { arriving.fail(DrydockError(.cancelled, "unpacking was given up")) }

    /// Takes the next bytes of the archive. Blocks while too many bytes wait to be unpacked, so do not call it on the
    /// cooperative pool.
    /// - Throws: what made the unpacking fail, as soon as that is known.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(DrydockError) {
        digester.withLock { $0?.update(bytes) }
        try arriving.push(Array(bytes))
    }

    /// The same for bytes that are an array already.
    public func write(_ bytes: [UInt8]) throws(DrydockError) {
        digester.withLock { $0?.update(bytes) }
        try arriving.push(bytes)
    }

    /// Says that all bytes have been given, and waits until they are unpacked.
    /// - Throws: code `.corrupt` for an archive that is damaged or hostile, `.exhausted` where a limit is passed or the
    ///   disk is full, `.system` for other failures.
    public func finish() throws(DrydockError) -> AppliedLayer {
        arriving.close()
        for thread in threads { thread.join() }
        let result = outcome.value.withLock { $0 }
        if let failure = result.failure { throw failure }
        let digest = digester.withLock { $0 } ?? Digester()
        let diffID = result.diffID ?? Digester()
        return AppliedLayer(
            diffID: diffID.digest(), digest: digest.digest(), compressedSize: digest.count, tarSize: diffID.count,
            fileBytes: result.tree.fileBytes, entries: result.tree.entries)
    }

    /// Ends the work early; what has been unpacked stays for the caller to remove.
    public func cancel() {
        let error = DrydockError(.cancelled, "unpacking was given up")
        arriving.fail(error)
        unpacked.fail(error)
        for thread in threads { thread.join() }
    }

    /// Applies everything that can be read from a file or a pipe. Blocks.
    public static func apply(
        from source: FileDescriptor, into directory: FilePath, options: ApplyOptions
    ) throws(DrydockError) -> AppliedLayer {
        let applier = try LayerApplier(into: directory, options: options)
        do throws(DrydockError) {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
            defer { buffer.deallocate() }
            while case let count = try read(source.rawValue, buffer), count > 0 {
                try applier.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        } catch {
            applier.cancel()
            throw error
        }
        return try applier.finish()
    }

    private static func read(_ fd: Int32, _ buffer: UnsafeMutableRawBufferPointer) throws(DrydockError) -> Int {
        do { return try FileAt.read(fd, buffer) } catch { throw systemFailure(error, "read layer") }
    }

    private static func decompress(
        _ source: ByteQueue, to sink: ByteQueue, limit: Int64
    ) throws(DrydockError) -> Digester {
        let decompressor = Decompressor(source)
        var digester = Digester()
        while let block = try decompressor.next() {
            digester.update(block)
            guard digester.count <= limit else {
                throw DrydockError(
                    .exhausted, "layer is larger than \(limit) bytes when unpacked", reason: "refused as a precaution")
            }
            try sink.push(block)
        }
        // What follows the compressed data still counts for the digest of the blob.
        try source.drain()
        sink.close()
        return digester
    }

    private static func unpack(
        _ source: ByteQueue, into root: Int32, _ options: ApplyOptions
    ) throws(DrydockError) -> (fileBytes: Int64, entries: Int64) {
        let reader = TarReader(source)
        var tree = TreeWriter(root: root, options: options)
        var writeback = EarlyWriteback(root: root)
        while let item = try reader.next() {
            try tree.apply(item) { body throws(DrydockError) in try reader.content(body) }
            writeback.reached(tree.fileBytes)
        }
        try source.drain()
        try tree.close()
        return (tree.fileBytes, tree.entries)
    }
}

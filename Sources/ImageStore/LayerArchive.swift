public import Diagnostics
public import Layers
internal import Linux
public import OCI
internal import SystemPackage

extension ImageStore {
    /// Writes a layer as the plain tar archive that its diff ID names. Moves data: call it on a thread that may block.
    /// - Returns: the number of bytes.
    /// - Throws: code `.corrupt` where what is on the disk has another diff ID, and whatever `sink` throws.
    @discardableResult
    public func writeTar(of layer: LayerRecord, to sink: @escaping ByteSink) throws(DrydockError) -> Int64 {
        let found: Digest
        let size: Int64
        if let blob = try blob(of: layer.diffID) {
            var digester = Digester(layer.diffID.algorithm)
            let file = try blobs.open(blob.digest)
            defer { FileAt.close(file.rawValue) }
            let plain = StreamCompression.undone { () throws(DrydockError) in
                try readBlock(file.rawValue, "blob \(blob.digest)")
            }
            while let bytes = try plain() {
                digester.update(bytes)
                try bytes.withBytes(sink)
            }
            (found, size) = (digester.digest(), digester.count)
        } else {
            let written = try LayerWriter.write(directory: layer.directory, compression: .none, to: sink)
            (found, size) = (written.diffID, written.tarSize)
        }
        guard found == layer.diffID else {
            throw DrydockError(
                .corrupt, "layer \(layer.diffID) has been changed on the disk", reason: "it is \(found) now",
                remedy: "Remove the image and pull it again.")
        }
        return size
    }
}

extension Lease {
    /// Takes in a layer of which nothing is known but its bytes: plain or compressed, from an archive or a pipe.
    ///
    /// The bytes are kept as the layer's blob where a registry would take them as they are, unless the unpacked
    /// directory gives the very same bytes when it is packed again. Moves data: call it on a thread that may block.
    /// - Parameters:
    ///   - diffID: what the layer's diff ID must be, where that is known.
    ///   - size: the number of bytes, where that is known, for progress.
    ///   - parent: the chain ID of the layers below.
    /// - Throws: code `.corrupt` where the diff ID is another, or the bytes are no tar archive.
    public func unpack(
        _ next: @escaping ByteReader, expecting diffID: Digest? = nil, size: Int64? = nil, parent: Digest?,
        trace: Span = .none
    ) throws(DrydockError) -> LayerRecord {
        let span = trace.begin("layer.unpack")
        do throws(DrydockError) {
            let layer = try unpackUntraced(next, diffID, size, parent, trace)
            span.end(
                TraceFact("diff-id", .digest(layer.diffID.description)), TraceFact("unpacked", .bytes(layer.size)))
            return layer
        } catch {
            span.fail(error)
            throw error
        }
    }

    private func unpackUntraced(
        _ next: @escaping ByteReader, _ diffID: Digest?, _ size: Int64?, _ parent: Digest?, _ span: Span
    ) throws(DrydockError) -> LayerRecord {
        var head = try next()
        var read = next
        var compression = StreamCompression(head ?? [])
        if compression == .bzip2 || compression == .xz {
            // No media type says so: what is kept is the plain tar.
            var first = head
            read = StreamCompression.undone { () throws(DrydockError) in
                guard let bytes = first else { return try next() }
                first = nil
                return bytes
            }
            head = try read()
            compression = .none
        }
        let place = newPath("layer")
        let directory = place.appending("diff")
        try Files.makeDirectories(directory, mode: 0o755)
        var options = unsynced
        if let parent { options.lower = (try? store.layerMounts(chain: parent)) ?? [] }
        let applier = try LayerApplier(into: directory, options: options)
        let writer = try BlobWriter(store.blobs, newPath("blob"), nil)
        do throws(DrydockError) {
            var count: Int64 = 0
            while let bytes = head {
                try writer.write(bytes)
                try applier.write(bytes)
                count += Int64(bytes.count)
                if let size { span.progress(count, of: size) }
                head = try read()
            }
        } catch {
            applier.cancel()
            writer.cancel()
            try? LayerApplier.remove(place)
            throw error
        }
        do throws(DrydockError) {
            let applied = try applier.finish()
            if let diffID, applied.diffID != diffID {
                throw DrydockError(
                    .corrupt, "invalid diffID for layer: expected \"\(diffID)\", got \"\(applied.diffID)\"",
                    remedy: "Make the archive again.")
            }
            let type: MediaType =
                switch compression {
                case .gzip: .ociLayerGzip
                case .zstd: .ociLayerZstd
                default: .ociLayer
                }
            let descriptor = Descriptor(mediaType: type, digest: applied.digest, size: applied.compressedSize)
            var blob: (BlobWriter, Descriptor)? = (writer, descriptor)
            if type == .ociLayer {
                let again = try LayerWriter.write(directory: directory, compression: .none) { _ in }
                if again.diffID == applied.diffID {
                    writer.cancel()
                    blob = nil
                }
            }
            return try install(place, diffID: applied.diffID, parent: parent, size: applied.fileBytes, blob: blob)
        } catch {
            writer.cancel()
            try? LayerApplier.remove(place)
            throw error
        }
    }
}

extension [UInt8] {
    /// Passes the bytes on where they lie.
    func withBytes(_ body: ByteSink) throws(DrydockError) {
        let result: Result<Void, DrydockError> = withUnsafeBytes { bytes in
            do throws(DrydockError) { return .success(try body(bytes)) } catch { return .failure(error) }
        }
        try result.get()
    }
}

/// The next bytes of an open file; nil at its end.
func readBlock(_ fd: Int32, _ what: String) throws(DrydockError) -> [UInt8]? {
    var failure: Errno?
    let block = [UInt8](unsafeUninitializedCapacity: 256 << 10) { buffer, count in
        do throws(Errno) {
            count = try FileAt.read(fd, UnsafeMutableRawBufferPointer(buffer))
        } catch {
            failure = error
            count = 0
        }
    }
    if let failure { throw DrydockError.system("read \(what)", errno: failure.rawValue) }
    return block.isEmpty ? nil : block
}

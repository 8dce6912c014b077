public import Diagnostics
import ImageStore
import OCI
import RegistryClient
import Synchronization
import SystemPackage

extension Engine {
    /// See `EngineOperations`.
    public func pull(_ request: PullRequest, _ span: Span) async throws(DrydockError) -> [PullResult] {
        guard request.reference.familiarName != "scratch" else {
            throw DrydockError(
                .invalidArgument, "'scratch' is a reserved name", reason: "it stands for an image without any file",
                remedy: "docker import makes an image from a tar archive, without another one below it.")
        }
        if request.allTags {
            var results: [PullResult] = []
            for tag in try await client().tags(of: request.reference, span: span) {
                results.append(try await pullOne(request.reference.tagged(tag), request.platform, span))
            }
            return results
        }
        return [try await pullOne(request.reference.withDefaultTag, request.platform, span)]
    }

    private func pullOne(
        _ reference: Reference, _ platform: Platform?, _ outer: Span
    ) async throws(DrydockError) -> PullResult {
        let span = outer.begin(
            TransferEvents.pull, TraceFact("reference", .text(reference.familiar)),
            TraceFact("repository", .text(reference.repository)),
            TraceFact("tag", .text(reference.tag ?? reference.digest?.description ?? "")))
        do {
            let result = try await transfer(reference, platform, span)
            span.end(
                TraceFact("image", .digest(result.image.description)),
                TraceFact("digest", .digest(result.digest.description)))
            return result
        } catch {
            span.fail(error)
            throw error
        }
    }

    private func transfer(
        _ reference: Reference, _ platform: Platform?, _ span: Span
    ) async throws(DrydockError) -> PullResult {
        let resolved = try await client().resolve(reference, platform: platform ?? .current, span: span)
        let lease = try store.beginLease(isPull: true)
        defer { lease.end() }
        do {
            return try await transfer(resolved, platform, lease, span)
        } catch {
            // What is whole stays for the next try.
            if Self.keepsBytes(error) { try? lease.keepLayers() }
            throw error
        }
    }

    /// Whether what a failed transfer brought is worth keeping: not where it was wrong, or where there is no room.
    private static func keepsBytes(_ error: DrydockError) -> Bool {
        error.code != .corrupt && error.code != .exhausted
    }

    private func transfer(
        _ resolved: ResolvedImage, _ platform: Platform?, _ lease: Lease, _ span: Span
    ) async throws(DrydockError) -> PullResult {
        let reference = resolved.reference
        let manifest = resolved.manifest
        let before = try store.image(for: reference)
        let configBytes: [UInt8]
        let known = try store.image(id: manifest.config.digest)
        if let known {
            configBytes = try store.configBytes(of: known.id)
        } else {
            configBytes = try await client().blob(manifest.config, of: reference, span: span)
        }
        let config = try Self.configuration(configBytes, of: reference, manifest)
        // Of an image that is here already Docker does not name the layers.
        try await fetchLayers(manifest, config, reference, lease, span, tellsKnown: known == nil)
        var names = [reference.pinned(to: resolved.digest)]
        if reference.tag != nil, reference.digest == nil { names.insert(reference, at: 0) }
        let image: ImageRecord
        do {
            image = try lease.register(
                NewImage(
                    config: configBytes, manifest: (resolved.raw.bytes, resolved.raw.mediaType), references: names))
        }
        record(transfer: "pull", reference, image: image.id)
        return PullResult(
            reference: reference, image: image.id, digest: resolved.digest, isNew: before?.id != image.id,
            courseImage: config.config.labels[Self.courseImageLabel].map { "This is a course image: \($0)." },
            warning: Self.mismatch(config, platform, reference))
    }

    /// Docker's warning where an image has one platform only, and that is another than the one asked for.
    private static func mismatch(
        _ config: ImageConfig, _ wanted: Platform?, _ reference: Reference
    ) -> String? {
        let own = config.platform
        guard let wanted, !wanted.compatible.contains(where: { own.matches($0) }) else { return nil }
        return "image with reference \(reference.familiar) was found but does not match the specified platform: "
            + "wanted \(wanted), actual: \(own)"
    }

    /// The label that says what a course image stands for.
    static var courseImageLabel: String { "dev.drydock.course-image" }

    private static func configuration(
        _ bytes: [UInt8], of reference: Reference, _ manifest: Manifest
    ) throws(DrydockError) -> ImageConfig {
        let json = try JSONValue(parsing: bytes)
        guard json["rootfs"] != nil else {
            throw DrydockError(
                .unsupported, "unsupported media type \(manifest.config.mediaType.rawValue)",
                reason: "\(reference.familiar) is not a container image",
                remedy: "Artifacts can be fetched with other tools, but not run.")
        }
        let config = try ImageConfig(json)
        guard config.diffIDs.count == manifest.layers.count else {
            throw DrydockError(
                .corrupt,
                "invalid image: the manifest lists \(manifest.layers.count) layers, "
                    + "its configuration \(config.diffIDs.count)")
        }
        return config
    }

    private func fetchLayers(
        _ manifest: Manifest, _ config: ImageConfig, _ reference: Reference, _ lease: Lease, _ span: Span,
        tellsKnown: Bool
    ) async throws(DrydockError) {
        let chain = chainIDs(of: config.diffIDs)
        var wanted: [Int] = []
        var repeated: [Int] = []
        for index in chain.indices {
            let layer = manifest.layers[index]
            if try lease.hasLayer(chain[index]) {
                guard tellsKnown else { continue }
                let known = span.begin(
                    TransferEvents.pullLayer, TraceFact("id", .text(layer.digest.short)),
                    TraceFact("size", .bytes(layer.size)), TraceFact("digest", .digest(layer.digest.description)))
                known.fact(TransferEvents.phase, .text(TransferEvents.Phase.exists.rawValue))
                known.end()
            } else if wanted.contains(where: { manifest.layers[$0].digest == layer.digest }) {
                repeated.append(index)
            } else {
                wanted.append(index)
            }
        }
        let places = wanted
        let diffIDs = config.diffIDs
        let postponed = Mutex<[Int]>([])
        try await client().fetch(places.map { manifest.layers[$0] }, of: reference, span: span) { download in
            let index = places[download.index]
            let isTaken = try await Self.take(
                download, into: lease, diffID: diffIDs[index], parent: index > 0 ? chain[index - 1] : nil)
            if !isTaken { postponed.withLock { $0.append(index) } }
        }
        // Those with hard links into layers below go on with the bytes that came, once what is below them is there.
        let late = postponed.withLock { $0 }
        let inOrder = (repeated.map { ($0, true) } + late.map { ($0, false) }).sorted { $0.0 < $1.0 }
        for (index, isRepeated) in inOrder {
            let (descriptor, parent) = (manifest.layers[index], index > 0 ? chain[index - 1] : nil)
            guard isRepeated else {
                try await client().fetch([descriptor], of: reference, span: span) { download in
                    _ = try await Self.take(download, into: lease, diffID: diffIDs[index], parent: parent)
                }
                continue
            }
            // The same bytes at another height of the stack are another layer: it is unpacked from the blob that came.
            let ingest = try lease.ingest(descriptor, diffID: diffIDs[index], parent: parent, trace: span)
            do {
                try copy(blob: descriptor.digest, into: ingest)
                _ = try await ingest.commit()
            } catch {
                ingest.cancel()
                throw error
            }
        }
    }

    /// Unpacks a layer while it comes. An earlier pull may have left its first bytes.
    /// - Returns: false where that must wait for the layers below; the bytes that came are kept.
    private static func take(
        _ download: LayerDownload, into lease: Lease, diffID: Digest, parent: Digest?
    ) async throws(DrydockError) -> Bool {
        let (layer, span) = (download.descriptor, download.span)
        for isLast in [false, true] {
            let ingest = try lease.ingest(layer, diffID: diffID, parent: parent, resumes: true, trace: span)
            let left = ingest.resumedBytes
            do {
                if left > 0 {
                    span.fact(TransferEvents.continued, .bytes(left))
                    span.progress(left, of: layer.size)
                }
                for try await bytes in download.bytes(from: left) { try await ingest.send(bytes.array) }
                span.fact(TransferEvents.phase, .text(TransferEvents.Phase.extracting.rawValue))
                _ = try await ingest.commit()
                span.fact(TransferEvents.phase, .text(TransferEvents.Phase.complete.rawValue))
                return true
            } catch {
                let mustWait = ingest.mustFollowParent(error)
                ingest.cancel(keepingBytes: mustWait || keepsBytes(error))
                if mustWait { return false }
                // After a power failure what was left may be wrong; then all of it is fetched.
                let isWrong = error.code == .corrupt
                guard isWrong, left > 0, !isLast else { throw verificationFailure(error, layer) }
                span.fact(TransferEvents.phase, .text(TransferEvents.Phase.downloading.rawValue))
            }
        }
        return true
    }

    /// Wrong bytes show themselves in many ways (they cannot be decompressed, they make no archive, the digest is
    /// another); to the user they are one thing, in Docker's words.
    private static func verificationFailure(_ error: DrydockError, _ layer: Descriptor) -> DrydockError {
        if error.code == .exhausted, !error.message.hasPrefix("failed to register layer: ") {
            var copy = error
            copy.message = "failed to register layer: \(error.message)"
            copy.remedy =
                "Nothing of it was kept. Free some space ('docker image prune', 'docker container prune'), "
                + "then pull again."
            return copy
        }
        guard error.code == .corrupt else { return error }
        return DrydockError(
            .corrupt, "filesystem layer verification failed for digest \(layer.digest)",
            reason: error.reason ?? error.message,
            remedy: "Nothing of it was kept. Pull again; if it happens again, the registry's copy is damaged.")
    }

    private func copy(blob digest: Digest, into ingest: LayerIngest) throws(DrydockError) {
        let file = try store.blobs.open(digest)
        defer { try? file.close() }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count: Int
            do {
                count = try file.read(into: buffer)
            } catch {
                throw DrydockError(.system, "read \(store.blobs.path(digest)): \(error)")
            }
            if count == 0 { return }
            try ingest.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}

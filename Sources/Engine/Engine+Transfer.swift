public import Diagnostics
import ImageStore
public import OCI
import RegistryClient
import SystemPackage

extension Engine {
    /// See `EngineOperations`.
    public func pull(_ request: PullRequest, _ span: Span) async throws(DrydockError) -> [PullResult] {
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
            span.end(TraceFact("image", .digest(result.image.description)))
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
        if let known = try store.image(id: manifest.config.digest) {
            configBytes = try store.configBytes(of: known.id)
        } else {
            configBytes = try await client().blob(manifest.config, of: reference, span: span)
        }
        let config = try Self.configuration(configBytes, of: reference, manifest)
        try await fetchLayers(manifest, config, reference, lease, span)
        var names = [reference.pinned(to: resolved.digest)]
        if reference.tag != nil, reference.digest == nil { names.insert(reference, at: 0) }
        let image: ImageRecord
        do {
            image = try lease.register(
                NewImage(
                    config: configBytes, manifest: (resolved.raw.bytes, resolved.raw.mediaType), references: names))
        }
        return PullResult(
            reference: reference, image: image.id, digest: resolved.digest, isNew: before?.id != image.id,
            courseImage: config.config.labels[Self.courseImageLabel].map { "This is a course image, \($0)." })
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
        _ manifest: Manifest, _ config: ImageConfig, _ reference: Reference, _ lease: Lease, _ span: Span
    ) async throws(DrydockError) {
        let chain = chainIDs(of: config.diffIDs)
        var wanted: [Int] = []
        var repeated: [Int] = []
        for index in chain.indices {
            let layer = manifest.layers[index]
            if try lease.hasLayer(chain[index]) {
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
        try await client().fetch(places.map { manifest.layers[$0] }, of: reference, span: span) { download in
            let index = places[download.index]
            try await Self.take(
                download, into: lease, diffID: diffIDs[index], parent: index > 0 ? chain[index - 1] : nil)
        }
        // The same bytes at another height of the stack are another layer: it is unpacked from the blob that came.
        for index in repeated {
            let descriptor = manifest.layers[index]
            let ingest = try lease.ingest(
                descriptor, diffID: diffIDs[index], parent: index > 0 ? chain[index - 1] : nil, trace: span)
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
    private static func take(
        _ download: LayerDownload, into lease: Lease, diffID: Digest, parent: Digest?
    ) async throws(DrydockError) {
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
                return
            } catch {
                ingest.cancel(keepingBytes: keepsBytes(error))
                // After a power failure what was left may be wrong; then all of it is fetched.
                let isWrong = error.code == .corrupt
                guard isWrong, left > 0, !isLast else { throw verificationFailure(error, layer) }
                span.fact(TransferEvents.phase, .text(TransferEvents.Phase.downloading.rawValue))
            }
        }
    }

    /// Wrong bytes show themselves in many ways (they cannot be decompressed, they make no archive, the digest is
    /// another); to the user they are one thing, in Docker's words.
    private static func verificationFailure(_ error: DrydockError, _ layer: Descriptor) -> DrydockError {
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

    // MARK: Push

    /// See `EngineOperations`.
    public func push(
        _ reference: Reference, allTags: Bool, _ span: Span
    ) async throws(DrydockError) -> [PushResult] {
        var references = [reference.withDefaultTag]
        if allTags {
            references = try store.images().flatMap(\.tags).filter { $0.name == reference.name }
                .sorted { ($0.tag ?? "") < ($1.tag ?? "") }
        }
        var pairs: [(Reference, ImageRecord)] = []
        for reference in references {
            if let image = try store.image(for: reference) { pairs.append((reference, image)) }
        }
        guard !pairs.isEmpty, pairs.count == references.count else {
            let tag = allTags ? "" : " with tag: \(references[0].tag ?? "")"
            throw DrydockError(
                .notFound,
                "An image does not exist locally \(allTags ? "with the name" : "with the tag"): "
                    + reference.familiarName, reason: "there is no \(reference.familiarName)\(tag) here",
                remedy: "Give an image this name first: docker image tag IMAGE \(references.first?.familiar ?? "")")
        }
        var results: [PushResult] = []
        for (reference, image) in pairs { results.append(try await pushOne(reference, image, span)) }
        return results
    }

    private func pushOne(
        _ reference: Reference, _ image: ImageRecord, _ outer: Span
    ) async throws(DrydockError) -> PushResult {
        let span = outer.begin(
            TransferEvents.push, TraceFact("reference", .text(reference.familiar)),
            TraceFact("repository", .text(reference.name)), TraceFact("tag", .text(reference.tag ?? "")))
        do {
            let upload = try makeUpload(reference, image, span)
            let descriptor = try await client().push(upload, span: span)
            try store.record(
                manifest: upload.manifest.bytes, mediaType: upload.manifest.mediaType,
                reference: reference.pinned(to: descriptor.digest), for: image.id)
            span.end(TraceFact("digest", .digest(descriptor.digest.description)))
            return PushResult(reference: reference, digest: descriptor.digest, size: descriptor.size)
        } catch {
            span.fail(error)
            throw error
        }
    }

    private func makeUpload(
        _ reference: Reference, _ image: ImageRecord, _ span: Span
    ) throws(DrydockError) -> PushImage {
        let layers = try store.layers(of: image.id)
        let configBytes = try store.configBytes(of: image.id)
        let sources = try repositories(of: reference.registry, besides: reference.repository)
        var descriptors: [Descriptor] = []
        var blobs: [PushBlob] = []
        for layer in layers {
            let descriptor = try blob(of: layer, span)
            descriptors.append(descriptor)
            blobs.append(
                PushBlob(
                    descriptor: descriptor, content: .file(store.blobs.path(descriptor.digest)),
                    displayID: layer.diffID.short, mountFrom: sources[layer.diffID] ?? []))
        }
        let raw: RawManifest
        if let kept = try store.manifest(of: image.id) {
            raw = RawManifest(mediaType: kept.mediaType, bytes: kept.bytes)
        } else {
            raw = Self.manifest(config: configBytes, layers: descriptors)
        }
        let config = try Manifest(try JSONValue(parsing: raw.bytes)).config
        return PushImage(
            reference: reference, layers: blobs, config: PushBlob(descriptor: config, content: .bytes(configBytes)),
            manifest: raw)
    }

    /// The compressed layer. One that was made here is compressed at its first push, which takes a while: the display
    /// shows it as being prepared.
    private func blob(of layer: LayerRecord, _ span: Span) throws(DrydockError) -> Descriptor {
        if let known = try store.blob(of: layer.diffID) { return known }
        let work = span.begin(
            TransferEvents.pushLayer, TraceFact("id", .text(layer.diffID.short)),
            TraceFact("size", .bytes(layer.size)), TraceFact("digest", .digest(layer.diffID.description)))
        do {
            let descriptor = try store.makeBlob(of: layer, trace: work)
            work.end()
            return descriptor
        } catch {
            work.fail(error)
            throw error
        }
    }

    /// The manifest of an image that was made here: Docker's types where all layers are gzip, OCI's otherwise.
    static func manifest(config: [UInt8], layers: [Descriptor]) -> RawManifest {
        let gzip: Set<MediaType> = [.ociLayerGzip, .dockerLayerGzip]
        let isDocker = layers.allSatisfy { gzip.contains($0.mediaType) }
        let type: MediaType = isDocker ? .dockerManifest : .ociManifest
        let manifest = Manifest(
            mediaType: type,
            config: Descriptor(
                mediaType: isDocker ? .dockerConfig : .ociConfig, digest: .sha256(config), size: Int64(config.count)),
            layers: layers.map { layer in
                var copy = layer
                if isDocker { copy.mediaType = .dockerLayerGzip }
                return copy
            })
        return RawManifest(mediaType: type, bytes: Array(manifest.json.pretty(indent: 3).utf8))
    }

    /// For each layer, the repositories of a registry that are known to have it: where a push can mount it from.
    private func repositories(
        of registry: String, besides repository: String
    ) throws(DrydockError) -> [Digest: [String]] {
        var sources: [Digest: [String]] = [:]
        for image in try store.images(intermediate: true) {
            for name in image.digests where name.registry == registry && name.repository != repository {
                for layer in try store.layers(of: image.id)
                where !(sources[layer.diffID] ?? []).contains(name.repository) {
                    sources[layer.diffID, default: []].append(name.repository)
                }
            }
        }
        return sources
    }

    // MARK: Accounts and search

    /// See `EngineOperations`.
    public func login(server: String?, username: String, password: String) async throws(DrydockError) {
        _ = try await client().login(
            Credentials(username: username, password: password), to: server ?? Reference.defaultRegistry)
    }

    /// See `EngineOperations`.
    public func loggedIn(server: String?) throws(DrydockError) -> String? {
        try credentials.credentials(for: server ?? Reference.defaultRegistry)?.username
    }

    /// See `EngineOperations`.
    public func logout(server: String?) async throws(DrydockError) -> Bool {
        try await client().logout(from: server ?? Reference.defaultRegistry)
    }

    /// See `EngineOperations`.
    public func search(
        _ term: String, limit: Int, matching filters: Filters
    ) async throws(DrydockError) -> [SearchResult] {
        for name in filters.keys where !["is-official", "stars", "is-automated"].contains(name) {
            throw .invalidFilter(name)
        }
        let stars = filters["stars"]?.compactMap { Int($0) }.max() ?? 0
        let official = filters["is-official"]?.first
        return try await client().search(term, limit: limit).filter { result in
            result.stars >= stars && (official == nil || (official == "true" || official == "1") == result.official)
        }.map {
            SearchResult(name: $0.name, description: $0.description, stars: $0.stars, isOfficial: $0.official)
        }
    }

    /// See `EngineOperations`.
    public func registryManifest(_ reference: Reference) async throws(DrydockError) -> RegistryManifest? {
        let reference = reference.withDefaultTag
        let client = try self.client()
        let found = await withTaskGroup(of: Result<RegistryManifest?, DrydockError>?.self) { group in
            group.addTask {
                do throws(DrydockError) {
                    let resolved = try await client.resolve(reference)
                    return .success(
                        RegistryManifest(
                            digest: resolved.digest, image: resolved.manifest.config.digest,
                            layers: resolved.manifest.layers))
                } catch {
                    return error.code == .notFound || error.code == .denied ? .success(nil) : .failure(error)
                }
            }
            group.addTask {
                try? await Task.sleep(for: .seconds(1))
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        guard let found else {
            throw DrydockError(.unavailable, "the registry \(reference.registry) did not answer within a second")
        }
        return try found.get()
    }
}

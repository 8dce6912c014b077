public import Diagnostics
import ImageStore
public import OCI
import RegistryClient
import SystemPackage

extension Engine {
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
            record(transfer: "push", reference, image: image.id)
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
        let kept = try keptManifest(of: image, layers: layers.count)
        var descriptors: [Descriptor] = []
        var blobs: [PushBlob] = []
        for (index, layer) in layers.enumerated() {
            let descriptor =
                if let known = kept?.manifest.layers[index] { known } else { try blob(of: layer, span) }
            descriptors.append(descriptor)
            blobs.append(
                PushBlob(
                    descriptor: descriptor, content: .file(store.blobs.path(descriptor.digest)),
                    displayID: layer.diffID.short, mountFrom: sources[layer.diffID] ?? []))
        }
        let raw = kept?.raw ?? Self.manifest(config: configBytes, layers: descriptors)
        let config = try Manifest(try JSONValue(parsing: raw.bytes)).config
        return PushImage(
            reference: reference, layers: blobs, config: PushBlob(descriptor: config, content: .bytes(configBytes)),
            manifest: raw)
    }

    /// The manifest that an image came with, where all that it names is here in the same compressed form; another image
    /// may have brought a layer compressed otherwise, and then this image is pushed with a manifest of its own.
    private func keptManifest(
        of image: ImageRecord, layers: Int
    ) throws(DrydockError) -> (raw: RawManifest, manifest: Manifest)? {
        guard let kept = try store.manifest(of: image.id), let json = try? JSONValue(parsing: kept.bytes),
            let manifest = try? Manifest(json, mediaType: kept.mediaType), manifest.layers.count == layers
        else { return nil }
        for layer in manifest.layers where !layer.mediaType.isForeignLayer {
            guard store.blobs.size(layer.digest) == layer.size else { return nil }
        }
        return (RawManifest(mediaType: kept.mediaType, bytes: kept.bytes), manifest)
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
}

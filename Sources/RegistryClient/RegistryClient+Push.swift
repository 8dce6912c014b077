public import Diagnostics
import NIOHTTP1
public import OCI

extension RegistryClient {
    /// Sends an image: layers and configuration that the registry does not have yet, several at a time, then the
    /// manifest.
    ///
    /// Every layer has a span `push.layer` (facts `id`, `size`, `digest`) with facts `phase`: `Preparing`, `Waiting`, `Pushing`
    /// with progress, then `Pushed`, `Layer already exists`, `Mounted from` (fact `from`) or `Skipped foreign layer`.
    /// - Returns: digest and size of the manifest, for Docker's last line.
    /// - Throws: `.denied` with Docker's "denied: requested access to the resource is denied", and as `resolve`.
    public func push(_ image: PushImage, span: Span = .none) async throws(DrydockError) -> Descriptor {
        let reference = image.reference.withDefaultTag
        let endpoint = try await self.endpoint(reference.registry)
        var seen: Set<Digest> = []
        let layers = image.layers.filter { seen.insert($0.descriptor.digest).inserted }
        let spans = layers.enumerated().map { index, layer in
            let inner = span.begin(
                "push.layer", TraceFact("id", .text(layer.displayID)),
                TraceFact("size", .bytes(layer.descriptor.size)),
                TraceFact("digest", .digest(layer.descriptor.digest.description)))
            inner.fact("phase", .text("Preparing"))
            if layer.descriptor.mediaType.isForeignLayer {
                inner.fact("phase", .text("Skipped foreign layer"))
            } else if index >= settings.configuration.parallelUploads {
                inner.fact("phase", .text("Waiting"))
            }
            return inner
        }
        try await inParallel(layers.count, atMost: settings.configuration.parallelUploads) { index in
            guard !layers[index].descriptor.mediaType.isForeignLayer else { return spans[index].end() }
            let upload = Upload(
                client: self, endpoint: endpoint, reference: reference, blob: layers[index], span: spans[index])
            try await upload.run()
            spans[index].end()
        } failed: { index, error in
            spans[index].fail(error)
        }
        let config = span.begin(
            "push.config", TraceFact("digest", .digest(image.config.descriptor.digest.description)),
            TraceFact("size", .bytes(image.config.descriptor.size)))
        do {
            try await Upload(
                client: self, endpoint: endpoint, reference: reference, blob: image.config, span: config
            ).run()
            config.end()
        } catch {
            config.fail(error)
            throw error
        }
        return try await put(image.manifest, as: reference, span: span)
    }

    /// Sends a manifest or an index; everything that it names must be there.
    /// - Returns: its type, digest and size.
    /// - Throws: as `push`.
    public func put(
        _ manifest: RawManifest, as reference: Reference, span: Span = .none
    ) async throws(DrydockError) -> Descriptor {
        let endpoint = try await self.endpoint(reference.registry)
        let name = reference.tag ?? manifest.digest.description
        let work = span.begin("push.manifest", TraceFact("digest", .digest(manifest.digest.description)))
        do throws(DrydockError) {
            let response = try await transport.send(
                RegistryRequest(
                    method: .PUT, url: endpoint.url("\(reference.repository)/manifests/\(name)"), endpoint: endpoint,
                    headers: ["content-type": manifest.mediaType.rawValue], body: .bytes(manifest.bytes),
                    scopes: ["repository:\(reference.repository):pull,push"], span: work))
            let refusal = await response.refusal()
            guard (200...299).contains(refusal.status) else { throw refusal.pushError(reference) }
            work.end()
            return manifest.descriptor
        } catch {
            work.fail(error)
            throw error
        }
    }
}

public import Diagnostics
import NIOHTTP1
public import OCI

extension RegistryClient {
    /// Sends an image: layers and configuration that the registry does not have yet, several at a time, then the
    /// manifest.
    ///
    /// Every layer has a span `push.layer` (facts `id`, `size`, `digest`) with facts `phase`: `Preparing`, `Waiting`, `Pushing`
    /// with progress, then `Pushed`, `Layer already exists` or `Mounted from` (fact `from`).
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
            if index >= settings.configuration.parallelUploads { inner.fact("phase", .text("Waiting")) }
            return inner
        }
        try await inParallel(layers.count, atMost: settings.configuration.parallelUploads) { index in
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

/// The sending of one blob (distribution-spec, "Pushing blobs").
struct Upload {
    let client: RegistryClient
    let endpoint: RegistryEndpoint
    let reference: Reference
    let blob: PushBlob
    let span: Span

    private var repository: String { reference.repository }
    private var digest: Digest { blob.descriptor.digest }
    private var transport: Transport { client.transport }

    func run() async throws(DrydockError) {
        if try await exists() {
            span.fact("phase", .text("Layer already exists"))
            return
        }
        var failures = 0
        while true {
            do {
                if let place = try await begin() { try await send(to: place) }
                return
            } catch {
                failures += 1
                let retry = client.settings.retry
                guard error.code == .unavailable, error.errno != 111, failures < retry.attempts,
                    let pause = retry.pause(after: failures, nil)
                else { throw error }
                span.fact("retry", .text(error.message))
                try await transport.sleep(pause)
            }
        }
    }

    private func request(_ method: HTTPMethod, _ url: String, extraScope: String? = nil) -> RegistryRequest {
        RegistryRequest(
            method: method, url: url, endpoint: endpoint,
            scopes: ["repository:\(repository):pull,push"] + (extraScope.map { [$0] } ?? []), span: span)
    }

    private func exists() async throws(DrydockError) -> Bool {
        let response: RegistryResponse
        do {
            response = try await transport.send(request(.HEAD, endpoint.url("\(repository)/blobs/\(digest)")))
        } catch {
            throw error.naming(endpoint)
        }
        switch response.status.code {
        case 200: return true
        case 404: return false
        default:
            // Who may not look may still be told why not when the upload begins.
            let refusal = await response.refusal()
            if refusal.isDenied { return false }
            throw refusal.pushError(reference)
        }
    }

    /// Opens an upload, and returns where its bytes go; nil where the registry took the blob from another repository.
    private func begin() async throws(DrydockError) -> String? {
        let start = endpoint.url("\(repository)/blobs/uploads/")
        for source in blob.mountFrom.prefix(3) where source != repository {
            let query = "?mount=\(digest.description.percentEncoded)&from=\(source.percentEncoded)"
            let response = try await transport.send(
                request(.POST, start + query, extraScope: "repository:\(source):pull"))
            if response.status == .created {
                _ = await response.refusal()
                span.fact("from", .text(source))
                span.fact("phase", .text("Mounted from"))
                return nil
            }
            if response.status == .accepted { return try await place(response) }
            let refusal = await response.refusal()
            guard refusal.isDenied || refusal.status == 404 else { throw refusal.pushError(reference) }
        }
        let response = try await transport.send(request(.POST, start))
        guard response.status == .accepted else { throw await response.refusal().pushError(reference) }
        return try await place(response)
    }

    private func place(_ response: RegistryResponse) async throws(DrydockError) -> String {
        let location = response.headers["location"].first
        let here = WebAddress(response.url)
        _ = await response.refusal()
        guard let location, let here else {
            throw DrydockError(.unavailable, "the registry opened an upload but does not say where")
        }
        return here.resolving(location)
    }

    private func send(to place: String) async throws(DrydockError) {
        span.fact("phase", .text("Pushing"))
        let size = blob.descriptor.size
        var place = place
        var whole: RequestContent =
            switch blob.content {
            case .bytes(let bytes): .bytes(bytes)
            case .file(let path): .file(path, offset: 0, length: size, total: size)
            }
        if let chunk = client.settings.uploadChunk.map(Int64.init), case .file(let path) = blob.content, size > chunk {
            var offset: Int64 = 0
            while offset < size {
                let length = min(chunk, size - offset)
                place = try await patch(place, .file(path, offset: offset, length: length, total: size), offset, length)
                offset += length
            }
            whole = .none
        }
        var finish = request(
            .PUT, place + (place.contains("?") ? "&" : "?") + "digest=\(digest.description.percentEncoded)")
        finish.body = whole
        finish.repeats = false
        finish.headers.add(name: "content-type", value: "application/octet-stream")
        let response = try await transport.send(finish)
        let refusal = await response.refusal()
        guard response.status == .created || response.status == .noContent else { throw refusal.pushError(reference) }
        span.fact("phase", .text("Pushed"))
    }

    private func patch(
        _ place: String, _ content: RequestContent, _ offset: Int64, _ length: Int64
    ) async throws(DrydockError) -> String {
        var piece = request(.PATCH, place)
        piece.body = content
        piece.repeats = false
        piece.headers.add(name: "content-type", value: "application/octet-stream")
        piece.headers.add(name: "content-range", value: "\(offset)-\(offset + length - 1)")
        let response = try await transport.send(piece)
        guard response.status == .accepted else { throw await response.refusal().pushError(reference) }
        return try await self.place(response)
    }
}

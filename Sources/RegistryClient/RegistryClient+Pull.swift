public import Diagnostics
import NIOHTTP1
public import OCI

extension RegistryClient {
    private static let manifestTypes: [MediaType] = [.ociIndex, .dockerList, .ociManifest, .dockerManifest]
    private static let manifestLimit = 4 << 20

    /// Finds out what a name stands for: one request for an image, a second one where there is an index.
    ///
    /// - Parameters:
    ///   - reference: the name; `latest` is taken where it has neither tag nor digest.
    ///   - platform: the platform that is wanted of an index; this machine's by default.
    /// - Throws: `.notFound` ("manifest for … not found: …", "pull access denied for …", no match for the platform),
    ///   `.unauthorized`, `.denied`, `.tooManyRequests`, `.unavailable`, `.corrupt`, with Docker's words.
    public func resolve(
        _ reference: Reference, platform: Platform = .current, span: Span = .none
    ) async throws(DrydockError) -> ResolvedImage {
        let reference = reference.withDefaultTag
        let work = span.begin("registry.resolve", TraceFact("reference", .text(reference.familiar)))
        do {
            let image = try await find(reference, platform: platform, span: work)
            work.end(TraceFact("digest", .digest(image.digest.description)))
            return image
        } catch {
            work.fail(error)
            throw error
        }
    }

    private func find(
        _ reference: Reference, platform: Platform, span: Span
    ) async throws(DrydockError) -> ResolvedImage {
        let named = try await manifest(reference, span: span)
        var current = named
        var depth = 0
        while current.mediaType.isIndex {
            let index = try Index(try JSONValue(parsing: current.bytes), mediaType: current.mediaType)
            let inner = index.manifests.first { $0.mediaType.isIndex && $0.platform == nil }
            guard let next = index.manifest(for: platform) ?? (depth < 3 ? inner : nil) else {
                let offered = index.manifests.compactMap(\.platform).filter { $0.os != "unknown" }
                throw DrydockError(
                    .notFound, "no matching manifest for \(platform) in the manifest list entries",
                    reason: offered.isEmpty
                        ? "\(reference.familiar) exists for no platform"
                        : "\(reference.familiar) exists for \(offered.map(\.description).joined(separator: ", "))",
                    remedy: "Choose one of those with --platform.")
            }
            span.fact("platform", .text((next.platform ?? platform).description))
            current = try await manifest(reference.pinned(to: next.digest), span: span)
            depth += 1
        }
        guard let json = try? JSONValue(parsing: current.bytes) else {
            throw DrydockError(.corrupt, "invalid manifest", reason: "\(current.digest) is not JSON")
        }
        if json["schemaVersion"]?.int == 1 {
            throw DrydockError(
                .unsupported, "Docker Image manifest version 2, schema 1 is no longer supported",
                reason: "\(reference.familiar) was pushed by a very old Docker",
                remedy: "Push it again with a newer one.")
        }
        return ResolvedImage(
            reference: reference, digest: named.digest, index: named.mediaType.isIndex ? named : nil, raw: current,
            manifest: try Manifest(json, mediaType: current.mediaType))
    }

    /// Fetches a manifest or an index, verified by its digest.
    /// - Throws: as `resolve`.
    public func manifest(_ reference: Reference, span: Span = .none) async throws(DrydockError) -> RawManifest {
        let response = try await askManifest(reference, method: .GET, span: span)
        guard response.status == .ok else { throw await response.refusal().pullError(reference) }
        let bytes: [UInt8]
        do {
            bytes = try await response.collect(limit: Self.manifestLimit)
        } catch {
            throw ConnectionFailure.error(error, method: "GET", url: response.url)
        }
        let promised: Digest? =
            if let digest = reference.digest {
                digest
            } else {
                response.headers["docker-content-digest"].first.flatMap { try? Digest($0) }
            }
        var digester = Digester(promised?.algorithm ?? .sha256)
        digester.update(bytes)
        let found = digester.digest()
        if let promised, promised != found {
            throw DrydockError(
                .corrupt, "manifest verification failed for digest \(promised)",
                reason: "the bytes that came have the digest \(found)",
                remedy: "Nothing was kept. The registry or something on the way changes content.")
        }
        let json = try ForeignAnswer.json(bytes, of: response.url)
        let type = Self.mediaType(of: json, header: response.headers["content-type"].first)
        return RawManifest(mediaType: type, digest: found, bytes: bytes)
    }

    private static func mediaType(of json: JSONValue, header: String?) -> MediaType {
        if let own = json["mediaType"]?.string { return MediaType(rawValue: own) }
        let named = header?.split(separator: ";").first.map { MediaType(rawValue: $0.trimmingSpaces()) }
        if let named, named.isIndex || named.isManifest { return named }
        return json["manifests"] != nil ? .ociIndex : .ociManifest
    }

    /// Asks for type, digest and size of a manifest without fetching it; nil where there is none.
    /// - Throws: as `resolve`, except `.notFound`.
    public func head(_ reference: Reference, span: Span = .none) async throws(DrydockError) -> Descriptor? {
        let response = try await askManifest(reference, method: .HEAD, span: span)
        if response.status == .notFound { return nil }
        guard response.status == .ok else { throw await response.refusal().pullError(reference) }
        guard let text = response.headers["docker-content-digest"].first, let digest = try? Digest(text),
            let size = response.headers["content-length"].first.flatMap({ Int64($0) })
        else {
            let raw = try await manifest(reference, span: span)
            return raw.descriptor
        }
        return Descriptor(
            mediaType: MediaType(rawValue: response.headers["content-type"].first ?? ""), digest: digest, size: size)
    }

    private func askManifest(
        _ reference: Reference, method: HTTPMethod, span: Span
    ) async throws(DrydockError) -> RegistryResponse {
        let name = reference.digest?.description ?? reference.tag ?? "latest"
        return try await read(reference) { endpoint in
            var request = RegistryRequest(
                method: method, url: endpoint.url("\(reference.repository)/manifests/\(name)"), endpoint: endpoint,
                scopes: ["repository:\(reference.repository):pull"], span: span)
            for type in Self.manifestTypes { request.headers.add(name: "accept", value: type.rawValue) }
            return request
        }
    }

    /// Fetches a small blob (an image configuration) whole and verified.
    /// - Throws: as `resolve`; `.corrupt` also where it is larger than `limit` bytes.
    public func blob(
        _ descriptor: Descriptor, of reference: Reference, limit: Int = 8 << 20, span: Span = .none
    ) async throws(DrydockError) -> [UInt8] {
        guard descriptor.size <= Int64(limit) else {
            throw DrydockError(
                .corrupt, "\(descriptor.digest) has \(descriptor.size) bytes", reason: "at most \(limit) are allowed")
        }
        let work = span.begin(
            "registry.blob", TraceFact("digest", .digest(descriptor.digest.description)),
            TraceFact("size", .bytes(descriptor.size)))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(descriptor.size))
        do {
            var reader = stream(descriptor, of: reference, span: work).makeAsyncIterator()
            while let piece = try await reader.next() { piece.withUnsafeBytes { bytes.append(contentsOf: $0) } }
            work.end()
            return bytes
        } catch {
            work.fail(error)
            throw error
        }
    }

    /// A blob as a stream of verified bytes. Nothing is asked of the registry before the first bytes are.
    ///
    /// - Parameter resuming: the digester of the bytes that the caller has already; the stream starts behind them.
    public func stream(
        _ descriptor: Descriptor, of reference: Reference, resuming: Digester? = nil, span: Span = .none
    ) -> BlobStream {
        BlobStream(
            client: self, descriptor: descriptor, reference: reference, span: span,
            check: .digest(resuming ?? Digester(descriptor.digest.algorithm)))
    }

    /// Fetches layers, several at a time (`RegistryConfiguration.parallelDownloads`), each into a reader of its own.
    ///
    /// Every layer has a span `pull.layer` (facts `id`, `size`, `digest`) with facts `phase`: `Pulling fs layer`, `Waiting`,
    /// `Downloading` with progress in bytes, `Verifying Checksum`, `Download complete`; the reader may add its own phases
    /// to the span it is given. The span ends when the reader returns. The first error cancels the other layers.
    ///
    /// - Parameters:
    ///   - layers: the layers, base first; each digest once.
    ///   - reference: the name that they belong to.
    ///   - read: takes the bytes of one layer; it keeps them only after the stream has ended normally.
    /// - Throws: what the registry or `read` threw first.
    public func fetch(
        _ layers: [Descriptor], of reference: Reference, span: Span = .none,
        read: @escaping @Sendable (LayerDownload) async throws -> Void
    ) async throws(DrydockError) {
        let spans = layers.enumerated().map { index, layer in
            let inner = span.begin(
                "pull.layer", TraceFact("id", .text(layer.digest.short)), TraceFact("size", .bytes(layer.size)),
                TraceFact("digest", .digest(layer.digest.description)))
            inner.fact("phase", .text("Pulling fs layer"))
            if index >= settings.configuration.parallelDownloads { inner.fact("phase", .text("Waiting")) }
            return inner
        }
        try await inParallel(layers.count, atMost: settings.configuration.parallelDownloads) { index in
            let layer = layers[index]
            spans[index].fact("phase", .text("Downloading"))
            try await read(
                LayerDownload(
                    index: index, descriptor: layer, span: spans[index], client: self, reference: reference))
            spans[index].end()
        } failed: { index, error in
            spans[index].fail(error)
        }
    }
}

/// Does numbered pieces of work, a few at a time; the first error ends all.
func inParallel(
    _ count: Int, atMost width: Int, _ work: @escaping @Sendable (Int) async throws -> Void,
    failed: @escaping @Sendable (Int, any Error) -> Void
) async throws(DrydockError) {
    do {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var next = 0
            func start() {
                let index = next
                next += 1
                group.addTask {
                    do {
                        try await work(index)
                    } catch {
                        failed(index, error)
                        throw error
                    }
                }
            }
            while next < min(count, max(width, 1)) { start() }
            while try await group.next() != nil {
                if next < count { start() }
            }
        }
    } catch let error as DrydockError {
        throw error
    } catch is CancellationError {
        throw DrydockError(.cancelled, "context canceled", exitStatus: 130)
    } catch {
        throw DrydockError(.internal, "\(error)")
    }
}

extension DrydockError {
    /// The same error for a connection that failed, with the URL that Docker names then: the API's root.
    func naming(_ endpoint: RegistryEndpoint) -> DrydockError {
        guard code == .unavailable, message.contains(": dial tcp"), let end = message.firstRange(of: "\": ") else {
            return self
        }
        var copy = self
        copy.message = "Get \"\(endpoint.base)/v2/\(message[end.lowerBound...])"
        return copy
    }
}

extension StringProtocol {
    /// The text without spaces at its ends.
    func trimmingSpaces() -> String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}

public import Diagnostics
public import OCI
import RegistryClient
import SystemPackage

extension Engine {
    /// See `EngineOperations`.
    public func login(server: String?, username: String, password: String) async throws(DrydockError) {
        _ = try await client().login(
            Credentials(username: username, password: password), to: server ?? Reference.defaultRegistry)
    }

    /// See `EngineOperations`.
    public func plainCredentialFile(server: String?) throws(DrydockError) -> String? {
        try credentials.hasHelper(for: server ?? Reference.defaultRegistry) ? nil : credentials.file.string
    }

    /// See `EngineOperations`.
    public func loginAgain(server: String?) async throws(DrydockError) -> String? {
        let registry = server ?? Reference.defaultRegistry
        guard let known = try credentials.credentials(for: registry) else { return nil }
        try await client().verify(known, registry: registry)
        return known.username
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
        var stars = 0
        for text in filters["stars"] ?? [] {
            guard let count = Int(text), count >= 0 else { throw .invalidFilter("stars=\(text)") }
            stars = max(stars, count)
        }
        let official = try ImageFilter.truth(filters, "is-official")
        // Nothing is built automatically any more, says Docker Hub.
        if try ImageFilter.truth(filters, "is-automated") == true { return [] }
        return try await client().search(term, limit: limit).filter { result in
            result.stars >= stars && (official == nil || official == result.official)
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

    /// See `EngineOperations`.
    public func remoteManifest(
        _ reference: Reference, insecure: Bool, _ span: Span
    ) async throws(DrydockError) -> RemoteManifest {
        let reference = reference.withDefaultTag
        let client = try client(trusting: insecure ? reference.registry : nil)
        do {
            let raw = try await client.manifest(reference, span: span)
            guard raw.mediaType.isIndex else {
                var single = RemoteManifest(reference: reference, descriptor: raw.descriptor, bytes: raw.bytes)
                let manifest = try Manifest(try JSONValue(parsing: raw.bytes), mediaType: raw.mediaType)
                let config = try JSONValue(parsing: try await client.blob(manifest.config, of: reference, span: span))
                single.descriptor.platform = (try? ImageConfig(config))?.platform
                return single
            }
            let index = try Index(try JSONValue(parsing: raw.bytes), mediaType: raw.mediaType)
            var list = RemoteManifest(reference: reference, descriptor: raw.descriptor, bytes: raw.bytes)
            list.images = []
            for entry in index.manifests {
                let pinned = reference.pinned(to: entry.digest)
                var item = try await client.manifest(pinned, span: span)
                if MediaType(rawValue: entry.mediaType.rawValue).isManifest { item.mediaType = entry.mediaType }
                var descriptor = item.descriptor
                descriptor.platform = entry.platform
                list.images?.append(RemoteManifest(reference: pinned, descriptor: descriptor, bytes: item.bytes))
            }
            return list
        } catch {
            guard error.code == .notFound || error.code == .denied else { throw error }
            throw DrydockError(
                error.code, "no such manifest: \(reference.description)", reason: error.reason ?? error.message,
                remedy: error.remedy)
        }
    }
}

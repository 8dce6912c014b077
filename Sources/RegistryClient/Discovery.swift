public import Diagnostics
import NIOHTTP1
public import OCI

/// One line of `docker search`.
public struct RegistrySearchResult: Sendable, Equatable {
    /// The repository as a user types it: `alpine`, `me/nodejs`.
    public var name: String
    /// What it is, one line.
    public var description: String
    /// How many users starred it.
    public var stars: Int
    /// Whether it is one of the registry's own (`library/`).
    public var official: Bool
    /// Whether it was built automatically.
    public var automated: Bool
}

extension RegistryClient {
    /// The tags of a repository, sorted.
    /// - Throws: as `resolve`.
    public func tags(of reference: Reference, span: Span = .none) async throws(DrydockError) -> [String] {
        try await list(
            "\(reference.repository)/tags/list?n=1000", key: "tags", reference: reference,
            scope: "repository:\(reference.repository):pull", span: span)
    }

    /// The repositories of a registry, sorted.
    /// - Throws: as `resolve`.
    public func catalog(of registry: String, span: Span = .none) async throws(DrydockError) -> [String] {
        try await list(
            "_catalog?n=1000", key: "repositories",
            reference: Reference(unchecked: registry, repository: "", tag: nil, digest: nil),
            scope: "registry:catalog:*", span: span)
    }

    /// Reads a list over as many pages as it has (distribution-spec, "Listing Tags").
    private func list(
        _ path: String, key: String, reference: Reference, scope: String, span: Span
    ) async throws(DrydockError) -> [String] {
        let endpoint = try await self.endpoint(reference.registry)
        var next: String? = endpoint.url(path)
        var items: Set<String> = []
        var pages = 0
        while let url = next, pages < 1000 {
            pages += 1
            let response = try await ask(url, endpoint, scope: scope, span: span)
            guard response.status == .ok else { throw await response.refusal().pullError(reference) }
            let json = try await json(of: response)
            items.formUnion((json[key]?.array ?? []).compactMap(\.string))
            next = response.headers["link"].first.flatMap(Self.nextPage).flatMap { WebAddress(url)?.resolving($0) }
        }
        return items.sorted()
    }

    /// The target of a `Link` header with `rel="next"`.
    private static func nextPage(_ header: String) -> String? {
        guard header.contains("rel=\"next\""), let open = header.firstIndex(of: "<"),
            let close = header.firstIndex(of: ">"), open < close
        else { return nil }
        return String(header[header.index(after: open)..<close])
    }

    /// Searches for repositories (`/v1/search`).
    /// - Throws: as `resolve`.
    public func search(
        _ term: String, registry: String = Reference.defaultRegistry, limit: Int = 25, span: Span = .none
    ) async throws(DrydockError) -> [RegistrySearchResult] {
        let endpoint = try await self.endpoint(registry)
        let response = try await ask(
            "\(endpoint.base)/v1/search?q=\(term.percentEncoded)&n=\(limit)", endpoint, scope: nil, span: span)
        guard response.status == .ok else {
            let reference = Reference(unchecked: registry, repository: term, tag: nil, digest: nil)
            throw await response.refusal().otherError(reference)
        }
        let json = try await json(of: response)
        return (json["results"]?.array ?? []).map { item in
            RegistrySearchResult(
                name: item["name"]?.string ?? "", description: item["description"]?.string ?? "",
                stars: Int(item["star_count"]?.int ?? 0), official: item["is_official"]?.bool ?? false,
                automated: item["is_automated"]?.bool ?? false)
        }
    }

    private func ask(
        _ url: String, _ endpoint: RegistryEndpoint, scope: String?, span: Span
    ) async throws(DrydockError) -> RegistryResponse {
        do {
            return try await transport.send(
                RegistryRequest(url: url, endpoint: endpoint, scopes: scope.map { [$0] } ?? [], span: span))
        } catch {
            throw error.naming(endpoint)
        }
    }

    private func json(of response: RegistryResponse) async throws(DrydockError) -> JSONValue {
        let body: [UInt8]
        do {
            body = try await response.collect()
        } catch {
            throw ConnectionFailure.error(error, method: "GET", url: response.url)
        }
        return try ForeignAnswer.json(body, of: response.url)
    }
}

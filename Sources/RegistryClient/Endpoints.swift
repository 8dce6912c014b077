import Diagnostics
import NIOHTTP1
import OCI
import Synchronization

/// Knows where each registry is: what plays `docker.io` and its mirrors, HTTPS for others; for insecure ones, whatever
/// of HTTPS and HTTP answers.
final class Endpoints: Sendable {
    private let settings: RegistrySettings
    private let state = Mutex(State())

    private struct State {
        var found: [String: RegistryEndpoint] = [:]
        /// Where the manifest of a repository came from, so that its blobs are asked for there.
        var sources: [String: RegistryEndpoint] = [:]
    }

    init(_ settings: RegistrySettings) { self.settings = settings }

    /// Where a registry's API is.
    /// - Throws: what the last of the possible places answered, where none is a registry.
    func endpoint(_ registry: String, through transport: Transport) async throws(DrydockError) -> RegistryEndpoint {
        if let known = state.withLock({ $0.found[registry] }) { return known }
        let candidates = try await candidates(registry)
        var found = candidates[0]
        if candidates.count > 1 { found = try await first(candidates, transport) }
        let chosen = found
        state.withLock { $0.found[registry] = chosen }
        return found
    }

    private func candidates(_ registry: String) async throws(DrydockError) -> [RegistryEndpoint] {
        if registry == Reference.defaultRegistry {
            let base = Self.trimmed(try await settings.dockerHub())
            let isInsecure = WebAddress(base).map { settings.configuration.isInsecure($0.authority) } ?? false
            return [RegistryEndpoint(registry: registry, base: base, verifies: !isInsecure)]
        }
        let tls = RegistryEndpoint(registry: registry, base: "https://" + registry)
        let plain = RegistryEndpoint(registry: registry, base: "http://" + registry)
        let careless = RegistryEndpoint(registry: registry, base: tls.base, verifies: false)
        if settings.configuration.isInsecure(registry) { return [careless, plain] }
        // On this machine plain HTTP is what is nearly always spoken, and nobody can listen.
        return RegistryEndpoint.isLoopback(registry) ? [plain, careless] : [tls]
    }

    /// The first that answers as a registry; a TLS server answers a plain request with status 400, or not at all.
    private func first(
        _ candidates: [RegistryEndpoint], _ transport: Transport
    ) async throws(DrydockError) -> RegistryEndpoint {
        var failure: DrydockError?
        for candidate in candidates {
            do {
                let request = RegistryRequest(url: candidate.base + "/v2/", endpoint: candidate, repeats: false)
                let response = try await transport.probe(request)
                if response.status != .badRequest || candidate.base.hasPrefix("https://") { return candidate }
            } catch {
                guard error.code == .unavailable else { throw error }
                if failure == nil || error.errno == nil { failure = error }
            }
        }
        throw failure?.naming(candidates[0])
            ?? DrydockError(
                .unavailable, "Get \"\(candidates[0].base)/v2/\": no registry answers there",
                remedy: "Check the name and the port.")
    }

    /// Where something that is pulled is asked for: the mirrors, then the registry itself.
    func sources(_ reference: Reference, through transport: Transport) async throws(DrydockError) -> [RegistryEndpoint]
    {
        if let known = state.withLock({ $0.sources[reference.name] }) {
            return known.isMirror ? [known, try await self.endpoint(reference.registry, through: transport)] : [known]
        }
        var all: [RegistryEndpoint] = []
        if reference.registry == Reference.defaultRegistry {
            for mirror in settings.configuration.mirrors {
                guard let address = WebAddress(mirror) else { continue }
                all.append(
                    RegistryEndpoint(
                        registry: address.authority, base: Self.trimmed(mirror),
                        verifies: !settings.configuration.isInsecure(address.authority), isMirror: true))
            }
        }
        all.append(try await self.endpoint(reference.registry, through: transport))
        return all
    }

    /// Remembers where a repository's manifest came from.
    func note(_ endpoint: RegistryEndpoint, for reference: Reference) {
        state.withLock { $0.sources[reference.name] = endpoint }
    }

    private static func trimmed(_ url: String) -> String {
        var url = url
        while url.hasSuffix("/") { url.removeLast() }
        return url
    }
}

extension RegistryClient {
    /// Where a registry's API is.
    func endpoint(_ registry: String) async throws(DrydockError) -> RegistryEndpoint {
        try await endpoints.endpoint(registry, through: transport)
    }

    /// Sends a read to the mirrors and to the registry itself, until one has an answer.
    /// - Parameter request: makes the request for one of them.
    func read(
        _ reference: Reference, _ request: (RegistryEndpoint) -> RegistryRequest
    ) async throws(DrydockError) -> RegistryResponse {
        let all = try await endpoints.sources(reference, through: transport)
        for endpoint in all.dropLast() {
            let request = request(endpoint)
            do {
                let response = try await transport.send(request)
                if (200...299).contains(response.status.code) {
                    endpoints.note(endpoint, for: reference)
                    return response
                }
                _ = await response.refusal()
                request.span.fact("mirror", .text("\(endpoint.registry): \(response.status.code)"))
            } catch {
                guard error.code != .cancelled else { throw error }
                request.span.fact("mirror", .text("\(endpoint.registry): \(error.message)"))
            }
        }
        let last = all[all.count - 1]
        do {
            let response = try await transport.send(request(last))
            if (200...299).contains(response.status.code) { endpoints.note(last, for: reference) }
            return response
        } catch {
            throw error.naming(last)
        }
    }

    /// Asks for a layer that is not on the registry, at one of the places that its manifest names.
    func readForeign(
        _ descriptor: Descriptor, from offset: Int64, span: Span
    ) async throws(DrydockError) -> RegistryResponse {
        var failure: DrydockError?
        for url in descriptor.urls.prefix(8) {
            guard let address = WebAddress(url) else { continue }
            var request = RegistryRequest(
                url: url, endpoint: RegistryEndpoint(registry: address.authority, base: address.origin),
                isAnonymous: true, span: span)
            if offset > 0 { request.headers.add(name: "range", value: "bytes=\(offset)-") }
            do {
                let response = try await transport.send(request)
                if (200...299).contains(response.status.code) || response.status == .rangeNotSatisfiable {
                    return response
                }
                failure = await response.refusal().unexpected
            } catch {
                guard error.code != .cancelled else { throw error }
                failure = error
            }
        }
        throw failure
            ?? DrydockError(
                .unsupported, "layer \(descriptor.digest) has no address that can be asked",
                reason: descriptor.urls.joined(separator: ", "))
    }
}

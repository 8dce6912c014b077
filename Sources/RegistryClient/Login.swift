import AsyncHTTPClient
public import Diagnostics
import NIOHTTP1
public import OCI

extension RegistryClient {
    /// Proves credentials to a registry and keeps them in the credential store.
    ///
    /// - Returns: what Docker prints after a login: `Login Succeeded`.
    /// - Throws: `.unauthorized` with `Get "http://…/v2/": unauthorized: incorrect username or password`, and as `resolve`.
    public func login(
        _ credentials: Credentials, to registry: String = Reference.defaultRegistry, span: Span = .none
    ) async throws(DrydockError) -> String {
        let work = span.begin(
            "registry.login", TraceFact("registry", .text(registry)), TraceFact("user", .text(credentials.username)))
        do {
            try await verify(credentials, registry: registry, span: work)
            let store = settings.credentials
            try await blocking { () throws(DrydockError) in try store.store(credentials, for: registry) }
            transport.authorizer.forget(registry)
            work.end()
            return "Login Succeeded"
        } catch {
            work.fail(error)
            throw error
        }
    }

    /// Proves credentials to a registry without keeping them.
    /// - Throws: as `login`.
    public func verify(
        _ credentials: Credentials, registry: String, span: Span = .none
    ) async throws(DrydockError) {
        let endpoint = try await self.endpoint(registry)
        let authorizer = Authorizer(fixed: credentials)
        let url = "\(endpoint.base)/v2/"
        let answer: RegistryResponse
        do {
            answer = try await transport.send(
                RegistryRequest(url: url, endpoint: endpoint, span: span), authorizer: authorizer)
        } catch {
            guard error.code == .unauthorized || error.code == .tooManyRequests else { throw error }
            var known = error
            known.message = "Get \"\(url)\": \(error.message)"
            known.remedy = "Check the user name and the password; 'docker login' asks for both again."
            throw known
        }
        let refusal = await answer.refusal()
        switch refusal.status {
        case 200...299: return
        case 401:
            throw DrydockError(
                .unauthorized, "login attempt to \(url) failed with status: 401 Unauthorized",
                reason: "\(registry) does not accept this user name with this password",
                remedy: "Check the user name and the password.")
        default:
            throw refusal.otherError(Reference(unchecked: registry, repository: "", tag: nil, digest: nil))
        }
    }

    /// Forgets the credentials for a registry.
    /// - Returns: whether there were any. Docker says `Removing login credentials for …` or `Not logged in to …`.
    public func logout(from registry: String = Reference.defaultRegistry) async throws(DrydockError) -> Bool {
        let store = settings.credentials
        let had = try await blocking { () throws(DrydockError) -> Bool in try store.erase(registry) }
        transport.authorizer.forget(registry)
        return had
    }
}

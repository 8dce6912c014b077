public import Diagnostics
public import OCI

extension RegistryClient {
    /// Finds out what a name stands for: one request for an image, a second one where there is an index.
    ///
    /// - Parameters:
    ///   - reference: the name; `latest` is taken where it has neither tag nor digest.
    ///   - platform: the platform that is wanted of an index; this machine's by default.
    /// - Throws: `.notFound` ("manifest for … not found: …", "pull access denied for …", no match for the platform),
    ///   `.unauthorized`, `.denied`, `.tooManyRequests`, `.unavailable`, `.corrupt`, with Docker's words.
    public func resolve(
        _ reference: Reference, platform: Platform = .current, span: Span = .none
    ) async throws(DrydockError) -> ResolvedImage { throw unfinished() }

    /// Fetches a manifest or an index, verified by its digest.
    /// - Throws: as `resolve`.
    public func manifest(
        _ reference: Reference, span: Span = .none
    ) async throws(DrydockError) -> RawManifest { throw unfinished() }

    /// Asks for type, digest and size of a manifest without fetching it; nil where there is none.
    /// - Throws: as `resolve`, except `.notFound`.
    public func head(_ reference: Reference, span: Span = .none) async throws(DrydockError) -> Descriptor? {
        throw unfinished()
    }

    /// Fetches a small blob (an image configuration) whole and verified.
    /// - Throws: as `resolve`; `.corrupt` also where it is larger than `limit` bytes.
    public func blob(
        _ descriptor: Descriptor, of reference: Reference, limit: Int = 8 << 20, span: Span = .none
    ) async throws(DrydockError) -> [UInt8] { throw unfinished() }

    /// A blob as a stream of verified bytes. Nothing is asked of the registry before the first bytes are.
    ///
    /// - Parameter resuming: the digester of the bytes that the caller has already; the stream starts behind them.
    public func stream(
        _ descriptor: Descriptor, of reference: Reference, resuming: Digester? = nil, span: Span = .none
    ) -> BlobStream {
        BlobStream(
            client: self, descriptor: descriptor, reference: reference, span: span,
            resume: resuming ?? Digester(descriptor.digest.algorithm))
    }

    /// Fetches layers, several at a time (`RegistrySettings.parallelDownloads`), each into a reader of its own.
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
    ) async throws(DrydockError) { throw unfinished() }

    /// Sends an image: layers and configuration that the registry does not have yet, several at a time, then the
    /// manifest.
    ///
    /// Every layer has a span `push.layer` (facts `id`, `size`, `digest`) with facts `phase`: `Preparing`, `Waiting`, `Pushing`
    /// with progress, then `Pushed`, `Layer already exists` or `Mounted from` (fact `from`).
    /// - Returns: digest and size of the manifest, for Docker's last line.
    /// - Throws: `.denied` with Docker's "denied: requested access to the resource is denied", and as `resolve`.
    public func push(_ image: PushImage, span: Span = .none) async throws(DrydockError) -> Descriptor {
        throw unfinished()
    }

    /// The tags of a repository, sorted.
    /// - Throws: as `resolve`.
    public func tags(of reference: Reference, span: Span = .none) async throws(DrydockError) -> [String] {
        throw unfinished()
    }

    /// The repositories of a registry, sorted.
    /// - Throws: as `resolve`.
    public func catalog(of registry: String, span: Span = .none) async throws(DrydockError) -> [String] {
        throw unfinished()
    }

    /// Searches for repositories (`/v1/search`).
    /// - Throws: as `resolve`.
    public func search(
        _ term: String, registry: String = Reference.defaultRegistry, limit: Int = 25, span: Span = .none
    ) async throws(DrydockError) -> [RegistrySearchResult] { throw unfinished() }

    /// Proves credentials to a registry and keeps them in the credential store.
    ///
    /// - Returns: what Docker prints after a login: `Login Succeeded`.
    /// - Throws: `.unauthorized` with `Get "http://…/v2/": unauthorized: incorrect username or password`, and as `resolve`.
    public func login(
        _ credentials: Credentials, to registry: String = Reference.defaultRegistry, span: Span = .none
    ) async throws(DrydockError) -> String { throw unfinished() }

    /// Forgets the credentials for a registry.
    /// - Returns: whether there were any. Docker says `Removing login credentials for …` or `Not logged in to …`.
    public func logout(from registry: String = Reference.defaultRegistry) async throws(DrydockError) -> Bool {
        throw unfinished()
    }

    private func unfinished() -> DrydockError { DrydockError(.internal, "not there yet") }
}

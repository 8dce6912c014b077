public import Diagnostics
public import OCI

/// Docker's nouns and verbs over images, containers and registries.
///
/// Objects are named as a user names them: a name, a reference, or the beginning of an ID. Every error is a
/// `DrydockError` whose message is what Docker's daemon would say (`No such container: x`). Documents are those that
/// `docker inspect` prints.
public protocol EngineOperations: LifeCycleOperations, ImageArchives {
    // MARK: Images

    /// The images, newest first. Filters: `dangling`, `label`, `before`, `since`, `reference`.
    /// - Parameter all: with intermediate images.
    func images(all: Bool, matching filters: Filters) throws(DrydockError) -> [ImageSummary]
    /// The document of `docker image inspect`. - Throws: `No such image: x`.
    func inspectImage(_ name: String) throws(DrydockError) -> JSONValue
    /// The history, newest first.
    func history(_ name: String) throws(DrydockError) -> [HistoryLine]
    /// Gives an image another name.
    func tag(_ source: String, as target: String) throws(DrydockError)
    /// Removes a name, and the image with its last name.
    func removeImage(_ name: String, force: Bool, keepParents: Bool) throws(DrydockError) -> [RemovedImage]
    /// Removes dangling images, or all that no container uses. Filters: `until`, `label`.
    func pruneImages(all: Bool, matching filters: Filters) throws(DrydockError) -> PruneReport<RemovedImage>
    /// Pulls; progress is in the span's events (see `PullEvents`).
    func pull(_ request: PullRequest, _ span: Span) async throws(DrydockError) -> [PullResult]
    /// Pushes one tag, or all of a repository.
    func push(_ reference: Reference, allTags: Bool, _ span: Span) async throws(DrydockError) -> [PushResult]
    /// The document that a registry has under a name, and those of an index's images (`docker manifest inspect`).
    /// - Parameter insecure: whether plain HTTP, or a wrong certificate, will do.
    func remoteManifest(
        _ reference: Reference, insecure: Bool, _ span: Span
    ) async throws(DrydockError) -> RemoteManifest
    /// Searches the registry.
    func search(_ term: String, limit: Int, matching filters: Filters) async throws(DrydockError) -> [SearchResult]

    // MARK: Accounts

    /// Verifies and keeps credentials. - Parameter server: nil for `docker.io`.
    func login(server: String?, username: String, password: String) async throws(DrydockError)
    /// The file that a registry's password is kept in as it is; nil where a credential helper keeps it.
    func plainCredentialFile(server: String?) throws(DrydockError) -> String?
    /// Proves the credentials that are kept for a registry once more. - Returns: their name; nil where there are none.
    func loginAgain(server: String?) async throws(DrydockError) -> String?
    /// The name that is logged in at a registry, or nil.
    func loggedIn(server: String?) throws(DrydockError) -> String?
    /// Forgets credentials; false where there were none.
    func logout(server: String?) async throws(DrydockError) -> Bool

    // MARK: Containers

    /// The containers, newest first. Filters: `id`, `name`, `status`, `label`, `ancestor`, `exited`, `before`, `since`.
    func containers(all: Bool, sizes: Bool, matching filters: Filters) throws(DrydockError) -> [ContainerSummary]
    /// The document of `docker container inspect`. - Throws: `No such container: x`.
    func inspectContainer(_ name: String, size: Bool) throws(DrydockError) -> JSONValue
    /// The last documents of containers that have been removed, newest first, as far as they are kept.
    func removedContainers() throws(DrydockError) -> [JSONValue]
    /// Makes a container; the image must be here (the command line pulls where it is not: code `.notFound`).
    func create(_ request: CreateRequest, _ span: Span) throws(DrydockError) -> CreatedContainer
    /// Starts a container and, where `attach` is given, joins this process's standard streams to it until it ends or
    /// is detached.
    /// - Returns: the exit code where attached to the end, else nil.
    func start(_ name: String, attach: AttachOptions?, _ span: Span) throws(DrydockError) -> Int32?
    /// Joins this process's standard streams to a running container. - Returns: its exit code, or nil when detached.
    func attach(_ name: String, _ options: AttachOptions) throws(DrydockError) -> Int32?
    /// Runs a program in a running container. - Returns: its exit code; 0 when detached.
    func exec(_ request: ExecRequest, _ span: Span) throws(DrydockError) -> Int32
    /// Stops: the stop signal, then after the grace time (seconds; nil for the container's own, 10) SIGKILL.
    func stop(_ name: String, timeout: Int?, signal: String?, _ span: Span) throws(DrydockError)
    /// Sends a signal by name or number.
    func kill(_ name: String, signal: String) throws(DrydockError)
    /// Waits until a container does not run. - Returns: its exit code.
    func wait(_ name: String) throws(DrydockError) -> Int32
    /// Gives a container another name.
    func rename(_ name: String, to newName: String) throws(DrydockError)
    /// Removes a container. - Parameters: force: also a running one; volumes: with its anonymous volumes.
    func removeContainer(_ name: String, force: Bool, volumes: Bool) throws(DrydockError)
    /// Removes all containers that do not run. Filters: `until`, `label`.
    func pruneContainers(matching filters: Filters) throws(DrydockError) -> PruneReport<String>
    /// The changes of a container's files, in Docker's order.
    func diff(_ name: String) throws(DrydockError) -> [FileChange]
    /// Makes an image of a container. - Returns: the new image's ID.
    func commit(_ request: CommitRequest, _ span: Span) throws(DrydockError) -> Digest
    /// Hands out what the container wrote; with `follow`, until it ends.
    func logs(_ request: LogRequest, _ emit: (OutputStream, [UInt8]) -> Void) throws(DrydockError)

    // MARK: The machine

    /// The document of `docker info --format json`.
    func info() throws(DrydockError) -> JSONValue
    /// The document of `docker version --format json`: `Client` and `Server`.
    func version() -> JSONValue
    /// Frees everything that refers to nothing, after a crash too.
    func recover() throws(DrydockError)

    // MARK: What explanations and checks ask

    /// The layers that hold a path, top first: the layer's diff ID (nil: the container's own layer), and whether it
    /// deletes the path there. - Parameter object: an image or a container.
    func layers(holding path: String, of object: String) throws(DrydockError) -> [PathVersion]
    /// The manifest that a registry has under a name now, or nil; answers within a second or says it is unavailable.
    func registryManifest(_ reference: Reference) async throws(DrydockError) -> RegistryManifest?
}

extension EngineOperations {
    /// Nothing is kept as it is where an engine does not say otherwise.
    public func plainCredentialFile(server: String?) throws(DrydockError) -> String? { nil }

    /// Nothing is kept where an engine does not say otherwise.
    public func removedContainers() throws(DrydockError) -> [JSONValue] { [] }

    /// Nothing is kept where an engine does not say otherwise.
    public func loginAgain(server: String?) async throws(DrydockError) -> String? { nil }

    /// No registry is asked where an engine does not say otherwise.
    public func remoteManifest(
        _ reference: Reference, insecure: Bool, _ span: Span
    ) async throws(DrydockError) -> RemoteManifest {
        throw DrydockError(.unsupported, "no such manifest: \(reference)", reason: "this engine asks no registry")
    }
}

/// A version of a path in one layer.
public struct PathVersion: Sendable, Hashable {
    /// The layer, or nil for the container's own.
    public var layer: Digest?
    /// The layer's place in its image: 0 is the base.
    public var index: Int
    /// Whether the layer deletes the path.
    public var isDeletion: Bool
    /// The size in bytes.
    public var size: Int64

    /// Makes a version.
    public init(layer: Digest?, index: Int, isDeletion: Bool, size: Int64) {
        self.layer = layer
        self.index = index
        self.isDeletion = isDeletion
        self.size = size
    }
}

/// What a registry says of a name.
public struct RegistryManifest: Sendable, Hashable {
    /// The manifest's digest.
    public var digest: Digest
    /// The image's ID (the digest of its configuration).
    public var image: Digest
    /// The layers.
    public var layers: [Descriptor]

    /// Makes a value.
    public init(digest: Digest, image: Digest, layers: [Descriptor]) {
        self.digest = digest
        self.image = image
        self.layers = layers
    }
}

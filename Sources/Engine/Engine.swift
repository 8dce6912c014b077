public import Diagnostics
internal import ImageStore
internal import Linux
import OCI
internal import RegistryClient
internal import Runtime
import Synchronization
public import SystemPackage

/// Docker's nouns and verbs over one home: the image store, the runtime and the registry client put together.
///
/// Opening an engine is cheap; connections are made when they are first needed. Its functions block (or suspend, where
/// they are `async`), and any number of engines, in any number of processes, may work on one home at once.
public final class Engine: EngineOperations {
    /// What an engine is made of.
    public struct Configuration: Sendable {
        /// Where everything is kept.
        public var home: Home
        /// What plays `docker.io`.
        public var hub: any PracticeHub
        /// The `drydock` executable, which a monitor calls to remove a container that ran with `-d --rm`.
        public var executable: FilePath
        /// Where Docker's `config.json` with the credentials is.
        public var dockerConfig: FilePath
        /// Where credential helpers are looked for: `PATH`.
        public var programPath: [FilePath]

        /// Makes a configuration.
        public init(
            home: Home, hub: any PracticeHub, executable: FilePath, dockerConfig: FilePath, programPath: [FilePath]
        ) {
            self.home = home
            self.hub = hub
            self.executable = executable
            self.dockerConfig = dockerConfig
            self.programPath = programPath
        }
    }

    let configuration: Configuration
    let store: ImageStore
    let runtime: ContainerRuntime
    private let connection = Mutex<RegistryClient?>(nil)
    let putOff = PutOffWork()
    /// The start that is prepared.
    let preparation = Preparation()

    /// Opens a home, and makes it where there is none.
    /// - Throws: code `.system` or `.exhausted` where the directories cannot be made.
    public init(_ configuration: Configuration) throws(DrydockError) {
        self.configuration = configuration
        store = try ImageStore(root: configuration.home.store)
        runtime = ContainerRuntime(
            // Where this program lay at its start: /proc does not tell that any more to one that left its mount namespace.
            containers: configuration.home.containers,
            monitor: configuration.executable.removingLastComponent().appending("drydock-monitor"))
    }

    var home: Home { configuration.home }

    var credentials: CredentialStore {
        CredentialStore(file: configuration.dockerConfig, programPath: configuration.programPath)
    }

    /// The registry client, made at the first use.
    /// - Throws: `.invalidArgument` for a `daemon.json` that Docker's daemon would refuse.
    func client() throws(DrydockError) -> RegistryClient { try client(trusting: nil) }

    /// The same, for one request for which a registry's certificate need not be right.
    func client(trusting registry: String?) throws(DrydockError) -> RegistryClient {
        if let registry {
            var settings = try registrySettings()
            settings.configuration.insecureRegistries.append(registry)
            return RegistryClient(settings)
        }
        return try connection.withLock { client throws(DrydockError) in
            if let client { return client }
            let made = RegistryClient(try registrySettings())
            client = made
            return made
        }
    }

    private func registrySettings() throws(DrydockError) -> RegistrySettings {
        let hub = configuration.hub
        var settings = RegistrySettings(
            credentials: credentials,
            dockerHub: { () async throws(DrydockError) in try hub.ensureRunning() })
        settings.configuration = try registryConfiguration()
        settings.retry.attempts = settings.configuration.downloadAttempts
        settings.certificateDirectories.insert(dockerFolder.appending("certs.d"), at: 0)
        return settings
    }

    /// Where `daemon.json` and `certs.d` are.
    private var dockerFolder: FilePath { configuration.home.dockerConfig.removingLastComponent() }

    /// What `daemon.json` says about registries.
    func registryConfiguration() throws(DrydockError) -> RegistryConfiguration {
        try RegistryConfiguration.read(dockerFolder.appending("daemon.json"))
    }

    /// Closes connections. Call it before the process ends where anything was pulled or pushed.
    public func shutdown() async {
        let client = connection.withLock { client in
            defer { client = nil }
            return client
        }
        await client?.shutdown()
    }

    // MARK: Finding containers

    func find(_ name: String) throws(DrydockError) -> (record: ContainerRecord, document: ContainerDocument) {
        let record = try store.container(name)
        return (record, try document(of: record))
    }

    func document(of record: ContainerRecord) throws(DrydockError) -> ContainerDocument {
        ContainerDocument(json: try JSONValue(parsing: record.document))
    }

    func isRunning(_ id: String) -> Bool { (try? runtime.state(id).isRunning) ?? false }

    func upper(_ id: String) -> FilePath { runtime.directory(id).appending("upper") }

    func work(_ id: String) -> FilePath { runtime.directory(id).appending("work") }
}

import Diagnostics
import ImageStore
import OCI
import Runtime
import Synchronization
import SystemPackage

/// Work that nobody has to wait for.
final class PutOffWork: Sendable {
    private let work = Mutex<[@Sendable () throws(DrydockError) -> Void]?>(nil)

    func begin() { work.withLock { $0 = $0 ?? [] } }

    /// Whether anything is put off.
    var isOn: Bool { work.withLock { $0 != nil } }

    func add(_ body: @escaping @Sendable () throws(DrydockError) -> Void) { work.withLock { $0?.append(body) } }

    func finish() {
        // What fails is left to whoever removes a container next, as after a kill.
        for body in work.withLock({ $0.take() }) ?? [] { try? body() }
    }
}

/// A start that was worked out ahead, and what was learnt by that and cannot change: an image's configuration, and the
/// numbers that its own files give a user.
final class Preparation: Sendable {
    /// A container that was made and is to be started at once.
    struct Fresh {
        var record: ContainerRecord
        var document: ContainerDocument
        var lowers: [FilePath]
    }

    private struct Users: Hashable {
        var chain: Digest
        var user: String
        var groups: [String]
    }

    private struct State {
        var reserved: (id: String, image: Digest, autoRemove: Bool)?
        var configs: [Digest: ImageConfig] = [:]
        var users: [Users: UserLookup.Result] = [:]
        var fresh: Fresh?
    }

    private let state = Mutex(State())

    /// The identifier that is reserved; afterwards it no longer is.
    func takeID() -> String? { state.withLock { $0.reserved.take()?.id } }

    /// The same, where it is reserved for a container like this one.
    func takeID(_ image: Digest, autoRemove: Bool) -> String? {
        state.withLock { state in
            guard let reserved = state.reserved, reserved.image == image, reserved.autoRemove == autoRemove else {
                return nil
            }
            state.reserved = nil
            return reserved.id
        }
    }

    func reserve(_ id: String, _ image: Digest, autoRemove: Bool) {
        state.withLock { $0.reserved = (id, image, autoRemove) }
    }

    func config(_ id: Digest) -> ImageConfig? { state.withLock { $0.configs[id] } }

    func learn(_ config: ImageConfig, of id: Digest) { state.withLock { $0.configs[id] = config } }

    func made(_ fresh: Fresh) { state.withLock { $0.fresh = fresh } }

    /// The container of this identifier where it was made just now.
    func takeFresh(_ id: String) -> Fresh? {
        state.withLock { state in state.fresh?.record.id == id ? state.fresh.take() : nil }
    }

    /// The numbers of a user in an image, looked up once.
    /// - Parameter isFresh: whether the container has changed no file yet.
    func user(
        _ chain: Digest?, _ user: String, _ groups: [String], isFresh: Bool,
        look: () throws(DrydockError) -> UserLookup.Result
    ) throws(DrydockError) -> UserLookup.Result {
        guard isFresh, let chain else { return try look() }
        let key = Users(chain: chain, user: user, groups: groups)
        if let known = state.withLock({ $0.users[key] }) { return known }
        let found = try look()
        state.withLock { $0.users[key] = found }
        return found
    }
}

extension Engine {
    /// From now on the files of a container that ran with `--rm` are removed in `finishRemovals`. The container itself is
    /// gone at once, and files that are left by a kill in between are removed with the next container.
    public func putOffRemovals() { putOff.begin() }

    /// Removes what was put off.
    public func finishRemovals() {
        putOff.finish()
        discardPreparation()
    }

    /// Removes what was made for a start that does not come.
    public func discardPreparation() {
        if let id = preparation.takeID() { runtime.discardDirectoryAhead(id) }
    }

    /// Gets ready to start a container: starts its monitor, and works a start out as far as it has no effect, so that
    /// the code and the pages of the database that it needs are in memory.
    public func prepareStart() {
        runtime.prepareMonitor()
        if let likely { try? rehearse(likely.image, autoRemove: likely.autoRemove) }
    }

    /// What is likely to be run next: the like of the container that came last, else the newest image.
    private var likely: (image: ImageRecord, autoRemove: Bool)? {
        let removed = RemovedContainers(directory: home.path.appending("removed")).newest
        let kept = ((try? store.newestContainer()) ?? nil).flatMap { try? document(of: $0).json }
        let last = [removed, kept].compactMap { $0 }.max {
            ($0["Created"]?.string ?? "") < ($1["Created"]?.string ?? "")
        }
        if let last, let id = last["Image"]?.string, let image = try? store.image(id) {
            return (image, last.at("HostConfig.AutoRemove")?.bool ?? false)
        }
        return (try? store.images())?.first.map { ($0, true) }
    }

    private func rehearse(_ image: ImageRecord, autoRemove: Bool) throws(DrydockError) {
        var request = CreateRequest(image: image.id.description)
        request.command = ["true"]
        request.network = "none"
        request.autoRemove = autoRemove
        let config = try store.config(of: try store.image(request.image).id)
        preparation.learn(config, of: image.id)
        let id = Self.newID()
        preparation.reserve(id, image.id, autoRemove: autoRemove)
        let document = ContainerDocument(
            id: id, name: ContainerNames.random(attempt: 0), created: Timestamp.now, image: image.id,
            imageConfig: config, request: request,
            program: try ContainerDocument.Program(request: request, image: config.config), mounts: [],
            places: ContainerDocument.Places(
                directory: runtime.directory(id).string, log: runtime.logPath(id).string,
                driver: StorageDriver.overlay.rawValue,
                lowers: try store.layerMounts(for: image.id).map(\.string), upper: upper(id).string,
                work: work(id).string))
        let read = ContainerDocument(json: try JSONValue(parsing: document.json.compact))
        _ = try? store.container(id)
        // Neither changes anything: there is no such container, and no such layer to make one from.
        _ = try? store.remove(container: id, durably: false)
        var record = ContainerRecord(
            id: id, name: id, image: image.id, chain: Digest.sha256([]), created: 0, document: read.json.compact)
        try? store.add(record, durably: false)
        record.chain = image.chain.last
        runtime.rehearse(try specification(record, read, isFresh: true))
    }
}

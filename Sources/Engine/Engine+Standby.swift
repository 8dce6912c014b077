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

extension Engine {
    /// From now on the files of a container that ran with `--rm` are removed in `finishRemovals`. The container itself is
    /// gone at once, and files that are left by a kill in between are removed with the next container.
    public func putOffRemovals() { putOff.begin() }

    /// Removes what was put off.
    public func finishRemovals() { putOff.finish() }

    /// Gets ready to start a container: starts its monitor, and works a start out as far as it has no effect, so that
    /// the code and the pages of the database that it needs are in memory.
    public func prepareStart() {
        runtime.prepareMonitor()
        guard let image = (try? store.images())?.first else { return }
        try? rehearse(image)
    }

    private func rehearse(_ image: ImageRecord) throws(DrydockError) {
        var request = CreateRequest(image: image.id.description)
        request.command = ["true"]
        request.network = "none"
        let config = try store.config(of: try store.image(request.image).id)
        let id = Self.newID()
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
        runtime.rehearse(try specification(record, read))
    }
}

public import Diagnostics
public import Engine
public import OCI
import Synchronization

/// What the engine says, as checks ask for it.
public struct EngineObservation: Observation {
    private let engine: any EngineOperations
    /// How long a registry may take.
    private let patience: Duration

    /// Makes an observation of an engine.
    /// - Parameters:
    ///   - patience: how long to wait for a registry.
    public init(
        _ engine: any EngineOperations, patience: Duration = .seconds(1)
    ) {
        self.engine = engine
        self.patience = patience
    }

    private func unlessMissing<Value>(_ ask: () throws(DrydockError) -> Value) throws(DrydockError) -> Value? {
        do {
            return try ask()
        } catch  where error.code == .notFound || error.code == .invalidArgument {
            return nil
        }
    }

    /// The document of `docker container inspect`, or nil where there is none.
    public func container(_ name: String) throws(DrydockError) -> JSONValue? {
        try unlessMissing { () throws(DrydockError) in try engine.inspectContainer(name, size: false) }
    }

    /// The document of `docker image inspect`, or nil where there is none.
    public func image(_ name: String) throws(DrydockError) -> JSONValue? {
        try unlessMissing { () throws(DrydockError) in try engine.inspectImage(name) }
    }

    /// The documents of all containers, running or not.
    public func containers() throws(DrydockError) -> [JSONValue] {
        var documents: [JSONValue] = []
        for summary in try engine.containers(all: true, sizes: false, matching: [:]) {
            if let document = try container(summary.id) { documents.append(document) }
        }
        return documents
    }

    /// The documents of all images.
    public func images() throws(DrydockError) -> [JSONValue] {
        var documents: [JSONValue] = []
        var seen: Set<Digest> = []
        for summary in try engine.images(all: false, matching: [:]) where seen.insert(summary.id).inserted {
            if let document = try image(summary.id.description) { documents.append(document) }
        }
        return documents
    }

    /// The last documents of containers that have been removed since, newest first.
    public func removedContainers() throws(DrydockError) -> [JSONValue] { try engine.removedContainers() }

    /// What a container has changed, or nil where there is no such container.
    public func changes(of container: String) throws(DrydockError) -> [FileChange]? {
        try unlessMissing { () throws(DrydockError) in try engine.diff(container) }
    }

    /// The layers of an image that hold a path, top first; nil where there is no such image.
    public func versions(of path: String, in image: String) throws(DrydockError) -> [PathVersion]? {
        try unlessMissing { () throws(DrydockError) in try engine.layers(holding: path, of: image) }
    }

    /// Who is logged in at a registry (nil: `docker.io`), or nil for nobody.
    public func loggedIn(at registry: String?) throws(DrydockError) -> String? {
        try engine.loggedIn(server: registry)
    }

    /// What a registry has under a name, or nil where it has nothing.
    ///
    /// The answer comes within the observation's patience, whatever the registry does: what is late is dropped.
    public func registry(_ reference: Reference) async throws(DrydockError) -> RegistryManifest? {
        let late = DrydockError(
            .unavailable, "the registry \(reference.registry) does not answer", reason: "waited \(patience)",
            remedy: "Try again with `check`.")
        return try await Deadline.answer(within: patience, orElse: late) { [engine] () async throws(DrydockError) in
            do throws(DrydockError) {
                return try await engine.registryManifest(reference)
            } catch  where error.code == .notFound {
                return nil
            }
        }
    }
}

/// Waits for an answer only so long, even where whoever is asked cannot be cancelled.
enum Deadline {
    /// - Throws: `late`, once the time is over.
    static func answer<Value: Sendable>(
        within patience: Duration, orElse late: DrydockError,
        _ question: @escaping @Sendable () async throws(DrydockError) -> Value
    ) async throws(DrydockError) -> Value {
        typealias Answer = Result<Value, DrydockError>
        let answer = await withCheckedContinuation { (continuation: CheckedContinuation<Answer, Never>) in
            let race = Race(continuation)
            let asking = Task {
                do throws(DrydockError) {
                    race.finish(.success(try await question()))
                } catch {
                    race.finish(.failure(error))
                }
            }
            Task {
                try? await Task.sleep(for: patience)
                race.finish(.failure(late))
                asking.cancel()
            }
        }
        return try answer.get()
    }

    /// Resumes once, with whoever is first.
    private final class Race<Value: Sendable>: Sendable {
        private let waiting: Mutex<CheckedContinuation<Result<Value, DrydockError>, Never>?>

        init(_ continuation: CheckedContinuation<Result<Value, DrydockError>, Never>) {
            waiting = Mutex(continuation)
        }

        func finish(_ result: Result<Value, DrydockError>) {
            let continuation = waiting.withLock { waiting in
                defer { waiting = nil }
                return waiting
            }
            continuation?.resume(returning: result)
        }
    }
}

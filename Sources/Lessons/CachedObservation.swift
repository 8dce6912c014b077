import Diagnostics
import Engine
import OCI
import Synchronization

/// An observation that asks for each thing once: one evaluation sees one state, and is fast.
final class CachedObservation: Observation {
    private struct Known {
        var containers: [String: Result<JSONValue?, DrydockError>] = [:]
        var images: [String: Result<JSONValue?, DrydockError>] = [:]
        var allContainers: Result<[JSONValue], DrydockError>?
        var allImages: Result<[JSONValue], DrydockError>?
        var removed: Result<[JSONValue], DrydockError>?
        var changes: [String: Result<[FileChange]?, DrydockError>] = [:]
        var versions: [String: Result<[PathVersion]?, DrydockError>] = [:]
        var logins: [String: Result<String?, DrydockError>] = [:]
        var registry: [String: Result<RegistryManifest?, DrydockError>] = [:]
    }

    private let base: any Observation
    private let known = Mutex(Known())

    init(_ base: any Observation) { self.base = base }

    private func once<Value: Sendable>(
        _ slot: any WritableKeyPath<Known, Result<Value, DrydockError>?> & Sendable,
        _ ask: () throws(DrydockError) -> Value
    ) throws(DrydockError) -> Value {
        if let value = known.withLock({ $0[keyPath: slot] }) { return try value.get() }
        let result: Result<Value, DrydockError>
        do {
            result = .success(try ask())
        } catch {
            result = .failure(error)
        }
        known.withLock { $0[keyPath: slot] = result }
        return try result.get()
    }

    func container(_ name: String) throws(DrydockError) -> JSONValue? {
        try once(\.containers[name]) { () throws(DrydockError) in try base.container(name) }
    }

    func image(_ name: String) throws(DrydockError) -> JSONValue? {
        try once(\.images[name]) { () throws(DrydockError) in try base.image(name) }
    }

    func containers() throws(DrydockError) -> [JSONValue] {
        try once(\.allContainers) { () throws(DrydockError) in try base.containers() }
    }

    func images() throws(DrydockError) -> [JSONValue] {
        try once(\.allImages) { () throws(DrydockError) in try base.images() }
    }

    func removedContainers() throws(DrydockError) -> [JSONValue] {
        try once(\.removed) { () throws(DrydockError) in try base.removedContainers() }
    }

    func changes(of container: String) throws(DrydockError) -> [FileChange]? {
        try once(\.changes[container]) { () throws(DrydockError) in try base.changes(of: container) }
    }

    func versions(of path: String, in image: String) throws(DrydockError) -> [PathVersion]? {
        try once(\.versions["\(image)\n\(path)"]) { () throws(DrydockError) in
            try base.versions(of: path, in: image)
        }
    }

    func loggedIn(at registry: String?) throws(DrydockError) -> String? {
        try once(\.logins[registry ?? ""]) { () throws(DrydockError) in try base.loggedIn(at: registry) }
    }

    func registry(_ reference: Reference) async throws(DrydockError) -> RegistryManifest? {
        let key = reference.description
        if let result = known.withLock({ $0.registry[key] }) { return try result.get() }
        let result: Result<RegistryManifest?, DrydockError>
        do {
            result = .success(try await base.registry(reference))
        } catch {
            result = .failure(error)
        }
        known.withLock { $0.registry[key] = result }
        return try result.get()
    }
}

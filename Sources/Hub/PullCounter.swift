import Diagnostics
import RegistryClient
import Synchronization

/// Counts pulls in memory and adds them to the database now and then: a pull must not wait for a disk.
final class PullCounter: Sendable {
    private let registry: HubRegistry
    private let pending = Mutex<[String: Int]>([:])

    init(registry: HubRegistry) { self.registry = registry }

    func add(_ repository: String) { pending.withLock { $0[repository, default: 0] += 1 } }

    /// Writes down what was counted.
    func flush() async {
        let counted = pending.withLock { pending in
            defer { pending = [:] }
            return pending
        }
        guard !counted.isEmpty else { return }
        let registry = registry
        try? await blocking { () throws(DrydockError) in try registry.count(pulls: counted) }
    }
}

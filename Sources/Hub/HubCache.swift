import HTTPTypes
import NIOCore
import OCI
import Synchronization

/// A manifest that is ready to be sent.
struct ServedManifest: Sendable {
    var digest: Digest
    var mediaType: MediaType
    var body: ByteBuffer
    /// The headers of an answer.
    var headers: HTTPFields

    init(_ stored: StoredManifest) {
        digest = stored.digest
        mediaType = stored.mediaType
        body = ByteBuffer(bytes: stored.bytes)
        headers = [
            .contentType: stored.mediaType.rawValue, .contentDigest: stored.digest.description,
            .eTag: "\"\(stored.digest)\"",
        ]
    }
}

/// Who owns the hub and which repositories are not for everybody.
struct HubPolicy: Sendable {
    var owners: Set<String> = []
    var hidden: Set<String> = []
    /// The salt of each account, which changes with its password.
    var salts: [String: [UInt8]] = [:]
}

/// What was read from the database and still holds. Everything is forgotten as soon as any process writes to the
/// database, and after two seconds in any case.
final class HubCache: Sendable {
    private struct Key: Hashable {
        var repository: String
        var reference: String
    }

    private struct State {
        var generation: UInt64?
        var since = ContinuousClock.now
        var manifests: [Key: ServedManifest] = [:]
        var bytes = 0
        var policy: HubPolicy?
    }

    private let generation: HubGeneration
    private let state = Mutex(State())
    private static let patience = Duration.seconds(2)
    private static let room = 8 << 20

    init(_ generation: HubGeneration) { self.generation = generation }

    /// What to give back with `keep`, so that nothing is kept that was read before a change.
    var moment: UInt64? { generation.value }

    func manifest(_ reference: String, in repository: String) -> ServedManifest? {
        withState { $0.manifests[Key(repository: repository, reference: reference)] }
    }

    func keep(_ manifest: ServedManifest, _ reference: String, in repository: String, since moment: UInt64?) {
        withState { state in
            let size = manifest.body.readableBytes
            guard let moment, state.generation == moment, size <= Self.room / 4 else { return }
            if state.bytes + size > Self.room { (state.manifests, state.bytes) = ([:], 0) }
            state.manifests[Key(repository: repository, reference: reference)] = manifest
            state.bytes += size
        }
    }

    var policy: HubPolicy? { withState { $0.policy } }

    func keep(_ policy: HubPolicy, since moment: UInt64?) {
        withState { if let moment, $0.generation == moment { $0.policy = policy } }
    }

    private func withState<Result>(_ body: (inout State) -> Result) -> Result {
        let now = ContinuousClock.now
        let present = generation.value
        return state.withLock { state in
            if present == nil || state.generation != present || now - state.since > Self.patience {
                state = State(generation: present, since: now)
            }
            return body(&state)
        }
    }
}

import Diagnostics
import FoundationEssentials
import GRDB
import HTTPTypes
import Hummingbird
import ImageStore
import NIOCore
import OCI
import RegistryClient
import Synchronization
import SystemPackage

/// Finds what the hub does not have: at the registry that it stands in for, or by making it on this machine.
final class PullThrough: Sendable {
    private struct State {
        var deadUntil: ContinuousClock.Instant?
        var unknown: [String: ContinuousClock.Instant] = [:]
        var running: [String: Task<Outcome, any Error>] = [:]
    }

    private enum Outcome: Sendable {
        case stored
        case unknown(reason: String)
    }

    private let registry: HubRegistry
    private let client: RegistryClient?
    private let courseImages: (any CourseImageProvider)?
    private let state = Mutex(State())
    /// How long something that was not found, or an upstream that did not answer, is not asked for again.
    private static let memory = Duration.seconds(300)

    /// Makes the packages that this hub serves, where somebody can and they are not there yet.
    func providePackages() async throws { try await courseImages?.providePackages() }

    init(registry: HubRegistry, upstream: String?, patience: Duration, courseImages: (any CourseImageProvider)?) {
        self.registry = registry
        self.courseImages = courseImages
        guard let upstream else {
            client = nil
            return
        }
        var settings = RegistrySettings(
            credentials: CredentialStore(file: registry.data.appending("upstream.json")),
            dockerHub: { () throws(DrydockError) in upstream })
        settings.connectTimeout = patience
        settings.retry.attempts = 2
        settings.userAgent = "drydock-hub"
        client = RegistryClient(settings)
    }

    func shutdown() async { await client?.shutdown() }

    /// Gets a manifest into the hub where that is possible.
    /// - Throws: `HubRefusal` that says why not.
    func manifest(_ reference: String, of repository: String) async throws {
        let known = try await blocking { [registry] () throws(DrydockError) in
            (
                has: try registry.hasRepository(repository), upstream: try registry.isUpstream(repository),
                local: try registry.hasAccount(String(repository.prefix { $0 != "/" }))
            )
        }
        // A user's namespace is this hub's alone.
        let outcome: Outcome =
            known.local
            ? .unknown(reason: "the practice hub has no such image")
            : try await once("\(repository)@\(reference)") { try await self.find(reference, of: repository) }
        guard case .unknown(let reason) = outcome else { return }
        throw known.has
            ? HubRefusal.unknownManifest(reference, detail: reason)
            : HubRefusal.unknownName(repository, detail: reason)
    }

    /// Lets requests for the same thing share one answer.
    private func once(_ key: String, _ work: @escaping @Sendable () async throws -> Outcome) async throws -> Outcome {
        let task = state.withLock { state in
            if let running = state.running[key] { return running }
            let task = Task {
                defer { self.state.withLock { $0.running[key] = nil } }
                return try await work()
            }
            state.running[key] = task
            return task
        }
        return try await task.value
    }

    private func find(_ reference: String, of repository: String) async throws -> Outcome {
        let key = "\(repository)@\(reference)"
        var reason = "this hub does not ask any other registry"
        if client != nil {
            do throws(DrydockError) {
                let now = ContinuousClock.now
                let (dead, unknown) = state.withLock { state in
                    (state.deadUntil.map { $0 > now } ?? false, state.unknown[key].map { $0 > now } ?? false)
                }
                if dead {
                    reason = "the real Docker Hub cannot be reached from here"
                } else if unknown {
                    reason = "the real Docker Hub does not have it either"
                } else if try await fetch(reference, of: repository) {
                    return .stored
                }
            } catch {
                switch error.code {
                case .unavailable:
                    state.withLock { $0.deadUntil = ContinuousClock.now + Self.memory }
                    reason = "the real Docker Hub cannot be reached from here"
                case .notFound, .denied, .unauthorized:
                    state.withLock { state in
                        if state.unknown.count > 10_000 { state.unknown = [:] }
                        state.unknown[key] = ContinuousClock.now + Self.memory
                    }
                    reason = "the real Docker Hub does not have it either"
                default: throw error
                }
            }
        }
        if let courseImages, !reference.contains(":"),
            try await courseImages.provide(repository: repository, tag: reference)
        {
            return .stored
        }
        return .unknown(reason: reason)
    }

    /// Fetches a manifest from upstream and keeps it. The blobs that it names come when they are asked for.
    private func fetch(_ reference: String, of repository: String) async throws(DrydockError) -> Bool {
        guard let client else { return false }
        let digest = try? Digest(reference)
        let name = Reference(
            unchecked: Reference.defaultRegistry, repository: repository, tag: digest == nil ? reference : nil,
            digest: digest)
        let raw = try await client.manifest(name)
        let content = try ManifestContent(raw.bytes, mediaType: raw.mediaType)
        let registry = registry
        try await blocking { () throws(DrydockError) in
            try registry.storeUpstream(
                content, digest: raw.digest, in: repository, tag: digest == nil ? reference : nil)
        }
        return true
    }

    // MARK: Blobs

    /// Answers a request for a blob that a fetched manifest names: passes the bytes on and keeps them on the way.
    /// - Returns: nil where the blob is nothing that upstream promised.
    func blob(_ digest: Digest, of repository: String, head: Bool) async throws -> Response? {
        let registry = registry
        let found = try await blocking { () throws(DrydockError) in
            try registry.upstreamBlob(digest, of: repository)
        }
        guard let client, let descriptor = found else { return nil }
        let headers: HTTPFields = [
            .contentType: "application/octet-stream", .contentDigest: digest.description,
            .contentLength: String(descriptor.size),
        ]
        if head { return Response(status: .ok, headers: headers) }
        let name = Reference(unchecked: Reference.defaultRegistry, repository: repository, tag: nil, digest: nil)
        let stream = client.stream(descriptor, of: name)
        var first = stream.makeAsyncIterator()
        // The first bytes tell whether upstream answers at all, while there is still time for another status.
        let start = try await first.next()
        let writer = try await blocking { () throws(DrydockError) in try registry.blobs.writer(digest.algorithm) }
        let rest = UncheckedIterator(first)
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody(contentLength: Int(descriptor.size)) { out in
                do {
                    var next = start
                    while let bytes = next {
                        try await blocking { () throws(DrydockError) in try writer.write(bytes.array) }
                        try await out.write(ByteBuffer(bytes: bytes.array))
                        next = try await rest.next()
                    }
                    try await blocking { () throws(DrydockError) in
                        try writer.commit(expecting: digest, size: descriptor.size)
                        try registry.link(digest, to: repository)
                    }
                } catch {
                    writer.cancel()
                    throw error
                }
                try await out.finish(nil)
            })
    }
}

/// Carries an iterator into the one task that goes on with it.
private final class UncheckedIterator: @unchecked Sendable {
    private var iterator: BlobStream.AsyncIterator

    init(_ iterator: BlobStream.AsyncIterator) { self.iterator = iterator }

    func next() async throws -> BlobBytes? { try await iterator.next() }
}

extension HubRegistry {
    /// Whether a repository came from upstream.
    func isUpstream(_ repository: String) throws(DrydockError) -> Bool {
        try database.read { database in
            try Bool.fetchOne(
                database, sql: "SELECT upstream FROM repository WHERE name = ?", arguments: [repository]) ?? false
        }
    }

    /// Keeps a manifest that upstream has, and what it promises.
    func storeUpstream(
        _ content: ManifestContent, digest: Digest, in repository: String, tag: String?
    ) throws(DrydockError) {
        try store(content, digest: digest, in: repository, tags: tag.map { [$0] } ?? [])
        try database.write { database in
            try database.execute(sql: "UPDATE repository SET upstream = 1 WHERE name = ?", arguments: [repository])
            for blob in content.blobs {
                try database.execute(
                    sql: "INSERT OR IGNORE INTO upstreamBlob (repository, digest, mediaType, size) VALUES (?, ?, ?, ?)",
                    arguments: [repository, blob.digest.description, blob.mediaType.rawValue, blob.size])
            }
        }
    }

    /// A blob that a manifest from upstream promises.
    func upstreamBlob(_ digest: Digest, of repository: String) throws(DrydockError) -> Descriptor? {
        let row = try database.read { database in
            try Row.fetchOne(
                database, sql: "SELECT mediaType, size FROM upstreamBlob WHERE repository = ? AND digest = ?",
                arguments: [repository, digest.description])
        }
        guard let row else { return nil }
        let type: String = row["mediaType"]
        return Descriptor(mediaType: MediaType(rawValue: type), digest: digest, size: row["size"])
    }
}

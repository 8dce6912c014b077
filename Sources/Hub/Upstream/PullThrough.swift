import Diagnostics
import HTTPTypes
import Hummingbird
import NIOCore
import OCI
import RegistryClient
import Synchronization
import SystemPackage

/// Finds what the hub does not have: at the registries that it stands in for, or by making it on this machine.
final class PullThrough: Sendable {
    private struct State {
        var running: [String: Task<UpstreamFailure?, any Error>] = [:]
        var downloads: [Digest: BlobDownload] = [:]
    }

    /// What became of a request for a blob that is not there.
    enum FoundBlob: Sendable {
        case here
        case passing(Response)
        case unknown
    }

    private let registry: HubRegistry
    private let uploads: UploadStore
    private let upstreams: [Upstream]
    private let isOffline: Bool
    private let courseImages: (any CourseImageProvider)?
    private let state = Mutex(State())

    init(
        registry: HubRegistry, uploads: UploadStore, settings: HubSettings,
        courseImages: (any CourseImageProvider)?
    ) {
        self.registry = registry
        self.uploads = uploads
        self.courseImages = courseImages
        isOffline = settings.isOffline
        upstreams = isOffline ? [] : Self.upstreams(settings)
    }

    static func upstreams(_ settings: HubSettings) -> [Upstream] {
        var addresses = settings.otherUpstreams
        addresses[Reference.defaultRegistry] = settings.upstream
        let credentials = CredentialStore(file: settings.data.appending("upstream.json"))
        return addresses.map {
            Upstream(
                name: $0.key, address: $0.value, credentials: credentials, patience: settings.upstreamPatience)
        }
    }

    /// Makes the packages that this hub serves, where somebody can and they are not there yet.
    func providePackages() async throws { try await courseImages?.providePackages() }

    func shutdown() async {
        for download in state.withLock({ Array($0.downloads.values) }) { download.cancel() }
        for upstream in upstreams { await upstream.client.shutdown() }
    }

    /// What the repositories of a registry begin with, where it is one of the upstreams (the `ns` parameter of
    /// containerd's mirrors).
    func prefix(of name: String) -> String? { upstreams.first { $0.name == name }?.prefix }

    /// The upstream of a repository.
    private func upstream(of repository: String) -> Upstream? {
        let others = upstreams.filter { $0.name != Reference.defaultRegistry }
        if let named = others.first(where: { repository.hasPrefix($0.prefix) }) { return named }
        let first = repository.prefix { $0 != "/" }
        if first.contains(".") { return nil }
        return upstreams.first { $0.name == Reference.defaultRegistry }
    }

    // MARK: Manifests

    /// Gets a manifest into the hub where that is possible.
    /// - Throws: `HubRefusal` that says why not.
    func manifest(_ reference: String, of repository: String) async throws {
        let registry = registry
        let known = try await blocking { () throws(DrydockError) in
            (
                has: try registry.hasRepository(repository),
                local: try registry.hasAccount(String(repository.prefix { $0 != "/" }))
            )
        }
        // A user's namespace is this hub's alone.
        let failure: UpstreamFailure? =
            known.local
            ? .none(reason: "the practice hub has no such image")
            : try await once("\(repository)@\(reference)") { try await self.find(reference, of: repository) }
        guard let failure else { return }
        if let refusal = failure.refusal { throw refusal }
        var refusal =
            known.has
            ? HubRefusal.unknownManifest(reference, detail: failure.reason)
            : HubRefusal.unknownName(repository, detail: failure.reason)
        if case .unreachable = failure { refusal.message = failure.reason }
        throw refusal
    }

    /// Lets requests for the same thing share one answer.
    private func once(
        _ key: String, _ work: @escaping @Sendable () async throws -> UpstreamFailure?
    ) async throws -> UpstreamFailure? {
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

    private func find(_ reference: String, of repository: String) async throws -> UpstreamFailure? {
        // Whoever missed it just before somebody else's fetch ended comes here after it.
        let registry = registry
        if try await blocking({ () throws(DrydockError) in try registry.manifest(reference, in: repository) != nil }) {
            return nil
        }
        let key = "\(repository)@\(reference)"
        var failure = UpstreamFailure.none(
            reason: isOffline ? "this hub is offline and does not have it" : "this hub does not ask any other registry")
        if let upstream = upstream(of: repository) {
            if let refused = upstream.refusal(key) {
                failure = refused
            } else {
                do throws(DrydockError) {
                    try await fetch(reference, of: repository, from: upstream)
                    return nil
                } catch {
                    failure = upstream.note(error, key)
                }
            }
        }
        if let courseImages, !reference.contains(":"),
            try await courseImages.provide(repository: repository, tag: reference)
        {
            return nil
        }
        return failure
    }

    /// Fetches a manifest from upstream and keeps it. The blobs that it names come when they are asked for.
    private func fetch(
        _ reference: String, of repository: String, from upstream: Upstream
    ) async throws(DrydockError) {
        let digest = try? Digest(reference)
        let raw = try await upstream.client.manifest(
            upstream.reference(repository, tag: digest == nil ? reference : nil, digest: digest))
        let content = try ManifestContent(raw.bytes, mediaType: raw.mediaType)
        let registry = registry
        try await blocking { () throws(DrydockError) in
            try registry.storeUpstream(
                content, digest: raw.digest, in: repository, tag: digest == nil ? reference : nil)
        }
    }

    // MARK: Blobs

    /// Answers a request for a blob that a fetched manifest names: passes the bytes on and keeps them on the way.
    /// Whoever asks for the same blob meanwhile gets the bytes of the same download.
    func blob(
        _ digest: Digest, of repository: String, _ request: Request, _ context: HubContext
    ) async throws -> FoundBlob {
        let registry = registry
        let found = try await blocking { () throws(DrydockError) in
            try registry.upstreamBlob(digest, of: repository)
        }
        guard let descriptor = found else { return .unknown }
        // Another repository may have it, or a download that nobody waited for may have ended.
        if try await blocking({ () throws(DrydockError) in try registry.link(digest, to: repository) }) { return .here }
        let headers: HTTPFields = [
            .contentType: "application/octet-stream", .contentDigest: digest.description,
            .contentLength: String(descriptor.size), .acceptRanges: "bytes",
        ]
        guard let upstream = upstream(of: repository) else {
            throw HubRefusal(
                .notFound, "BLOB_UNKNOWN", "blob unknown to registry",
                detail: isOffline ? "this hub is offline and does not have it" : "this hub asks no other registry")
        }
        if request.method == .head { return .passing(Response(status: .ok, headers: headers)) }
        let download = try await download(descriptor, of: repository, from: upstream)
        do {
            if request.headers[.range] != nil || descriptor.size == 0 {
                try await download.whole()
                try await blocking { () throws(DrydockError) in _ = try registry.link(digest, to: repository) }
                return .here
            }
            // The first bytes tell whether upstream answers at all, while there is still time for another status.
            _ = try await download.wait(beyond: 0)
        } catch let error as DrydockError {
            let failure = upstream.note(error, digest.description)
            throw failure.refusal
                ?? HubRefusal(.notFound, "BLOB_UNKNOWN", "blob unknown to registry", detail: failure.reason)
        }
        let body = ResponseBody(contentLength: Int(descriptor.size)) { out in
            var offset: Int64 = 0
            while offset < descriptor.size, let buffer = try await download.read(from: offset) {
                offset += Int64(buffer.readableBytes)
                try await out.write(buffer)
                try await context.settle()
            }
            try await blocking { () throws(DrydockError) in _ = try registry.link(digest, to: repository) }
            try await out.finish(nil)
        }
        return .passing(Response(status: .ok, headers: headers, body: body))
    }

    /// The download of a blob that is going on, or a new one.
    private func download(
        _ descriptor: Descriptor, of repository: String, from upstream: Upstream
    ) async throws -> BlobDownload {
        let digest = descriptor.digest
        if let running = state.withLock({ $0.downloads[digest] }) { return running }
        if let refused = upstream.refusal(digest.description) {
            throw refused.refusal
                ?? HubRefusal(.notFound, "BLOB_UNKNOWN", "blob unknown to registry", detail: refused.reason)
        }
        let uploads = uploads
        let fresh = try await blocking { () throws(DrydockError) in try BlobDownload(descriptor, uploads: uploads) }
        let (chosen, isFirst) = state.withLock { state in
            if let running = state.downloads[digest] { return (running, false) }
            state.downloads[digest] = fresh
            return (fresh, true)
        }
        guard isFirst else {
            fresh.discard()
            return chosen
        }
        let registry = registry
        let stream = upstream.client.stream(descriptor, of: upstream.reference(repository))
        fresh.start(stream) { error in
            if error == nil { _ = try? registry.link(digest, to: repository) }
            self.state.withLock { $0.downloads[digest] = nil }
        }
        return fresh
    }
}

public import Diagnostics
import FoundationEssentials
import ImageStore
import Linux
public import OCI
import RegistryClient

/// What `drydock hub mirror` fetched of one image.
public struct MirrorReport: Sendable, Equatable {
    /// `alpine:3.20`
    public var image: String
    /// The digest of its manifest or index.
    public var digest: Digest
    /// The platforms that are here now; empty where the image does not tell.
    public var platforms: [String] = []
    /// The number of blobs that were fetched.
    public var fetched = 0
    /// Their bytes.
    public var bytes: Int64 = 0
    /// The number of blobs that were here already.
    public var present = 0

    /// The report for machines.
    public var json: JSONValue {
        [
            "image": .string(image), "digest": .string(digest.description),
            "platforms": .array(platforms.map(JSONValue.string)), "fetched": .int(Int64(fetched)),
            "bytes": .int(bytes), "present": .int(Int64(present)),
        ]
    }
}

/// Fills a hub ahead of time.
public struct HubMirror: Sendable {
    private let registry: HubRegistry
    private let settings: HubSettings
    private let uploads: UploadStore

    /// - Parameter settings: where the upstreams are.
    public init(registry: HubRegistry, settings: HubSettings) throws(DrydockError) {
        self.registry = registry
        self.settings = settings
        uploads = try UploadStore(data: registry.data, blobs: registry.blobs)
    }

    /// Fetches an image with all its blobs. What is here already is not fetched again, so that another try goes on where
    /// one was interrupted.
    /// - Parameters:
    ///   - image: on `docker.io` or any other registry.
    ///   - platforms: which ones of an index; all where it is empty.
    ///   - progress: gets a line for a person before each blob.
    /// - Throws: `.unavailable` offline; `.notFound` where the image is not there, or has none of the platforms.
    public func fetch(
        _ image: Reference, platforms: [Platform], progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws(DrydockError) -> MirrorReport {
        if settings.isOffline {
            throw DrydockError(
                .unavailable, "cannot fetch \(image.familiar): --offline", remedy: "Import a file instead.")
        }
        guard Reference.isRepository(image.hubRepository) else {
            throw DrydockError(
                .invalidArgument, "cannot fetch \(image.familiar)",
                reason: "its name cannot be a repository's name in a hub", remedy: "Name the registry by a host name.")
        }
        var chosen = settings
        if image.registry != Reference.defaultRegistry {
            let scheme = image.isOnThisMachine ? "http" : "https"
            chosen.otherUpstreams[image.registry] =
                chosen.otherUpstreams[image.registry] ?? "\(scheme)://\(image.registry)"
        }
        guard let upstream = PullThrough.upstreams(chosen).first(where: { $0.name == image.registry }) else {
            throw DrydockError(
                .unavailable, "cannot fetch \(image.familiar)", reason: "no registry to fetch from is set",
                remedy: "Name one with --upstream.")
        }
        do throws(DrydockError) {
            let report = try await fetch(image, from: upstream, platforms, progress)
            await upstream.client.shutdown()
            return report
        } catch {
            await upstream.client.shutdown()
            throw error
        }
    }

    private func fetch(
        _ image: Reference, from upstream: Upstream, _ platforms: [Platform],
        _ progress: @escaping @Sendable (String) -> Void
    ) async throws(DrydockError) -> MirrorReport {
        let repository = image.hubRepository
        let tag = image.digest == nil ? image.tag ?? "latest" : nil
        let raw = try await upstream.client.manifest(
            upstream.reference(repository, tag: tag, digest: image.digest))
        var report = MirrorReport(image: image.withDefaultTag.familiar, digest: raw.digest)
        try await fetch(raw, repository, upstream, platforms, progress, &report)
        if report.platforms.isEmpty, !platforms.isEmpty, raw.mediaType.isIndex {
            throw DrydockError(
                .notFound,
                "\(image.familiar) has none of the platforms "
                    + platforms.map(\.description).joined(separator: ", "),
                remedy: "Leave --platform out to fetch all that it has.")
        }
        // The tag comes last: an image that has a name is whole.
        let content = try ManifestContent(raw.bytes, mediaType: raw.mediaType)
        let registry = registry
        try await blocking { () throws(DrydockError) in
            try registry.storeUpstream(content, digest: raw.digest, in: repository, tag: tag ?? image.tag)
        }
        return report
    }

    private func fetch(
        _ raw: RawManifest, _ repository: String, _ upstream: Upstream, _ platforms: [Platform],
        _ progress: @escaping @Sendable (String) -> Void, _ report: inout MirrorReport
    ) async throws(DrydockError) {
        let content = try ManifestContent(raw.bytes, mediaType: raw.mediaType)
        if raw.mediaType.isIndex {
            let index = try Index(try JSONValue(parsing: raw.bytes), mediaType: raw.mediaType)
            for child in index.manifests {
                if let platform = child.platform, !platforms.isEmpty, !child.mediaType.isIndex,
                    !platforms.contains(where: { platform.matches($0) })
                {
                    continue
                }
                let manifest = try await upstream.client.manifest(
                    upstream.reference(repository, digest: child.digest))
                try await fetch(manifest, repository, upstream, platforms, progress, &report)
                if let platform = child.platform { report.platforms.append(platform.description) }
            }
        }
        for blob in content.blobs { try await fetch(blob, repository, upstream, progress, &report) }
        let registry = registry
        try await blocking { () throws(DrydockError) in
            try registry.storeUpstream(content, digest: raw.digest, in: repository, tag: nil)
        }
    }

    private func fetch(
        _ blob: Descriptor, _ repository: String, _ upstream: Upstream,
        _ progress: @escaping @Sendable (String) -> Void, _ report: inout MirrorReport
    ) async throws(DrydockError) {
        let registry = registry
        if try await blocking({ () throws(DrydockError) in try registry.link(blob.digest, to: repository) }) {
            report.present += 1
            return
        }
        progress("\(blob.digest.short): \(blob.size) bytes")
        let uploads = uploads
        let download = try await blocking { () throws(DrydockError) in try BlobDownload(blob, uploads: uploads) }
        download.start(upstream.client.stream(blob, of: upstream.reference(repository))) { _ in }
        do {
            try await download.whole()
        } catch let error as DrydockError {
            throw error
        } catch {
            download.cancel()
            throw DrydockError(.cancelled, "interrupted")
        }
        try await blocking { () throws(DrydockError) in _ = try registry.link(blob.digest, to: repository) }
        report.fetched += 1
        report.bytes += blob.size
    }
}

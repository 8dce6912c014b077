public import Diagnostics
import FoundationEssentials
import GRDB
import Glibc
import ImageStore
import Linux
public import OCI
public import SystemPackage

/// What `drydock hub export` or `import` carried.
public struct HubCarriage: Sendable, Equatable {
    /// The images, `alpine:3.20`, sorted.
    public var images: [String] = []
    /// The number of blobs, manifests among them.
    public var blobs = 0
    /// Their bytes.
    public var bytes: Int64 = 0
    /// The number of package files.
    public var packages = 0

    /// The report for machines.
    public var json: JSONValue {
        [
            "images": .array(images.map(JSONValue.string)), "blobs": .int(Int64(blobs)), "bytes": .int(bytes),
            "packages": .int(Int64(packages)),
        ]
    }
}

extension HubRegistry {
    /// Writes images, packages and the catalogue into one file: an OCI image layout as a tar archive, in which `skopeo`
    /// finds each image by its name (`oci-archive:FILE:alpine:3.20`).
    ///
    /// An index of which not all platforms are here, or are wanted, stands in the archive's list as an index of those
    /// that are, so that every client can copy it whole; the original goes along for `importArchive`.
    /// - Parameters:
    ///   - file: appears whole or not at all.
    ///   - images: which ones; all where it is empty.
    ///   - platforms: which ones of each index; all where it is empty.
    /// - Throws: `.notFound` where one of the images is not here.
    public func exportArchive(
        to file: FilePath, images: [Reference] = [], platforms: [Platform] = []
    ) throws(DrydockError) -> HubCarriage {
        var plan = ExportPlan(registry: self, platforms: platforms)
        try plan.collect(images)
        let temporary = FilePath("\(file).\(getpid()).part")
        let target = try OwnedDescriptor.open(
            temporary, .writeOnly, options: [.create, .truncate],
            permissions: [.ownerReadWrite, .groupRead, .otherRead])
        do throws(DrydockError) {
            let report = try plan.write(TarStreamWriter(target))
            do throws(Errno) {
                try FileAt.sync(target.number)
                try FileAt.rename(
                    FileAt.workingDirectory, temporary.string, FileAt.workingDirectory, file.string)
            } catch {
                throw DrydockError.hub("write \(file)", error)
            }
            return report
        } catch {
            try? FileAt.unlink(FileAt.workingDirectory, temporary.string)
            throw error
        }
    }
}

/// What goes into an archive.
private struct ExportPlan {
    let registry: HubRegistry
    let platforms: [Platform]
    private var names: [String] = []
    private var listed: [JSONValue] = []
    private var repositories: [(key: String, value: JSONValue)] = []
    /// Manifests, by digest.
    private var documents: [Digest: [UInt8]] = [:]
    private var blobs: [Digest: Int64] = [:]

    init(registry: HubRegistry, platforms: [Platform]) {
        self.registry = registry
        self.platforms = platforms
    }

    mutating func collect(_ images: [Reference]) throws(DrydockError) {
        let rows = try registry.database.read { database in
            try Row.fetchAll(database, sql: "SELECT repository, name, digest FROM tag ORDER BY repository, name")
        }
        var tags: [String: [(tag: String, digest: Digest)]] = [:]
        for row in rows {
            let digest: String = row["digest"]
            tags[row["repository"], default: []].append((row["name"], try Digest(digest)))
        }
        if !images.isEmpty {
            var wanted: [String: [(tag: String, digest: Digest)]] = [:]
            for image in images {
                let name = image.hubRepository
                let tag = image.tag ?? "latest"
                guard let found = tags[name]?.first(where: { $0.tag == tag }) else {
                    throw DrydockError(
                        .notFound, "the hub has no image \(image.familiar)",
                        remedy: "Pull it through the hub, or fetch it with 'drydock hub mirror \(image.familiar)'.")
                }
                wanted[name, default: []].append(found)
            }
            tags = wanted
        }
        for (repository, tagged) in tags.sorted(by: { $0.key < $1.key }) { try collect(repository, tagged) }
    }

    private mutating func collect(
        _ repository: String, _ tagged: [(tag: String, digest: Digest)]
    ) throws(DrydockError) {
        var held: [Digest: StoredManifest] = [:]
        for (tag, digest) in tagged {
            try hold(digest, of: repository, &held)
            guard let stored = held[digest] else { continue }
            try list(stored, repository, tag, held)
        }
        guard let page = try registry.repositoryPage(repository) else { return }
        let manifests = held.values.sorted { $0.digest.hex < $1.digest.hex }.map { stored -> JSONValue in
            ["digest": .string(stored.digest.description), "mediaType": .string(stored.mediaType.rawValue)]
        }
        repositories.append(
            (
                repository,
                [
                    "description": .string(page.description), "stars": .int(Int64(page.stars)),
                    "private": .bool(page.isPrivate), "upstream": .bool(try registry.isUpstream(repository)),
                    "tags": .object(tagged.map { (key: $0.tag, value: .string($0.digest.description)) }),
                    "manifests": .array(manifests),
                ]
            ))
    }

    /// Takes a manifest with everything below it that is here, and with what says something about it.
    private mutating func hold(
        _ digest: Digest, of repository: String, _ held: inout [Digest: StoredManifest]
    ) throws(DrydockError) {
        guard held[digest] == nil, let stored = try registry.manifest(digest.description, in: repository) else {
            return
        }
        let content = try ManifestContent(stored.bytes, mediaType: stored.mediaType)
        // An image of which a blob was never fetched cannot be carried.
        for blob in content.blobs {
            guard try registry.hasBlob(blob.digest, in: repository), let size = registry.blobs.size(blob.digest) else {
                return
            }
            blobs[blob.digest] = size
        }
        held[digest] = stored
        documents[digest] = stored.bytes
        let json = try? JSONValue(parsing: stored.bytes)
        for item in json?["manifests"]?.array ?? [] {
            guard let child = try? Descriptor(item), isWanted(child) else { continue }
            try hold(child.digest, of: repository, &held)
        }
        for referrer in try registry.referrers(of: digest, in: repository) {
            if let text = referrer["digest"]?.string { try hold(try Digest(text), of: repository, &held) }
        }
    }

    private func isWanted(_ child: Descriptor) -> Bool {
        guard !platforms.isEmpty, let platform = child.platform, !child.mediaType.isIndex else { return true }
        return platforms.contains { platform.matches($0) }
    }

    /// Names an image in the archive's list.
    private mutating func list(
        _ stored: StoredManifest, _ repository: String, _ tag: String, _ held: [Digest: StoredManifest]
    ) throws(DrydockError) {
        let reference = Reference(hubRepository: repository, tag: tag)
        let (bytes, isReduced) = reduced(stored.bytes, held)
        let digest = isReduced ? Digest.sha256(bytes) : stored.digest
        if isReduced { documents[digest] = bytes }
        var annotations: [String: String] = [
            "org.opencontainers.image.ref.name": reference.familiar, "io.containerd.image.name": reference.description,
        ]
        if isReduced { annotations["vnd.drydock.hub.whole"] = stored.digest.description }
        listed.append(
            Descriptor(
                mediaType: stored.mediaType, digest: digest, size: Int64(bytes.count), annotations: annotations
            ).json)
        names.append(reference.familiar)
    }

    /// An index without the entries whose manifests are not carried.
    private func reduced(_ bytes: [UInt8], _ held: [Digest: StoredManifest]) -> ([UInt8], Bool) {
        guard let json = try? JSONValue(parsing: bytes), let items = json["manifests"]?.array else {
            return (bytes, false)
        }
        let kept = items.filter { item in
            guard let text = item["digest"]?.string, let digest = try? Digest(text) else { return false }
            return held[digest] != nil
        }
        guard kept.count < items.count else { return (bytes, false) }
        return (Array(json.setting("manifests", .array(kept)).compact.utf8), true)
    }

    func write(_ tar: TarStreamWriter) throws(DrydockError) -> HubCarriage {
        var report = HubCarriage()
        report.images = names
        try tar.file("oci-layout", Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8))
        let index: JSONValue = [
            "schemaVersion": 2, "mediaType": .string(OCI.MediaType.ociIndex.rawValue), "manifests": .array(listed),
        ]
        try tar.file("index.json", Array(index.compact.utf8))
        let catalogue: JSONValue = ["version": 1, "repositories": .object(repositories)]
        try tar.file("drydock/hub.json", Array(catalogue.compact.utf8))
        for (digest, bytes) in documents.sorted(by: { $0.key.hex < $1.key.hex }) {
            try tar.file("blobs/\(digest.algorithm.rawValue)/\(digest.hex)", bytes)
            report.blobs += 1
            report.bytes += Int64(bytes.count)
        }
        for (digest, size) in blobs.sorted(by: { $0.key.hex < $1.key.hex }) where documents[digest] == nil {
            let source = try OwnedDescriptor.open(registry.blobs.path(digest), .readOnly)
            try tar.file("blobs/\(digest.algorithm.rawValue)/\(digest.hex)", from: source, size: size)
            report.blobs += 1
            report.bytes += size
        }
        try packages(tar, registry.packages, "", &report)
        try tar.end()
        return report
    }

    private func packages(
        _ tar: TarStreamWriter, _ directory: FilePath, _ below: String, _ report: inout HubCarriage
    ) throws(DrydockError) {
        guard Files.exists(directory) else { return }
        for name in try Files.names(in: directory).sorted() where !name.hasPrefix(".building") {
            let path = directory.appending(name)
            guard let status = try? FileAt.status(FileAt.workingDirectory, path.string) else { continue }
            if status.isDirectory {
                try packages(tar, path, "\(below)\(name)/", &report)
            } else if status.isRegular {
                let source = try OwnedDescriptor.open(path, .readOnly, options: [.noFollow])
                try tar.file("drydock/packages/\(below)\(name)", from: source, size: status.size)
                report.packages += 1
            }
        }
    }
}

extension Reference {
    /// The name that the repository has in a hub: that of another registry stands before it.
    var hubRepository: String {
        registry == Self.defaultRegistry ? repository : "\(Self.hubName(ofRegistry: registry))/\(repository)"
    }

    /// A registry's name as the first part of a repository's: without the port, which the grammar of names forbids.
    static func hubName(ofRegistry registry: String) -> String { String(registry.prefix { $0 != ":" }) }

    /// The other way round.
    init(hubRepository: String, tag: String?) {
        let first = hubRepository.prefix { $0 != "/" }
        if first.contains("."), first.count < hubRepository.count {
            self.init(
                unchecked: String(first), repository: String(hubRepository.dropFirst(first.count + 1)), tag: tag,
                digest: nil)
        } else {
            self.init(unchecked: Self.defaultRegistry, repository: hubRepository, tag: tag, digest: nil)
        }
    }
}

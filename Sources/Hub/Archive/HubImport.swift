public import Diagnostics
import Glibc
import ImageStore
import Linux
import OCI
public import SystemPackage

extension HubRegistry {
    /// Reads an archive that `exportArchive` wrote, or any OCI image layout as a tar archive, into this hub. Content is
    /// verified on the way; an image appears when everything that it needs is there.
    /// - Throws: `.corrupt` where the archive is damaged; what came before stays, and another try goes on from there.
    public func importArchive(from file: FilePath) throws(DrydockError) -> HubCarriage {
        let source = try OwnedDescriptor.open(file, .readOnly)
        var importer = HubImporter(registry: self, uploads: try UploadStore(data: data, blobs: blobs))
        do throws(DrydockError) {
            try importer.read(TarStreamReader(source))
            return try importer.finish()
        } catch {
            importer.abandon()
            throw error
        }
    }
}

private struct HubImporter {
    let registry: HubRegistry
    let uploads: UploadStore
    private let packages: FilePath
    private var catalogue: JSONValue?
    private var index: JSONValue?
    private var isLayout = false
    private var report = HubCarriage()
    /// The blobs of the archive. A manifest is one too, until it has become a manifest.
    private var blobs: Set<Digest> = []
    private var manifests: Set<Digest> = []

    init(registry: HubRegistry, uploads: UploadStore) {
        self.registry = registry
        self.uploads = uploads
        packages = registry.data.appending("packages.\(getpid()).part")
    }

    mutating func read(_ archive: TarStreamReader) throws(DrydockError) {
        var archive = archive
        while let entry = try archive.next() {
            guard entry.isFile else { continue }
            let parts = entry.path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            switch (parts.first, parts.count) {
            case ("oci-layout", 1): isLayout = true
            case ("index.json", 1): index = try Self.document(try archive.content(limit: 64 << 20), "index.json")
            case ("drydock", 2) where parts[1] == "hub.json":
                catalogue = try Self.document(try archive.content(limit: 64 << 20), "drydock/hub.json")
            case ("drydock", 3...) where parts[1] == "packages":
                try package(&archive, Array(parts.dropFirst(2)))
            case ("blobs", 3):
                guard let digest = try? Digest("\(parts[1]):\(parts[2])") else { continue }
                try blob(&archive, digest, entry.size)
            default: break
            }
        }
        guard isLayout, index != nil else {
            throw DrydockError(
                .invalidArgument, "this is no OCI image layout", reason: "oci-layout or index.json is missing",
                remedy: "Give a file that 'drydock hub export' or 'skopeo copy … oci-archive:FILE' wrote.")
        }
    }

    private static func document(_ bytes: [UInt8], _ name: String) throws(DrydockError) -> JSONValue {
        do { return try JSONValue(parsing: bytes) } catch {
            throw DrydockError(.corrupt, "\(name) in the archive is damaged", reason: error.message)
        }
    }

    private mutating func blob(
        _ archive: inout TarStreamReader, _ digest: Digest, _ size: Int64
    ) throws(DrydockError) {
        blobs.insert(digest)
        report.blobs += 1
        report.bytes += size
        if registry.blobs.size(digest) == size {
            registry.touch(digest)
            return
        }
        let session = try uploads.begin("import", digest.algorithm)
        defer { uploads.forget(session) }
        do throws(DrydockError) {
            let target = try session.open()
            try archive.content { block throws(DrydockError) in try session.write([block], to: target) }
            try session.commit(as: digest)
        } catch {
            session.cancel()
            guard error.code == .corrupt else { throw error }
            throw DrydockError(
                .corrupt, "the archive is damaged: the blob \(digest) is not what its name says",
                reason: error.reason ?? error.message, remedy: "Copy the file again.")
        }
    }

    private mutating func package(_ archive: inout TarStreamReader, _ parts: [String]) throws(DrydockError) {
        guard !parts.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." || $0.utf8.contains(0) }) else {
            throw DrydockError(.corrupt, "a package in the archive has an impossible name")
        }
        var path = packages
        for part in parts.dropLast() { path.append(part) }
        try Files.makeDirectories(path)
        let target = try OwnedDescriptor.open(
            path.appending(parts[parts.count - 1]), .writeOnly, options: [.create, .truncate, .noFollow],
            permissions: [.ownerReadWrite, .groupRead, .otherRead])
        try archive.content { block throws(DrydockError) in
            do throws(Errno) { try FileAt.writeAll(target.number, block) } catch {
                throw .hub("write a package", error)
            }
        }
        report.packages += 1
    }

    /// Everything is here: lets images and packages appear.
    mutating func finish() throws(DrydockError) -> HubCarriage {
        if let pairs = catalogue?["repositories"]?.pairs {
            for (name, page) in pairs { try repository(name, page) }
        } else {
            for item in index?["manifests"]?.array ?? [] { try image(item) }
        }
        if report.packages > 0 { try replacePackages() }
        // What was only a manifest's file is not needed any more.
        for digest in manifests where blobs.contains(digest) {
            if try registry.repositories(having: digest).isEmpty { try registry.blobs.delete(digest) }
        }
        report.images.sort()
        return report
    }

    private mutating func repository(_ name: String, _ page: JSONValue) throws(DrydockError) {
        guard Reference.isRepository(name) else {
            throw DrydockError(.corrupt, "the archive names an impossible repository")
        }
        let isUpstream = page["upstream"]?.bool ?? false
        for (tag, value) in page["tags"]?.pairs ?? [] {
            guard Reference.isTag(tag), let text = value.string else { continue }
            try store(try Digest(text), in: name, isUpstream: isUpstream, tag: tag)
            report.images.append(Reference(hubRepository: name, tag: tag).familiar)
        }
        for item in page["manifests"]?.array ?? [] {
            if let text = item["digest"]?.string {
                try store(try Digest(text), in: name, isUpstream: isUpstream, tag: nil)
            }
        }
        if let known = try registry.repositoryPage(name), known.description.isEmpty,
            let text = page["description"]?.string, !text.isEmpty
        {
            try registry.describe(name, text, stars: Int(page["stars"]?.int ?? 0))
        }
        if page["private"]?.bool == true { try registry.setPrivate(name, true) }
    }

    /// An image of a layout that another program wrote.
    private mutating func image(_ item: JSONValue) throws(DrydockError) {
        let descriptor = try Descriptor(item)
        guard
            let name = item["annotations"]?["io.containerd.image.name"]?.string
                ?? item["annotations"]?["org.opencontainers.image.ref.name"]?.string,
            let reference = try? Reference(parsing: name).withDefaultTag
        else {
            throw DrydockError(
                .invalidArgument, "an image in the archive has no name",
                remedy: "Give it one: skopeo copy … oci-archive:FILE:NAME:TAG")
        }
        try store(descriptor.digest, in: reference.hubRepository, isUpstream: false, tag: reference.tag)
        report.images.append(reference.familiar)
    }

    /// Makes a manifest of the archive one of a repository, after everything below it.
    private mutating func store(
        _ digest: Digest, in repository: String, isUpstream: Bool, tag: String?
    ) throws(DrydockError) {
        let bytes: [UInt8]
        if registry.blobs.has(digest) {
            bytes = try registry.blobs.read(digest)
        } else if let known = try registry.manifest(digest.description, in: repository) {
            bytes = known.bytes
        } else {
            throw DrydockError(.corrupt, "the archive lacks the manifest \(digest)", remedy: "Copy the file again.")
        }
        let content = try ManifestContent(bytes, mediaType: nil)
        manifests.insert(digest)
        for case .manifest(let child) in content.needs where blobs.contains(child) && !manifests.contains(child) {
            try store(child, in: repository, isUpstream: isUpstream, tag: nil)
        }
        for blob in content.blobs {
            guard try registry.link(blob.digest, to: repository) else {
                throw DrydockError(
                    .corrupt, "the archive lacks the blob \(blob.digest)", reason: "the manifest \(digest) names it",
                    remedy: "Copy the file again.")
            }
        }
        if isUpstream {
            try registry.storeUpstream(content, digest: digest, in: repository, tag: tag)
        } else {
            try registry.store(content, digest: digest, in: repository, tags: tag.map { [$0] } ?? [])
        }
    }

    private func replacePackages() throws(DrydockError) {
        let old = registry.data.appending("packages.\(getpid()).old")
        do throws(Errno) {
            if Files.exists(registry.packages) {
                try FileAt.rename(
                    FileAt.workingDirectory, registry.packages.string, FileAt.workingDirectory, old.string)
            }
            try FileAt.rename(
                FileAt.workingDirectory, packages.string, FileAt.workingDirectory, registry.packages.string)
        } catch {
            throw .hub("put the packages in their place", error)
        }
        try Files.removeTree(old)
    }

    func abandon() { try? Files.removeTree(packages) }
}

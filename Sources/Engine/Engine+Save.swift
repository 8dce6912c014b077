public import Diagnostics
import ImageStore
import Layers
public import OCI

extension Engine {
    /// See `ImageArchives`.
    public func save(
        _ names: [String], platform: Platform?, to place: ArchivePlace, _ span: Span
    ) throws(DrydockError) {
        let work = span.begin("image.save", TraceFact("images", .text(names.joined(separator: " "))))
        do throws(DrydockError) {
            let images = try imagesToSave(names, platform)
            try ArchiveFiles.write(place) { sink throws(DrydockError) in
                try ImageArchiveWriter(store, sink).write(images, work)
            }
            for (image, _) in images { record(image: image.id, "save", name: image.id.description) }
            work.end()
        } catch {
            work.fail(error)
            throw error
        }
    }

    /// Docker's rules: a repository without a tag means all its tags, an ID means the image without names.
    private func imagesToSave(
        _ names: [String], _ platform: Platform?
    ) throws(DrydockError) -> [(image: ImageRecord, tags: [Reference])] {
        var images: [(image: ImageRecord, tags: [Reference])] = []
        func add(_ image: ImageRecord, _ tag: Reference?) {
            let place = images.firstIndex { $0.image.id == image.id } ?? images.endIndex
            if place == images.endIndex { images.append((image, [])) }
            if let tag, !images[place].tags.contains(tag) { images[place].tags.append(tag) }
        }
        for name in names {
            if name.isEmpty { throw DrydockError(.invalidArgument, "invalid reference format") }
            if !name.hasPrefix("sha256:"), let reference = try? Reference(parsing: name) {
                if let tag = reference.tag, reference.digest == nil {
                    guard let image = try store.image(for: reference) else {
                        throw DrydockError(
                            .notFound, "reference does not exist", reason: "no image is called \(name)",
                            remedy: "docker image ls shows the images that are here.")
                    }
                    add(image, reference.tagged(tag))
                    continue
                }
                if reference.digest == nil {
                    let tagged = try store.images(of: reference.name)
                    for (image, tag) in tagged { add(image, tag) }
                    if !tagged.isEmpty { continue }
                }
            }
            add(try store.image(name), nil)
        }
        if let platform {
            for (image, _) in images {
                let own = try store.config(of: image.id).platform
                guard own.matches(platform) else {
                    throw DrydockError(
                        .notFound,
                        "image with reference \(image.id.description) was found but does not provide the specified "
                            + "platform (\(platform))", reason: "it is for \(own)")
                }
            }
        }
        return images
    }
}

/// Writes the archive that `docker save` writes: an OCI layout with Docker's `manifest.json` and `repositories` in it.
private struct ImageArchiveWriter {
    let store: ImageStore
    let archive: ArchiveWriter

    init(_ store: ImageStore, _ sink: @escaping ByteSink) {
        self.store = store
        archive = ArchiveWriter(sink)
    }

    func write(_ images: [(image: ImageRecord, tags: [Reference])], _ span: Span) throws(DrydockError) {
        try archive.directory("blobs")
        try archive.directory("blobs/sha256")
        var sizes: [Digest: Int64] = [:]
        var written: Set<Digest> = []
        var index: [JSONValue] = []
        var documents: [JSONValue] = []
        var repositories: [(key: String, tags: [(key: String, value: JSONValue)])] = []
        let saved = Set(images.map(\.image.id))
        func blob(_ bytes: [UInt8], time: Int64) throws(DrydockError) -> Digest {
            let digest = Digest.sha256(bytes)
            if written.insert(digest).inserted { try archive.file(Self.name(digest), bytes, time: time) }
            return digest
        }
        for (image, tags) in images {
            // Docker gives an image's files the time of the image.
            let time = image.created.flatMap { Timestamp($0) }?.seconds ?? 0
            var layers: [Descriptor] = []
            for layer in try store.layers(of: image.id) {
                if sizes[layer.diffID] == nil { sizes[layer.diffID] = try write(layer, time: time, span) }
                layers.append(
                    Descriptor(mediaType: .ociLayer, digest: layer.diffID, size: sizes[layer.diffID] ?? 0))
            }
            let config = try store.configBytes(of: image.id)
            _ = try blob(config, time: time)
            let manifest = Manifest(
                mediaType: .ociManifest,
                config: Descriptor(mediaType: .ociConfig, digest: image.id, size: Int64(config.count)), layers: layers)
            let bytes = Array(manifest.json.compact.utf8)
            var descriptor = Descriptor(
                mediaType: .ociManifest, digest: try blob(bytes, time: time), size: Int64(bytes.count))
            descriptor.platform = try ImageConfig(try JSONValue(parsing: config)).platform
            if tags.isEmpty { index.append(descriptor.json) }
            for tag in tags {
                descriptor.annotations = [
                    "io.containerd.image.name": tag.description, "org.opencontainers.image.ref.name": tag.tag ?? "",
                ]
                index.append(descriptor.json)
                let place = repositories.firstIndex { $0.key == tag.familiarName } ?? repositories.endIndex
                if place == repositories.endIndex { repositories.append((tag.familiarName, [])) }
                repositories[place].tags.append((tag.tag ?? "", .string(layers.last?.digest.hex ?? image.id.hex)))
            }
            documents.append(
                Self.document(image, parent: image.parent.flatMap { saved.contains($0) ? $0 : nil }, tags, layers))
        }
        try archive.file("index.json", Self.index(index))
        try archive.file("manifest.json", Array(JSONValue.array(documents).compact.utf8))
        try archive.file("oci-layout", Array("{\"imageLayoutVersion\":\"1.0.0\"}".utf8))
        if !repositories.isEmpty {
            let pairs = repositories.map { (key: $0.key, value: JSONValue.object($0.tags)) }
            try archive.file("repositories", Array(JSONValue.object(pairs).compact.utf8))
        }
        try archive.finish()
    }

    private static func name(_ digest: Digest) -> String { "blobs/\(digest.algorithm.rawValue)/\(digest.hex)" }

    private static func index(_ manifests: [JSONValue]) -> [UInt8] {
        let document: JSONValue = [
            "schemaVersion": 2, "mediaType": .string(MediaType.ociIndex.rawValue), "manifests": .array(manifests),
        ]
        return Array(document.compact.utf8)
    }

    /// An image's entry in `manifest.json`; it names the image that it was made from where that is in the archive too.
    private static func document(
        _ image: ImageRecord, parent: Digest?, _ tags: [Reference], _ layers: [Descriptor]
    ) -> JSONValue {
        var sources: [(key: String, value: JSONValue)] = []
        for layer in layers where !sources.contains(where: { $0.key == layer.digest.description }) {
            sources.append((layer.digest.description, layer.json))
        }
        var document: [(key: String, value: JSONValue)] = [
            ("Config", .string(name(image.id))),
            ("RepoTags", tags.isEmpty ? nil : .strings(tags.map(\.familiar))),
            ("Layers", .strings(layers.map { name($0.digest) })),
        ]
        if let parent { document.append(("Parent", .string(parent.description))) }
        document.append(("LayerSources", .object(sources)))
        return .object(document)
    }

    /// A tar header names the size before the content, so a layer is made twice: to count it, and to send it.
    private func write(_ layer: LayerRecord, time: Int64, _ span: Span) throws(DrydockError) -> Int64 {
        let work = span.begin("layer.write", TraceFact("layer", .digest(layer.diffID.description)))
        do throws(DrydockError) {
            let size = try store.writeTar(of: layer) { _ in }
            let name = Self.name(layer.diffID)
            try archive.begin(name, size: size, time: time)
            try store.writeTar(of: layer) { bytes throws(DrydockError) in try archive.write(bytes) }
            try archive.end(name)
            work.end(TraceFact("size", .bytes(size)))
            return size
        } catch {
            work.fail(error)
            throw error
        }
    }
}

public import Diagnostics
import ImageStore
import Layers
public import OCI

extension Engine {
    /// See `ImageArchives`.
    public func load(
        from place: ArchivePlace, platform: Platform?, _ span: Span
    ) throws(DrydockError) -> [LoadedImage] {
        let work = span.begin("image.load")
        do throws(DrydockError) {
            let loaded = try ArchiveFiles.read(place) { next, _ throws(DrydockError) in
                let lease = try store.beginLease()
                defer { lease.end() }
                return try ImageArchiveLoader(store, lease, try Self.stage(next, lease), platform, work).load()
            }
            for line in loaded {
                switch line {
                case .tagged(let name):
                    if let id = try? store.image(name).id { record(image: id, "load", name: name) }
                case .untagged(let id): record(image: id, "load", name: id.description)
                case .renamed: break
                }
            }
            work.end()
            return loaded
        } catch {
            work.fail(error)
            throw error
        }
    }

    private static func stage(_ next: @escaping ByteReader, _ lease: Lease) throws(DrydockError) -> StagedArchive {
        do throws(DrydockError) { return try lease.stage(next) } catch {
            guard error.code == .corrupt else { throw error }
            throw DrydockError(
                .corrupt, "archive/tar: invalid tar header", reason: error.reason ?? error.message,
                remedy: "docker load takes what docker save writes; docker import takes other tar archives.")
        }
    }
}

/// Takes in the images of an archive that has been read.
private struct ImageArchiveLoader {
    private let store: ImageStore
    private let lease: Lease
    private let archive: StagedArchive
    private let platform: Platform?
    private let span: Span

    /// One image of an archive.
    private struct Candidate {
        var config: [UInt8]
        var layers: [StagedArchive.File]
        var names: [Reference] = []
        var manifest: (bytes: [UInt8], mediaType: MediaType)?
        /// The image that it was made from, as the archive says.
        var parent: Digest?
    }

    init(
        _ store: ImageStore, _ lease: Lease, _ archive: StagedArchive, _ platform: Platform?, _ span: Span
    ) {
        self.store = store
        self.lease = lease
        self.archive = archive
        self.platform = platform
        self.span = span
    }

    func load() throws(DrydockError) -> [LoadedImage] {
        var candidates: [Candidate] = []
        if let file = archive.file("manifest.json") {
            candidates = try docker(try file.document())
        } else if let file = archive.file("index.json") {
            candidates = try layout(try file.document())
        } else {
            throw Self.invalid(
                "does not contain a manifest.json", "docker load takes what docker save writes, and OCI layouts.")
        }
        if let platform {
            candidates = try fitting(platform, candidates)
            if candidates.isEmpty {
                throw DrydockError(.notFound, "no image in the archive is for the platform \(platform)")
            }
        }
        var lines: [LoadedImage] = []
        // An image comes after the one that it was made from, whatever their order in the archive.
        let depths = candidates.map { candidate in
            (try? ImageConfig(try JSONValue(parsing: candidate.config)))?.history.count ?? 0
        }
        let order = candidates.indices.sorted { (depths[$0], $0) < (depths[$1], $1) }
        var taken: [Int: [LoadedImage]] = [:]
        for place in order { taken[place] = try take(candidates[place]) }
        for place in candidates.indices { lines += taken[place] ?? [] }
        return lines
    }

    private static func invalid(_ what: String, _ remedy: String = "Make the archive again.") -> DrydockError {
        DrydockError(.corrupt, "invalid archive: \(what)", remedy: remedy)
    }

    private func fitting(_ platform: Platform, _ candidates: [Candidate]) throws(DrydockError) -> [Candidate] {
        var fitting: [Candidate] = []
        for candidate in candidates {
            let own = try ImageConfig(try JSONValue(parsing: candidate.config)).platform
            if own.matches(platform) { fitting.append(candidate) }
        }
        return fitting
    }

    // MARK: Docker's manifest.json

    private func docker(_ bytes: [UInt8]) throws(DrydockError) -> [Candidate] {
        guard let documents = try? JSONValue(parsing: bytes).array else {
            throw Self.invalid("its manifest.json is not a list")
        }
        var candidates: [Candidate] = []
        for document in documents {
            guard let name = document["Config"]?.string, let config = archive.file(name) else {
                throw Self.invalid("the configuration \(document["Config"]?.string ?? "") is missing")
            }
            var candidate = Candidate(config: try config.document(), layers: [])
            for layer in document["Layers"]?.array ?? [] {
                guard let name = layer.string, let file = archive.file(name) else {
                    throw Self.invalid("the layer \(layer.string ?? "") is missing")
                }
                candidate.layers.append(file)
            }
            for tag in document["RepoTags"]?.array ?? [] {
                guard let text = tag.string else { continue }
                let reference = try Reference(parsing: text)
                guard reference.tag != nil, reference.digest == nil else {
                    throw Self.invalid("invalid tag \"\(text)\"")
                }
                candidate.names.append(reference)
            }
            candidate.parent = document["Parent"]?.string.flatMap { try? Digest($0) }
            candidates.append(candidate)
        }
        return candidates
    }

    // MARK: OCI layout

    private func layout(_ bytes: [UInt8]) throws(DrydockError) -> [Candidate] {
        var candidates: [Candidate] = []
        for entry in try JSONValue(parsing: bytes)["manifests"]?.array ?? [] {
            try collect(try Descriptor(entry), named: Self.name(of: entry), depth: 0, &candidates)
        }
        // The same image under several names stands once for each of them.
        var merged: [Candidate] = []
        for candidate in candidates {
            if let place = merged.firstIndex(where: { $0.config == candidate.config }) {
                merged[place].names += candidate.names
            } else {
                merged.append(candidate)
            }
        }
        if merged.isEmpty { throw Self.invalid("its index.json names no image") }
        return merged
    }

    /// The whole name where containerd, Docker, podman or buildah wrote one; a bare tag says too little.
    private static func name(of entry: JSONValue) -> Reference? {
        let annotations = entry["annotations"]
        for key in ["io.containerd.image.name", "org.opencontainers.image.ref.name"] {
            guard let text = annotations?[key]?.string, text.contains("/") || text.contains(":"),
                let reference = try? Reference(parsing: text), reference.digest == nil
            else { continue }
            return reference.withDefaultTag
        }
        return nil
    }

    private func collect(
        _ descriptor: Descriptor, named name: Reference?, depth: Int, _ candidates: inout [Candidate]
    ) throws(DrydockError) {
        guard depth < 4 else { throw Self.invalid("its indexes are nested too deep") }
        guard let file = try archive.blob(descriptor.digest) else {
            // A layout may name manifests of platforms that it does not carry.
            if depth > 0 { return }
            throw Self.invalid("the manifest \(descriptor.digest) is missing")
        }
        let bytes = try file.document()
        let json = try JSONValue(parsing: bytes)
        if descriptor.mediaType.isIndex || json["manifests"] != nil {
            var inner: [Candidate] = []
            for entry in json["manifests"]?.array ?? [] {
                try collect(try Descriptor(entry), named: name, depth: depth + 1, &inner)
            }
            // One image of an index is meant on one machine: that of its platform.
            let wanted = platform ?? .current
            let fitting = try fitting(wanted, inner)
            candidates += fitting.isEmpty ? Array(inner.prefix(1)) : Array(fitting.prefix(1))
            return
        }
        let manifest = try Manifest(json, mediaType: descriptor.mediaType)
        guard let config = try archive.blob(manifest.config.digest) else {
            throw Self.invalid("the configuration \(manifest.config.digest) is missing")
        }
        let configBytes = try config.document()
        // An artifact (a signature, an attestation) is no image.
        guard let document = try? JSONValue(parsing: configBytes), document["rootfs"] != nil,
            document["os"]?.string != "unknown"
        else { return }
        var candidate = Candidate(config: configBytes, layers: [], names: name.map { [$0] } ?? [])
        candidate.manifest = (bytes, manifest.mediaType)
        for layer in manifest.layers {
            guard let file = try archive.blob(layer.digest) else {
                throw Self.invalid("the layer \(layer.digest) is missing")
            }
            candidate.layers.append(file)
        }
        candidates.append(candidate)
    }

    // MARK: Taking in

    private func take(_ candidate: Candidate) throws(DrydockError) -> [LoadedImage] {
        let config = try ImageConfig(try JSONValue(parsing: candidate.config))
        guard config.diffIDs.count == candidate.layers.count else {
            throw Self.invalid(
                "layers from manifest don't match image configuration "
                    + "(\(candidate.layers.count) and \(config.diffIDs.count))")
        }
        let chain = chainIDs(of: config.diffIDs)
        for (index, file) in candidate.layers.enumerated() where try !lease.hasLayer(chain[index]) {
            let work = span.begin(
                TransferEvents.loadLayer, TraceFact("id", .text(config.diffIDs[index].short)),
                TraceFact("size", .bytes(file.size)))
            do throws(DrydockError) {
                _ = try lease.unpack(
                    try file.reader(), expecting: config.diffIDs[index], size: file.size,
                    parent: index > 0 ? chain[index - 1] : nil, trace: work)
                work.end()
            } catch {
                work.fail(error)
                throw error
            }
        }
        var lines: [LoadedImage] = []
        let id = Digest.sha256(candidate.config)
        for name in candidate.names {
            if let old = try store.image(for: name), old.id != id { lines.append(.renamed(name.familiar, old: old.id)) }
        }
        let image = try lease.register(
            NewImage(
                config: candidate.config, references: candidate.names, parent: try parent(of: candidate, config)))
        if candidate.names.isEmpty { lines.append(.untagged(image.id)) }
        return lines + candidate.names.map { .tagged($0.familiar) }
    }

    /// The image that an archive calls another one's parent: where it is here, and the other one's history is its own
    /// and one step more, as Docker wants it.
    private func parent(of candidate: Candidate, _ config: ImageConfig) throws(DrydockError) -> Digest? {
        guard let parent = candidate.parent, try store.image(id: parent) != nil else { return nil }
        let history = try store.config(of: parent).history
        let isOneStep = config.history.count == history.count + 1 && Array(config.history.dropLast()) == history
        guard isOneStep || (config.history.isEmpty && history.isEmpty) else {
            throw Self.invalid("linked image \(parent) is no parent of the image that names it")
        }
        return parent
    }
}

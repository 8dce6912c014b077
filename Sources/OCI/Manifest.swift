public import Diagnostics

/// Names content by type, digest and size (OCI image-spec, descriptor.md).
public struct Descriptor: Hashable, Sendable {
    /// The type of the content.
    public var mediaType: MediaType
    /// The digest of the content.
    public var digest: Digest
    /// The size of the content in bytes.
    public var size: Int64
    /// The platform, in the entries of an index.
    public var platform: Platform?
    /// Where the content can be had from besides the registry: for layers that may not be given away.
    public var urls: [String]
    /// Free annotations.
    public var annotations: [String: String]

    /// Makes a descriptor.
    public init(
        mediaType: MediaType, digest: Digest, size: Int64, platform: Platform? = nil, urls: [String] = [],
        annotations: [String: String] = [:]
    ) {
        self.urls = urls
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.platform = platform
        self.annotations = annotations
    }

    /// Reads a descriptor.
    /// - Throws: code `.corrupt` where a required field is missing or malformed.
    public init(_ json: JSONValue) throws(DrydockError) {
        guard let text = json["digest"]?.string, let size = json["size"]?.int, size >= 0 else {
            throw DrydockError(.corrupt, "invalid descriptor", reason: "digest or size is missing")
        }
        self.init(
            mediaType: MediaType(rawValue: json["mediaType"]?.string ?? ""), digest: try Digest(text), size: size,
            platform: json["platform"].map(Platform.init), urls: stringList(json["urls"]) ?? [],
            annotations: stringMap(json["annotations"]))
    }

    /// The descriptor as JSON.
    public var json: JSONValue {
        var pairs: [(key: String, value: JSONValue)] = [
            ("mediaType", .string(mediaType.rawValue)), ("digest", .string(digest.description)), ("size", .int(size)),
        ]
        if !urls.isEmpty { pairs.append(("urls", .array(urls.map(JSONValue.string)))) }
        if let platform { pairs.append(("platform", platform.json)) }
        if !annotations.isEmpty { pairs.append(("annotations", sortedObject(annotations))) }
        return .object(pairs)
    }

}

/// The manifest of one image (OCI image-spec, manifest.md; Docker's schema 2 has the same fields).
public struct Manifest: Hashable, Sendable {
    /// OCI's or Docker's type.
    public var mediaType: MediaType
    /// The image configuration.
    public var config: Descriptor
    /// The layers, base first.
    public var layers: [Descriptor]
    /// What an artifact is.
    public var artifactType: String?
    /// The manifest that this one says something about.
    public var subject: Descriptor?
    /// Free annotations.
    public var annotations: [String: String]

    /// Makes a manifest.
    public init(
        mediaType: MediaType, config: Descriptor, layers: [Descriptor], artifactType: String? = nil,
        subject: Descriptor? = nil, annotations: [String: String] = [:]
    ) {
        self.mediaType = mediaType
        self.config = config
        self.layers = layers
        self.artifactType = artifactType
        self.subject = subject
        self.annotations = annotations
    }

    /// Reads a manifest.
    /// - Parameters:
    ///   - json: the document.
    ///   - mediaType: the type that the transport named; the document's own wins.
    /// - Throws: code `.corrupt` where a required field is missing or malformed.
    public init(_ json: JSONValue, mediaType: MediaType? = nil) throws(DrydockError) {
        guard json["schemaVersion"]?.int == 2, let config = json["config"] else {
            throw DrydockError(.corrupt, "invalid manifest", reason: "schemaVersion is not 2 or config is missing")
        }
        var layers: [Descriptor] = []
        for layer in json["layers"]?.array ?? [] { layers.append(try Descriptor(layer)) }
        var subject: Descriptor?
        if let value = json["subject"], value != .null { subject = try Descriptor(value) }
        self.init(
            mediaType: json["mediaType"]?.string.map(MediaType.init(rawValue:)) ?? mediaType ?? .ociManifest,
            config: try Descriptor(config), layers: layers, artifactType: json["artifactType"]?.string,
            subject: subject, annotations: stringMap(json["annotations"]))
    }

    /// The manifest as JSON, fields in the specification's order.
    public var json: JSONValue {
        var pairs: [(key: String, value: JSONValue)] = [
            ("schemaVersion", 2), ("mediaType", .string(mediaType.rawValue)),
        ]
        if let artifactType { pairs.append(("artifactType", .string(artifactType))) }
        pairs.append(("config", config.json))
        pairs.append(("layers", .array(layers.map(\.json))))
        if let subject { pairs.append(("subject", subject.json)) }
        if !annotations.isEmpty { pairs.append(("annotations", sortedObject(annotations))) }
        return .object(pairs)
    }
}

/// A list of manifests, one for each platform (OCI image-spec, image-index.md; Docker's manifest list).
public struct Index: Hashable, Sendable {
    /// OCI's or Docker's type.
    public var mediaType: MediaType
    /// The manifests.
    public var manifests: [Descriptor]
    /// Free annotations.
    public var annotations: [String: String]

    /// Makes an index.
    public init(mediaType: MediaType = .ociIndex, manifests: [Descriptor], annotations: [String: String] = [:]) {
        self.mediaType = mediaType
        self.manifests = manifests
        self.annotations = annotations
    }

    /// Reads an index; see `Manifest.init(_:mediaType:)`.
    public init(_ json: JSONValue, mediaType: MediaType? = nil) throws(DrydockError) {
        guard json["schemaVersion"]?.int == 2, let list = json["manifests"]?.array else {
            throw DrydockError(.corrupt, "invalid index", reason: "schemaVersion is not 2 or manifests is missing")
        }
        var manifests: [Descriptor] = []
        for item in list { manifests.append(try Descriptor(item)) }
        self.init(
            mediaType: json["mediaType"]?.string.map(MediaType.init(rawValue:)) ?? mediaType ?? .ociIndex,
            manifests: manifests, annotations: stringMap(json["annotations"]))
    }

    /// The index as JSON.
    public var json: JSONValue {
        var pairs: [(key: String, value: JSONValue)] = [
            ("schemaVersion", 2), ("mediaType", .string(mediaType.rawValue)),
            ("manifests", .array(manifests.map(\.json))),
        ]
        if !annotations.isEmpty { pairs.append(("annotations", sortedObject(annotations))) }
        return .object(pairs)
    }

    /// The manifest that fits a platform best (`Platform.compatible`), or nil. Attestations (`unknown/unknown`) never
    /// match.
    public func manifest(for platform: Platform) -> Descriptor? {
        for candidate in platform.compatible {
            if let found = manifests.first(where: { $0.platform?.matches(candidate) ?? false }) { return found }
        }
        return nil
    }
}

func stringMap(_ json: JSONValue?) -> [String: String] {
    var map: [String: String] = [:]
    for (key, value) in json?.pairs ?? [] { map[key] = value.string ?? "" }
    return map
}

func stringList(_ json: JSONValue?) -> [String]? { json?.array.map { $0.compactMap(\.string) } }

func sortedObject(_ map: [String: String]) -> JSONValue {
    .object(map.sorted { $0.key < $1.key }.map { (key: $0.key, value: .string($0.value)) })
}

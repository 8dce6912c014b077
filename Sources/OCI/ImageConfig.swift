public import Diagnostics

/// The configuration of an image (OCI image-spec, config.md). Its digest is the image's ID.
public struct ImageConfig: Hashable, Sendable {
    /// What was done for one layer, or for none.
    public struct History: Hashable, Sendable {
        /// When, in RFC 3339.
        public var created: String?
        /// The command that made the layer.
        public var createdBy: String?
        /// Who made it.
        public var author: String?
        /// A free comment; `commit -m` writes it.
        public var comment: String?
        /// Whether nothing in the file system changed, so that no layer belongs to it.
        public var emptyLayer: Bool

        /// Makes an entry.
        public init(
            created: String? = nil, createdBy: String? = nil, author: String? = nil, comment: String? = nil,
            emptyLayer: Bool = false
        ) {
            self.created = created
            self.createdBy = createdBy
            self.author = author
            self.comment = comment
            self.emptyLayer = emptyLayer
        }
    }

    /// When the image was made, in RFC 3339.
    public var created: String?
    /// Who made it.
    public var author: String?
    /// The platform that it is for.
    public var platform: Platform
    /// What a container of it starts with.
    public var config: ContainerConfig
    /// The digests of the uncompressed layers, base first.
    public var diffIDs: [Digest]
    /// The history, oldest first.
    public var history: [History]
    /// Docker's own fields, kept when it is written again: `docker_version`, `container`, `parent`.
    public var extra: [String: String]

    /// Makes a configuration.
    public init(
        created: String? = nil, author: String? = nil, platform: Platform, config: ContainerConfig = ContainerConfig(),
        diffIDs: [Digest] = [], history: [History] = [], extra: [String: String] = [:]
    ) {
        self.created = created
        self.author = author
        self.platform = platform
        self.config = config
        self.diffIDs = diffIDs
        self.history = history
        self.extra = extra
    }

    /// Reads a configuration, OCI's or Docker's.
    /// - Throws: code `.corrupt` where a diff ID is not a digest or `rootfs` is missing.
    public init(_ json: JSONValue) throws(DrydockError) {
        guard let rootfs = json["rootfs"] else {
            throw DrydockError(.corrupt, "invalid image configuration", reason: "rootfs is missing")
        }
        var diffIDs: [Digest] = []
        for text in stringList(rootfs["diff_ids"]) ?? [] { diffIDs.append(try Digest(text)) }
        var extra: [String: String] = [:]
        for key in ["docker_version", "container", "parent"] { extra[key] = json[key]?.string }
        self.init(
            created: json["created"]?.string, author: json["author"]?.string, platform: Platform(json),
            config: ContainerConfig(json["config"] ?? .object([])), diffIDs: diffIDs,
            history: (json["history"]?.array ?? []).map {
                History(
                    created: $0["created"]?.string, createdBy: $0["created_by"]?.string,
                    author: $0["author"]?.string, comment: $0["comment"]?.string,
                    emptyLayer: $0["empty_layer"]?.bool ?? false)
            },
            extra: extra)
    }

    /// The configuration as JSON: the same value always gives the same bytes.
    public var json: JSONValue {
        var pairs: [(key: String, value: JSONValue)] = [("architecture", .string(platform.architecture))]
        if let variant = platform.variant { pairs.append(("variant", .string(variant))) }
        if let author { pairs.append(("author", .string(author))) }
        pairs.append(("config", config.json(empty: false)))
        if let container = extra["container"] { pairs.append(("container", .string(container))) }
        if let created { pairs.append(("created", .string(created))) }
        if let version = extra["docker_version"] { pairs.append(("docker_version", .string(version))) }
        pairs.append(("history", .array(history.map(\.json))))
        pairs.append(("os", .string(platform.os)))
        if let parent = extra["parent"] { pairs.append(("parent", .string(parent))) }
        let layers = JSONValue.array(diffIDs.map { .string($0.description) })
        pairs.append(("rootfs", ["type": "layers", "diff_ids": layers]))
        return .object(pairs)
    }
}

extension ImageConfig.History {
    var json: JSONValue {
        var pairs: [(key: String, value: JSONValue)] = []
        if let created { pairs.append(("created", .string(created))) }
        if let createdBy { pairs.append(("created_by", .string(createdBy))) }
        if let author { pairs.append(("author", .string(author))) }
        if let comment { pairs.append(("comment", .string(comment))) }
        if emptyLayer { pairs.append(("empty_layer", true)) }
        return .object(pairs)
    }
}

/// Computes the chain IDs of a stack of layers (OCI image-spec, config.md, "Layer ChainID"): what names an unpacked
/// layer together with all below it.
public func chainIDs(of diffIDs: [Digest]) -> [Digest] {
    var chain: [Digest] = []
    for diffID in diffIDs {
        guard let below = chain.last else {
            chain.append(diffID)
            continue
        }
        chain.append(Digest.sha256("\(below) \(diffID)".utf8))
    }
    return chain
}

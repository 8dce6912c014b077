/// The media types of manifests, configurations and layers: OCI's and Docker's.
public struct MediaType: RawRepresentable, Hashable, Sendable {
    /// The type as it stands in a document or a header.
    public let rawValue: String

    /// Makes a media type from its text; unknown ones are kept as they are.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// OCI image manifest
    public static let ociManifest = MediaType(rawValue: "application/vnd.oci.image.manifest.v1+json")
    /// OCI image index
    public static let ociIndex = MediaType(rawValue: "application/vnd.oci.image.index.v1+json")
    /// OCI image configuration
    public static let ociConfig = MediaType(rawValue: "application/vnd.oci.image.config.v1+json")
    /// OCI layer, tar
    public static let ociLayer = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar")
    /// OCI layer, tar and gzip
    public static let ociLayerGzip = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar+gzip")
    /// OCI layer, tar and zstd
    public static let ociLayerZstd = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar+zstd")
    /// OCI empty descriptor, `{}`
    public static let ociEmpty = MediaType(rawValue: "application/vnd.oci.empty.v1+json")
    /// Docker image manifest, version 2 schema 2
    public static let dockerManifest = MediaType(rawValue: "application/vnd.docker.distribution.manifest.v2+json")
    /// Docker manifest list
    public static let dockerList = MediaType(rawValue: "application/vnd.docker.distribution.manifest.list.v2+json")
    /// Docker image configuration
    public static let dockerConfig = MediaType(rawValue: "application/vnd.docker.container.image.v1+json")
    /// Docker layer, tar and gzip
    public static let dockerLayerGzip = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar.gzip")
    /// Docker foreign layer, tar and gzip
    public static let dockerForeignLayer = MediaType(
        rawValue: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")

    /// Whether this names a layer that may not be given away: it stays where its `urls` say, and is never pushed.
    public var isForeignLayer: Bool {
        self == .dockerForeignLayer || rawValue.hasPrefix("application/vnd.oci.image.layer.nondistributable.v1.")
    }
    /// Whether this names a list of manifests.
    public var isIndex: Bool { self == .ociIndex || self == .dockerList }
    /// Whether this names the manifest of one image.
    public var isManifest: Bool { self == .ociManifest || self == .dockerManifest }
}

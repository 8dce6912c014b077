import Diagnostics
import OCI
import SystemPackage

/// An image made on this machine that stands for a well-known one, ready to be put into the hub.
struct CourseImage: Sendable {
    /// A layer as a file: the compressed tar archive with both of its digests.
    struct Layer: Sendable {
        var file: FilePath
        /// Type, digest and size of the compressed archive.
        var descriptor: Descriptor
        /// The digest of the uncompressed archive.
        var diffID: Digest
    }

    /// The repository as the distribution API names it: `library/alpine`.
    var repository: String
    /// The tags that it gets.
    var tags: [String]
    /// The configuration; `diffIDs` name the layers.
    var config: ImageConfig
    /// The layers, base first.
    var layers: [Layer]
    /// One line for `docker search`.
    var summary: String

    /// The label by which a course image can be told from the real one; its value says what it stands for.
    static let label = "dev.drydock.course-image"
}

extension HubRegistry {
    /// Puts an image into the hub: blobs, then the configuration, then the manifest, then the tags.
    func importImage(_ image: CourseImage) throws(DrydockError) {
        for layer in image.layers {
            let imported = try importBlob(file: layer.file, to: image.repository)
            guard imported.digest == layer.descriptor.digest else {
                throw DrydockError(.corrupt, "\(layer.file) is not what was written")
            }
        }
        let config = Array(image.config.json.compact.utf8)
        let manifest = Manifest(
            mediaType: .ociManifest,
            config: Descriptor(
                mediaType: .ociConfig, digest: try importBlob(config, to: image.repository), size: Int64(config.count)),
            layers: image.layers.map(\.descriptor))
        _ = try importManifest(
            Array(manifest.json.compact.utf8), mediaType: manifest.mediaType, to: image.repository, tags: image.tags)
        try describe(image.repository, image.summary)
    }
}

public import Diagnostics
import OCI

extension HubRegistry: CourseImageSink {
    /// See `CourseImageSink`.
    public func hasTag(_ tag: String, repository: String) throws(DrydockError) -> Bool {
        try hasTag(tag, of: repository)
    }

    /// See `CourseImageSink`: the layers, the configuration, and last the manifest with all tags.
    public func importImage(_ image: CourseImage) throws(DrydockError) {
        for layer in image.layers { _ = try importBlob(file: layer.file, to: image.repository) }
        let config = Array(image.config.json.compact.utf8)
        let digest = try importBlob(config, to: image.repository)
        let manifest = Manifest(
            mediaType: .ociManifest,
            config: Descriptor(mediaType: .ociConfig, digest: digest, size: Int64(config.count)),
            layers: image.layers.map(\.descriptor))
        _ = try importManifest(
            Array(manifest.json.compact.utf8), mediaType: .ociManifest, to: image.repository, tags: image.tags)
        try describe(image.repository, image.notice)
    }
}

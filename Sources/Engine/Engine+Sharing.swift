public import Diagnostics
import ImageStore
import Layers
public import OCI

/// A layer of an image, and who else has it.
public struct LayerUse: Sendable, Hashable {
    /// The digest of the layer's uncompressed tar.
    public var layer: Digest
    /// The layer together with all below it: what is stored once.
    public var chain: Digest
    /// The bytes of its files.
    public var bytes: Int64
    /// How many paths it has or removes.
    public var paths: Int
    /// The images that have it at this place, newest first, by their names where they have any.
    public var images: [String]
    /// The containers that stand on it.
    public var containers: [String]
}

extension Engine {
    /// The layers of an image, base first, each with the images and the containers that share it: it is on the disk once.
    /// - Throws: code `.notFound`.
    public func sharing(of name: String) throws(DrydockError) -> [LayerUse] {
        let image = try store.image(name)
        let all = try store.images(intermediate: true)
        let containers = try store.containers(reading: [])
        var uses: [LayerUse] = []
        for layer in try store.layers(of: image.id) {
            let sharing = all.filter { $0.chain.contains(layer.chainID) }
            let ids = Set(sharing.map(\.id))
            uses.append(
                LayerUse(
                    layer: layer.diffID, chain: layer.chainID, bytes: layer.size,
                    paths: try LayerContents.entries(of: layer.directory).count,
                    images: sharing.map { $0.tags.first?.familiar ?? $0.id.short },
                    containers: containers.filter { $0.image.map(ids.contains) ?? false }.map(\.name)))
        }
        return uses
    }
}

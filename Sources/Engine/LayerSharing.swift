public import Diagnostics
import ImageStore
public import OCI

/// A layer of an image, with who else has it.
public struct SharedLayer: Sendable, Hashable {
    /// The diff ID.
    public var diffID: Digest
    /// The bytes of its files.
    public var size: Int64
    /// The other images that have it at the same place, by the names that Docker shows (a short ID where there is
    /// none), sorted.
    public var sharedWith: [String]

    /// Makes a value.
    public init(diffID: Digest, size: Int64, sharedWith: [String]) {
        self.diffID = diffID
        self.size = size
        self.sharedWith = sharedWith
    }
}

/// Who shares what: questions that explanations ask.
public protocol LayerQuestions: Sendable {
    /// The layers of an image, base first, each with the images that share it. - Throws: `No such image: x`.
    func sharedLayers(of image: String) throws(DrydockError) -> [SharedLayer]
}

extension Engine: LayerQuestions {
    /// See `LayerQuestions`.
    public func sharedLayers(of image: String) throws(DrydockError) -> [SharedLayer] {
        let record = try store.image(image)
        var users: [Digest: [String]] = [:]
        for other in try store.images(intermediate: false) where other.id != record.id {
            let name = other.tags.first?.familiar ?? other.id.short
            for chain in other.chain { users[chain, default: []].append(name) }
        }
        return try store.layers(of: record.id).map { layer in
            SharedLayer(diffID: layer.diffID, size: layer.size, sharedWith: (users[layer.chainID] ?? []).sorted())
        }
    }
}

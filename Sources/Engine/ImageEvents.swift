import ImageStore
import OCI

extension Engine {
    /// Notes that something happened to an image.
    /// - Parameter name: what Docker tells as its name: a reference, or the ID again.
    func record(image id: Digest, _ action: String, name: String) {
        record(image: id.description, action, name: name, labels: (try? store.image(id: id))?.labels ?? [:])
    }

    /// Notes that an image was pulled or pushed, which is told of its reference.
    func record(transfer action: String, _ reference: Reference, image: Digest?) {
        let labels = image.flatMap { try? store.image(id: $0)?.labels } ?? [:]
        record(image: reference.familiar, action, name: reference.familiarName, labels: labels)
    }

    private func record(image id: String, _ action: String, name: String, labels: [String: String]) {
        var attributes = labels
        attributes["name"] = name
        record(.image, action, id: id, attributes: attributes)
    }

    /// Notes what a removal did. - Parameter lineage: the image, and the images that it was made from.
    func record(removal items: [RemovedItem], of lineage: [Digest]) {
        var current = lineage.first
        for item in items {
            switch item {
            case .untagged:
                if let id = current { record(image: id, "untag", name: id.description) }
            case .deleted(let id):
                guard let place = lineage.firstIndex(of: id) else { continue }
                record(image: id, "delete", name: id.description)
                current = lineage.indices.contains(place + 1) ? lineage[place + 1] : nil
            }
        }
    }
}

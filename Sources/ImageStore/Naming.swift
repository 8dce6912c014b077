public import Diagnostics
internal import Foundation
internal import GRDB
public import OCI

extension ImageStore {
    /// Points a tag or a digest reference to an image; the tag is taken away from the image that had it.
    /// - Throws: code `.notFound`.
    public func tag(_ id: Digest, as reference: Reference) throws(DrydockError) {
        try writeDurably { database in
            guard try database.image(id) != nil else { throw DrydockError(.notFound, "No such image: \(id)") }
            try database.name(id, reference)
            try database.noteTag(id)
        }
    }

    /// Remembers what a push or a pull of an image gave: its manifest, and the digest reference.
    /// - Throws: code `.notFound`.
    public func record(
        manifest: [UInt8], mediaType: MediaType, reference: Reference, for id: Digest
    ) throws(DrydockError) {
        try writeDurably { database in
            guard try database.image(id) != nil else { throw DrydockError(.notFound, "No such image: \(id)") }
            try database.execute(
                sql: "UPDATE images SET manifest = ?, manifest_type = ? WHERE id = ?",
                arguments: [Data(manifest), mediaType.rawValue, id.description])
            try database.name(id, reference.pinned(to: reference.digest ?? Digest.sha256(manifest)))
        }
    }
}

extension Database {
    /// Points a name to an image. A reference with neither tag nor digest means `latest`.
    func name(_ id: Digest, _ reference: Reference) throws {
        if reference.digest == nil, reference.familiarName == Digest.Algorithm.sha256.rawValue {
            throw DrydockError(
                .invalidArgument, "refusing to create an ambiguous tag using digest algorithm as name",
                remedy: "sha256:… is how an image's ID is written; choose another name.")
        }
        let name = reference.digest.map { reference.pinned(to: $0) } ?? reference.withDefaultTag
        try execute(
            sql: "INSERT OR REPLACE INTO names (name, repository, image) VALUES (?, ?, ?)",
            arguments: [name.description, name.name, id.description])
    }

    /// Notes that an image is given a tag now.
    func noteTag(_ id: Digest) throws {
        try execute(
            sql: "UPDATE images SET tagged = ? WHERE id = ?",
            arguments: [Int64(Date().timeIntervalSince1970), id.description])
    }
}

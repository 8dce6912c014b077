import Diagnostics
import GRDB
import OCI

extension HubRegistry {
    /// Whether a repository came from upstream.
    func isUpstream(_ repository: String) throws(DrydockError) -> Bool {
        try database.read { database in
            try Bool.fetchOne(
                database, sql: "SELECT upstream FROM repository WHERE name = ?", arguments: [repository]) ?? false
        }
    }

    /// Keeps a manifest that upstream has, and what it promises.
    func storeUpstream(
        _ content: ManifestContent, digest: Digest, in repository: String, tag: String?
    ) throws(DrydockError) {
        try store(content, digest: digest, in: repository, tags: tag.map { [$0] } ?? [])
        try database.write { database in
            try database.execute(sql: "UPDATE repository SET upstream = 1 WHERE name = ?", arguments: [repository])
            for blob in content.blobs {
                try database.execute(
                    sql: "INSERT OR IGNORE INTO upstreamBlob (repository, digest, mediaType, size) VALUES (?, ?, ?, ?)",
                    arguments: [repository, blob.digest.description, blob.mediaType.rawValue, blob.size])
            }
        }
    }

    /// A blob that a manifest from upstream promises.
    func upstreamBlob(_ digest: Digest, of repository: String) throws(DrydockError) -> Descriptor? {
        let row = try database.read { database in
            try Row.fetchOne(
                database, sql: "SELECT mediaType, size FROM upstreamBlob WHERE repository = ? AND digest = ?",
                arguments: [repository, digest.description])
        }
        guard let row else { return nil }
        let type: String = row["mediaType"]
        return Descriptor(mediaType: MediaType(rawValue: type), digest: digest, size: row["size"])
    }
}

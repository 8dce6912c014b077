public import Diagnostics
internal import GRDB
public import OCI

extension ImageStore {
    /// The images that have a tag in a repository (`docker.io/library/alpine`), with that tag; sorted by tag.
    public func images(of repository: String) throws(DrydockError) -> [(image: ImageRecord, tag: Reference)] {
        try read { database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT name, image FROM names WHERE repository = ? ORDER BY name",
                arguments: [repository])
            var found: [(image: ImageRecord, tag: Reference)] = []
            for row in rows {
                let reference = try Reference(parsing: row[0] as String)
                guard reference.digest == nil, let image = try database.image(try Digest(row[1] as String)) else {
                    continue
                }
                found.append((image, reference))
            }
            return found
        }
    }

    /// How many containers were made from each image that has any.
    public func containerCounts() throws(DrydockError) -> [Digest: Int] {
        try read { database in
            let sql = "SELECT image, count(*) FROM containers WHERE image IS NOT NULL GROUP BY image"
            var counts: [Digest: Int] = [:]
            for row in try Row.fetchAll(database, sql: sql) { counts[try ImageStore.digest(row[0])] = row[1] }
            return counts
        }
    }

    /// The sizes of all images, in bytes.
    public func imageSizes() throws(DrydockError) -> [Digest: Int64] {
        try read { database in
            var sizes: [Digest: Int64] = [:]
            let rows = try Row.fetchCursor(database, sql: "SELECT id, size FROM images")
            while let row = try rows.next() { sizes[try ImageStore.digest(row[0])] = row[1] }
            return sizes
        }
    }

    /// The images that some names mean, as `image(_:)` finds them; names that mean none are left out.
    public func images(spelled names: Set<String>) throws(DrydockError) -> [String: Digest] {
        try read { database in
            var found: [String: Digest] = [:]
            for name in names { found[name] = try database.imageID(spelled: name) }
            return found
        }
    }
}

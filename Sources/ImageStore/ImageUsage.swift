public import Diagnostics
internal import GRDB
public import OCI

/// What an image takes.
public struct ImageUsage: Sendable, Hashable {
    /// The image's ID.
    public var id: Digest
    /// The bytes of all its layers.
    public var size: Int64
    /// The bytes of its layers that other images have too.
    public var shared: Int64
    /// The number of containers made from it.
    public var containers: Int
    /// Whether it has no name and other images were made from it.
    public var isIntermediate: Bool
}

extension ImageStore {
    /// What images take, in no particular order, and the bytes of the layers that any of them has, each counted once.
    ///
    /// Thousands of images are added up in milliseconds: layers are numbered, and nothing of a digest is looked at.
    public func imageUsage() throws(DrydockError) -> (images: [ImageUsage], layers: Int64) {
        try read { database in
            let tree = try LayerTree(database)
            var containers: [String: Int] = [:]
            let counts = "SELECT image, count(*) FROM containers WHERE image IS NOT NULL GROUP BY image"
            let counted = try Row.fetchCursor(database, sql: counts)
            while let row = try counted.next() { containers[row[0]] = row[1] }
            let sql = """
                SELECT id, top, size, id NOT IN (SELECT image FROM names)
                    AND id IN (SELECT parent FROM images WHERE parent IS NOT NULL) FROM images
                """
            var images: [ImageUsage] = []
            let rows = try Row.fetchCursor(database, sql: sql)
            while let row = try rows.next() {
                let id: String = row[0]
                images.append(
                    ImageUsage(
                        id: try ImageStore.digest(id), size: row[2], shared: tree.shared(below: row[1]),
                        containers: containers[id] ?? 0, isIntermediate: row[3]))
            }
            return (images, tree.used)
        }
    }
}

/// The layers, by number, each with the one below and the number of images that have it.
private struct LayerTree {
    private var numbers: [String: Int] = [:]
    private var below: [Int?] = []
    private var sizes: [Int64] = []
    private var users: [Int] = []

    init(_ database: Database) throws {
        var parents: [String?] = []
        let rows = try Row.fetchCursor(database, sql: "SELECT chain, parent, size FROM layers")
        while let row = try rows.next() {
            numbers[row[0]] = sizes.count
            parents.append(row[1])
            sizes.append(row[2])
        }
        below = parents.map { parent in parent.flatMap { numbers[$0] } }
        users = Array(repeating: 0, count: sizes.count)
        let tops = try Row.fetchCursor(
            database, sql: "SELECT top, count(*) FROM images WHERE top IS NOT NULL GROUP BY top")
        while let row = try tops.next() {
            let count: Int = row[1]
            var layer = numbers[row[0] as String]
            while let number = layer {
                users[number] += count
                layer = below[number]
            }
        }
    }

    /// The bytes of the layers that any image has.
    var used: Int64 { zip(sizes, users).reduce(0) { $0 + ($1.1 > 0 ? $1.0 : 0) } }

    /// The bytes of a layer and those below it that several images have.
    func shared(below top: String?) -> Int64 {
        var bytes: Int64 = 0
        var layer = top.flatMap { numbers[$0] }
        while let number = layer {
            if users[number] > 1 { bytes += sizes[number] }
            layer = below[number]
        }
        return bytes
    }
}

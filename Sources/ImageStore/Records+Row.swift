internal import Diagnostics
internal import Foundation
internal import GRDB
internal import OCI
internal import SystemPackage

extension ImageRecord {
    static let columns = "id, parent, created, size, labels, chain, tagged"

    init(_ row: Row, names: [Reference]) throws {
        self.init(
            id: try ImageStore.digest(row[0]), parent: try (row[1] as String?).map(ImageStore.digest), created: row[2],
            size: row[3], tags: names.filter { $0.digest == nil }, digests: names.filter { $0.digest != nil },
            lastTagged: row[6], chainText: row[5], labelsText: row[4])
    }
}

extension ImageStore {
    /// A digest as the database has it, `sha256:…`; the quick way for lists of thousands.
    static func digest(_ text: String) throws -> Digest {
        if text.utf8.count == 71, let digest = Digest(algorithm: .sha256, hex: text.dropFirst(7)) { return digest }
        return try Digest(text)
    }
}

extension Reference {
    /// A reference as the database has it; its repository with the registry is stored beside it, and what was valid
    /// when it was stored is not looked at again.
    init(stored name: String, repository: String) throws {
        guard let slash = repository.utf8.firstIndex(of: 0x2f) else {
            try self.init(parsing: name)
            return
        }
        let rest = name.utf8.dropFirst(repository.utf8.count)
        let detail = String(rest.dropFirst()) ?? ""
        let path = String(repository[repository.utf8.index(after: slash)...])
        self.init(
            unchecked: String(repository[..<slash]), repository: path, tag: rest.first == 0x3a ? detail : nil,
            digest: rest.first == 0x40 ? try ImageStore.digest(detail) : nil)
    }
}

extension ContainerRecord {
    static let columns = "id, name, image, chain, created, document"

    init(_ row: Row) throws {
        self.init(
            id: row[0], name: row[1], image: try (row[2] as String?).map { try Digest($0) },
            chain: try (row[3] as String?).map { try Digest($0) }, created: row[4], document: row[5])
    }
}

extension Database {
    /// The names of one image, sorted.
    func names(of image: Digest) throws -> [Reference] {
        try Row.fetchAll(
            self, sql: "SELECT name, repository FROM names WHERE image = ? ORDER BY name",
            arguments: [image.description]
        ).map { try Reference(stored: $0[0], repository: $0[1]) }
    }

    func image(_ id: Digest) throws -> ImageRecord? {
        let sql = "SELECT \(ImageRecord.columns) FROM images WHERE id = ?"
        guard let row = try Row.fetchOne(self, sql: sql, arguments: [id.description]) else { return nil }
        return try ImageRecord(row, names: names(of: id))
    }

    func imageID(named reference: Reference) throws -> Digest? {
        let wanted = reference.digest.map { reference.pinned(to: $0) } ?? reference.withDefaultTag
        let statement = try cachedStatement(sql: "SELECT image FROM names WHERE name = ?")
        return try String.fetchOne(statement, arguments: [wanted.description]).map { try ImageStore.digest($0) }
    }

    /// Docker's way to find an image: by name, then by ID, then by the beginning of an ID.
    func findImage(_ text: String) throws -> ImageRecord {
        if let id = try imageID(spelled: text), let image = try image(id) { return image }
        let named = try? Reference(parsing: text)
        if named == nil, !isHex(text) { _ = try Reference(parsing: text) }
        throw DrydockError(
            .notFound, "No such image: \(named?.withDefaultTag.familiar ?? text)",
            remedy: "docker image ls shows the images that are here; docker image pull fetches others.")
    }

    func imageID(spelled text: String) throws -> Digest? {
        if let id = try? Digest(text) { return try image(id)?.id }
        if let reference = try? Reference(parsing: text), let id = try imageID(named: reference) { return id }
        let prefix = text.hasPrefix("sha256:") ? String(text.dropFirst(7)) : text
        guard !prefix.isEmpty, isHex(prefix) else { return nil }
        let found = try String.fetchAll(
            self, sql: "SELECT id FROM images WHERE id >= ? AND id < ? LIMIT 2",
            arguments: ["sha256:\(prefix)", "sha256:\(prefix)g"])
        return found.count == 1 ? try Digest(found[0]) : nil
    }

    private func isHex(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}

/// A moment in RFC 3339 as text that sorts by time: the fraction is filled up to nine digits.
func sortKey(_ created: String?) -> String {
    guard let created, created.utf8.count >= 19 else { return "" }
    let seconds = created.prefix(19)
    var fraction = ""
    if created.dropFirst(19).first == "." { fraction = String(created.dropFirst(20).prefix { $0.isNumber }.prefix(9)) }
    return seconds + "." + fraction + String(repeating: "0", count: 9 - fraction.count)
}

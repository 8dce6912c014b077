import Diagnostics
import FoundationEssentials
import GRDB
import Glibc
import ImageStore
import Linux
import OCI
import SystemPackage

/// A manifest or an index that was read as far as a registry must understand it.
struct ManifestContent: Sendable {
    var bytes: [UInt8]
    var mediaType: MediaType
    var artifactType: String?
    var subject: Digest?
    var annotations: JSONValue?
    /// What must be in the repository before this may be.
    var needs: [Need]
    /// The blobs that a manifest names, with their sizes.
    var blobs: [Descriptor]

    enum Need: Sendable, Hashable, CustomStringConvertible {
        case blob(Digest)
        case manifest(Digest)

        var description: String {
            switch self {
            case .blob(let digest), .manifest(let digest): digest.description
            }
        }
    }

    /// Reads a manifest.
    /// - Throws: `.invalidArgument` where it is none that a registry can take.
    init(_ bytes: [UInt8], mediaType named: MediaType?) throws(DrydockError) {
        self.bytes = bytes
        let json: JSONValue
        do {
            json = try JSONValue(parsing: bytes)
        } catch {
            throw Self.invalid(error.message)
        }
        guard json["schemaVersion"]?.int == 2 else { throw Self.invalid("schemaVersion is not 2") }
        let own = json["mediaType"]?.string.map(MediaType.init(rawValue:))
        if let own, let named, own != named, named.isIndex || named.isManifest {
            throw Self.invalid("the document's media type is \(own.rawValue), the request's is \(named.rawValue)")
        }
        let fallback: MediaType = json["manifests"] != nil ? .ociIndex : .ociManifest
        mediaType = own ?? named ?? fallback
        annotations = json["annotations"]
        do {
            if let value = json["subject"], value != .null { subject = try Descriptor(value).digest }
            if json["manifests"] != nil {
                let index = try Index(json, mediaType: mediaType)
                needs = index.manifests.map { .manifest($0.digest) }
                blobs = []
                artifactType = json["artifactType"]?.string
            } else {
                let manifest = try Manifest(json, mediaType: mediaType)
                blobs = [manifest.config]
                for (layer, document) in zip(manifest.layers, json["layers"]?.array ?? []) {
                    // Foreign layers live where their URLs say.
                    if document["urls"]?.array?.isEmpty ?? true { blobs.append(layer) }
                }
                needs = blobs.map { .blob($0.digest) }
                let named = manifest.artifactType ?? ""
                artifactType = named.isEmpty ? manifest.config.mediaType.rawValue : named
            }
        } catch {
            throw Self.invalid(error.description)
        }
    }

    private static func invalid(_ reason: String) -> DrydockError {
        DrydockError(.invalidArgument, "manifest invalid", reason: reason)
    }
}

/// A manifest as it is kept.
struct StoredManifest: Sendable {
    var digest: Digest
    var mediaType: MediaType
    var bytes: [UInt8]
}

extension HubRegistry {
    // MARK: Manifests and tags

    /// The manifest under a tag or a digest.
    func manifest(_ reference: String, in repository: String) throws(DrydockError) -> StoredManifest? {
        let row = try database.read { database in
            reference.contains(":")
                ? try Row.fetchOne(
                    database,
                    sql: "SELECT digest, mediaType, content FROM manifest WHERE repository = ? AND digest = ?",
                    arguments: [repository, reference])
                : try Row.fetchOne(
                    database,
                    sql: """
                        SELECT manifest.digest, mediaType, content FROM tag JOIN manifest USING (repository, digest)
                        WHERE repository = ? AND tag.name = ?
                        """, arguments: [repository, reference])
        }
        guard let row else { return nil }
        let digest: String = row["digest"]
        let type: String = row["mediaType"]
        return StoredManifest(
            digest: try Digest(digest), mediaType: MediaType(rawValue: type),
            bytes: Self.content(row))
    }

    private static func content(_ row: Row) -> [UInt8] {
        let data: Data = row["content"]
        return Array(data)
    }

    /// What of some needs is not in a repository.
    func missing(
        _ needs: [ManifestContent.Need], in repository: String
    ) throws(DrydockError) -> [ManifestContent.Need] {
        try database.read { try missing(needs, in: repository, $0) }
    }

    private func missing(
        _ needs: [ManifestContent.Need], in repository: String, _ database: Database
    ) throws -> [ManifestContent.Need] {
        try needs.filter { need in
            // A blob whose bytes were lost is none, whatever the database says.
            if case .blob(let digest) = need, !blobs.has(digest) { return true }
            let (table, digest) =
                switch need {
                case .blob(let digest): ("repositoryBlob", digest)
                case .manifest(let digest): ("manifest", digest)
                }
            return try Row.fetchOne(
                database, sql: "SELECT 1 FROM \(table) WHERE repository = ? AND digest = ?",
                arguments: [repository, digest.description]) == nil
        }
    }

    /// Keeps a manifest when all that it needs is there, and lets tags point at it. All in one transaction: whoever
    /// cleans up meanwhile sees the needs with the manifest, or the manifest is refused.
    /// - Returns: what is missing; nothing was kept where that is not empty.
    func storeWhole(
        _ content: ManifestContent, digest: Digest, in repository: String, tags: [String], push: PushRecord? = nil
    ) throws(DrydockError) -> [ManifestContent.Need] {
        try database.write { database in
            let missing = try missing(content.needs, in: repository, database)
            if missing.isEmpty { try store(content, digest: digest, in: repository, tags: tags, push: push, database) }
            return missing
        }
    }

    /// Keeps a manifest, whatever it needs, and lets tags point at it: in one transaction.
    func store(
        _ content: ManifestContent, digest: Digest, in repository: String, tags: [String], push: PushRecord? = nil
    ) throws(DrydockError) {
        try database.write { try store(content, digest: digest, in: repository, tags: tags, push: push, $0) }
    }

    private func store(
        _ content: ManifestContent, digest: Digest, in repository: String, tags: [String], push: PushRecord?,
        _ database: Database
    ) throws {
        try Self.make(repository, in: database)
        try database.execute(
            sql: """
                INSERT INTO manifest (repository, digest, mediaType, content, artifactType, subject, created)
                VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET mediaType = excluded.mediaType
                """,
            arguments: [
                repository, digest.description, content.mediaType.rawValue, Data(content.bytes),
                content.artifactType, content.subject?.description, HubDatabase.now,
            ])
        for tag in tags {
            try database.execute(
                sql: """
                    INSERT INTO tag (repository, name, digest, updated) VALUES (?, ?, ?, ?)
                    ON CONFLICT DO UPDATE SET digest = excluded.digest, updated = excluded.updated
                    """, arguments: [repository, tag, digest.description, HubDatabase.now])
        }
        if let push {
            try database.execute(
                sql: "UPDATE repository SET pushes = pushes + 1 WHERE name = ?", arguments: [repository])
            for reference in tags.isEmpty ? [digest.description] : tags {
                try push.write(to: database, "push", repository, reference, digest.description)
            }
        }
    }

    /// Removes a tag, or a manifest with the tags that point at it.
    /// - Returns: whether there was one.
    func removeManifest(
        _ reference: String, in repository: String, record: PushRecord? = nil
    ) throws(DrydockError) -> Bool {
        try database.write { database in
            let sql =
                reference.contains(":")
                ? "DELETE FROM manifest WHERE repository = ? AND digest = ?"
                : "DELETE FROM tag WHERE repository = ? AND name = ?"
            try database.execute(sql: sql, arguments: [repository, reference])
            guard database.changesCount > 0 else { return false }
            try record?.write(to: database, "delete", repository, reference, reference.contains(":") ? reference : "")
            return true
        }
    }

    /// The tags of a repository after `last`, in the order of the alphabet, whatever their case; nil where there is no such repository.
    func tags(of repository: String, after last: String?, limit: Int) throws(DrydockError) -> [String]? {
        try database.read { database in
            guard try Self.exists(repository, in: database) else { return nil }
            return try String.fetchAll(
                database,
                sql: """
                    SELECT name FROM tag WHERE repository = ?1 AND (lower(name), name) > (lower(?2), ?2)
                    ORDER BY lower(name), name LIMIT ?3
                    """, arguments: [repository, last ?? "", limit])
        }
    }

    /// The repositories after `last` that have something in them and that a user may see, sorted.
    func repositories(after last: String?, limit: Int, user: String?, isOwner: Bool = false)
        throws(DrydockError) -> [String]
    {
        let own = Self.visible(to: user, isOwner)
        return try database.read { database in
            try String.fetchAll(
                database,
                sql: """
                    SELECT name FROM repository WHERE name > ? AND (NOT private OR substr(name, 1, ?) = ?)
                    AND EXISTS (SELECT 1 FROM manifest WHERE repository = repository.name) ORDER BY name LIMIT ?
                    """, arguments: [last ?? "", own.utf8.count, own, limit])
        }
    }

    /// What the names of the private repositories begin with that a user may see.
    private static func visible(to user: String?, _ isOwner: Bool) -> String {
        isOwner ? "" : user.map { $0 + "/" } ?? " "
    }

    /// Whether a repository exists.
    func hasRepository(_ repository: String) throws(DrydockError) -> Bool {
        try database.read { try Self.exists(repository, in: $0) }
    }

    private static func exists(_ repository: String, in database: Database) throws -> Bool {
        try Row.fetchOne(database, sql: "SELECT 1 FROM repository WHERE name = ?", arguments: [repository]) != nil
    }

    /// The manifests that say something about a digest (distribution-spec, "Listing Referrers").
    func referrers(of digest: Digest, in repository: String) throws(DrydockError) -> [JSONValue] {
        let rows = try database.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT digest, mediaType, artifactType, content FROM manifest
                    WHERE repository = ? AND subject = ? ORDER BY created, digest
                    """, arguments: [repository, digest.description])
        }
        return rows.map { row in
            let bytes = Self.content(row)
            var pairs: [(key: String, value: JSONValue)] = [
                ("mediaType", .string(row["mediaType"])), ("digest", .string(row["digest"])),
                ("size", .int(Int64(bytes.count))),
            ]
            if let type: String = row["artifactType"], !type.isEmpty { pairs.append(("artifactType", .string(type))) }
            if let notes = (try? JSONValue(parsing: bytes))?["annotations"], notes != .null {
                pairs.append(("annotations", notes))
            }
            return .object(pairs)
        }
    }

    // MARK: Blobs

    /// Makes a blob a repository's own. The look at its file and the link are one to whoever cleans up.
    /// - Returns: false where there is no such blob.
    @discardableResult
    func link(_ digest: Digest, to repository: String) throws(DrydockError) -> Bool {
        try database.write { database in
            guard blobs.has(digest) else { return false }
            touch(digest)
            try Self.make(repository, in: database)
            try database.execute(
                sql: "INSERT OR IGNORE INTO repositoryBlob (repository, digest) VALUES (?, ?)",
                arguments: [repository, digest.description])
            return true
        }
    }

    /// Makes a blob young: it is needed just now.
    func touch(_ digest: Digest) {
        try? FileAt.setTime(
            FileAt.workingDirectory, blobs.path(digest).string, seconds: Int64(time(nil)), nanoseconds: 0)
    }

    /// Whether a repository has a blob.
    func hasBlob(_ digest: Digest, in repository: String) throws(DrydockError) -> Bool {
        try database.read { database in
            try Row.fetchOne(
                database, sql: "SELECT 1 FROM repositoryBlob WHERE repository = ? AND digest = ?",
                arguments: [repository, digest.description]) != nil
        }
    }

    /// The repositories that have a blob.
    func repositories(having digest: Digest) throws(DrydockError) -> [String] {
        try database.read { database in
            try String.fetchAll(
                database, sql: "SELECT repository FROM repositoryBlob WHERE digest = ? ORDER BY repository",
                arguments: [digest.description])
        }
    }

    /// Takes a blob from a repository; its bytes stay until nothing needs them and the hub cleans up.
    /// - Returns: whether the repository had it.
    func unlink(_ digest: Digest, from repository: String) throws(DrydockError) -> Bool {
        try database.write { database in
            try database.execute(
                sql: "DELETE FROM repositoryBlob WHERE repository = ? AND digest = ?",
                arguments: [repository, digest.description])
            return database.changesCount > 0
        }
    }

    // MARK: Search and counts

    /// Adds to the numbers of pulls.
    func count(pulls: [String: Int]) throws(DrydockError) {
        guard !pulls.isEmpty else { return }
        try database.count { database in
            for (repository, number) in pulls {
                try database.execute(
                    sql: "UPDATE repository SET pulls = pulls + ? WHERE name = ?", arguments: [number, repository])
            }
        }
    }

    /// Repositories whose name or description contains a term: the best known first.
    func search(_ term: String, limit: Int, user: String?, isOwner: Bool = false)
        throws(DrydockError) -> [JSONValue]
    {
        let own = Self.visible(to: user, isOwner)
        let pattern =
            "%"
            + term.lowercased().replacing("\\", with: "\\\\").replacing("%", with: "\\%").replacing("_", with: "\\_")
            + "%"
        let rows = try database.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT name, description, stars, pulls FROM repository
                    WHERE (name LIKE ? ESCAPE '\\' OR description LIKE ? ESCAPE '\\')
                    AND (NOT private OR substr(name, 1, ?) = ?)
                    AND EXISTS (SELECT 1 FROM manifest WHERE repository = repository.name)
                    ORDER BY name LIKE 'library/%' DESC, stars DESC, pulls DESC, name LIMIT ?
                    """, arguments: [pattern, pattern, own.utf8.count, own, limit])
        }
        return rows.map { row in
            let name: String = row["name"]
            let isOfficial = name.hasPrefix("library/")
            return [
                "name": .string(isOfficial ? String(name.dropFirst(8)) : name),
                "description": .string(row["description"]), "star_count": .int(row["stars"]),
                "pull_count": .int(row["pulls"]), "is_official": .bool(isOfficial), "is_automated": false,
                "is_trusted": false,
            ]
        }
    }
}

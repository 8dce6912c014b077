public import Diagnostics
internal import GRDB
internal import OCI

extension ImageStore {
    /// Adds a container.
    /// - Parameter durably: whether it survives a power failure when this returns. One that is to be removed when it
    ///   ends need not.
    /// - Throws: code `.conflict` with Docker's words where the name is taken; code `.notFound` where the image's layers
    ///   have gone.
    public func add(_ container: ContainerRecord, durably: Bool = true) throws(DrydockError) {
        try write(durably: durably) { database in
            try database.checkFree(name: container.name, for: container.id)
            if let chain = container.chain {
                guard try database.layer(chain, self) != nil else {
                    throw DrydockError(.notFound, "No such image: \(container.image?.description ?? chain.description)")
                }
            }
            try database.execute(
                sql: "INSERT INTO containers (\(ContainerRecord.columns)) VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [
                    container.id, container.name, container.image?.description, container.chain?.description,
                    container.created, container.document,
                ])
        }
    }

    /// Finds a container by ID, name (with or without `/`) or the beginning of its ID.
    /// - Throws: code `.notFound` (`No such container: x`), `.invalidArgument` where a prefix fits several.
    public func container(_ name: String) throws(DrydockError) -> ContainerRecord {
        try read { database in
            let plain = name.hasPrefix("/") ? String(name.dropFirst()) : name
            let exact =
                "SELECT \(ContainerRecord.columns) FROM containers WHERE id = ? OR name = ? ORDER BY id = ? DESC"
            if let row = try Row.fetchOne(database, sql: exact, arguments: [name, plain, name]) {
                return try ContainerRecord(row)
            }
            let isHex = name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
            let sql = "SELECT \(ContainerRecord.columns) FROM containers WHERE id >= ? AND id < ? LIMIT 2"
            let rows =
                isHex && !name.isEmpty ? try Row.fetchAll(database, sql: sql, arguments: [name, name + "g"]) : []
            if rows.count > 1 {
                throw DrydockError(.invalidArgument, "Multiple IDs found with provided prefix: \(name)")
            }
            guard let row = rows.first else {
                throw DrydockError(
                    .notFound, "No such container: \(name)", remedy: "docker container ls -a shows all containers.")
            }
            return try ContainerRecord(row)
        }
    }

    /// All containers, newest first.
    public func containers() throws(DrydockError) -> [ContainerRecord] {
        try read { database in
            try Row.fetchAll(
                database, sql: "SELECT \(ContainerRecord.columns) FROM containers ORDER BY created DESC, id"
            ).map { try ContainerRecord($0) }
        }
    }

    /// The container that was made last, nil where there is none.
    public func newestContainer() throws(DrydockError) -> ContainerRecord? {
        try read { database in
            let sql = "SELECT \(ContainerRecord.columns) FROM containers ORDER BY created DESC, id LIMIT 1"
            return try Row.fetchOne(database, sql: sql).map { try ContainerRecord($0) }
        }
    }

    /// All containers, newest first, each with a few values of its document, which the database cuts out: parsing a
    /// thousand documents takes longer than a list may.
    /// - Parameter paths: where the values are, in SQLite's form: `$.Config.Image`, `$.Config.Labels`; without any, no document is read.
    public func containers(reading paths: [String]) throws(DrydockError) -> [ContainerEntry] {
        try read { database in
            if paths.isEmpty {
                let sql = "SELECT id, name, image, created FROM containers ORDER BY created DESC, id"
                return try Row.fetchAll(database, sql: sql).map { row in
                    ContainerEntry(
                        id: row[0], name: row[1], image: try (row[2] as String?).map(ImageStore.digest),
                        created: row[3], values: [])
                }
            }
            // With two paths at least the answer is an array.
            let wanted = paths + ["$.Id", "$.Id"]
            let marks = wanted.map { _ in "?" }.joined(separator: ", ")
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT id, name, image, created, json_extract(document, \(marks)) FROM containers
                    ORDER BY created DESC, id
                    """, arguments: StatementArguments(wanted))
            var entries: [ContainerEntry] = []
            while let row = try rows.next() {
                let values = try JSONValue(parsing: row[4] as String).array ?? []
                entries.append(
                    ContainerEntry(
                        id: row[0], name: row[1], image: try (row[2] as String?).map(ImageStore.digest),
                        created: row[3], values: Array(values.prefix(paths.count))))
            }
            return entries
        }
    }

    /// Changes a container in one transaction; `change` sees the present record. A new name may conflict, as in `add`;
    /// the ID stays whatever `change` does.
    /// - Throws: code `.notFound` where it has gone, `.conflict`.
    @discardableResult
    public func update(
        container id: String, _ change: (inout ContainerRecord) -> Void
    ) throws(DrydockError) -> ContainerRecord {
        try writeDurably { database in
            let sql = "SELECT \(ContainerRecord.columns) FROM containers WHERE id = ?"
            guard let row = try Row.fetchOne(database, sql: sql, arguments: [id]) else {
                throw DrydockError(.notFound, "No such container: \(id)")
            }
            let before = try ContainerRecord(row)
            var after = before
            change(&after)
            after.id = id
            if after == before { return after }
            if after.name != before.name { try database.checkFree(name: after.name, for: id) }
            try database.execute(
                sql: "UPDATE containers SET name = ?, image = ?, chain = ?, created = ?, document = ? WHERE id = ?",
                arguments: [
                    after.name, after.image?.description, after.chain?.description, after.created, after.document, id,
                ])
            return after
        }
    }

    /// Removes a container's record. Its directory is the engine's, which removes it afterwards; the store remembers
    /// the ID until a later removal finds that `isGone`.
    /// - Parameter durably: as in `add`.
    /// - Returns: containers that were removed earlier, and whose files are still there: a kill came between.
    @discardableResult
    public func remove(
        container id: String, durably: Bool = true, isGone: (String) -> Bool = { _ in false }
    ) throws(DrydockError) -> [String] {
        try freeing { () throws(DrydockError) in
            try write(durably: durably) { database in
                let earlier = try String.fetchAll(database, sql: "SELECT name FROM condemned WHERE kind = 'container'")
                for other in earlier where isGone(other) {
                    try database.execute(
                        sql: "DELETE FROM condemned WHERE kind = 'container' AND name = ?", arguments: [other])
                }
                try database.execute(sql: "DELETE FROM containers WHERE id = ?", arguments: [id])
                if database.changesCount > 0 {
                    try database.execute(
                        sql: "INSERT OR IGNORE INTO condemned (kind, name) VALUES ('container', ?)", arguments: [id])
                }
                return earlier.filter { $0 != id && !isGone($0) }
            }
        }
    }

    /// The containers whose records have been removed, and whose files may still be there.
    public func removedContainers() throws(DrydockError) -> [String] {
        try read { try String.fetchAll($0, sql: "SELECT name FROM condemned WHERE kind = 'container'") }
    }
}

extension Database {
    fileprivate func checkFree(name: String, for id: String) throws {
        let sql = "SELECT id FROM containers WHERE name = ? AND id <> ?"
        guard let other = try String.fetchOne(self, sql: sql, arguments: [name, id]) else { return }
        throw DrydockError(
            .conflict,
            "Conflict. The container name \"/\(name)\" is already in use by container \"\(other)\". "
                + "You have to remove (or rename) that container to be able to reuse that name.",
            remedy: "docker container rm \(name), or choose another --name.")
    }
}

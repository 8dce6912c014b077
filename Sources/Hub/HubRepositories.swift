public import Diagnostics
import GRDB

/// A repository as Docker Hub shows it.
public struct RepositoryPage: Sendable, Equatable {
    /// `library/alpine`
    public var name: String
    /// What it is, in a line.
    public var description: String
    /// Whether only its owner may see it.
    public var isPrivate: Bool
    /// The number of stars.
    public var stars: Int
    /// How often a manifest was pulled.
    public var pulls: Int
    /// How often a manifest was pushed.
    public var pushes: Int
    /// When it was last pushed to, in RFC 3339.
    public var updated: String

    /// The page with Docker Hub's field names.
    public var json: JSONValue {
        let parts = name.split(separator: "/", maxSplits: 1)
        return [
            "user": .string(String(parts[0])), "name": .string(parts.count > 1 ? String(parts[1]) : name),
            "namespace": .string(String(parts[0])), "repository_type": "image", "status": 1,
            "description": .string(description), "is_private": .bool(isPrivate), "star_count": .int(Int64(stars)),
            "pull_count": .int(Int64(pulls)), "push_count": .int(Int64(pushes)), "last_updated": .string(updated),
        ]
    }
}

extension HubRegistry {
    /// A repository; nil where there is none.
    public func repositoryPage(_ name: String) throws(DrydockError) -> RepositoryPage? {
        try repositoryPages(where: "name = ?", [name]).first
    }

    /// All repositories that have something in them, by name.
    public func repositoryPages() throws(DrydockError) -> [RepositoryPage] {
        try repositoryPages(where: "EXISTS (SELECT 1 FROM manifest WHERE repository = repository.name)", [])
    }

    private func repositoryPages(where condition: String, _ values: [String]) throws(DrydockError) -> [RepositoryPage] {
        try database.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT *, coalesce((SELECT max(updated) FROM tag WHERE repository = repository.name), created)
                    AS updated FROM repository WHERE \(condition) ORDER BY name
                    """, arguments: StatementArguments(values)
            ).map {
                RepositoryPage(
                    name: $0["name"], description: $0["description"], isPrivate: $0["private"], stars: $0["stars"],
                    pulls: $0["pulls"], pushes: $0["pushes"], updated: $0["updated"])
            }
        }
    }

    /// Makes a repository private, or public again.
    public func setPrivate(_ repository: String, _ isPrivate: Bool) throws(DrydockError) {
        try database.write { database in
            try Self.make(repository, in: database)
            try database.execute(
                sql: "UPDATE repository SET private = ? WHERE name = ?", arguments: [isPrivate, repository])
        }
    }

    /// Says what a repository is, and leaves its stars.
    public func setDescription(_ description: String, of repository: String) throws(DrydockError) {
        try database.write { database in
            try Self.make(repository, in: database)
            try database.execute(
                sql: "UPDATE repository SET description = ? WHERE name = ?", arguments: [description, repository])
        }
    }

    /// Sets the number of stars.
    public func setStars(_ stars: Int, of repository: String) throws(DrydockError) {
        try database.write { database in
            try Self.make(repository, in: database)
            try database.execute(sql: "UPDATE repository SET stars = ? WHERE name = ?", arguments: [stars, repository])
        }
    }
}

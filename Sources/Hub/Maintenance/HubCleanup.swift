public import Diagnostics
import FoundationEssentials
import GRDB
import Glibc
import ImageStore
import Linux
import OCI
import SystemPackage

/// What `drydock hub gc` did.
public struct HubCleanupReport: Sendable, Equatable {
    /// The number of blobs that were removed.
    public var blobs = 0
    /// Their bytes.
    public var bytes: Int64 = 0
    /// The number of manifests that were removed, where that was asked for.
    public var manifests = 0
    /// The number of blobs that nothing refers to and that are too young to be removed.
    public var young = 0

    /// The report for machines.
    public var json: JSONValue {
        [
            "blobs": .int(Int64(blobs)), "bytes": .int(bytes), "manifests": .int(Int64(manifests)),
            "young": .int(Int64(young)),
        ]
    }
}

extension HubRegistry {
    /// Removes the blobs that no manifest of their repository refers to. Pushes may go on: what was uploaded, mounted or
    /// asked for within the grace stays, for its manifest may come next.
    /// - Parameters:
    ///   - grace: how old something must be, in seconds. 0 is right only while nobody pushes.
    ///   - untagged: also removes manifests that no tag leads to, that no index holds and that say nothing about one that
    ///     stays.
    ///   - onlyLooking: removes nothing, and reports what would be removed.
    public func collectGarbage(
        grace: Int64 = 3600, untagged: Bool = false, onlyLooking: Bool = false
    ) throws(DrydockError) -> HubCleanupReport {
        var report = HubCleanupReport()
        let cutoff = Int64(time(nil)) - grace
        var dropped: Set<ManifestKey> = []
        if untagged {
            dropped = try forgotten(before: cutoff)
            report.manifests = dropped.count
        }
        if !onlyLooking { try remove(dropped) }
        // Reading all manifests takes a while, so that pushes must not wait for it; those of meanwhile are read below.
        var needed = NeededBlobs()
        try database.read { database in try needed.add(from: database, except: dropped) }
        let look = { (database: Database) throws in
            try needed.add(from: database, except: dropped)
            try self.sweep(database, needed, cutoff, onlyLooking, &report)
        }
        if onlyLooking { try database.read(look) } else { try database.write(look) }
        return report
    }

    private struct ManifestKey: Hashable {
        var repository: String
        var digest: String
    }

    /// Which blobs the manifests of each repository name.
    private struct NeededBlobs {
        var seen: Set<ManifestKey> = []
        var blobs: [String: Set<String>] = [:]

        /// Reads the manifests that were not read yet.
        mutating func add(from database: Database, except dropped: Set<ManifestKey>) throws {
            let keys = try Row.fetchAll(database, sql: "SELECT repository, digest FROM manifest").map {
                ManifestKey(repository: $0["repository"], digest: $0["digest"])
            }
            for key in keys where !seen.contains(key) && !dropped.contains(key) {
                seen.insert(key)
                let row = try Row.fetchOne(
                    database, sql: "SELECT mediaType, content FROM manifest WHERE repository = ? AND digest = ?",
                    arguments: [key.repository, key.digest])
                guard let row else { continue }
                let content: Data = row["content"]
                // One that cannot be read might need anything; then nothing of its repository may go.
                let parsed = try ManifestContent(
                    Array(content), mediaType: OCI.MediaType(rawValue: row["mediaType"]))
                blobs[key.repository, default: []].formUnion(parsed.blobs.map(\.digest.description))
            }
        }
    }

    private func sweep(
        _ database: Database, _ needed: NeededBlobs, _ cutoff: Int64, _ onlyLooking: Bool,
        _ report: inout HubCleanupReport
    ) throws {
        var linked: Set<String> = []
        var young: Set<String> = []
        for row in try Row.fetchAll(database, sql: "SELECT repository, digest FROM repositoryBlob") {
            let repository: String = row["repository"]
            let name: String = row["digest"]
            if needed.blobs[repository]?.contains(name) == true {
                linked.insert(name)
            } else if try isYoung(name, cutoff) {
                linked.insert(name)
                young.insert(name)
            } else if !onlyLooking {
                try database.execute(
                    sql: "DELETE FROM repositoryBlob WHERE repository = ? AND digest = ?",
                    arguments: [repository, name])
            }
        }
        // The files go while the database is locked for writing: nobody can link one of them meanwhile.
        for digest in try blobs.all() where !linked.contains(digest.description) {
            if try isYoung(digest.description, cutoff) {
                young.insert(digest.description)
                continue
            }
            report.bytes += blobs.size(digest) ?? 0
            report.blobs += 1
            if !onlyLooking { try blobs.delete(digest) }
        }
        report.young = young.count
    }

    private func isYoung(_ name: String, _ cutoff: Int64) throws -> Bool {
        let path = blobs.path(try Digest(name))
        guard let status = try? FileAt.status(FileAt.workingDirectory, path.string) else { return false }
        return status.mtimeSeconds > cutoff
    }

    /// The manifests that nothing leads to.
    private func forgotten(before cutoff: Int64) throws(DrydockError) -> Set<ManifestKey> {
        let limit = Date(timeIntervalSince1970: Double(cutoff)).formatted(.iso8601)
        return try database.read { database in
            var old: Set<ManifestKey> = []
            var children: [ManifestKey: [ManifestKey]] = [:]
            var kept: [ManifestKey] = []
            for row in try Row.fetchAll(
                database, sql: "SELECT repository, digest, mediaType, content, subject, created FROM manifest")
            {
                let key = ManifestKey(repository: row["repository"], digest: row["digest"])
                let created: String = row["created"]
                if created < limit { old.insert(key) } else { kept.append(key) }
                let content: Data = row["content"]
                let parsed = try ManifestContent(
                    Array(content), mediaType: OCI.MediaType(rawValue: row["mediaType"]))
                for case .manifest(let child) in parsed.needs {
                    children[key, default: []].append(
                        ManifestKey(repository: key.repository, digest: child.description))
                }
                // What says something about a manifest stays as long as that one.
                if let subject: String = row["subject"] {
                    children[ManifestKey(repository: key.repository, digest: subject), default: []].append(key)
                }
            }
            kept += try Row.fetchAll(database, sql: "SELECT repository, digest FROM tag").map {
                ManifestKey(repository: $0["repository"], digest: $0["digest"])
            }
            var reached: Set<ManifestKey> = []
            while let key = kept.popLast() {
                if reached.insert(key).inserted { kept += children[key] ?? [] }
            }
            return old.subtracting(reached)
        }
    }

    private func remove(_ manifests: Set<ManifestKey>) throws(DrydockError) {
        guard !manifests.isEmpty else { return }
        try database.write { database in
            for key in manifests {
                try database.execute(
                    sql: """
                        DELETE FROM manifest WHERE repository = ?1 AND digest = ?2 AND NOT EXISTS
                        (SELECT 1 FROM tag WHERE repository = ?1 AND digest = ?2)
                        """, arguments: [key.repository, key.digest])
            }
        }
    }
}

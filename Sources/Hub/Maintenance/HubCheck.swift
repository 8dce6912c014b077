public import Diagnostics
import GRDB
import ImageStore
import Linux
import OCI
import SystemPackage

/// What `drydock hub check` found.
public struct HubCheckReport: Sendable, Equatable {
    /// Something that is not as it must be.
    public struct Problem: Sendable, Equatable {
        /// `damaged-blob`, `missing-blob`, `wrong-size`, `damaged-manifest`, `stray-file`.
        public var kind: String
        /// The blob, or the manifest with its repository.
        public var name: String
        /// What is wrong with it.
        public var reason: String
    }

    /// The number of blobs that were read.
    public var blobs = 0
    /// Their bytes.
    public var bytes: Int64 = 0
    /// The number of manifests and indexes.
    public var manifests = 0
    /// The number of tags.
    public var tags = 0
    /// Blobs and manifests that an upstream has promised and nobody has asked for yet, and parts that an index names and
    /// that were left out or removed: no problem.
    public var absent = 0
    /// What is wrong.
    public var problems: [Problem] = []

    /// The report for machines.
    public var json: JSONValue {
        [
            "ok": .bool(problems.isEmpty), "blobs": .int(Int64(blobs)), "bytes": .int(bytes),
            "manifests": .int(Int64(manifests)), "tags": .int(Int64(tags)), "absent": .int(Int64(absent)),
            "problems": .array(
                problems.map { ["kind": .string($0.kind), "name": .string($0.name), "reason": .string($0.reason)] }),
        ]
    }
}

extension HubRegistry {
    /// Reads every blob and compares it with its digest, and follows every reference of every manifest. The hub may be in
    /// use. Changes nothing, unless it is to mend.
    /// - Parameters:
    ///   - mending: takes damaged blobs away: clients do not send again what a registry says to have.
    ///   - progress: is told about each blob.
    public func check(
        mending: Bool = false, progress: (_ done: Int, _ all: Int) -> Void = { _, _ in }
    ) throws(DrydockError) -> HubCheckReport {
        var report = HubCheckReport()
        for algorithm in Digest.Algorithm.allCases {
            let directory = data.appending("blobs").appending(algorithm.rawValue)
            for name in try Files.names(in: directory) where Digest(algorithm: algorithm, hex: name) == nil {
                report.problems.append(.init(kind: "stray-file", name: name, reason: "no blob has such a name"))
            }
        }
        let all = try blobs.all()
        for (number, digest) in all.enumerated() {
            progress(number, all.count)
            // Cleaning up may take a blob away meanwhile.
            guard let size = blobs.size(digest) else { continue }
            do throws(DrydockError) {
                try blobs.verify(digest)
                report.blobs += 1
                report.bytes += size
            } catch {
                if error.code == .notFound { continue }
                if mending, error.code == .corrupt { try remove(damaged: digest) }
                report.problems.append(
                    .init(kind: "damaged-blob", name: digest.description, reason: error.reason ?? error.message))
            }
        }
        for suspect in try references(&report) where try stillNamed(suspect) {
            report.problems.append(suspect.problem)
        }
        return report
    }

    /// Removes a blob that is damaged, in the turn of whoever changes the hub: it may have been pushed again meanwhile.
    private func remove(damaged digest: Digest) throws(DrydockError) {
        try database.write { _ in
            do throws(DrydockError) {
                try blobs.verify(digest)
            } catch {
                if error.code == .corrupt { try blobs.delete(digest) }
            }
        }
    }

    /// Something wrong with a manifest, unless the manifest is gone meanwhile.
    private struct Suspect {
        var repository: String
        var manifest: String
        var problem: HubCheckReport.Problem
    }

    private func stillNamed(_ suspect: Suspect) throws(DrydockError) -> Bool {
        guard try manifest(suspect.manifest, in: suspect.repository) != nil else { return false }
        guard suspect.problem.kind == "missing-blob", let digest = try? Digest(suspect.problem.name) else {
            return true
        }
        return try !(hasBlob(digest, in: suspect.repository) && blobs.has(digest))
    }

    private func references(_ report: inout HubCheckReport) throws(DrydockError) -> [Suspect] {
        var suspects: [Suspect] = []
        let (rows, tags) = try database.read { database in
            (
                try Row.fetchAll(database, sql: "SELECT repository, digest FROM manifest ORDER BY repository, digest"),
                try Int.fetchOne(database, sql: "SELECT count(*) FROM tag") ?? 0
            )
        }
        report.tags = tags
        for row in rows {
            let repository: String = row["repository"]
            let name: String = row["digest"]
            guard let stored = try manifest(name, in: repository) else { continue }
            report.manifests += 1
            func suspect(_ kind: String, _ what: String, _ reason: String) {
                suspects.append(
                    Suspect(
                        repository: repository, manifest: name,
                        problem: .init(kind: kind, name: what, reason: reason)))
            }
            var digester = Digester(stored.digest.algorithm)
            digester.update(stored.bytes)
            guard digester.digest() == stored.digest else {
                suspect("damaged-manifest", "\(repository)@\(name)", "its bytes have the digest \(digester.digest())")
                continue
            }
            guard let content = try? ManifestContent(stored.bytes, mediaType: stored.mediaType) else {
                suspect("damaged-manifest", "\(repository)@\(name)", "it cannot be read")
                continue
            }
            for case .manifest(let digest) in content.needs where try manifest("\(digest)", in: repository) == nil {
                report.absent += 1
            }
            for blob in content.blobs {
                if try hasBlob(blob.digest, in: repository), let size = blobs.size(blob.digest) {
                    if size != blob.size {
                        suspect(
                            "wrong-size", "\(repository)@\(name)",
                            "\(blob.digest) has \(size) bytes, the manifest says \(blob.size)")
                    }
                } else if try upstreamBlob(blob.digest, of: repository) != nil {
                    report.absent += 1
                } else {
                    suspect("missing-blob", blob.digest.description, "\(repository)@\(name) names it")
                }
            }
        }
        return suspects
    }
}

public import Diagnostics
import GRDB
import Linux
public import SystemPackage

extension HubRegistry {
    /// Makes a hub of its own that has everything of this one except its accounts. Blobs and packages, which nothing
    /// changes in place, are shared as hard links where the file system can do that.
    /// - Parameter target: the data directory to make.
    /// - Throws: `.conflict` where there is a hub already.
    public func copy(to target: FilePath) throws(DrydockError) {
        guard !Files.exists(target.appending("hub.sqlite")) else {
            throw DrydockError(.conflict, "there is a hub in \(target) already")
        }
        try Files.makeDirectories(target, mode: 0o700)
        try database.snapshot(to: target.appending("hub.sqlite"))
        // Manifests name blobs and never the other way round: what is copied later can only be more than is needed.
        for name in ["blobs", "packages", "course", "keys"] where Files.exists(data.appending(name)) {
            try Self.share(data.appending(name), as: target.appending(name))
        }
    }

    private static func share(_ source: FilePath, as target: FilePath) throws(DrydockError) {
        try Files.makeDirectories(target)
        for name in try Files.names(in: source) where name != "lock" && name != "scratch" {
            let from = source.appending(name)
            let to = target.appending(name)
            guard let status = try? FileAt.status(FileAt.workingDirectory, from.string) else { continue }
            if status.isDirectory {
                try share(from, as: to)
            } else if status.isRegular {
                do throws(Errno) {
                    try FileAt.hardLink(FileAt.workingDirectory, from.string, FileAt.workingDirectory, to.string)
                } catch {
                    guard let bytes = try Files.readIfPresent(from) else { continue }
                    try AtomicFile.write(
                        bytes, to: to, mode: FilePermissions(rawValue: CModeT(status.permissions)), durable: false)
                }
            }
        }
    }
}

extension HubDatabase {
    /// Writes the database as it is at this moment into a new file, without its accounts.
    func snapshot(to file: FilePath) throws(DrydockError) {
        try outsideTransaction { database in
            try database.execute(sql: "VACUUM INTO ?", arguments: [file.string])
        }
        try HubDatabase(file).write { database in try database.execute(sql: "DELETE FROM account") }
    }
}

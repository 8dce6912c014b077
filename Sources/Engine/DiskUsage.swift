import Linux
import SystemPackage

/// Adds up what files take.
enum DiskUsage {
    /// The sizes of the regular files below a directory, in bytes; what cannot be read counts nothing.
    static func bytes(below directory: FilePath) -> Int64 {
        var total: Int64 = 0
        for name in (try? Files.names(in: directory)) ?? [] {
            let path = directory.appending(name)
            guard let status = try? FileAt.status(FileAt.workingDirectory, path.string) else { continue }
            if status.isDirectory {
                total += bytes(below: path)
            } else if status.isRegular {
                total += status.size
            }
        }
        return total
    }
}

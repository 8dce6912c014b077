import Linux
import SystemPackage

/// Adds up what files take.
struct DiskUsage {
    /// A file with several names.
    private struct Inode: Hashable {
        var device: UInt64
        var number: UInt64
    }

    private var total: Int64 = 0
    private var counted: Set<Inode> = []

    /// The sizes of the regular files and symbolic links below a directory, in bytes; a file with several names counts
    /// once, and what cannot be read counts nothing.
    static func bytes(below directory: FilePath) -> Int64 {
        var usage = DiskUsage()
        usage.add(directory)
        return usage.total
    }

    private mutating func add(_ directory: FilePath) {
        for name in (try? Files.names(in: directory)) ?? [] {
            let path = directory.appending(name)
            guard let status = try? FileAt.status(FileAt.workingDirectory, path.string) else { continue }
            if status.isDirectory {
                add(path)
            } else if status.isRegular || status.isSymbolicLink {
                let inode = Inode(device: status.device, number: status.inode)
                if status.links < 2 || counted.insert(inode).inserted { total += status.size }
            }
        }
    }
}

import Glibc
import Linux

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
    static func bytes(below directory: String) -> Int64 {
        var usage = DiskUsage()
        usage.add(FileAt.workingDirectory, directory)
        return usage.total
    }

    private mutating func add(_ parent: Int32, _ directory: UnsafePointer<CChar>) {
        guard let fd = try? FileAt.open(parent, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) else { return }
        // Closes the descriptor too.
        guard let stream = fdopendir(fd) else { return FileAt.close(fd) }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { return }
            let name = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self)
            if strcmp(name, ".") == 0 || strcmp(name, "..") == 0 { continue }
            guard let status = try? FileAt.status(fd, name) else { continue }
            if status.isDirectory {
                add(fd, name)
            } else if status.isRegular || status.isSymbolicLink {
                let inode = Inode(device: status.device, number: status.inode)
                if status.links < 2 || counted.insert(inode).inserted { total += status.size }
            }
        }
    }
}

internal import Diagnostics
internal import Glibc
internal import Linux
internal import SystemPackage

/// Walks a layer directory and writes it as a change set.
struct DirectoryPacker {
    private let directory: FilePath
    private let writer: TarWriter
    let reader = ItemReader()
    private var linked: [FileID: [CChar]] = [:]

    init(_ directory: FilePath, _ writer: TarWriter) {
        self.directory = directory
        self.writer = writer
    }

    mutating func pack() throws(DrydockError) {
        let root: Int32
        do throws(Errno) {
            root = try FileAt.open(FileAt.workingDirectory, directory.string, O_RDONLY | O_DIRECTORY)
        } catch {
            throw systemFailure(error, "open", text: directory.string)
        }
        defer { FileAt.close(root) }
        try walk(root, ArchivePath(names: []), reader.childOwners(root, ArchivePath(names: [])))
    }

    private mutating func walk(
        _ fd: Int32, _ path: ArchivePath, _ owners: [String: RecordedOwner]
    ) throws(DrydockError) {
        let (names, overlay) = try attempt("read directory", path) { () throws(Errno) in
            (try sortedNames(fd), try OverlayDirectory(fd))
        }
        if overlay.isOpaque || names.contains(WhiteoutName.opaque), !path.names.isEmpty {
            try writer.write(.whiteout(in: path.names[...], WhiteoutName.opaque), [])
        }
        for name in names {
            let child = ArchivePath(names: path.names + [name])
            let found = try attempt("read", child) { () throws(Errno) in try FileAt.statusIfPresent(fd, name) }
            // A running container may have removed it meanwhile; a name that means "removed" cannot be packed.
            guard let status = found, status.mode & S_IFMT != S_IFSOCK, !WhiteoutName.isWhiteout(name) else { continue }
            if try attempt("read", child, { () throws(Errno) in try overlay.isWhiteout(fd, name, status) }) {
                try writer.write(.whiteout(in: path.names[...], WhiteoutName.prefix + name), [])
                continue
            }
            try pack(fd, name, child, status, owners)
        }
    }

    mutating func pack(
        _ parent: Int32, _ name: [CChar], _ path: ArchivePath, _ status: FileStatus, _ owners: [String: RecordedOwner]
    ) throws(DrydockError) {
        var item = reader.item(name, path, status, owners)
        if status.links > 1, !status.isDirectory {
            let id = FileID(status)
            if let first = linked[id] {
                item.hardLink = first
                return try writer.write(item)
            }
            linked[id] = item.path
        }
        switch item.type {
        case S_IFDIR:
            let fd = try attempt("open", path) { () throws(Errno) in
                try FileAt.open(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            }
            defer { FileAt.close(fd) }
            let owners = try reader.childOwners(fd, path)
            try reader.readAttributes(fd, path, status, &item)
            try writer.write(item)
            try walk(fd, path, owners)
        case S_IFREG:
            let fd = try attempt("open", path) { () throws(Errno) in
                try FileAt.open(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            }
            defer { FileAt.close(fd) }
            try reader.readAttributes(fd, path, status, &item)
            if item.type == S_IFREG { try writer.write(item, from: fd) } else { try writer.write(item) }
        case S_IFLNK:
            try reader.readLink(parent, name, path, &item)
            try writer.write(item)
        default:
            (item.major, item.minor) = (status.major, status.minor)
            try writer.write(item)
        }
    }

    /// The entry of a directory that is open, without what is in it.
    func packDirectory(
        _ fd: Int32, _ name: [CChar], _ path: ArchivePath, _ status: FileStatus, _ owners: [String: RecordedOwner]
    ) throws(DrydockError) {
        try writer.write(reader.describe(directory: fd, name, path, status, owners))
    }
}

public import Diagnostics
internal import Glibc
internal import Linux
public import SystemPackage

/// A container's root as a plain copy of all of its image, for machines on which nothing can be laid over anything: the
/// `vfs` driver. Its root directory is marked opaque, so that a stack with the image's layers below it shows it alone.
public enum FlatTree {
    /// Whether a container's upper directory is such a copy.
    public static func isFlat(_ upper: FilePath) -> Bool {
        guard let fd = try? FileAt.open(FileAt.workingDirectory, upper.string, O_RDONLY | O_DIRECTORY) else {
            return false
        }
        defer { FileAt.close(fd) }
        return (try? OverlayDirectory(fd).isOpaque) ?? false
    }

    /// Copies what a stack of layers shows into an empty directory. Blocks are shared where the file system can.
    /// - Parameter layers: top first.
    public static func copy(_ layers: [FilePath], to directory: FilePath) throws(DrydockError) {
        let flavor = ApplyOptions.forThisProcess().overlayFlavor ?? .user
        var copier = TreeCopier()
        let root = ArchivePath(names: [])
        let target = try attempt("open", root) { () throws(Errno) in
            try FileAt.open(FileAt.workingDirectory, directory.string, O_RDONLY | O_DIRECTORY)
        }
        defer { FileAt.close(target) }
        let roots = try LayerDirectories.roots(layers)
        try copier.copy(roots, into: target, root)
        try attempt("mark", root) { () throws(Errno) in
            if let top = roots.members.first { try copyMetadata(top.fd, to: target, try FileAt.status(top.fd)) }
            try ExtendedAttributes.set(target, flavor.prefix + "opaque", [0x79])
        }
    }

    /// Makes an overlay upper directory of the differences between a flat tree and the image below it; files are hard
    /// links. Both directories are on one file system.
    /// - Parameters:
    ///   - changes: what `ChangeDetector` found.
    ///   - directory: an existing, empty directory.
    public static func extract(
        _ changes: [Change], of tree: FilePath, to directory: FilePath
    ) throws(DrydockError) {
        var made: [FilePath] = []
        for change in changes {
            let target = directory.pushing(change.path.removingRoot())
            let source = tree.pushing(change.path.removingRoot())
            do throws(Errno) {
                guard change.kind != .deleted else {
                    try FileAt.makeNode(FileAt.workingDirectory, target.string, mode: S_IFCHR)
                    continue
                }
                if try status(source).isDirectory {
                    try FileAt.makeDirectory(FileAt.workingDirectory, target.string, mode: 0o700)
                    made.append(change.path.removingRoot())
                } else {
                    try link(source, target)
                }
            } catch {
                throw systemFailure(error, "copy", text: change.path.string)
            }
        }
        for path in made.reversed() {
            do throws(Errno) {
                let from = try openDirectory(tree.pushing(path))
                defer { FileAt.close(from) }
                let to = try openDirectory(directory.pushing(path))
                defer { FileAt.close(to) }
                try copyMetadata(from, to: to, try FileAt.status(from))
            } catch {
                throw systemFailure(error, "copy", text: path.string)
            }
        }
    }

    private static func status(_ path: FilePath) throws(Errno) -> FileStatus {
        let outcome: Result<FileStatus, Errno> = path.withPlatformString { name in
            Result { () throws(Errno) in try FileAt.status(FileAt.workingDirectory, name) }
        }
        return try outcome.get()
    }

    private static func link(_ source: FilePath, _ target: FilePath) throws(Errno) {
        let outcome: Result<Void, Errno> = source.withPlatformString { source in
            target.withPlatformString { target in
                Result { () throws(Errno) in
                    try FileAt.hardLink(FileAt.workingDirectory, source, FileAt.workingDirectory, target)
                }
            }
        }
        return try outcome.get()
    }

    private static func openDirectory(_ path: FilePath) throws(Errno) -> Int32 {
        let outcome: Result<Int32, Errno> = path.withPlatformString { name in
            Result { () throws(Errno) in
                try FileAt.open(FileAt.workingDirectory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            }
        }
        return try outcome.get()
    }

    /// Whether a file is still the one that was copied: of the same kind, size, owner, mode and time.
    static func isSame(
        _ directory: Int32, _ name: [CChar], _ status: FileStatus, as lower: Int32, _ old: FileStatus
    ) throws(Errno) -> Bool {
        guard status.mode == old.mode, status.uid == old.uid, status.gid == old.gid,
            status.mtimeSeconds == old.mtimeSeconds, status.mtimeNanoseconds == old.mtimeNanoseconds,
            status.major == old.major, status.minor == old.minor
        else { return false }
        if status.isSymbolicLink {
            return try FileAt.readLink(directory, name) == FileAt.readLink(lower, name)
        }
        return status.size == old.size
    }
}

/// Gives one file the owner, the mode, the attributes and the time of another; overlayfs's own attributes stay behind.
func copyMetadata(_ from: Int32, to: Int32, _ status: FileStatus) throws(Errno) {
    do {
        try FileAt.setOwner(to, uid: status.uid, gid: status.gid)
    } catch {
        // Who is not root has files of his own only.
        if geteuid() == 0 { throw error }
    }
    try FileAt.setMode(to, status.permissions)
    for attribute in try ExtendedAttributes.names(from)
    where !attribute.contains(".overlay.") && !attribute.hasPrefix("security.selinux") {
        if let value = try ExtendedAttributes.get(from, attribute) {
            do {
                try ExtendedAttributes.set(to, attribute, value)
            } catch {
                if error != .notSupported, error != .notPermitted { throw error }
            }
        }
    }
    try FileAt.setTime(to, seconds: status.mtimeSeconds, nanoseconds: status.mtimeNanoseconds)
}

/// Copies merged directories.
private struct TreeCopier {
    private struct FileID: Hashable {
        let layer: Int
        let inode: UInt64
    }

    /// Where a file with several names has been copied to: an open directory and a path below the root.
    private var linked: [FileID: [CChar]] = [:]
    private var root: Int32 = -1

    mutating func copy(
        _ directory: LayerDirectories, into target: Int32, _ path: ArchivePath
    ) throws(DrydockError) {
        if path.names.isEmpty { root = target }
        let names = try attempt("read directory", path) { () throws(Errno) in try directory.names() }
        for name in names {
            let child = ArchivePath(names: path.names + [name])
            let entry = try attempt("look up", child) { () throws(Errno) in try directory.entry(name) }
            switch entry {
            case .absent: continue
            case .directory(let inner, _, let status):
                guard let source = inner.members.first else { continue }
                let fd = try attempt("copy", child) { () throws(Errno) in
                    try FileAt.makeDirectory(target, name, mode: 0o700)
                    return try FileAt.open(target, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                }
                defer { FileAt.close(fd) }
                try copy(inner, into: fd, child)
                try attempt("copy", child) { () throws(Errno) in try copyMetadata(source.fd, to: fd, status) }
            case .other(let layer, let status, let parent):
                if status.links > 1 {
                    let id = FileID(layer: layer, inode: status.inode)
                    if let first = linked[id] {
                        try attempt("link", child) { () throws(Errno) in
                            try FileAt.hardLink(root, first, target, name)
                        }
                        continue
                    }
                    linked[id] = child.joined
                }
                try attempt("copy", child) { () throws(Errno) in try copyFile(parent, name, status, into: target) }
            }
        }
    }

    private func copyFile(
        _ parent: Int32, _ name: [CChar], _ status: FileStatus, into target: Int32
    ) throws(Errno) {
        switch status.mode & S_IFMT {
        case S_IFREG:
            let from = try FileAt.open(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            defer { FileAt.close(from) }
            let to = try FileAt.open(target, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, mode: 0o600)
            defer { FileAt.close(to) }
            try FileAt.clone(from, to: to)
            return try copyMetadata(from, to: to, status)
        case S_IFLNK:
            let link = try FileAt.readLink(parent, name).map { CChar(bitPattern: $0) } + [0]
            try FileAt.symbolicLink(link, target, name)
        default:
            try FileAt.makeNode(target, name, mode: status.mode, major: status.major, minor: status.minor)
        }
        do {
            try FileAt.setOwner(target, name, uid: status.uid, gid: status.gid)
        } catch {
            if geteuid() == 0 { throw error }
        }
        if !status.isSymbolicLink { try FileAt.setMode(target, name, status.permissions) }
        try FileAt.setTime(target, name, seconds: status.mtimeSeconds, nanoseconds: status.mtimeNanoseconds)
    }
}

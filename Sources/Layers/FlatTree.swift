public import Diagnostics
internal import Glibc
internal import Linux
public import SystemPackage

/// A container's root as a plain copy of all of its image, for machines on which nothing can be laid over anything: the
/// `vfs` driver. Its root directory is marked opaque, so that a stack with the image's layers below it shows it alone.
public enum FlatTree {
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
            let now = try FileAt.status(target)
            try ExtendedAttributes.set(
                target, PrivateAttributes.copied, Array("\(now.ctimeSeconds).\(now.ctimeNanoseconds)".utf8))
        }
    }

    /// When the copy was whole: files that were changed later have a later `ctime`. Nil for an overlay's directory.
    static func copied(_ upper: FilePath) -> Timestamp? {
        guard let value = try? ExtendedAttributes.get(path: upper.string, PrivateAttributes.copied) else { return nil }
        let parts = String(decoding: value, as: UTF8.self).split(separator: ".")
        guard parts.count == 2, let seconds = Int64(parts[0]), let nanoseconds = UInt32(parts[1]) else { return nil }
        return Timestamp(seconds: seconds, nanoseconds: nanoseconds)
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
            case .other(_, let status, let parent):
                if status.links > 1 {
                    let id = FileID(status)
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

internal import Diagnostics
internal import Glibc
internal import Linux
internal import SystemPackage

/// Walks a layer directory and writes it as a change set.
struct DirectoryPacker {
    private struct FileID: Hashable {
        let device: UInt64
        let inode: UInt64
    }

    private let directory: FilePath
    private let writer: TarWriter
    private let leavingOut: Set<ArchivePath>
    private let privileges = ProcessPrivileges.current
    private let user = geteuid()
    private let group = getegid()
    private var linked: [FileID: [CChar]] = [:]

    init(_ directory: FilePath, _ writer: TarWriter, leavingOut: Set<FilePath>) throws(DrydockError) {
        self.directory = directory
        self.writer = writer
        self.leavingOut = Set(leavingOut.compactMap { ArchivePath($0) })
    }

    mutating func pack() throws(DrydockError) {
        let root: Int32
        do throws(Errno) {
            root = try FileAt.open(FileAt.workingDirectory, directory.string, O_RDONLY | O_DIRECTORY)
        } catch {
            throw systemFailure(error, "open", text: directory.string)
        }
        defer { FileAt.close(root) }
        try walk(root, ArchivePath(names: []), childOwners(root, ArchivePath(names: [])))
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
            if try isLeftOut(fd, name, child, status) { continue }
            try pack(fd, name, child, status, owners)
        }
    }

    mutating func pack(
        _ parent: Int32, _ name: [CChar], _ path: ArchivePath, _ status: FileStatus, _ owners: [String: RecordedOwner]
    ) throws(DrydockError) {
        var item = item(name, path, status, owners)
        if status.links > 1, !status.isDirectory {
            let id = FileID(device: status.device, inode: status.inode)
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
            let owners = try childOwners(fd, path)
            try readAttributes(fd, path, status, &item)
            try writer.write(item)
            try walk(fd, path, owners)
        case S_IFREG:
            let fd = try attempt("open", path) { () throws(Errno) in
                try FileAt.open(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            }
            defer { FileAt.close(fd) }
            try readAttributes(fd, path, status, &item)
            if item.type == S_IFREG { try writer.write(item, from: fd) } else { try writer.write(item) }
        case S_IFLNK:
            item.symbolicLink = try attempt("read link", path) { () throws(Errno) in
                try FileAt.readLink(parent, name).map { CChar(bitPattern: $0) } + [0]
            }
            item.mode = 0o777
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
        var item = item(name, path, status, owners)
        try readAttributes(fd, path, status, &item)
        try writer.write(item)
    }

    private func item(
        _ name: [CChar], _ path: ArchivePath, _ status: FileStatus, _ owners: [String: RecordedOwner]
    ) -> TarItem {
        var item = TarItem()
        item.path = path.joined
        item.type = status.mode & S_IFMT
        item.mode = status.permissions
        // Who is not root packs what is his own as root's: so it was unpacked (see `ApplyOptions.Ownership.record`).
        let isOwn = !privileges.isRoot && status.uid == user
        item.uid = isOwn ? 0 : Int64(status.uid)
        item.gid = isOwn && status.gid == group ? 0 : Int64(status.gid)
        item.mtime = Timestamp(seconds: status.mtimeSeconds, nanoseconds: status.mtimeNanoseconds)
        item.size = status.size
        if let owner = owners[displayed(name)], isUnset(status) { item.set(owner) }
        return item
    }

    /// The attributes that belong in a layer, and what was recorded in those that do not.
    private func readAttributes(
        _ fd: Int32, _ path: ArchivePath, _ status: FileStatus, _ item: inout TarItem
    ) throws(DrydockError) {
        let names = try attempt("read attributes of", path) { () throws(Errno) in try ExtendedAttributes.names(fd) }
        for name in names {
            func value() throws(DrydockError) -> [UInt8]? {
                try attempt("read attributes of", path) { () throws(Errno) in try ExtendedAttributes.get(fd, name) }
            }
            if name.hasSuffix(".overlay.redirect") || name.hasSuffix(".overlay.metacopy") {
                throw DrydockError(
                    .unsupported, "cannot pack \(path.text)",
                    reason: "overlayfs kept only a reference to a layer below",
                    remedy: "Mount overlay with redirect_dir=off,metacopy=off.")
            }
            if name == PrivateAttributes.owner, let owner = try value().flatMap(RecordedOwner.init) {
                // A container may have changed owner or mode since: then what was recorded counts no more.
                if isUnset(status) { item.set(owner) }
            } else if name == PrivateAttributes.node, let node = try value() {
                item.set(node: node)
            } else if name.hasPrefix(PrivateAttributes.attribute), let value = try value() {
                item.attributes.append((String(name.dropFirst(PrivateAttributes.attribute.count)), value))
            } else if PrivateAttributes.isPortable(name), let value = try value() {
                let isCapability = name == "security.capability"
                item.attributes.append((name, isCapability ? PrivateAttributes.portableCapability(value) : value))
            }
        }
        item.attributes.sort { $0.name < $1.name }
    }

    /// Whether a file still has the owner that it has where none could be set.
    private func isUnset(_ status: FileStatus) -> Bool { status.uid == user && status.gid == group }

    func childOwners(_ fd: Int32, _ path: ArchivePath) throws(DrydockError) -> [String: RecordedOwner] {
        var owners: [String: RecordedOwner] = [:]
        try attempt("read attributes of", path) { () throws(Errno) in
            for name in try ExtendedAttributes.names(fd) where name.hasPrefix(PrivateAttributes.childOwner) {
                let child = String(name.dropFirst(PrivateAttributes.childOwner.count))
                owners[child] = try ExtendedAttributes.get(fd, name).flatMap(RecordedOwner.init)
            }
        }
        return owners
    }

    /// Whether this is a mount point that the runtime made and nothing was put in.
    private func isLeftOut(
        _ parent: Int32, _ name: [CChar], _ path: ArchivePath, _ status: FileStatus
    ) throws(DrydockError) -> Bool {
        guard leavingOut.contains(path) else { return false }
        if status.isRegular { return status.size == 0 }
        guard status.isDirectory else { return status.isCharacterDevice }
        let fd = try attempt("open", path) { () throws(Errno) in
            try FileAt.open(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        }
        defer { FileAt.close(fd) }
        for child in try attempt("read directory", path, { () throws(Errno) in try sortedNames(fd) })
        where !WhiteoutName.isWhiteout(child) {
            let path = ArchivePath(names: path.names + [child])
            let found = try attempt("read", path) { () throws(Errno) in try FileAt.statusIfPresent(fd, child) }
            guard let found, try isLeftOut(fd, child, path, found) else { return false }
        }
        return true
    }
}

extension TarItem {
    fileprivate mutating func set(_ owner: RecordedOwner) {
        uid = Int64(owner.uid)
        gid = Int64(owner.gid)
        let isUnchanged = [owner.mode, owner.mode | 0o600, owner.mode | 0o700].contains(mode)
        if type != S_IFLNK, isUnchanged { mode = owner.mode }
    }

    /// Turns the file that stands for a device back into one.
    fileprivate mutating func set(node: [UInt8]) {
        let parts = String(decoding: node, as: UTF8.self).split(separator: ":")
        guard parts.count == 3, let major = UInt32(parts[1]), let minor = UInt32(parts[2]) else { return }
        type = parts[0] == "c" ? S_IFCHR : S_IFBLK
        (self.major, self.minor) = (major, minor)
    }
}

internal import Diagnostics
internal import Glibc
internal import Linux
internal import SystemPackage

/// Reads what an archive says of a file, apart from its content: with the owners and devices that were recorded because
/// they could not be set, and without what belongs to this machine.
struct ItemReader: Sendable {
    private let privileges = ProcessPrivileges.current
    private let user = geteuid()
    private let group = getegid()

    /// The entry of what has a name in an open directory.
    func describe(
        _ parent: Int32, _ name: [CChar], _ path: ArchivePath, _ status: FileStatus, _ owners: [String: RecordedOwner]
    ) throws(DrydockError) -> TarItem {
        var item = item(name, path, status, owners)
        switch item.type {
        case S_IFDIR, S_IFREG:
            let fd = try attempt("open", path) { () throws(Errno) in
                try FileAt.open(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            }
            defer { FileAt.close(fd) }
            try readAttributes(fd, path, status, &item)
        case S_IFLNK: try readLink(parent, name, path, &item)
        default: (item.major, item.minor) = (status.major, status.minor)
        }
        return item
    }

    /// The entry of a directory that is open.
    func describe(
        directory fd: Int32, _ name: [CChar], _ path: ArchivePath, _ status: FileStatus,
        _ owners: [String: RecordedOwner]
    ) throws(DrydockError) -> TarItem {
        var item = item(name, path, status, owners)
        try readAttributes(fd, path, status, &item)
        return item
    }

    func readLink(
        _ parent: Int32, _ name: [CChar], _ path: ArchivePath, _ item: inout TarItem
    ) throws(DrydockError) {
        item.symbolicLink = try attempt("read link", path) { () throws(Errno) in
            try FileAt.readLink(parent, name).map { CChar(bitPattern: $0) } + [0]
        }
        item.mode = 0o777
    }

    func item(
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
    func readAttributes(
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

internal import Diagnostics
internal import Glibc
internal import Linux
internal import SystemPackage

/// Makes files under a root directory, entry by entry. Every name is made relative to an open directory inside the
/// root, so that no archive can reach outside.
struct TreeWriter: ~Copyable {
    struct DirectoryMetadata {
        var mode: UInt32
        var uid: UInt32
        var gid: UInt32
        var mtime: Timestamp
        var attributes: [(name: String, value: [UInt8])]
    }

    let root: Int32
    let options: ApplyOptions
    let privileges: ProcessPrivileges
    var cursor: DirectoryCursor
    /// Directories get their metadata at the end: making files in them changes their times, and needs their modes.
    var directories: [[CChar]: DirectoryMetadata] = [:]
    /// What this change set made; whiteouts do not remove it. Only kept where they remove anything.
    var made: Set<[CChar]> = []
    var fileBytes: Int64 = 0
    var entries: Int64 = 0

    /// Whether new files are root's without being given to it: nothing passes its group on, as a set-gid directory does.
    private let makesFilesOfRoot: Bool
    /// The bits that this process takes from the modes of new files; all of them where that is not known.
    private let fileModeMask: UInt32

    init(root: Int32, options: ApplyOptions) {
        self.root = root
        self.options = options
        privileges = .current
        cursor = DirectoryCursor(root: root)
        let status = try? FileAt.status(root)
        makesFilesOfRoot =
            options.overlayFlavor != nil && options.ownership == .set && privileges.isRoot
            && status.map { $0.mode & 0o2000 == 0 } == true
        fileModeMask = options.overlayFlavor == nil ? 0o7777 : ProcessPrivileges.fileModeMask
    }

    /// What need not be set on a new file any more, because it was made with it.
    func isMade(uid: UInt32, gid: UInt32) -> Bool { makesFilesOfRoot && uid == 0 && gid == 0 }

    /// Whether a file made with this mode has it.
    func isMade(mode: UInt32) -> Bool { mode & fileModeMask == 0 && mode <= 0o777 && mode & 0o200 != 0 }

    /// Applies one entry; `content` passes the bytes of a regular file on.
    mutating func apply(
        _ item: TarItem,
        content: ((UnsafeRawBufferPointer, Int64) throws(DrydockError) -> Void) throws(DrydockError) -> Void
    ) throws(DrydockError) {
        entries += 1
        guard entries <= options.limits.entries else {
            throw DrydockError(
                .exhausted, "layer has more than \(options.limits.entries) entries", reason: "refused as a precaution")
        }
        // A message needs the name as text; most entries need none.
        var shown: String { displayed(item.path) }
        guard item.path.count - 1 <= options.limits.pathLength else {
            throw archiveFailure("invalid tar entry \"\(shown.prefix(64))…\"", reason: "its name is too long")
        }
        guard item.size <= options.limits.bytes else {
            throw DrydockError(
                .exhausted, "\"\(shown)\" is larger than \(options.limits.bytes) bytes",
                reason: "refused as a precaution")
        }
        guard let path = ArchivePath(item.path) else {
            throw archiveFailure("invalid tar entry \"\(shown)\"", reason: "it is outside of the layer's root")
        }
        guard let name = path.names.last else {
            if item.type == S_IFDIR { try record(directory: [0], item) }
            return
        }
        if item.type == S_IFSOCK { return }
        let above = path.names.dropLast()
        if WhiteoutName.isWhiteout(name) { return try applyWhiteout(name, in: above, shown) }
        let parent = try directory(above)
        if case .remove = options.whiteouts { made.insert(path.joined) }
        if item.type == S_IFDIR { return try makeDirectory(parent, name, path, item) }
        if item.type == S_IFREG, item.hardLink == nil {
            let fd = try createFile(parent, name, path, mode: isMade(mode: item.mode) ? item.mode : 0o600)
            defer { FileAt.close(fd) }
            return try finish(fd, path, item, content)
        }
        let make = try maker(item, path, shown)
        try replacing(parent, name, path) { parent throws(Errno) in try make(parent, name) }
        if item.hardLink == nil { try setMetadata(parent, name, path, item) }
    }

    private mutating func createFile(
        _ parent: Int32, _ name: [CChar], _ path: ArchivePath, mode: UInt32
    ) throws(DrydockError) -> Int32 {
        let flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW
        return try attempt("create", path) { () throws(Errno) in
            do throws(Errno) {
                return try FileAt.open(parent, name, flags, mode: mode)
            } catch {
                guard error == .fileExists else { throw error }
            }
            try clear(parent, name, path)
            return try FileAt.open(parent, name, flags, mode: mode)
        }
    }

    /// What makes the name itself, for everything but directories.
    private mutating func maker(
        _ item: TarItem, _ path: ArchivePath, _ shown: String
    ) throws(DrydockError) -> (Int32, [CChar]) throws(Errno) -> Void {
        if let link = item.hardLink { return try linker(link, path, shown) }
        let type = item.type
        switch type {
        case S_IFLNK:
            let target = item.symbolicLink ?? [0]
            return { (parent, name) throws(Errno) in try FileAt.symbolicLink(target, parent, name) }
        case S_IFIFO:
            return { (parent, name) throws(Errno) in try FileAt.makeNode(parent, name, mode: type | 0o600) }
        case S_IFCHR, S_IFBLK:
            let (major, minor) = (item.major, item.minor)
            let canRefuse = !(privileges.isRoot && privileges.isInitialNamespace)
            return { (parent, name) throws(Errno) in
                do throws(Errno) {
                    try FileAt.makeNode(parent, name, mode: type | 0o600, major: major, minor: minor)
                } catch {
                    guard canRefuse, error == .notPermitted else { throw error }
                    let fd = try FileAt.open(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, mode: 0o600)
                    defer { FileAt.close(fd) }
                    let text = "\(type == S_IFCHR ? "c" : "b"):\(major):\(minor)"
                    try ExtendedAttributes.set(fd, PrivateAttributes.node, Array(text.utf8))
                }
            }
        default:
            throw archiveFailure("invalid tar entry \"\(shown)\"", reason: "its type is unknown")
        }
    }

    private mutating func linker(
        _ link: [CChar], _ path: ArchivePath, _ shown: String
    ) throws(DrydockError) -> (Int32, [CChar]) throws(Errno) -> Void {
        guard let target = ArchivePath(link), let targetName = target.names.last, target != path else {
            throw archiveFailure(
                "invalid hardlink \"\(shown)\" -> \"\(displayed(link))\"",
                reason: "it does not name another file of the layer")
        }
        let fd = try cursor.directory(target.names.dropLast()) { _, _, _ throws(DrydockError) in false }
        // The cursor moves on to the parent of the new name: keep the target's directory open until the link is made.
        let held = fd.flatMap { try? FileAt.open($0, ".", FileAt.path | O_DIRECTORY) } ?? -1
        let parent = try? FileAt.status(held, targetName)
        guard held >= 0, let status = parent, !status.isWhiteout, !status.isDirectory else {
            if held >= 0 { FileAt.close(held) }
            return try copierFromBelow(target, shown)
        }
        return { (parent, name) throws(Errno) in
            defer { FileAt.close(held) }
            try FileAt.hardLink(held, targetName, parent, name)
        }
    }

    /// A hard link whose target is in a layer below: the file is copied up, as overlayfs itself would do.
    private func copierFromBelow(
        _ target: ArchivePath, _ shown: String
    ) throws(DrydockError) -> (Int32, [CChar]) throws(Errno) -> Void {
        let stack = LayerStack(options.lower)
        guard let found = try stack.lookUp(target.filePath, followingLast: false), found.status.isRegular else {
            throw archiveFailure(
                "invalid hardlink \"\(shown)\" -> \"\(target.text)\"", reason: missingBelow)
        }
        let source = stack.layers[found.layer].string + found.path.string
        let status = found.status
        return { (parent, name) throws(Errno) in
            let from = try FileAt.open(FileAt.workingDirectory, source, O_RDONLY | O_NOFOLLOW)
            defer { FileAt.close(from) }
            let to = try FileAt.open(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, mode: 0o600)
            defer { FileAt.close(to) }
            try FileAt.clone(from, to: to)
            try copyMetadata(from, to: to, status)
        }
    }

    /// Makes a name; what already has it is removed first, as a later entry of an archive replaces an earlier one.
    private mutating func replacing(
        _ parent: Int32, _ name: [CChar], _ path: ArchivePath, make: (Int32) throws(Errno) -> Void
    ) throws(DrydockError) {
        // `maker` may have moved the cursor away from the parent.
        let parent = try directory(path.names.dropLast())
        try attempt("make", path) { () throws(Errno) in
            if try FileAt.statusIfPresent(parent, name) != nil { try clear(parent, name, path) }
            try make(parent)
        }
    }

    /// Removes whatever has a name, and forgets what was to be done to it.
    mutating func clear(_ parent: Int32, _ name: [CChar], _ path: ArchivePath) throws(Errno) {
        do {
            return try FileAt.unlink(parent, name)
        } catch {
            guard error == .isDirectory || error == .notPermitted else { throw error }
        }
        try removeTree(parent, name)
        let gone = path.joined
        let below = gone.dropLast() + [0x2f]
        for key in directories.keys where key == gone || key.starts(with: below) { directories[key] = nil }
    }

    /// The open directory of some names; what is missing is made.
    mutating func directory(_ names: ArraySlice<[CChar]>) throws(DrydockError) -> Int32 {
        var implied: [[CChar]] = []
        let overlay = options.overlayFlavor
        let fd = try cursor.directory(names) { parent, name, path throws(DrydockError) in
            do throws(Errno) {
                let status = try FileAt.statusIfPresent(parent, name)
                if let status, !status.isWhiteout { return false }
                if status != nil { try FileAt.unlink(parent, name) }
                try FileAt.makeDirectory(parent, name, mode: 0o700)
                if status != nil, let overlay { try Self.setOpaque(parent, name, overlay) }
            } catch {
                throw systemFailure(error, "make directory", ArchivePath.join(path))
            }
            implied.append(ArchivePath.join(path))
            return true
        }
        for path in implied {
            directories[path] = DirectoryMetadata(
                mode: 0o755, uid: 0, gid: 0, mtime: Timestamp(seconds: 0), attributes: [])
            if case .remove = options.whiteouts { made.insert(path) }
        }
        guard let fd else {
            throw archiveFailure(
                "invalid tar entry below \"\(displayed(ArchivePath.join(names)))\"", reason: "not a directory")
        }
        return fd
    }

    private mutating func makeDirectory(
        _ parent: Int32, _ name: [CChar], _ path: ArchivePath, _ item: TarItem
    ) throws(DrydockError) {
        do throws(Errno) {
            let status = try FileAt.statusIfPresent(parent, name)
            if let status, !status.isDirectory { try FileAt.unlink(parent, name) }
            if status?.isDirectory != true {
                cursor.forget(path.names[...])
                try FileAt.makeDirectory(parent, name, mode: 0o700)
            }
            if status?.isWhiteout == true, let overlay = options.overlayFlavor {
                try Self.setOpaque(parent, name, overlay)
            }
        } catch {
            throw systemFailure(error, "make directory", path.joined)
        }
        try record(directory: path.joined, item)
    }

    private mutating func record(directory path: [CChar], _ item: TarItem) throws(DrydockError) {
        let (uid, gid) = try owner(item)
        directories[path] = DirectoryMetadata(
            mode: item.mode, uid: uid, gid: gid, mtime: item.mtime, attributes: item.attributes)
    }

    func owner(_ item: TarItem) throws(DrydockError) -> (UInt32, UInt32) {
        guard let uid = UInt32(exactly: item.uid), let gid = UInt32(exactly: item.gid), uid != .max, gid != .max else {
            throw archiveFailure(
                "invalid tar entry \"\(displayed(item.path))\"",
                reason: "its owner \(item.uid):\(item.gid) cannot exist")
        }
        return (uid, gid)
    }
}

extension ApplyOptions {
    var overlayFlavor: OverlayFlavor? {
        if case .overlay(let flavor) = whiteouts { return flavor }
        return nil
    }
}

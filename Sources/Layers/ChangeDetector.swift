public import Diagnostics
internal import Glibc
internal import Linux
public import SystemPackage

/// A difference between a container's file system and its image, as `docker diff` prints it.
public struct Change: Sendable, Hashable {
    /// What happened to a path.
    public enum Kind: String, Sendable, Hashable {
        /// It is new.
        case added = "A"
        /// It was there and is different, or something below it is.
        case changed = "C"
        /// It is gone.
        case deleted = "D"
    }

    /// What happened.
    public var kind: Kind
    /// The path, absolute in the container.
    public var path: FilePath

    /// Makes a change.
    public init(_ kind: Kind, _ path: FilePath) {
        self.kind = kind
        self.path = path
    }
}

/// Finds what a container changed, from its upper directory alone, so that the cost follows the change and not the
/// image.
public enum ChangeDetector {
    /// What a runtime puts into a container's upper directory only to mount something on it. Where they are empty,
    /// they are no change, and no part of a commit.
    public static let mountPoints: Set<FilePath> = [
        "/.dockerenv", "/dev", "/dev/console", "/dev/mqueue", "/dev/pts", "/dev/shm", "/etc", "/etc/hostname",
        "/etc/hosts", "/etc/mtab", "/etc/resolv.conf", "/proc", "/sys",
    ]

    /// Whether what lies at one of these paths is what the runtime made there.
    static func isStub(_ path: ArchivePath, _ status: FileStatus) -> Bool {
        // The only link among them is /etc/mtab.
        if status.isSymbolicLink { return path.filePath == "/etc/mtab" }
        return status.isRegular ? status.size == 0 : status.isCharacterDevice
    }

    /// The changes, in the order of a walk with sorted names: a directory comes before what is in it.
    ///
    /// As Docker has it: what is in `upper` and in the image is changed, what is only in `upper` is added, a whiteout is
    /// a deletion; directories above a change are changed; of a directory that was deleted only the directory is named.
    /// A flat tree (see `FlatTree`) is compared with the image instead, file by file.
    /// - Parameters:
    ///   - upper: the overlay upper directory.
    ///   - lower: the image's layers.
    ///   - leavingOut: paths that are not named where they are empty and not in the image.
    public static func changes(
        upper: FilePath, lower: LayerStack, leavingOut: Set<FilePath> = mountPoints
    ) throws(DrydockError) -> [Change] {
        var walk = ChangeWalk(leavingOut: Set(leavingOut.compactMap { ArchivePath($0) }))
        let roots = try LayerDirectories.roots([upper])
        defer { withExtendedLifetime(roots) {} }
        guard let root = roots.members.first else { return [] }
        walk.isFlat = root.overlay.isOpaque
        try walk.walk(root.fd, root.overlay, ArchivePath(names: []), try LayerDirectories.roots(lower.layers))
        return walk.changes
    }
}

private struct ChangeWalk {
    let leavingOut: Set<ArchivePath>
    var changes: [Change] = []
    /// The upper directory has everything that the image has, so that what is missing is deleted.
    var isFlat = false

    init(leavingOut: Set<ArchivePath>) { self.leavingOut = leavingOut }

    mutating func walk(
        _ upper: Int32, _ overlay: OverlayDirectory, _ path: ArchivePath, _ lower: LayerDirectories?,
        isHiding: Bool = false
    ) throws(DrydockError) {
        var entries = try attempt("read directory", path) { () throws(Errno) in try sortedEntries(upper) }
        // fuse-overlayfs marks opaque directories as archives do, by a file in them.
        let isMarked = entries.contains { $0.name == WhiteoutName.opaque }
        if isMarked { entries.removeAll { $0.name == WhiteoutName.opaque } }
        // overlayfs marks only the outermost of directories through which nothing of the image shows.
        let isHiding = isHiding || overlay.isOpaque || isFlat || isMarked
        if isHiding, let lower {
            let hidden = try attempt("read directory", path) { () throws(Errno) in try lower.names() }
            let own = Set(entries.map(\.name))
            for name in hidden where !own.contains(name) {
                entries.append(DirectoryEntry(name: name, type: UInt8(DT_UNKNOWN)))
            }
            entries.sort { ArchivePath.isBefore($0.name, $1.name) }
        }
        for entry in entries {
            let name = entry.name
            let child = ArchivePath(names: path.names + [name])
            let below = try attempt("look up", child) { () throws(Errno) in try lower?.entry(name) } ?? .absent
            var isThere = true
            if case .absent = below { isThere = false }
            if entry.isPlain, !isFlat, !overlay.hasAttributeWhiteouts, isThere || !leavingOut.contains(child) {
                changes.append(Change(isThere ? .changed : .added, child.filePath))
                continue
            }
            let found = try attempt("look up", child) { () throws(Errno) in try FileAt.statusIfPresent(upper, name) }
            guard let status = found,
                try !attempt("look up", child, { () throws(Errno) in try overlay.isWhiteout(upper, name, status) })
            else {
                if isThere { changes.append(Change(.deleted, child.filePath)) }
                continue
            }
            guard status.isDirectory else {
                if !isThere, isStub(child, status) { continue }
                if isFlat, case .other(_, let old, let parent) = below,
                    try attempt(
                        "look up", child,
                        { () throws(Errno) in
                            try FlatTree.isSame(upper, name, status, as: parent, old)
                        })
                {
                    continue
                }
                changes.append(Change(isThere ? .changed : .added, child.filePath))
                continue
            }
            try walkDirectory(upper, name, child, status, below, isHiding)
        }
    }

    private mutating func walkDirectory(
        _ upper: Int32, _ name: [CChar], _ path: ArchivePath, _ status: FileStatus, _ below: LayerDirectories.Entry,
        _ isHiding: Bool
    ) throws(DrydockError) {
        let position = changes.count
        let fd = try attempt("open", path) { () throws(Errno) in
            try FileAt.open(upper, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        }
        defer { FileAt.close(fd) }
        let overlay = try attempt("read attributes of", path) { () throws(Errno) in try OverlayDirectory(fd) }
        switch below {
        case .directory(let lower, _, let old):
            try walk(fd, overlay, path, lower, isHiding: isHiding)
            let isSame =
                old.permissions == status.permissions && old.uid == status.uid && old.gid == status.gid
                && !overlay.isOpaque
            if !isSame || changes.count > position { changes.insert(Change(.changed, path.filePath), at: position) }
        case .other:
            try walk(fd, overlay, path, nil)
            changes.insert(Change(.changed, path.filePath), at: position)
        case .absent:
            try walk(fd, overlay, path, nil)
            if changes.count == position, leavingOut.contains(path) { return }
            changes.insert(Change(.added, path.filePath), at: position)
        }
    }

    private func isStub(_ path: ArchivePath, _ status: FileStatus) -> Bool {
        leavingOut.contains(path) && ChangeDetector.isStub(path, status)
    }
}

internal import Diagnostics
internal import Glibc
internal import Linux
internal import SystemPackage

/// Walks a container's own directory beside the layers below it, and writes what differs.
///
/// What is written follows from the two trees alone, not from how a driver notes a change: what was copied up and is
/// still the same is left out, and what is gone has a whiteout of its own even where overlayfs made the directory opaque
/// (OCI image-spec, layer.md: "Implementations SHOULD generate layers using explicit whiteout files").
struct ChangeSetPacker {
    private let writer: TarWriter
    private let comparison: TreeComparison
    private var packer: DirectoryPacker
    private let leavingOut: Set<ArchivePath>
    private let upper: FilePath
    private let lower: LayerStack
    /// Directories on the way down that are themselves unchanged: they are written before the first change in them.
    private var pending: [TarItem] = []
    /// See `FileGroups`; found when the first file needs it.
    private var groups: FileGroups?

    init(
        _ upper: FilePath, over lower: LayerStack, _ writer: TarWriter, leavingOut: Set<FilePath>
    ) {
        self.upper = upper
        self.lower = lower
        self.writer = writer
        self.leavingOut = Set(leavingOut.compactMap { ArchivePath($0) })
        packer = DirectoryPacker(upper, writer)
        comparison = TreeComparison(copied: FlatTree.copied(upper))
    }

    mutating func pack() throws(DrydockError) {
        let root = try ComparedDirectory(root: upper, over: lower)
        defer { root.close() }
        try walk(root)
    }

    private mutating func walk(_ directory: ComparedDirectory) throws(DrydockError) {
        let owners = try packer.reader.childOwners(directory.fd, directory.path)
        for name in try directory.names() {
            let child = try directory.child(name)
            guard let status = child.status else {
                guard child.isBelow else { continue }
                try writePending()
                try writer.write(.whiteout(in: directory.path.names[...], WhiteoutName.prefix + name), [])
                continue
            }
            let isMountPoint = leavingOut.contains(child.path) && !child.isBelow
            if status.isDirectory {
                try pack(directory: child, status, in: directory, owners, isMountPoint)
            } else if !(isMountPoint && ChangeDetector.isStub(child.path, status)),
                try isChanged(child, status, in: directory, owners)
            {
                try writePending()
                try packer.pack(directory.fd, name, child.path, status, owners)
            }
        }
    }

    private mutating func pack(
        directory child: ComparedDirectory.Child, _ status: FileStatus, in directory: ComparedDirectory,
        _ owners: [String: RecordedOwner], _ isMountPoint: Bool
    ) throws(DrydockError) {
        let item = try packer.reader.describe(directory.fd, child.name, child.path, status, owners)
        var isChanged = !isMountPoint
        if case .directory(let below, _, let old) = child.below, let top = below.members.first {
            var before = try packer.reader.describe(directory: top.fd, child.name, child.path, old, [:])
            // To mount in a directory the runtime makes names there, which changes its time.
            if leavingOut.contains(child.path) { before.mtime = item.mtime }
            isChanged = !item.saysTheSame(as: before)
        }
        let depth = pending.count
        if isChanged {
            try writePending()
            try writer.write(item)
        } else {
            pending.append(item)
        }
        let inner = try directory.open(child, status, comparison)
        defer { inner.close() }
        try walk(inner)
        // Nothing in it was written.
        if pending.count > depth { pending.removeLast() }
    }

    private mutating func writePending() throws(DrydockError) {
        for item in pending { try writer.write(item) }
        pending.removeAll()
    }

    private mutating func isChanged(
        _ child: ComparedDirectory.Child, _ status: FileStatus, in directory: ComparedDirectory,
        _ owners: [String: RecordedOwner]
    ) throws(DrydockError) -> Bool {
        if try comparison.isChanged(child, status, in: directory, owners) { return true }
        guard status.links > 1, comparison.isTouched(status, in: directory) else { return false }
        let known: FileGroups
        if let groups {
            known = groups
        } else {
            known = try FileGroups(upper, lower, comparison)
            groups = known
        }
        return known.isChanged(status)
    }
}

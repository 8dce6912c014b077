internal import Diagnostics
internal import Glibc
internal import Linux
internal import SystemPackage

/// A directory of a container beside what the image has there.
struct ComparedDirectory {
    /// A name in it.
    struct Child {
        let name: [CChar]
        let path: ArchivePath
        /// What the container has there; nil where it has nothing, or nothing that an archive could hold.
        let status: FileStatus?
        /// What the image has there.
        let below: LayerDirectories.Entry

        var isBelow: Bool {
            if case .absent = below { return false }
            return true
        }
    }

    let fd: Int32
    let overlay: OverlayDirectory
    /// The whole tree is a copy of the image (see `FlatTree`).
    let isFlat: Bool
    /// Nothing of what the image has here shows through: overlayfs marks only the outermost of such directories.
    let isHiding: Bool
    /// What is in it may have come from elsewhere with the directory.
    let mayHaveMoved: Bool
    let lower: LayerDirectories?
    let path: ArchivePath

    /// Opens the roots of a container's own directory and of the image; close it again.
    init(root upper: FilePath, over lower: LayerStack) throws(DrydockError) {
        do throws(Errno) {
            fd = try FileAt.open(FileAt.workingDirectory, upper.string, O_RDONLY | O_DIRECTORY)
        } catch {
            throw systemFailure(error, "open", text: upper.string)
        }
        path = ArchivePath(names: [])
        mayHaveMoved = false
        do throws(DrydockError) {
            let fd = fd
            overlay = try attempt("open", path) { () throws(Errno) in try OverlayDirectory(fd) }
            (isFlat, isHiding) = (overlay.isOpaque, overlay.isOpaque)
            self.lower = lower.layers.isEmpty ? nil : try LayerDirectories.roots(lower.layers)
        } catch {
            FileAt.close(fd)
            throw error
        }
    }

    private init(
        fd: Int32, overlay: OverlayDirectory, of parent: ComparedDirectory, mayHaveMoved: Bool,
        lower: LayerDirectories?, path: ArchivePath
    ) {
        self.fd = fd
        self.overlay = overlay
        isFlat = parent.isFlat
        isHiding = parent.isHiding || overlay.isOpaque
        self.mayHaveMoved = mayHaveMoved
        self.lower = lower
        self.path = path
    }

    /// The names that the container or the image has here, sorted; of the image's only those that the directory hides.
    func names() throws(DrydockError) -> [[CChar]] {
        try attempt("read directory", path) { () throws(Errno) in
            // What is marked by a name cannot be packed: fuse-overlayfs's marks, and sockets are left out later.
            let own = try sortedNames(fd).filter { !WhiteoutName.isWhiteout($0) }
            guard isHiding, let lower else { return own }
            return Set(own).union(try lower.names()).sorted(by: ArchivePath.isBefore)
        }
    }

    func child(_ name: [CChar]) throws(DrydockError) -> Child {
        let path = ArchivePath(names: path.names + [name])
        return try attempt("look up", path) { () throws(Errno) in
            var status = try FileAt.statusIfPresent(fd, name)
            if let found = status {
                let isWhiteout = try overlay.isWhiteout(fd, name, found)
                if isWhiteout || found.mode & S_IFMT == S_IFSOCK { status = nil }
            }
            return Child(name: name, path: path, status: status, below: try lower?.entry(name) ?? .absent)
        }
    }

    /// Opens a directory in it; close it again.
    func open(
        _ child: Child, _ status: FileStatus, _ comparison: TreeComparison
    ) throws(DrydockError) -> ComparedDirectory {
        var below: LayerDirectories?
        if case .directory(let directory, _, _) = child.below { below = directory }
        return try attempt("open", child.path) { () throws(Errno) in
            let inner = try FileAt.open(fd, child.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            do throws(Errno) {
                return ComparedDirectory(
                    fd: inner, overlay: try OverlayDirectory(inner), of: self,
                    mayHaveMoved: comparison.isTouched(status, in: self), lower: below, path: child.path)
            } catch {
                FileAt.close(inner)
                throw error
            }
        }
    }

    func close() { FileAt.close(fd) }

    /// The owners that a layer of the image records in this directory.
    func ownersBelow(_ layer: Int, _ reader: ItemReader) throws(DrydockError) -> [String: RecordedOwner] {
        guard let member = lower?.members.first(where: { $0.layer == layer }) else { return [:] }
        return try reader.childOwners(member.fd, path)
    }
}

/// Says whether a file of a container is another one than the image's of the same name.
struct TreeComparison {
    let reader = ItemReader()
    /// When a flat tree was whole; nil for an overlay, whose directory has only what was touched.
    private let copied: Timestamp?

    init(copied: Timestamp?) { self.copied = copied }

    /// Whether anything was done to a file since its tree was copied; renaming a directory does nothing to what is in it.
    func isTouched(_ status: FileStatus, in directory: ComparedDirectory) -> Bool {
        guard directory.isFlat, let copied, !directory.mayHaveMoved else { return true }
        return !(Timestamp(seconds: status.ctimeSeconds, nanoseconds: status.ctimeNanoseconds) < copied)
    }

    func isChanged(
        _ child: ComparedDirectory.Child, _ status: FileStatus, in directory: ComparedDirectory,
        _ owners: [String: RecordedOwner]
    ) throws(DrydockError) -> Bool {
        guard case .other(let layer, let old, let parent) = child.below else { return true }
        guard status.mode & S_IFMT == old.mode & S_IFMT, status.size == old.size,
            status.mtimeSeconds == old.mtimeSeconds, status.mtimeNanoseconds == old.mtimeNanoseconds
        else { return true }
        if !isTouched(status, in: directory) { return false }
        let item = try reader.describe(directory.fd, child.name, child.path, status, owners)
        let before = try reader.describe(
            parent, child.name, child.path, old, try directory.ownersBelow(layer, reader))
        guard item.saysTheSame(as: before) else { return true }
        guard item.type == S_IFREG else { return false }
        return try !hasSameContent(directory.fd, parent, child)
    }

    private func hasSameContent(
        _ directory: Int32, _ lower: Int32, _ child: ComparedDirectory.Child
    ) throws(DrydockError) -> Bool {
        try attempt("read", child.path) { () throws(Errno) in
            let one = try FileAt.open(directory, child.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            defer { FileAt.close(one) }
            let other = try FileAt.open(lower, child.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            defer { FileAt.close(other) }
            let size = 128 << 10
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * size, alignment: 16)
            defer { buffer.deallocate() }
            func fill(_ fd: Int32, _ start: Int) throws(Errno) -> UnsafeRawBufferPointer {
                var filled = 0
                while filled < size {
                    let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[start + filled..<start + size])
                    let count = try FileAt.read(fd, rest)
                    if count == 0 { break }
                    filled += count
                }
                return UnsafeRawBufferPointer(rebasing: buffer[start..<start + filled])
            }
            while true {
                let (left, right) = (try fill(one, 0), try fill(other, size))
                guard left.count == right.count else { return false }
                if left.isEmpty { return true }
                guard let a = left.baseAddress, let b = right.baseAddress, memcmp(a, b, left.count) == 0 else {
                    return false
                }
            }
        }
    }
}

/// The files of a container with several names. Where one of the names is a change, all of them are: otherwise a layer
/// could not say that they are one file.
struct FileGroups {
    private struct Group {
        /// The file of the image that all of the names are, as far as they are known.
        var lower: FileID
        var isChanged: Bool
    }

    private var groups: [FileID: Group] = [:]

    init(_ upper: FilePath, _ lower: LayerStack, _ comparison: TreeComparison) throws(DrydockError) {
        let root = try ComparedDirectory(root: upper, over: lower)
        defer { root.close() }
        try collect(root, comparison)
    }

    func isChanged(_ status: FileStatus) -> Bool { groups[FileID(status)]?.isChanged ?? false }

    private mutating func collect(
        _ directory: ComparedDirectory, _ comparison: TreeComparison
    ) throws(DrydockError) {
        let owners = try comparison.reader.childOwners(directory.fd, directory.path)
        for name in try directory.names() {
            let child = try directory.child(name)
            guard let status = child.status else { continue }
            if status.isDirectory {
                let inner = try directory.open(child, status, comparison)
                defer { inner.close() }
                try collect(inner, comparison)
            } else if status.links > 1 {
                var old = FileID(device: 0, inode: 0)
                if case .other(_, let below, _) = child.below { old = FileID(below) }
                var group = groups[FileID(status)] ?? Group(lower: old, isChanged: false)
                if group.lower != old { group.isChanged = true }
                if !group.isChanged {
                    group.isChanged = try comparison.isChanged(child, status, in: directory, owners)
                }
                groups[FileID(status)] = group
            }
        }
    }
}

/// What makes a file the same under another name.
struct FileID: Hashable {
    let device: UInt64
    let inode: UInt64

    init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }

    init(_ status: FileStatus) { self.init(device: status.device, inode: status.inode) }
}

extension TarItem {
    /// Whether an entry says the same as another with the same path, apart from the content of a file.
    func saysTheSame(as other: TarItem) -> Bool {
        type == other.type && mode == other.mode && uid == other.uid && gid == other.gid && mtime == other.mtime
            && major == other.major && minor == other.minor && symbolicLink == other.symbolicLink
            && (type != S_IFREG || size == other.size)
            && attributes.elementsEqual(other.attributes) { $0.name == $1.name && $0.value == $1.value }
    }
}

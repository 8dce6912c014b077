public import Diagnostics
internal import Glibc
public import Linux
public import SystemPackage

/// What one layer says, path by path.
public enum LayerContents {
    /// One path of a layer.
    public struct Entry: Sendable, Hashable {
        /// The path, absolute in the image.
        public var path: FilePath
        /// What is there; of a deletion, the mark of it.
        public var status: FileStatus
        /// Whether the layer removes the path from those below.
        public var isDeletion: Bool
    }

    /// The entries of an unpacked layer, in the order of a walk with sorted names: a directory before what is in it.
    public static func entries(of layer: FilePath) throws(DrydockError) -> [Entry] {
        let roots = try LayerDirectories.roots([layer])
        defer { withExtendedLifetime(roots) {} }
        guard let root = roots.members.first else { return [] }
        var entries: [Entry] = []
        try walk(root.fd, root.overlay, ArchivePath(names: []), &entries)
        return entries
    }

    private static func walk(
        _ fd: Int32, _ overlay: OverlayDirectory, _ path: ArchivePath, _ entries: inout [Entry]
    ) throws(DrydockError) {
        for name in try attempt("read directory", path, { () throws(Errno) in try sortedNames(fd) }) {
            let child = ArchivePath(names: path.names + [name])
            let found = try attempt("look up", child) { () throws(Errno) in try FileAt.statusIfPresent(fd, name) }
            guard let status = found else { continue }
            let isDeletion = try attempt("look up", child) { () throws(Errno) in
                try overlay.isWhiteout(fd, name, status)
            }
            entries.append(Entry(path: child.filePath, status: status, isDeletion: isDeletion))
            guard status.isDirectory else { continue }
            let inner = try attempt("open", child) { () throws(Errno) in
                try FileAt.open(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            }
            defer { FileAt.close(inner) }
            let below = try attempt("read attributes of", child) { () throws(Errno) in try OverlayDirectory(inner) }
            try walk(inner, below, child, &entries)
        }
    }
}

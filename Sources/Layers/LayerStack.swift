public import Diagnostics
internal import Glibc
public import Linux
public import SystemPackage

/// Looks things up in a stack of layer directories as overlayfs would show them, without mounting anything.
public struct LayerStack: Sendable {
    /// What was found at a path.
    public struct Found: Sendable, Hashable {
        /// The number of the layer that the file comes from; 0 is the top.
        public var layer: Int
        /// The path within the root after all links: absolute.
        public var path: FilePath
        /// The file's status in its layer.
        public var status: FileStatus
    }

    /// One layer's version of a path.
    public struct Version: Sendable, Hashable {
        /// What a layer says about a path.
        public enum Kind: Sendable, Hashable {
            /// It has a file, a directory or something else there.
            case present(FileStatus)
            /// It has a directory there that hides what is in the layers below.
            case opaque(FileStatus)
            /// It says that the path is removed.
            case whiteout
        }

        /// The number of the layer; 0 is the top.
        public var layer: Int
        /// What it says.
        public var kind: Kind
        /// Whether a layer above hides it.
        public var hidden: Bool
    }

    /// The layer directories, top first.
    public let layers: [FilePath]

    /// Makes a stack of layer directories, top first (a container's upper directory may be the first).
    public init(_ layers: [FilePath]) { self.layers = layers }

    /// Finds what is at a path; symbolic links are followed inside the root, the last one only where asked.
    /// - Returns: nil where there is nothing.
    /// - Throws: code `.system` with `ELOOP` after 40 links.
    public func lookUp(_ path: FilePath, followingLast: Bool = true) throws(DrydockError) -> Found? {
        switch try resolve(path, followingLast: followingLast) {
        case nil: nil
        case .directory(_, let layer, let status, let path), .other(let layer, let status, _, let path):
            Found(layer: layer, path: path.filePath, status: status)
        }
    }

    /// Reads a regular file (`/etc/passwd`); nil where there is none.
    /// - Throws: code `.exhausted` where it is longer than `limit` bytes.
    public func read(_ path: FilePath, limit: Int = 1 << 20) throws(DrydockError) -> [UInt8]? {
        guard case .other(_, let status, let directory, let resolved) = try resolve(path, followingLast: true),
            status.isRegular, let name = resolved.names.last,
            let parent = directory.members.first(where: { member in
                (try? FileAt.status(member.fd, name))?.inode == status.inode
            })
        else { return nil }
        guard status.size <= Int64(limit) else {
            throw DrydockError(.exhausted, "\(path) is larger than \(limit) bytes")
        }
        // The directories stay open while the file is being opened.
        defer { withExtendedLifetime(directory) {} }
        return try attempt("read", resolved) { () throws(Errno) in
            let fd = try FileAt.open(parent.fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            defer { FileAt.close(fd) }
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: limit + 1, alignment: 16)
            defer { buffer.deallocate() }
            var filled = 0
            while filled < buffer.count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
                let count = try FileAt.read(fd, rest)
                if count == 0 { break }
                filled += count
            }
            return Array(buffer[..<filled])
        }
    }

    /// Every layer's version of a path, top first; symbolic links in the directories above it are followed.
    public func versions(of path: FilePath) throws(DrydockError) -> [Version] {
        guard let wanted = ArchivePath(path) else { return [] }
        var above = ArchivePath(names: wanted.names.dropLast())
        if let found = try resolve(above.filePath, followingLast: true), case .directory(_, _, _, let real) = found {
            above = real
        }
        let names = above.names + wanted.names.suffix(1)
        var versions: [Version] = []
        var isHidden = false
        for (number, layer) in layers.enumerated() {
            let kind = try version(names, in: layer, hiding: &isHidden)
            if let kind { versions.append(Version(layer: number, kind: kind.0, hidden: kind.1)) }
        }
        return versions
    }

    /// The names in a directory, merged and sorted, with the layer that each comes from; nil where there is no
    /// directory.
    public func list(_ path: FilePath) throws(DrydockError) -> [(name: String, found: Found)]? {
        guard case .directory(let directory, _, _, let real) = try resolve(path, followingLast: true) else {
            return nil
        }
        return try attempt("read directory", real) { () throws(Errno) in
            var list: [(name: String, found: Found)] = []
            for name in try directory.names() {
                let child = ArchivePath(names: real.names + [name]).filePath
                switch try directory.entry(name) {
                case .absent: continue
                case .directory(_, let layer, let status), .other(let layer, let status, _):
                    list.append((displayed(name), Found(layer: layer, path: child, status: status)))
                }
            }
            return list
        }
    }
}

extension LayerStack {
    private enum Resolved {
        case directory(LayerDirectories, Int, FileStatus, ArchivePath)
        case other(Int, FileStatus, LayerDirectories, ArchivePath)
    }

    private func resolve(_ path: FilePath, followingLast: Bool) throws(DrydockError) -> Resolved? {
        guard !layers.isEmpty else { return nil }
        let roots = try LayerDirectories.roots(layers)
        var rest = Self.components(path)
        var links = 0
        var way: [(name: [CChar], directory: LayerDirectories, layer: Int, status: FileStatus)] = []
        while !rest.isEmpty {
            let name = rest.removeFirst()
            if name == [0x2e, 0x2e, 0] {
                way = way.dropLast()
                continue
            }
            let directory = way.last?.directory ?? roots
            let here = ArchivePath(names: way.map(\.name) + [name])
            let entry = try attempt("look up", here) { () throws(Errno) in try directory.entry(name) }
            switch entry {
            case .absent: return nil
            case .directory(let inner, let layer, let status): way.append((name, inner, layer, status))
            case .other(let layer, let status, let parent):
                if status.isSymbolicLink, followingLast || !rest.isEmpty {
                    links += 1
                    guard links <= 40 else { throw systemFailure(.tooManySymbolicLinkLevels, "look up", here.joined) }
                    let target = try attempt("read link", here) { () throws(Errno) in
                        try FileAt.readLink(parent, name).map { CChar(bitPattern: $0) }
                    }
                    if target.first == 0x2f { way = [] }
                    rest = Self.components(target) + rest
                } else {
                    return rest.isEmpty ? .other(layer, status, directory, here) : nil
                }
            }
        }
        if let last = way.last {
            return .directory(last.directory, last.layer, last.status, ArchivePath(names: way.map(\.name)))
        }
        guard let top = roots.members.first else { return nil }
        let status = try attempt("look up", ArchivePath(names: [])) { () throws(Errno) in try FileAt.status(top.fd) }
        return .directory(roots, top.layer, status, ArchivePath(names: []))
    }

    /// What one layer says about a path, and whether that is hidden; notes whether it hides what is below.
    private func version(
        _ names: [[CChar]], in layer: FilePath, hiding isHidden: inout Bool
    ) throws(DrydockError) -> (Version.Kind, Bool)? {
        var directory = try LayerDirectories.roots([layer])
        for (index, name) in names.enumerated() {
            let isLast = index == names.count - 1
            let wasHidden = isHidden
            let path = ArchivePath(names: Array(names[...index]))
            guard let member = directory.members.first else { return nil }
            let status = try attempt("look up", path) { () throws(Errno) in
                try FileAt.statusIfPresent(member.fd, name)
            }
            guard let status else { return nil }
            let isWhiteout = try attempt("look up", path) { () throws(Errno) in
                try member.overlay.isWhiteout(member.fd, name, status)
            }
            if isWhiteout {
                isHidden = true
                return isLast ? (.whiteout, wasHidden) : nil
            }
            let entry = try attempt("look up", path) { () throws(Errno) in try directory.entry(name) }
            guard case .directory(let inner, _, _) = entry else {
                isHidden = true
                return isLast ? (.present(status), wasHidden) : nil
            }
            let isOpaque = inner.members.first?.overlay.isOpaque ?? false
            if isOpaque { isHidden = true }
            if isLast { return (isOpaque ? .opaque(status) : .present(status), wasHidden) }
            directory = inner
        }
        return nil
    }

    /// The names of a path as a lookup needs them: `..` stays, because it is taken after links.
    private static func components(_ bytes: some Sequence<CChar>) -> [[CChar]] {
        bytes.split(separator: 0x2f).filter { Array($0) != [0x2e] }.map { Array($0) + [0] }
    }

    private static func components(_ path: FilePath) -> [[CChar]] {
        components(path.string.utf8.map { CChar(bitPattern: $0) })
    }
}

internal import Diagnostics
internal import Glibc
internal import Linux
internal import SystemPackage

/// Walks a stack of layers as overlayfs would show it and writes the whole tree, without mounting anything.
struct StackPacker {
    private let writer: TarWriter
    private var packer: DirectoryPacker

    init(_ writer: TarWriter) throws(DrydockError) {
        self.writer = writer
        packer = DirectoryPacker(FilePath("/"), writer)
    }

    mutating func pack(_ layers: [FilePath]) throws(DrydockError) {
        try walk(try LayerDirectories.roots(layers), ArchivePath(names: []))
    }

    private mutating func walk(_ directory: LayerDirectories, _ path: ArchivePath) throws(DrydockError) {
        var owners: [Int: [String: RecordedOwner]] = [:]
        for member in directory.members { owners[member.layer] = try packer.reader.childOwners(member.fd, path) }
        for name in try attempt("read directory", path, { () throws(Errno) in try directory.names() }) {
            let child = ArchivePath(names: path.names + [name])
            switch try attempt("read", child, { () throws(Errno) in try directory.entry(name) }) {
            case .absent: continue
            case .directory(let inner, let layer, let status):
                guard let top = inner.members.first else { continue }
                try packer.packDirectory(top.fd, name, child, status, owners[layer] ?? [:])
                try walk(inner, child)
            case .other(let layer, let status, let parent):
                guard status.mode & S_IFMT != S_IFSOCK else { continue }
                try packer.pack(parent, name, child, status, owners[layer] ?? [:])
            }
        }
    }
}

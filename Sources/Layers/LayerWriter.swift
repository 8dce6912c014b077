public import Diagnostics
internal import Glibc
internal import Linux
public import SystemPackage

/// Writes layers: tar in the PAX form, sorted, with nothing in it that depends on the machine or the moment, so that
/// the same tree always gives the same digest.
public enum LayerWriter {
    /// Writes a layer from entries; missing parent directories are not added.
    ///
    /// The entries are written in the order of a sorted walk; of several with the same path the last counts.
    /// - Throws: code `.invalidArgument` for a path that leaves the root, `.system` where a file cannot be read, and
    ///   whatever `sink` throws.
    public static func write(
        entries: [LayerEntry], compression: LayerCompression = .gzip(level: 6), to sink: @escaping ByteSink
    ) throws(DrydockError) -> WrittenLayer {
        let writer = try TarWriter(compression, sink)
        var sorted: [ArchivePath: LayerEntry] = [:]
        for entry in entries {
            guard let path = ArchivePath(entry.path), !path.names.isEmpty else {
                throw DrydockError(
                    .invalidArgument, "invalid layer entry \"\(entry.path)\"", reason: "not a path inside the layer")
            }
            sorted[path] = entry
        }
        // A hard link must come after its file, so all of them come last.
        var links: [(ArchivePath, LayerEntry)] = []
        for (path, entry) in sorted.sorted(by: { $0.key < $1.key }) {
            guard case .hardLink(var target) = entry.kind else {
                try write(entry, at: path, to: writer)
                continue
            }
            for _ in 0..<40 {
                guard let key = ArchivePath(target), case .hardLink(let next) = sorted[key]?.kind else { break }
                target = next
            }
            var link = entry
            link.kind = .hardLink(target)
            links.append((path, link))
        }
        for (path, entry) in links { try write(entry, at: path, to: writer) }
        return try writer.finish()
    }

    /// Writes an unpacked layer as the archive that it came from: whiteouts (character device 0:0, or the attribute form)
    /// and opaque directories become OCI's `.wh.` names, attributes private to overlayfs and to Drydock are left out,
    /// recorded owners are put back, sockets are left out.
    /// - Throws: code `.unsupported` where overlayfs was mounted with `redirect_dir` or `metacopy`, `.system` where
    ///   something cannot be read, and whatever `sink` throws.
    public static func write(
        directory: FilePath, compression: LayerCompression = .gzip(level: 6), to sink: @escaping ByteSink
    ) throws(DrydockError) -> WrittenLayer {
        let writer = try TarWriter(compression, sink)
        var walker = DirectoryPacker(directory, writer)
        try walker.pack()
        return try writer.finish()
    }

    /// Writes the difference between a container's tree and the layers below it.
    ///
    /// The bytes follow from the two trees alone: whichever driver kept the change, and whoever did, the same change gives
    /// the same layer. So what was copied up and is unchanged is no part of it, and what is gone has a whiteout each.
    /// - Parameters:
    ///   - upper: an overlay upper directory, or a flat tree (see `FlatTree`).
    ///   - lower: the layers of the image.
    ///   - leavingOut: empty files and directories that are left out, see `ChangeDetector.mountPoints`.
    /// - Throws: code `.unsupported` where overlayfs was mounted with `redirect_dir` or `metacopy`, `.system` where
    ///   something cannot be read, and whatever `sink` throws.
    public static func write(
        upper: FilePath, over lower: LayerStack, compression: LayerCompression = .gzip(level: 6),
        leavingOut: Set<FilePath> = [], to sink: @escaping ByteSink
    ) throws(DrydockError) -> WrittenLayer {
        let writer = try TarWriter(compression, sink)
        var walker = ChangeSetPacker(upper, over: lower, writer, leavingOut: leavingOut)
        try walker.pack()
        return try writer.finish()
    }

    /// Writes everything that a stack of layers shows, as one plain tar archive (`docker export`). Nothing is mounted.
    /// - Parameter layers: the directories, top first.
    public static func write(stack layers: [FilePath], to sink: @escaping ByteSink) throws(DrydockError) -> WrittenLayer
    {
        let writer = try TarWriter(.none, sink)
        var walker = try StackPacker(writer)
        try walker.pack(layers)
        return try writer.finish()
    }

    /// Makes a layer directory of the difference between a container's tree and the layers below it, through the archive
    /// that a push would send: it is what unpacking that archive gives. Blocks.
    /// - Parameter copy: an existing, empty directory.
    public static func copy(
        upper: FilePath, over lower: LayerStack, leavingOut: Set<FilePath> = [], to copy: FilePath,
        options: ApplyOptions
    ) throws(DrydockError) -> WrittenLayer {
        try through(copy, options) { sink throws(DrydockError) in
            try write(upper: upper, over: lower, compression: .none, leavingOut: leavingOut, to: sink)
        }
    }

    /// Makes a layer directory from entries. Blocks.
    /// - Parameter copy: an existing, empty directory.
    public static func copy(
        entries: [LayerEntry], to copy: FilePath, options: ApplyOptions
    ) throws(DrydockError) -> WrittenLayer {
        try through(copy, options) { sink throws(DrydockError) in
            try write(entries: entries, compression: .none, to: sink)
        }
    }

    private static func through(
        _ copy: FilePath, _ options: ApplyOptions, _ write: (@escaping ByteSink) throws(DrydockError) -> WrittenLayer
    ) throws(DrydockError) -> WrittenLayer {
        let applier = try LayerApplier(into: copy, options: options, input: .tar)
        do throws(DrydockError) {
            let written = try write { bytes throws(DrydockError) in try applier.write(bytes) }
            _ = try applier.finish()
            return written
        } catch {
            applier.cancel()
            throw error
        }
    }

    private static func write(
        _ entry: LayerEntry, at path: ArchivePath, to writer: TarWriter
    ) throws(DrydockError) {
        var item = TarItem()
        item.path = path.joined
        item.mode = entry.mode & 0o7777
        item.uid = Int64(entry.uid)
        item.gid = Int64(entry.gid)
        item.mtime = entry.mtime
        item.attributes = entry.attributes.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
        item.type = S_IFREG
        switch entry.kind {
        case .directory:
            item.type = S_IFDIR
            try writer.write(item)
            if entry.opaque { try writer.write(.whiteout(in: path.names[...], WhiteoutName.opaque), []) }
        case .file(.bytes(let bytes)): try writer.write(item, bytes)
        case .file(.file(let source)):
            let fd: Int32
            do throws(Errno) {
                fd = try FileAt.open(FileAt.workingDirectory, source.string, O_RDONLY)
                item.size = try FileAt.status(fd).size
            } catch {
                throw systemFailure(error, "open", text: source.string)
            }
            defer { FileAt.close(fd) }
            try writer.write(item, from: fd)
        case .symbolicLink(let target):
            item.type = S_IFLNK
            item.symbolicLink = Array(target.utf8CString)
            try writer.write(item)
        case .hardLink(let target):
            guard let target = ArchivePath(target) else {
                throw DrydockError(.invalidArgument, "invalid layer entry \"\(entry.path)\"", reason: "bad link target")
            }
            item.hardLink = target.joined
            try writer.write(item)
        case .characterDevice(let major, let minor): try device(S_IFCHR, major, minor)
        case .blockDevice(let major, let minor): try device(S_IFBLK, major, minor)
        case .fifo:
            item.type = S_IFIFO
            try writer.write(item)
        case .whiteout:
            guard let name = path.names.last else { return }
            try writer.write(.whiteout(in: path.names.dropLast(), WhiteoutName.prefix + name), [])
        }
        func device(_ type: UInt32, _ major: UInt32, _ minor: UInt32) throws(DrydockError) {
            item.type = type
            item.major = major
            item.minor = minor
            try writer.write(item)
        }
    }
}

extension TarItem {
    /// The empty file by which an archive says that something is removed.
    static func whiteout(in directory: ArraySlice<[CChar]>, _ name: [CChar]) -> TarItem {
        var item = TarItem()
        item.path = ArchivePath.join(directory + [name])
        item.type = S_IFREG
        return item
    }
}

internal import Diagnostics
internal import Glibc
internal import Linux
internal import SystemPackage

// Contents, metadata and whiteouts.
extension TreeWriter {
    /// Fills a regular file that has just been made, and sets its metadata.
    mutating func finish(
        _ fd: Int32, _ path: ArchivePath, _ item: TarItem,
        _ content: ((UnsafeRawBufferPointer, Int64) throws(DrydockError) -> Void) throws(DrydockError) -> Void
    ) throws(DrydockError) {
        try fill(fd, path, size: item.size, content)
        let meta = try metadata(item)
        guard isMade(uid: meta.uid, gid: meta.gid), isMade(mode: meta.mode), meta.attributes.isEmpty else {
            return try setMetadata(fd, meta, path.joined)
        }
        try attempt("set time of", path) { () throws(Errno) in
            try FileAt.setTime(fd, seconds: meta.mtime.seconds, nanoseconds: meta.mtime.nanoseconds)
        }
    }

    private func metadata(_ item: TarItem) throws(DrydockError) -> DirectoryMetadata {
        let (uid, gid) = try owner(item)
        return DirectoryMetadata(mode: item.mode, uid: uid, gid: gid, mtime: item.mtime, attributes: item.attributes)
    }

    /// Sets the metadata of a link, a pipe or a device that has just been made.
    mutating func setMetadata(
        _ parent: Int32, _ name: [CChar], _ path: ArchivePath, _ item: TarItem
    ) throws(DrydockError) {
        let meta = try metadata(item)
        if item.type == S_IFLNK { fileBytes += item.linkBytes }
        let isPlaceholder =
            (item.type == S_IFCHR || item.type == S_IFBLK)
            && (try? FileAt.status(parent, name))?.isRegular == true
        if isPlaceholder {
            let fd = try attempt("open", path) { () throws(Errno) in
                try FileAt.open(parent, name, O_WRONLY | O_NOFOLLOW)
            }
            defer { FileAt.close(fd) }
            return try setMetadata(fd, meta, path.joined)
        }
        try attempt("set metadata of", path) { () throws(Errno) in
            let isSet = try setOwner(meta) { () throws(Errno) in
                try FileAt.setOwner(parent, name, uid: meta.uid, gid: meta.gid)
            }
            if !isSet { recordInParent(path, uid: meta.uid, gid: meta.gid, mode: item.mode) }
            if item.type != S_IFLNK { try FileAt.setMode(parent, name, item.mode) }
            for (attribute, value) in item.attributes where PrivateAttributes.isPortable(attribute) {
                try? ExtendedAttributes.set(
                    path: ExtendedAttributes.path(parent, displayed(name)), attribute, value)
            }
            try FileAt.setTime(
                parent, name, seconds: item.mtime.seconds, nanoseconds: item.mtime.nanoseconds)
        }
    }

    private mutating func fill(
        _ fd: Int32, _ path: ArchivePath, size: Int64,
        _ content: ((UnsafeRawBufferPointer, Int64) throws(DrydockError) -> Void) throws(DrydockError) -> Void
    ) throws(DrydockError) {
        var position: Int64 = 0
        try content { bytes, offset throws(DrydockError) in
            do throws(Errno) {
                var start = 0
                while start < bytes.count {
                    let isShort = bytes.count < ZeroRuns.shortest
                    let end = isShort ? bytes.count : ZeroRuns.endOfData(bytes, from: start, at: offset)
                    if end > start {
                        let wanted = offset + Int64(start)
                        if wanted != position { try FileAt.seek(fd, to: wanted) }
                        try FileAt.writeAll(fd, UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                        position = offset + Int64(end)
                    }
                    start = end < bytes.count ? ZeroRuns.endOfZeros(bytes, from: end) : end
                }
            } catch {
                throw systemFailure(error, "write", path.joined)
            }
        }
        if position < size {
            try attempt("write", path) { () throws(Errno) in try FileAt.truncate(fd, to: size) }
        }
        fileBytes += max(position, size)
    }

    /// Sets owner, mode, attributes and time, in the order in which none undoes another.
    private func setMetadata(_ fd: Int32, _ meta: DirectoryMetadata, _ path: [CChar]) throws(DrydockError) {
        do throws(Errno) {
            var mode = meta.mode
            if try !setOwner(meta, { () throws(Errno) in try FileAt.setOwner(fd, uid: meta.uid, gid: meta.gid) }) {
                if !privileges.isRoot { mode |= try FileAt.status(fd).isDirectory ? 0o700 : 0o600 }
                if meta.uid != 0 || meta.gid != 0 || mode != meta.mode {
                    let owner = RecordedOwner(uid: meta.uid, gid: meta.gid, mode: meta.mode)
                    try ExtendedAttributes.set(fd, PrivateAttributes.owner, Array(owner.text.utf8))
                }
            }
            try FileAt.setMode(fd, mode)
            for (name, value) in meta.attributes
            where PrivateAttributes.isPortable(name) || name.hasPrefix(PrivateAttributes.childOwner) {
                try setAttribute(fd, name, value)
            }
            try FileAt.setTime(fd, seconds: meta.mtime.seconds, nanoseconds: meta.mtime.nanoseconds)
        } catch {
            throw systemFailure(error, "set metadata of", path)
        }
    }

    /// Sets an owner where that is asked for and possible; whether it was. An id that the user namespace does not map
    /// cannot be set.
    private func setOwner(_ meta: DirectoryMetadata, _ set: () throws(Errno) -> Void) throws(Errno) -> Bool {
        guard options.ownership == .set else { return false }
        do {
            try set()
            return true
        } catch {
            guard error == .invalidArgument, !privileges.isInitialNamespace else { throw error }
            return false
        }
    }

    private func setAttribute(_ fd: Int32, _ name: String, _ value: [UInt8]) throws(Errno) {
        do {
            try ExtendedAttributes.set(fd, name, value)
        } catch {
            if name.hasPrefix(PrivateAttributes.childOwner) || error == .notSupported { return }
            let isRefused = error == .notPermitted || error == .permissionDenied || error == .invalidArgument
            guard isRefused else { throw error }
            try? ExtendedAttributes.set(fd, PrivateAttributes.attribute + name, value)
        }
    }

    /// Links and pipes cannot carry `user.` attributes: their owner is kept on the directory that they are in.
    private mutating func recordInParent(_ path: ArchivePath, uid: UInt32, gid: UInt32, mode: UInt32) {
        guard uid != 0 || gid != 0, let name = path.names.last, name.count < 220 else { return }
        let key = ArchivePath.join(path.names.dropLast())
        let value = RecordedOwner(uid: uid, gid: gid, mode: mode).text
        var meta =
            directories[key]
            ?? DirectoryMetadata(mode: 0o755, uid: 0, gid: 0, mtime: Timestamp(seconds: 0), attributes: [])
        meta.attributes.append((PrivateAttributes.childOwner + displayed(name), Array(value.utf8)))
        directories[key] = meta
    }

    /// Gives the directories their metadata, deepest first, and syncs.
    mutating func close() throws(DrydockError) {
        let paths = directories.keys.sorted { ArchivePath.isBefore($1, $0) }
        for joined in paths {
            guard let meta = directories[joined], let path = ArchivePath(joined) else { continue }
            let fd: Int32
            if let name = path.names.last {
                guard let parent = try cursor.directory(path.names.dropLast(), missing: { _, _, _ in false }) else {
                    continue
                }
                guard let opened = try? FileAt.open(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) else { continue }
                fd = opened
            } else {
                fd = try attempt("open", path) { () throws(Errno) in
                    try FileAt.open(root, ".", O_RDONLY | O_DIRECTORY)
                }
            }
            defer { FileAt.close(fd) }
            try setMetadata(fd, meta, joined)
        }
        if options.sync {
            do { try FileAt.syncFileSystem(root) } catch { throw systemFailure(error, "sync") }
        }
    }

    /// Applies `.wh.name`: it speaks about the layers below, so what this layer itself has made stays.
    mutating func applyWhiteout(
        _ name: [CChar], in above: ArraySlice<[CChar]>, _ shown: String
    ) throws(DrydockError) {
        if name == WhiteoutName.opaque { return try applyOpaque(above) }
        if WhiteoutName.isReserved(name) { return }
        guard let target = WhiteoutName.target(name) else {
            throw archiveFailure("invalid tar entry \"\(shown)\"", reason: "a whiteout must name something")
        }
        let path = ArchivePath(names: Array(above) + [target])
        switch options.whiteouts {
        case .remove:
            guard !made.contains(path.joined),
                let parent = try cursor.directory(above, missing: { _, _, _ in false })
            else { return }
            cursor.forget(path.names[...])
            try attempt("remove", path) { () throws(Errno) in try removeTree(parent, target) }
        case .overlay(let flavor):
            let parent = try directory(above)
            try attempt("make whiteout", path) { () throws(Errno) in
                guard let status = try FileAt.statusIfPresent(parent, target) else {
                    return try FileAt.makeNode(parent, target, mode: S_IFCHR)
                }
                if status.isDirectory { try Self.setOpaque(parent, target, flavor) }
            }
        }
    }

    private mutating func applyOpaque(_ above: ArraySlice<[CChar]>) throws(DrydockError) {
        let path = ArchivePath(names: Array(above))
        switch options.whiteouts {
        case .overlay(let flavor):
            // Overlayfs does not look for the mark on a root: whoever mounts leaves out the layers below; `LayerRoot`.
            let fd = try directory(above)
            try attempt("make opaque", path) { () throws(Errno) in try Self.setOpaque(fd, [0x2e, 0], flavor) }
        case .remove:
            guard let fd = try cursor.directory(above, missing: { _, _, _ in false }) else { return }
            try attempt("empty", path) { () throws(Errno) in
                for name in try sortedNames(fd) where !made.contains(ArchivePath.join(above + [name])) {
                    try removeTree(fd, name)
                }
            }
        }
    }

    static func setOpaque(_ parent: Int32, _ name: [CChar], _ flavor: OverlayFlavor) throws(Errno) {
        let fd = try FileAt.open(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        defer { FileAt.close(fd) }
        try ExtendedAttributes.set(fd, flavor.prefix + "opaque", [0x79])
    }
}

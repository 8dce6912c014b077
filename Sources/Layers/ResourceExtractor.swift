public import Diagnostics
internal import Glibc
internal import Linux
internal import OCI
internal import SystemPackage

/// Unpacks a tar archive below a directory as `docker cp` does: what is there is replaced, but a directory never by
/// something else nor something else by a directory.
///
/// Every name is opened against a descriptor. Whatever the archive says, and whatever a program of the container does to
/// the tree meanwhile, nothing outside of the root is touched.
public struct ResourceExtractor {
    /// Who what is unpacked belongs to.
    public enum Owner: Sendable {
        /// The one who unpacks.
        case caller
        /// Those whom the archive names.
        case archive
        /// A user.
        case user(uid: UInt32, gid: UInt32)
    }

    private let root: Int32
    private let base: String
    private let shown: String
    private let followsLinks: Bool
    private let owner: Owner
    private let devices: Set<UInt64>?
    private let isRoot: Bool
    private var directories: [(path: [[CChar]], mode: UInt32, time: Timestamp)] = []

    /// - Parameters:
    ///   - root: the directory that nothing leaves.
    ///   - base: the path in the root below which everything is put.
    ///   - shown: what that place is called in messages; nil for the path itself.
    ///   - followsLinks: whether links to directories on the way are followed (inside the root), or are an error.
    ///   - devices: the file systems that are written; what belongs on others is left out. Nil for all.
    public init(
        root: Int32, base: String, shown: String? = nil, followsLinks: Bool, owner: Owner,
        devices: Set<UInt64>? = nil
    ) {
        self.root = root
        self.base = base
        let place = shown ?? base
        self.shown = place.count > 1 && place.hasSuffix("/") ? String(place.dropLast()) : place
        self.followsLinks = followsLinks
        self.owner = owner
        self.devices = devices
        isRoot = UserNamespace.current == .root || UserNamespace.current == .ranged
    }

    /// Unpacks what a descriptor gives, compressed or not.
    public mutating func extract(from next: @escaping ByteReader) throws(DrydockError) {
        let reader = TarReader(Decompressor(ClosureSource(next)))
        while let item = try reader.next() { try extract(item, reader) }
        // Writing into a directory changes its time, and a mode may forbid it.
        for directory in directories.reversed() {
            guard let fd = try? open(directory.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) else { continue }
            try? FileAt.setMode(fd, directory.mode)
            try? FileAt.setTime(fd, seconds: directory.time.seconds, nanoseconds: UInt32(directory.time.nanoseconds))
            FileAt.close(fd)
        }
        // What a program may have appended is not part of the archive, but whoever writes it must not get stuck.
        while try next() != nil {}
    }

    private mutating func extract(_ item: TarItem, _ reader: TarReader) throws(DrydockError) {
        let path = try Self.names(item.path)
        guard let name = path.last else {
            guard item.type == S_IFDIR else { return }
            return try settle(item, path)
        }
        let parent = try parent(path.dropLast())
        defer { FileAt.close(parent) }
        if let devices, let device = (try? FileAt.status(parent))?.device, !devices.contains(device) { return }
        do throws(Errno) {
            if let existing = try FileAt.statusIfPresent(parent, name) {
                if existing.isDirectory, let devices, !devices.contains(existing.device) { return }
                let isDirectory = item.type == S_IFDIR
                if existing.isDirectory != isDirectory, existing.isDirectory || isDirectory {
                    throw Errno(rawValue: existing.isDirectory ? EISDIR : ENOTDIR)
                }
                if !isDirectory {
                    // A file that is mounted cannot be replaced; what would be written lies below it and is never seen.
                    if let device = (try? FileAt.status(parent))?.device, existing.device != device {
                        throw Errno(rawValue: EBUSY)
                    }
                    try FileAt.unlink(parent, name)
                }
            }
            try make(item, name, parent, reader)
        } catch {
            switch error.rawValue {
            case EISDIR: throw Self.refused("cannot overwrite directory", path, "with non-directory", shown)
            case ENOTDIR: throw Self.refused("cannot overwrite non-directory", path, "with directory", shown)
            case EBUSY:
                let whole = (shown == "/" ? "" : shown) + "/" + Self.text(path)
                throw DrydockError(
                    .conflict, "unlinkat \(whole): device or resource busy",
                    reason: "a file is mounted there, so it cannot be replaced", errno: EBUSY)
            default: throw problem ?? systemFailure(error, "create", item.path)
            }
        }
        if item.type == S_IFDIR { try settle(item, path) }
    }

    private static func refused(_ start: String, _ path: [[CChar]], _ middle: String, _ place: String) -> DrydockError {
        let whole = (place == "/" ? "" : place) + "/" + Self.text(path)
        return DrydockError(.conflict, "\(start) \"\(whole)\" \(middle) \"\(place)\"")
    }

    private var problem: DrydockError?

    private mutating func make(
        _ item: TarItem, _ name: [CChar], _ parent: Int32, _ reader: TarReader
    ) throws(Errno) {
        if let target = item.hardLink { return try makeHardLink(target, name, parent) }
        switch item.type {
        case S_IFDIR:
            do {
                try FileAt.makeDirectory(parent, name, mode: 0o700)
            } catch {
                if error != .fileExists { throw error }
            }
            try own(item, parent, name)
        case S_IFREG: try makeFile(item, name, parent, reader)
        case S_IFLNK:
            try FileAt.symbolicLink(item.symbolicLink ?? [0], parent, name)
            try own(item, parent, name)
            try? FileAt.setTime(parent, name, seconds: item.mtime.seconds, nanoseconds: 0)
        default:
            do {
                try FileAt.makeNode(
                    parent, name, mode: item.type | item.mode, major: item.major, minor: item.minor)
            } catch {
                // Only the machine's root makes devices.
                if error == .notPermitted { return }
                throw error
            }
            try own(item, parent, name)
        }
    }

    private mutating func makeFile(
        _ item: TarItem, _ name: [CChar], _ parent: Int32, _ reader: TarReader
    ) throws(Errno) {
        let fd = try FileAt.open(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        defer { FileAt.close(fd) }
        var failure: Errno?
        do throws(DrydockError) {
            var end: Int64 = 0
            try reader.content { bytes, offset throws(DrydockError) in
                do throws(Errno) {
                    if offset != end { try FileAt.seek(fd, to: offset) }
                    try FileAt.writeAll(fd, bytes)
                    end = offset + Int64(bytes.count)
                } catch {
                    failure = error
                    throw systemFailure(error, "write", item.path)
                }
            }
        } catch {
            problem = error
            throw failure ?? Errno(rawValue: EIO)
        }
        try FileAt.truncate(fd, to: item.size)
        if let (uid, gid) = ids(item) {
            try tolerating { () throws(Errno) in try FileAt.setOwner(fd, uid: uid, gid: gid) }
        }
        try FileAt.setMode(fd, item.mode)
        for (name, value) in item.attributes where name == "security.capability" {
            try? ExtendedAttributes.set(fd, name, value)
        }
        try? FileAt.setTime(fd, seconds: item.mtime.seconds, nanoseconds: UInt32(item.mtime.nanoseconds))
    }

    private func makeHardLink(_ target: [CChar], _ name: [CChar], _ parent: Int32) throws(Errno) {
        guard let path = try? Self.names(target), let last = path.last,
            let directory = try? self.open(Array(path.dropLast()), FileAt.path | O_DIRECTORY)
        else { throw .noSuchFileOrDirectory }
        defer { FileAt.close(directory) }
        try FileAt.hardLink(directory, last, parent, name)
    }

    private func ids(_ item: TarItem) -> (UInt32, UInt32)? {
        switch owner {
        case .caller: nil
        case .archive: (UInt32(clamping: item.uid), UInt32(clamping: item.gid))
        case .user(let uid, let gid): (uid, gid)
        }
    }

    private func own(_ item: TarItem, _ parent: Int32, _ name: [CChar]) throws(Errno) {
        guard let (uid, gid) = ids(item) else { return }
        try tolerating { () throws(Errno) in try FileAt.setOwner(parent, name, uid: uid, gid: gid) }
    }

    /// Where there is one id only, everything belongs to it.
    private func tolerating(_ body: () throws(Errno) -> Void) throws(Errno) {
        do throws(Errno) { try body() } catch {
            if isRoot { throw error }
        }
    }

    private mutating func settle(_ item: TarItem, _ path: [[CChar]]) throws(DrydockError) {
        if path.isEmpty, let (uid, gid) = ids(item), let fd = try? open(path, O_RDONLY | O_DIRECTORY) {
            try? FileAt.setOwner(fd, uid: uid, gid: gid)
            FileAt.close(fd)
        }
        directories.append((path, item.mode, item.mtime))
    }

    // MARK: Places

    /// The directory of an entry, made where it is missing.
    private func parent(_ path: ArraySlice<[CChar]>) throws(DrydockError) -> Int32 {
        let names = Array(path)
        do throws(Errno) {
            return try open(names, FileAt.path | O_DIRECTORY)
        } catch {
            guard error == .noSuchFileOrDirectory, !names.isEmpty else { throw failure(error, names) }
        }
        let last = names[names.count - 1]
        let above = try parent(names.dropLast())
        defer { FileAt.close(above) }
        do throws(Errno) {
            do { try FileAt.makeDirectory(above, last, mode: 0o755) } catch {
                if error != .fileExists { throw error }
            }
            return try open(names, FileAt.path | O_DIRECTORY)
        } catch {
            throw failure(error, names)
        }
    }

    private func failure(_ error: Errno, _ names: [[CChar]]) -> DrydockError {
        systemFailure(error, "open", text: (base == "/" ? "" : base) + "/" + Self.text(names))
    }

    private func open(_ names: [[CChar]], _ flags: Int32) throws(Errno) -> Int32 {
        var path = base.utf8CString.filter { $0 != 0 }
        for name in names {
            if !path.isEmpty, path.last != 0x2f { path.append(0x2f) }
            path += name.dropLast()
        }
        if path.isEmpty { path = [0x2e] }
        path.append(0)
        let whole = Array(path)
        return followsLinks
            ? try FileAt.openInRoot(root, whole, flags) : try FileAt.openWithoutLinks(root, whole, flags)
    }

    private static func text(_ names: [[CChar]]) -> String { names.map { displayed($0) }.joined(separator: "/") }

    /// The names of a path in an archive. - Throws: code `.corrupt` for one that goes up.
    private static func names(_ path: [CChar]) throws(DrydockError) -> [[CChar]] {
        let parts = path.prefix { $0 != 0 }.split(separator: 0x2f)
        let names = parts.filter { !$0.elementsEqual([0x2e]) }.map { Array($0) + [0] }
        guard !parts.contains(where: { $0.elementsEqual([0x2e, 0x2e]) }) else {
            throw archiveFailure("invalid tar entry \"\(displayed(path))\"", reason: "it leads out of the directory")
        }
        return names
    }
}

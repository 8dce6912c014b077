public import Diagnostics
internal import Glibc
internal import Linux
public import SystemPackage

/// The names in a directory that is open (also with `O_PATH`), sorted by bytes; each ends in zero.
func sortedNames(_ directory: Int32) throws(Errno) -> [[CChar]] { try sortedEntries(directory).map(\.name) }

/// A name in a directory, with what the directory itself says of it.
struct DirectoryEntry {
    var name: [CChar]
    /// `DT_REG` and so on; `DT_UNKNOWN` where the file system does not say.
    var type: UInt8

    /// Whether this can be neither a directory nor a whiteout in the form of a device: nothing more need be asked.
    var isPlain: Bool {
        [UInt8(DT_REG), UInt8(DT_LNK), UInt8(DT_FIFO), UInt8(DT_SOCK), UInt8(DT_BLK)].contains(type)
    }
}

/// The same with the types of what is named.
func sortedEntries(_ directory: Int32) throws(Errno) -> [DirectoryEntry] {
    let fd = try FileAt.open(directory, ".", O_RDONLY | O_DIRECTORY)
    guard let stream = fdopendir(fd) else {
        let error = Errno(rawValue: errno)
        FileAt.close(fd)
        throw error
    }
    defer { closedir(stream) }
    var names: [DirectoryEntry] = []
    errno = 0
    while let entry = readdir(stream) {
        // The name is longer than its declared field on some file systems: read it where it lies.
        guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { break }
        let start = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self)
        let length = strlen(start)
        let isDot = start[0] == 0x2e && (length == 1 || (length == 2 && start[1] == 0x2e))
        if !isDot {
            let name = Array(UnsafeBufferPointer(start: start, count: length + 1))
            names.append(DirectoryEntry(name: name, type: entry.pointee.d_type))
        }
        errno = 0
    }
    if errno != 0 { throw Errno(rawValue: errno) }
    return names.sorted { ArchivePath.isBefore($0.name, $1.name) }
}

/// Removes a name and, where it is a directory, everything below; links are not followed and nothing outside is
/// touched. Nothing happens where there is nothing; another process may be removing the same.
func removeTree(_ parent: Int32, _ name: [CChar]) throws(Errno) {
    do {
        try removeExisting(parent, name)
    } catch {
        if error != .noSuchFileOrDirectory { throw error }
    }
}

private func removeExisting(_ parent: Int32, _ name: [CChar]) throws(Errno) {
    do {
        return try FileAt.unlink(parent, name)
    } catch {
        guard error == .isDirectory || error == .permissionDenied || error == .notPermitted else { throw error }
    }
    let fd: Int32
    do {
        fd = try FileAt.open(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    } catch {
        // A directory that its owner may not read: make it readable and try once more.
        guard error == .permissionDenied else { throw error }
        try FileAt.setMode(parent, name, 0o700)
        fd = try FileAt.open(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    }
    defer { FileAt.close(fd) }
    let children = try sortedNames(fd)
    if !children.isEmpty, geteuid() != 0 { try FileAt.setMode(fd, 0o700) }
    for child in children { try removeTree(fd, child) }
    try FileAt.removeDirectory(parent, name)
}

extension LayerApplier {
    /// Removes a layer directory with everything in it, whatever its modes; links are not followed. Nothing happens
    /// where there is nothing.
    public static func remove(_ directory: FilePath) throws(DrydockError) {
        let path = directory.string
        do throws(Errno) {
            try removeTree(FileAt.workingDirectory, Array(path.utf8CString))
        } catch {
            throw systemFailure(error, "remove", text: path)
        }
    }
}

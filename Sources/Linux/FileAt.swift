private import CLinux
private import Glibc
public import SystemPackage

/// What `statx` says about a file.
public struct FileStatus: Hashable, Sendable {
    /// The type and the permission bits, as `st_mode`.
    public var mode: UInt32
    /// The owner, as the caller's user namespace sees it.
    public var uid: UInt32
    /// The group, as the caller's user namespace sees it.
    public var gid: UInt32
    /// The number of names (hard links).
    public var links: UInt32
    /// The size in bytes.
    public var size: Int64
    /// The 512-byte blocks that are allocated.
    public var blocks: Int64
    /// The inode number.
    public var inode: UInt64
    /// The device that the file is on.
    public var device: UInt64
    /// The last change of the content: seconds since 1970.
    public var mtimeSeconds: Int64
    /// The last change of the content: nanoseconds within the second.
    public var mtimeNanoseconds: UInt32
    /// The last change of anything about the file, which no program can set: seconds since 1970.
    public var ctimeSeconds: Int64
    /// The last change of anything about the file: nanoseconds within the second.
    public var ctimeNanoseconds: UInt32
    /// The major number, of a device.
    public var major: UInt32
    /// The minor number, of a device.
    public var minor: UInt32

    fileprivate init(_ raw: cl_file_status) {
        mode = raw.mode
        uid = raw.uid
        gid = raw.gid
        links = raw.links
        size = Int64(clamping: raw.size)
        blocks = Int64(clamping: raw.blocks)
        inode = raw.inode
        device = raw.device
        mtimeSeconds = raw.mtime_seconds
        mtimeNanoseconds = raw.mtime_nanoseconds
        ctimeSeconds = raw.ctime_seconds
        ctimeNanoseconds = raw.ctime_nanoseconds
        major = raw.rdev_major
        minor = raw.rdev_minor
    }

    /// Whether it is a directory.
    public var isDirectory: Bool { mode & S_IFMT == S_IFDIR }
    /// Whether it is a regular file.
    public var isRegular: Bool { mode & S_IFMT == S_IFREG }
    /// Whether it is a symbolic link.
    public var isSymbolicLink: Bool { mode & S_IFMT == S_IFLNK }
    /// Whether it is a character device.
    public var isCharacterDevice: Bool { mode & S_IFMT == S_IFCHR }
    /// Whether it is an overlayfs whiteout: the character device 0:0.
    public var isWhiteout: Bool { isCharacterDevice && major == 0 && minor == 0 }
    /// The permission bits with set-uid, set-gid and sticky.
    public var permissions: UInt32 { mode & 0o7777 }
}

/// Typed forms of the `…at` system calls: names are taken relative to an open directory and a final symbolic link is
/// never followed. Every call throws the `Errno` that the kernel gave.
public enum FileAt {
    /// The directory number that stands for the working directory.
    public static let workingDirectory: Int32 = AT_FDCWD
    /// Opens a place in the file system without opening the file: `O_PATH`.
    public static let path: Int32 = cl_o_path

    /// Opens a file; close-on-exec is always set.
    public static func open(
        _ directory: Int32, _ name: UnsafePointer<CChar>, _ flags: Int32, mode: UInt32 = 0
    ) throws(Errno) -> Int32 {
        try check(cl_file_open(directory, name, flags, mode))
    }

    /// Opens a path as if `directory` were the root: symbolic links and `..` never leave it (`openat2`,
    /// `RESOLVE_IN_ROOT`).
    public static func openInRoot(
        _ directory: Int32, _ path: UnsafePointer<CChar>, _ flags: Int32, mode: UInt32 = 0
    ) throws(Errno) -> Int32 {
        try check(
            cl_file_open_resolved(
                directory, path, flags, mode, UInt64(CL_RESOLVE_IN_ROOT | CL_RESOLVE_NO_MAGICLINKS)))
    }

    /// Opens a path below `directory` on which there is no symbolic link at all (`openat2`, `RESOLVE_BENEATH`).
    public static func openWithoutLinks(
        _ directory: Int32, _ path: UnsafePointer<CChar>, _ flags: Int32, mode: UInt32 = 0
    ) throws(Errno) -> Int32 {
        try check(
            cl_file_open_resolved(
                directory, path, flags, mode, UInt64(CL_RESOLVE_BENEATH | CL_RESOLVE_NO_SYMLINKS)))
    }

    /// Closes a descriptor.
    public static func close(_ fd: Int32) { _ = Glibc.close(fd) }

    /// The status of a name.
    public static func status(_ directory: Int32, _ name: UnsafePointer<CChar>) throws(Errno) -> FileStatus {
        var raw = cl_file_status()
        _ = try check(cl_file_status(directory, name, &raw))
        return FileStatus(raw)
    }

    /// The status of a name, or nil where there is none (`ENOENT`, `ENOTDIR`).
    public static func statusIfPresent(_ directory: Int32, _ name: UnsafePointer<CChar>) throws(Errno) -> FileStatus? {
        do {
            return try status(directory, name)
        } catch {
            if error == .noSuchFileOrDirectory || error == .notDirectory { return nil }
            throw error
        }
    }

    /// The status of an open file.
    public static func status(_ fd: Int32) throws(Errno) -> FileStatus {
        var raw = cl_file_status()
        _ = try check(cl_file_status_fd(fd, &raw))
        return FileStatus(raw)
    }

    /// Makes a directory.
    public static func makeDirectory(
        _ directory: Int32, _ name: UnsafePointer<CChar>, mode: UInt32
    ) throws(Errno) { try checkLibc(mkdirat(directory, name, mode)) }

    /// Makes a device, a fifo or a socket; `mode` contains the type.
    public static func makeNode(
        _ directory: Int32, _ name: UnsafePointer<CChar>, mode: UInt32, major: UInt32 = 0, minor: UInt32 = 0
    ) throws(Errno) { _ = try check(cl_file_mknod(directory, name, mode, major, minor)) }

    /// Makes a symbolic link.
    public static func symbolicLink(
        _ target: UnsafePointer<CChar>, _ directory: Int32, _ name: UnsafePointer<CChar>
    ) throws(Errno) { try checkLibc(symlinkat(target, directory, name)) }

    /// Makes a hard link; where the old name is a symbolic link, the link itself gets the new name.
    public static func hardLink(
        _ oldDirectory: Int32, _ oldName: UnsafePointer<CChar>, _ directory: Int32, _ name: UnsafePointer<CChar>
    ) throws(Errno) { try checkLibc(linkat(oldDirectory, oldName, directory, name, 0)) }

    /// The target of a symbolic link, without a final zero.
    public static func readLink(_ directory: Int32, _ name: UnsafePointer<CChar>) throws(Errno) -> [UInt8] {
        var buffer = [CChar](repeating: 0, count: 4097)
        let count = readlinkat(directory, name, &buffer, buffer.count)
        guard count >= 0 else { throw Errno(rawValue: errno) }
        return buffer[..<count].map { UInt8(bitPattern: $0) }
    }

    /// Removes a name that is not a directory.
    public static func unlink(_ directory: Int32, _ name: UnsafePointer<CChar>) throws(Errno) {
        try checkLibc(unlinkat(directory, name, 0))
    }

    /// Removes an empty directory.
    public static func removeDirectory(_ directory: Int32, _ name: UnsafePointer<CChar>) throws(Errno) {
        try checkLibc(unlinkat(directory, name, AT_REMOVEDIR))
    }

    /// Renames; whatever has the new name is replaced as `rename(2)` says.
    public static func rename(
        _ oldDirectory: Int32, _ oldName: UnsafePointer<CChar>, _ directory: Int32, _ name: UnsafePointer<CChar>
    ) throws(Errno) { try checkLibc(renameat(oldDirectory, oldName, directory, name)) }

    /// Renames, and fails with `EEXIST` where the new name is taken.
    public static func renameExclusively(
        _ oldDirectory: Int32, _ oldName: UnsafePointer<CChar>, _ directory: Int32, _ name: UnsafePointer<CChar>
    ) throws(Errno) { _ = try check(cl_file_rename_exclusive(oldDirectory, oldName, directory, name)) }

    /// Sets owner and group of a name.
    public static func setOwner(
        _ directory: Int32, _ name: UnsafePointer<CChar>, uid: UInt32, gid: UInt32
    ) throws(Errno) { try checkLibc(fchownat(directory, name, uid, gid, AT_SYMLINK_NOFOLLOW)) }

    /// Sets owner and group of an open file.
    public static func setOwner(_ fd: Int32, uid: UInt32, gid: UInt32) throws(Errno) {
        try checkLibc(fchown(fd, uid, gid))
    }

    /// Sets the permission bits of an open file (not of one opened with `O_PATH`).
    public static func setMode(_ fd: Int32, _ mode: UInt32) throws(Errno) { try checkLibc(fchmod(fd, mode)) }

    /// Sets the permission bits of a name that the caller knows not to be a symbolic link.
    public static func setMode(
        _ directory: Int32, _ name: UnsafePointer<CChar>, _ mode: UInt32
    ) throws(Errno) { try checkLibc(fchmodat(directory, name, mode, 0)) }

    /// Sets the time of the last change of a name.
    public static func setTime(
        _ directory: Int32, _ name: UnsafePointer<CChar>, seconds: Int64, nanoseconds: UInt32
    ) throws(Errno) { _ = try check(cl_file_times(directory, name, seconds, nanoseconds)) }

    /// Sets the time of the last change of an open file.
    public static func setTime(_ fd: Int32, seconds: Int64, nanoseconds: UInt32) throws(Errno) {
        _ = try check(cl_file_times_fd(fd, seconds, nanoseconds))
    }

    /// Writes all bytes to an open file.
    public static func writeAll(_ fd: Int32, _ bytes: UnsafeRawBufferPointer) throws(Errno) {
        var rest = bytes
        while let base = rest.baseAddress, rest.count > 0 {
            let count = write(fd, base, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw Errno(rawValue: errno)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// Reads up to `buffer.count` bytes; 0 is the end.
    public static func read(_ fd: Int32, _ buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
        while true {
            let count = Glibc.read(fd, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            if errno != EINTR { throw Errno(rawValue: errno) }
        }
    }

    /// Moves the position of an open file, counted from its beginning.
    public static func seek(_ fd: Int32, to offset: Int64) throws(Errno) {
        if lseek(fd, off_t(offset), SEEK_SET) < 0 { throw Errno(rawValue: errno) }
    }

    /// Makes a file exactly `size` bytes long.
    public static func truncate(_ fd: Int32, to size: Int64) throws(Errno) { try checkLibc(ftruncate(fd, off_t(size))) }

    /// Makes an empty file's content that of another: by sharing blocks where the file system can do that, else by
    /// copying what is not a hole.
    public static func clone(_ fd: Int32, to copy: Int32) throws(Errno) { _ = try check(cl_file_clone(fd, copy)) }

    /// Waits until the content of a file, or the names in a directory, are on the disk.
    public static func sync(_ fd: Int32) throws(Errno) { try checkLibc(fsync(fd)) }

    /// Waits until everything that was written to the file system of an open file is on the disk.
    public static func syncFileSystem(_ fd: Int32) throws(Errno) { _ = try check(cl_file_sync_filesystem(fd)) }

    static func check(_ outcome: Int32) throws(Errno) -> Int32 {
        guard outcome >= 0 else { throw Errno(rawValue: -outcome) }
        return outcome
    }

    private static func checkLibc(_ outcome: Int32) throws(Errno) {
        if outcome < 0 { throw Errno(rawValue: errno) }
    }
}

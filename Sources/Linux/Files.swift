import CLinux
public import Diagnostics
import Glibc
public import SystemPackage

/// Whole files and directories.
public enum Files {
    /// Everything in a file, or nil where it does not exist.
    public static func readIfPresent(_ path: FilePath) throws(DrydockError) -> [UInt8]? {
        try readIfPresent(path.string)
    }

    /// The same for a path that is text already. Quick where there is nothing, as lists of a thousand containers need it.
    public static func readIfPresent(_ path: String) throws(DrydockError) -> [UInt8]? {
        let number: Int32
        do throws(Errno) { number = try FileAt.open(FileAt.workingDirectory, path, O_RDONLY) } catch {
            if error == .noSuchFileOrDirectory || error == .notDirectory { return nil }
            throw .system("open \(path)", errno: error.rawValue)
        }
        return try read(OwnedDescriptor(number), path)
    }

    /// Everything in a file.
    public static func read(_ path: FilePath) throws(DrydockError) -> [UInt8] {
        try read(try OwnedDescriptor.open(path, .readOnly), path.string)
    }

    private static func read(_ file: OwnedDescriptor, _ path: String) throws(DrydockError) -> [UInt8] {
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = block.withUnsafeMutableBytes { area in
                retrying { Glibc.read(file.number, area.baseAddress, area.count) }
            }
            guard count >= 0 else { throw .system("read \(path)", errno: errno) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: block[..<count])
        }
    }

    /// The text of a file without the white space at its ends, or nil where it cannot be read.
    public static func line(_ path: FilePath) -> String? {
        guard let bytes = try? read(path) else { return nil }
        var text = String(decoding: bytes, as: UTF8.self)[...]
        while text.last?.isWhitespace == true { text.removeLast() }
        while text.first?.isWhitespace == true { text.removeFirst() }
        return String(text)
    }

    /// Writes bytes to a descriptor, all of them.
    public static func write(_ bytes: some Collection<UInt8>, to descriptor: Int32) throws(DrydockError) {
        let failure =
            bytes.withContiguousStorageIfAvailable { writeAll($0, to: descriptor) }
            ?? Array(bytes).withUnsafeBufferPointer { writeAll($0, to: descriptor) }
        if failure != 0 { throw .system("write", errno: failure) }
    }

    private static func writeAll(_ bytes: UnsafeBufferPointer<UInt8>, to descriptor: Int32) -> Int32 {
        var rest = UnsafeRawBufferPointer(bytes)[...]
        while !rest.isEmpty {
            let area = UnsafeRawBufferPointer(rebasing: rest)
            let count = retrying { Glibc.write(descriptor, area.baseAddress, area.count) }
            if count < 0 { return errno }
            rest = rest.dropFirst(count)
        }
        return 0
    }

    /// Makes a directory and those above it; what exists stays as it is.
    public static func makeDirectories(_ path: FilePath, mode: UInt32 = 0o755) throws(DrydockError) {
        if mkdir(path.string, mode) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, !path.components.isEmpty else { throw .system("mkdir \(path)", errno: errno) }
        try makeDirectories(path.removingLastComponent(), mode: mode)
        guard mkdir(path.string, mode) == 0 || errno == EEXIST else { throw .system("mkdir \(path)", errno: errno) }
    }

    /// Whether something is there; a symbolic link is followed.
    public static func exists(_ path: FilePath) -> Bool { access(path.string, F_OK) == 0 }

    /// Whether this process may read and write the file.
    public static func isWritable(_ path: FilePath) -> Bool { access(path.string, R_OK | W_OK) == 0 }

    /// Whether this process may execute the file.
    public static func isExecutable(_ path: FilePath) -> Bool {
        var status = stat()
        return stat(path.string, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path.string, X_OK) == 0
    }

    /// The names in a directory, without `.` and `..`, in no particular order.
    public static func names(in path: FilePath) throws(DrydockError) -> [String] {
        guard let directory = opendir(path.string) else { throw .system("open \(path)", errno: errno) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// Removes a file, or a directory with everything in it, without following symbolic links. What does not exist is
    /// not an error. Directories that their owner made unreadable are opened up first.
    public static func removeTree(_ path: FilePath) throws(DrydockError) {
        let failure = cl_remove_tree(AT_FDCWD, path.string)
        if failure != 0 && failure != -ENOENT { throw .system("remove \(path)", errno: -failure) }
    }

    /// Writes what a file system still holds in memory to its disk (syncfs(2)).
    /// - Parameter path: anything on the file system.
    public static func syncFileSystem(_ path: FilePath) throws(DrydockError) {
        let place = try OwnedDescriptor.open(path, .readOnly)
        let result = cl_syncfs(place.number)
        if result != 0 { throw .system("syncfs \(path)", errno: -result) }
    }
}

/// Files that appear whole or not at all.
public enum AtomicFile {
    /// Writes a file: a temporary file next to it, fsync, rename, fsync of the directory.
    ///
    /// A reader sees the old content or the new one, also after a crash.
    /// - Parameter durable: whether the bytes are on disk before it returns; without it a crash of the machine (not of
    ///   the program) may leave the old content.
    public static func write(
        _ bytes: some Collection<UInt8>, to path: FilePath,
        mode: FilePermissions = [.ownerReadWrite, .groupRead, .otherRead],
        durable: Bool = true
    ) throws(DrydockError) {
        let temporary = FilePath("\(path.string).\(getpid()).\(UInt32.random(in: 0 ... .max)).tmp")
        let file = try OwnedDescriptor.open(
            temporary, .writeOnly, options: [.create, .exclusiveCreate], permissions: mode)
        do throws(DrydockError) {
            try Files.write(bytes, to: file.number)
            if durable && fsync(file.number) != 0 { throw DrydockError.system("fsync \(path)", errno: errno) }
            guard rename(temporary.string, path.string) == 0 else {
                throw DrydockError.system("rename \(temporary) to \(path)", errno: errno)
            }
        } catch {
            unlink(temporary.string)
            throw error
        }
        guard durable else { return }
        let directory = try OwnedDescriptor.open(path.removingLastComponent().orCurrent, .readOnly)
        if fsync(directory.number) != 0 { throw .system("fsync \(path.removingLastComponent())", errno: errno) }
    }
}

extension FilePath {
    /// The path, or `.` where it is empty.
    var orCurrent: FilePath { isEmpty ? "." : self }
}

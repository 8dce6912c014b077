import Diagnostics
import Glibc
import Linux
import SystemPackage

/// Files as the builders of packages and images need them: whole, by absolute path, blocking.
enum HostFiles {
    /// What a path is; a final symbolic link is not followed.
    enum Kind { case file, directory, symbolicLink, other }

    private static func failure(_ what: String, _ path: FilePath, _ number: Int32 = errno) -> DrydockError {
        DrydockError(
            number == ENOSPC || number == EDQUOT ? .exhausted : number == ENOENT ? .notFound : .system,
            "\(what) \(path): \(Errno(rawValue: number).description)", errno: number)
    }

    static func status(_ path: FilePath) -> FileStatus? {
        try? FileAt.status(FileAt.workingDirectory, path.string)
    }

    static func kind(_ path: FilePath) -> Kind? {
        guard let status = status(path) else { return nil }
        if status.isRegular { return .file }
        if status.isDirectory { return .directory }
        return status.isSymbolicLink ? .symbolicLink : .other
    }

    /// When the content of a file was last changed, in seconds since 1970.
    static func modified(_ path: FilePath) -> Int64? { status(path)?.mtimeSeconds }

    /// Whether anyone may run a file.
    static func isExecutable(_ path: FilePath) -> Bool { (status(path)?.mode ?? 0) & 0o111 != 0 }

    static func exists(_ path: FilePath) -> Bool { access(path.string, F_OK) == 0 }

    static func read(_ path: FilePath) throws(DrydockError) -> [UInt8] {
        var bytes: [UInt8] = []
        try stream(path) { chunk in bytes.append(contentsOf: chunk) }
        return bytes
    }

    static func text(_ path: FilePath) throws(DrydockError) -> String {
        String(decoding: try read(path), as: UTF8.self)
    }

    /// Reads a file piece by piece.
    static func stream(
        _ path: FilePath, _ body: (UnsafeRawBufferPointer) throws(DrydockError) -> Void
    ) throws(DrydockError) {
        let fd = open(path.string, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw failure("open", path) }
        defer { close(fd) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = Glibc.read(fd, buffer.baseAddress, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw failure("read", path) }
            if count == 0 { return }
            try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// Writes a file so that it appears whole or not at all: temporary file, fsync, rename.
    static func write(_ path: FilePath, _ bytes: [UInt8], mode: mode_t = 0o644) throws(DrydockError) {
        let temporary = FilePath(path.string + ".\(getpid()).tmp")
        let file = try OutputFile(temporary, mode: mode)
        try file.write(bytes)
        try file.finish()
        try rename(temporary, to: path)
    }

    static func write(_ path: FilePath, _ text: String, mode: mode_t = 0o644) throws(DrydockError) {
        try write(path, Array(text.utf8), mode: mode)
    }

    static func rename(_ from: FilePath, to: FilePath) throws(DrydockError) {
        guard Glibc.rename(from.string, to.string) == 0 else { throw failure("rename", from) }
    }

    /// Gives a file a second name; an older file of that name is replaced.
    static func link(_ from: FilePath, to: FilePath) throws(DrydockError) {
        let temporary = FilePath(to.string + ".\(getpid()).tmp")
        unlink(temporary.string)
        guard Glibc.link(from.string, temporary.string) == 0 else { throw failure("link", to) }
        try rename(temporary, to: to)
        unlink(temporary.string)
    }

    static func makeDirectories(_ path: FilePath, mode: mode_t = 0o755) throws(DrydockError) {
        if mkdir(path.string, mode) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, !path.components.isEmpty else { throw failure("mkdir", path) }
        try makeDirectories(path.removingLastComponent(), mode: mode)
        guard mkdir(path.string, mode) == 0 || errno == EEXIST else { throw failure("mkdir", path) }
    }

    static func readLink(_ path: FilePath) throws(DrydockError) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(path.string, &buffer, buffer.count)
        guard count >= 0 else { throw failure("readlink", path) }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The names in a directory, sorted; none where there is no such directory.
    static func list(_ path: FilePath) -> [String] {
        guard let directory = opendir(path.string) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// All files and symbolic links below a directory, as absolute paths within it, sorted.
    static func walk(_ root: FilePath) -> [String] {
        func below(_ path: String) -> [String] {
            list(FilePath(root.string + path)).flatMap { name in
                let inner = path + "/" + name
                return kind(FilePath(root.string + inner)) == .directory ? below(inner) : [inner]
            }
        }
        return below("")
    }

    /// Removes a file or a whole tree; what is not there is no error.
    static func remove(_ path: FilePath) {
        if kind(path) == .directory {
            chmod(path.string, 0o700)
            for name in list(path) { remove(FilePath(path.string + "/" + name)) }
            rmdir(path.string)
        } else {
            unlink(path.string)
        }
    }
}

/// A file that is being written; it is removed again unless it was finished.
final class OutputFile {
    let path: FilePath
    private var descriptor: Int32
    private var buffer: [UInt8] = []
    private(set) var count: Int64 = 0

    init(_ path: FilePath, mode: mode_t = 0o644) throws(DrydockError) {
        self.path = path
        descriptor = open(path.string, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            throw DrydockError(.system, "open \(path): \(Errno(rawValue: errno).description)", errno: errno)
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(DrydockError) {
        count += Int64(bytes.count)
        buffer.append(contentsOf: bytes)
        if buffer.count >= 1 << 18 { try flush() }
    }

    func write(_ bytes: [UInt8]) throws(DrydockError) {
        count += Int64(bytes.count)
        buffer.append(contentsOf: bytes)
        if buffer.count >= 1 << 18 { try flush() }
    }

    private func flush() throws(DrydockError) {
        var start = 0
        while start < buffer.count {
            let written = buffer.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: start), $0.count - start)
            }
            if written < 0 && errno == EINTR { continue }
            guard written >= 0 else {
                let code: DrydockError.Code = errno == ENOSPC || errno == EDQUOT ? .exhausted : .system
                throw DrydockError(code, "write \(path): \(Errno(rawValue: errno).description)", errno: errno)
            }
            start += written
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Waits until everything is on the disk, and closes the file.
    func finish() throws(DrydockError) {
        try flush()
        guard fsync(descriptor) == 0 else {
            throw DrydockError(.system, "fsync \(path): \(Errno(rawValue: errno).description)", errno: errno)
        }
        close(descriptor)
        descriptor = -1
    }

    deinit {
        if descriptor >= 0 {
            close(descriptor)
            unlink(path.string)
        }
    }
}

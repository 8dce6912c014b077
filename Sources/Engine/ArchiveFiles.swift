import Diagnostics
import Glibc
import Layers
import Linux
import SystemPackage

/// Opens archives to be read, and writes them: a file appears under its name only when it is whole.
enum ArchiveFiles {
    /// Gives `body` a reader of a place.
    static func read<Value>(
        _ place: ArchivePlace, _ body: (@escaping ByteReader, Int64?) throws(DrydockError) -> Value
    ) throws(DrydockError) -> Value {
        var fd = STDIN_FILENO
        var name = "standard input"
        if case .file(let path) = place {
            name = path
            do throws(Errno) {
                fd = try FileAt.open(FileAt.workingDirectory, path, O_RDONLY)
            } catch {
                throw Self.error("open \(path)", error)
            }
        }
        defer { if case .file = place { FileAt.close(fd) } }
        let size = (try? FileAt.status(fd)).flatMap { $0.isRegular ? $0.size : nil }
        let descriptor = fd
        return try body({ () throws(DrydockError) in try block(of: descriptor, name) }, size)
    }

    private static func block(of fd: Int32, _ name: String) throws(DrydockError) -> [UInt8]? {
        var failure: Errno?
        let block = [UInt8](unsafeUninitializedCapacity: 256 << 10) { buffer, count in
            do throws(Errno) {
                count = try FileAt.read(fd, UnsafeMutableRawBufferPointer(buffer))
            } catch {
                failure = error
                count = 0
            }
        }
        if let failure { throw error("read \(name)", failure) }
        return block.isEmpty ? nil : block
    }

    /// Gives `body` a sink that goes to a place.
    static func write(
        _ place: ArchivePlace, _ body: (@escaping ByteSink) throws(DrydockError) -> Void
    ) throws(DrydockError) {
        guard case .file(let path) = place else { return try body(sink(STDOUT_FILENO, "standard output")) }
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let directory = path[..<slash]
        let temporary = "\(directory)/.docker_temp_\(UInt32.random(in: 0 ... .max))"
        func open(_ name: String, _ flags: Int32) throws(DrydockError) -> Int32 {
            do throws(Errno) {
                return try FileAt.open(FileAt.workingDirectory, name, flags, mode: 0o600)
            } catch {
                throw Self.error("open \(path)", error)
            }
        }
        if let old = try? FileAt.statusIfPresent(FileAt.workingDirectory, path), !old.isRegular {
            // A pipe or a device is written as it is: nothing can take its place.
            let fd = try open(path, O_WRONLY)
            defer { FileAt.close(fd) }
            return try body(sink(fd, path))
        }
        let fd = try open(temporary, O_WRONLY | O_CREAT | O_EXCL)
        do throws(DrydockError) {
            defer { FileAt.close(fd) }
            try body(sink(fd, path))
        } catch {
            try? FileAt.unlink(FileAt.workingDirectory, temporary)
            throw error
        }
        do throws(Errno) {
            try FileAt.rename(FileAt.workingDirectory, temporary, FileAt.workingDirectory, path)
        } catch {
            try? FileAt.unlink(FileAt.workingDirectory, temporary)
            throw Self.error("rename \(temporary)", error)
        }
    }

    private static func sink(_ fd: Int32, _ name: String) -> ByteSink {
        { bytes throws(DrydockError) in
            do throws(Errno) { try FileAt.writeAll(fd, bytes) } catch { throw Self.error("write \(name)", error) }
        }
    }

    private static func error(_ what: String, _ errno: Errno) -> DrydockError {
        if errno == .noSpace || errno == .diskQuotaExceeded {
            return DrydockError(
                .exhausted, "\(what): no space left on device", remedy: "Free some space, then try again.",
                operation: what, errno: errno.rawValue)
        }
        return DrydockError.system(what, errno: errno.rawValue)
    }
}

extension ArchivePlace {
    /// Why nothing can be written to this place, in the words of Docker's client; nil where it can be tried.
    public var outputProblem: String? {
        guard case .file(let path) = self else { return nil }
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let directory = slash == path.startIndex ? "/" : String(path[..<slash])
        if (try? FileAt.status(FileAt.workingDirectory, directory)) == nil, access(directory, F_OK) != 0 {
            return "invalid output path: stat \(directory): no such file or directory"
        }
        guard let status = try? FileAt.status(FileAt.workingDirectory, path) else { return nil }
        switch status.mode & S_IFMT {
        case S_IFDIR: return "cannot write to a directory"
        case S_IFLNK: return "cannot write to a symbolic link directly"
        case S_IFCHR: return "cannot write to a character device file"
        case S_IFBLK: return "cannot write to a block device file"
        default: return nil
        }
    }

    /// Why this place cannot be opened for reading, in the words of Docker's client; nil where it can be.
    public var inputProblem: String? {
        guard case .file(let path) = self else { return nil }
        let fd: Int32
        do throws(Errno) {
            fd = try FileAt.open(FileAt.workingDirectory, path, O_RDONLY | O_NONBLOCK)
        } catch {
            let reason = error == .noSuchFileOrDirectory ? "no such file or directory" : "\(error)".lowercased()
            return "open \(path): \(reason)"
        }
        defer { FileAt.close(fd) }
        let isDirectory = (try? FileAt.status(fd))?.isDirectory ?? false
        return isDirectory ? "read \(path): is a directory" : nil
    }
}

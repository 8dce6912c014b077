import Diagnostics
import Glibc

/// The file of `--cidfile`: it must not exist before, and does not stay where no container was made.
final class IDFile: Sendable {
    private let path: String
    private let descriptor: Int32

    init(_ path: String, named name: String) throws(Failure) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor < 0 else { return }
        guard errno == EEXIST else {
            throw .message(
                "failed to create the container ID file: open \(name): \(String(cString: strerror(errno)).lowercased())"
            )
        }
        throw .message(
            "container ID file found, make sure the other container isn't running or delete \(name)")
    }

    func write(_ id: String) throws(Failure) {
        let bytes = Array(id.utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw .message(
                "failed to write the container ID to the file: \(String(cString: strerror(errno)).lowercased())")
        }
    }

    func close() {
        var status = stat()
        if fstat(descriptor, &status) == 0, status.st_size == 0 { unlink(path) }
        _ = Glibc.close(descriptor)
    }
}

internal import Diagnostics
internal import SystemPackage

/// The error for a system call that failed while a layer was worked on.
func systemFailure(_ error: Errno, _ operation: String, _ path: [CChar] = []) -> DrydockError {
    systemFailure(error, operation, text: displayed(path))
}

/// The same with a path that is text already.
func systemFailure(_ error: Errno, _ operation: String, text: String) -> DrydockError {
    let what = text.isEmpty ? operation : "\(operation) \(text)"
    switch error {
    case .noSpace, .diskQuotaExceeded:
        return DrydockError(
            .exhausted, "\(what): no space left on device",
            remedy: "Free some space (drydock's own: docker image prune, docker container prune), then try again.",
            operation: operation, errno: error.rawValue)
    default:
        return DrydockError(.system, "\(what): \(error)", operation: operation, errno: error.rawValue)
    }
}

/// The reason why a hard link is refused whose target is neither in its own layer nor in those below.
public let missingBelow = "its target is in no layer of the image"

/// The error for an archive that is damaged or hostile.
func archiveFailure(_ message: String, reason: String? = nil) -> DrydockError {
    DrydockError(
        .corrupt, message, reason: reason,
        remedy: "The archive is damaged or was made to do harm; fetch it again from a source you trust.")
}

/// A name or a path as text for a message; bytes that are not UTF-8 are replaced.
func displayed(_ path: [CChar]) -> String {
    String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Does system calls for a path of an archive, and says which path it was where one fails.
func attempt<Value>(
    _ operation: String, _ path: ArchivePath, _ body: () throws(Errno) -> Value
) throws(DrydockError) -> Value {
    do { return try body() } catch { throw systemFailure(error, operation, path.joined) }
}

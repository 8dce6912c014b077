import CLinux
public import Diagnostics
import Glibc
import Synchronization
public import SystemPackage

/// A file descriptor that closes with its owner. Everything opened here is close-on-exec.
public final class OwnedDescriptor: Sendable {
    private let value: Atomic<Int32>

    /// Takes over a descriptor.
    public init(_ number: Int32) { value = Atomic(number) }

    deinit { close() }

    /// The descriptor's number, -1 once it is closed.
    public var number: Int32 { value.load(ordering: .relaxed) }

    /// The descriptor, for the functions of SystemPackage. It is valid as long as this object lives.
    public var descriptor: FileDescriptor { FileDescriptor(rawValue: number) }

    /// Closes it. Nothing happens the second time.
    public func close() {
        let number = value.exchange(-1, ordering: .relaxed)
        if number >= 0 { _ = Glibc.close(number) }
    }

    /// Gives the descriptor away: this object does not close it any more.
    public func release() -> Int32 { value.exchange(-1, ordering: .relaxed) }

    /// Opens a file.
    /// - Throws: the system error with the path in its words.
    public static func open(
        _ path: FilePath, _ mode: FileDescriptor.AccessMode,
        options: FileDescriptor.OpenOptions = [], permissions: FilePermissions? = nil
    ) throws(DrydockError) -> OwnedDescriptor {
        let flags = mode.rawValue | options.rawValue | O_CLOEXEC
        let number = retrying { Glibc.open(path.string, flags, permissions?.rawValue ?? 0) }
        guard number >= 0 else { throw .system("open \(path)", errno: errno) }
        return OwnedDescriptor(number)
    }

    /// Opens a directory or a file only as a place (`O_PATH`).
    public static func place(_ path: FilePath) throws(DrydockError) -> OwnedDescriptor {
        let number = retrying { Glibc.open(path.string, cl_o_path | O_CLOEXEC) }
        guard number >= 0 else { throw .system("open \(path)", errno: errno) }
        return OwnedDescriptor(number)
    }
}

/// Repeats a call that a signal interrupted.
@inline(__always)
func retrying<Number: SignedInteger>(_ call: () -> Number) -> Number {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}

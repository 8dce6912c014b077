import CLinux
import Glibc
public import SystemPackage

/// Says when a file is written to (inotify(7)).
public final class FileWatch: Sendable {
    /// Readable when something was written since the last `drain`.
    public let descriptor: OwnedDescriptor

    /// Watches a file; nil where that cannot be done.
    public init?(_ path: FilePath) {
        let number = cl_watch_writes(path.string)
        guard number >= 0 else { return nil }
        descriptor = OwnedDescriptor(number)
    }

    /// Watches what is written to, made and renamed in a directory; nil where that cannot be done.
    public init?(directory: FilePath) {
        let number = cl_watch_directory(directory.string)
        guard number >= 0 else { return nil }
        descriptor = OwnedDescriptor(number)
    }

    /// Forgets what was said so far.
    public func drain() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while read(descriptor.number, &buffer, buffer.count) > 0 {}
    }
}

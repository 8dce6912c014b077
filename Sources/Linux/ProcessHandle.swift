import CLinux
public import Diagnostics
import SystemPackage

/// A process that cannot be mistaken for another one with the same number (pidfd_open(2)).
public final class ProcessHandle: Sendable {
    /// The descriptor; readable once the process has ended.
    public let descriptor: OwnedDescriptor
    /// The process's number.
    public let pid: Int32

    /// Takes over the descriptor of a process.
    public init(pid: Int32, descriptor: Int32) {
        self.pid = pid
        self.descriptor = OwnedDescriptor(descriptor)
    }

    /// Finds a process.
    public init(_ pid: Int32) throws(DrydockError) {
        let number = cl_pidfd_open(pid)
        guard number >= 0 else { throw .system("pidfd_open \(pid)", errno: -number) }
        self.pid = pid
        descriptor = OwnedDescriptor(number)
    }

    /// Sends a signal.
    public func signal(_ number: Int32) throws(DrydockError) {
        let result = cl_pidfd_signal(descriptor.number, number)
        guard result == 0 else { throw .system("signal \(number) to process \(pid)", errno: -result) }
    }

    /// The exit status of an ended child (128 and the signal where one ended it), nil while it runs.
    /// - Parameter block: whether to wait for the end.
    public func exitStatus(block: Bool) -> Int32? {
        var status: Int32 = 0
        let result = cl_pidfd_wait(descriptor.number, block ? 1 : 0, &status)
        return result == 1 ? cl_wexitstatus(status) : nil
    }

    /// When a process started, in clock ticks since the machine did: with the number it is unique until a restart.
    public static func startTime(_ pid: Int32) -> UInt64? {
        guard let line = Files.line(FilePath("/proc/\(pid)/stat")), let end = line.lastIndex(of: ")") else {
            return nil
        }
        let fields = line[line.index(after: end)...].split(separator: " ")
        return fields.count > 19 ? UInt64(fields[19]) : nil
    }
}

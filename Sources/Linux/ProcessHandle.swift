import CLinux
public import Diagnostics
import Glibc
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

    /// The exit status of an ended process that is not a child of this one; nil where the kernel does not tell, which it
    /// does from Linux 6.15 on.
    public var statusLeft: Int32? {
        var status: Int32 = 0
        var patience = Patience()
        // The kernel tells when the parent has taken it; until then `/proc` does.
        for _ in 0..<100 {
            let result = cl_pidfd_left(descriptor.number, &status)
            if result == 0 { return cl_wexitstatus(status) }
            if let seen = statusOfZombie { return cl_wexitstatus(seen) }
            guard result == -ENODATA || result == -ESRCH else { return nil }
            patience.pause()
        }
        return nil
    }

    /// The last field of proc_pid_stat(5), where this process may see it: who may not reads 0.
    private var statusOfZombie: Int32? {
        guard let line = Files.line(FilePath("/proc/\(pid)/stat")), let end = line.lastIndex(of: ")") else {
            return nil
        }
        let fields = line[line.index(after: end)...].split(separator: " ")
        guard fields.count > 49, fields[0] == "Z" else { return nil }
        var buffer = [CChar](repeating: 0, count: 64)
        // What has ended has no namespaces any more; who may not look is told something else.
        guard readlink("/proc/\(pid)/ns/mnt", &buffer, buffer.count) < 0, errno == ENOENT else { return nil }
        return Int32(fields[49])
    }

    /// Waits for the end of any process.
    /// - Parameter milliseconds: how long at most; negative for as long as it takes.
    /// - Returns: whether it has ended.
    public func waitForEnd(milliseconds: Int32) -> Bool {
        let deadline = milliseconds < 0 ? nil : cl_now() + UInt64(milliseconds) * 1_000_000
        while true {
            let now = cl_now()
            let rest = deadline.map { $0 <= now ? 0 : Int32(clamping: ($0 - now) / 1_000_000 + 1) } ?? -1
            var entry = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
            let ready = poll(&entry, 1, rest)
            if ready > 0 { return true }
            if ready == 0 { return false }
            guard errno == EINTR else { return true }
        }
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

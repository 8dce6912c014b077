import CLinux
public import Diagnostics
import Glibc

/// Pipes between this process and another.
public enum Pipe {
    /// Both ends of a new pipe, close-on-exec.
    /// - Parameter capacity: how many bytes it shall hold, as far as the system allows.
    public static func make(
        capacity: Int32 = 65536
    ) throws(DrydockError) -> (reading: OwnedDescriptor, writing: OwnedDescriptor) {
        var ends: [Int32] = [-1, -1]
        let result = cl_pipe(&ends, 0)
        guard result == 0 else { throw .system("pipe", errno: -result) }
        // F_SETPIPE_SZ; Glibc's module does not name it.
        if capacity > 65536 { _ = fcntl(ends[1], 1031, capacity) }
        return (OwnedDescriptor(ends[0]), OwnedDescriptor(ends[1]))
    }
}

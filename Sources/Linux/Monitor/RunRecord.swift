public import Diagnostics
import Glibc
import SystemPackage

/// What a monitor wrote down of its container's first process, in `run.json` and, until its program has begun, in
/// `starting.json`: enough to find the process again when the monitor is gone.
public struct RunRecord: Sendable {
    /// The file's content.
    public let json: JSONValue

    /// Reads a record.
    public init(_ json: JSONValue) { self.json = json }

    /// Describes a process that has just been cloned.
    public init(starting pid: Int32) {
        json = [
            "pid": .int(Int64(pid)), "startTime": .int(Int64(ProcessHandle.startTime(pid) ?? 0)),
            "boot": .string(Boot.identity), "startedAt": .int(WallClock.now),
        ]
    }

    /// The process; 0 where there is none, as between two starts.
    public var pid: Int32 { Int32(truncatingIfNeeded: json["pid"]?.int ?? 0) }

    /// Whether a process of that number may be the monitor that wrote it.
    public var mayHaveMonitor: Bool {
        guard let monitor = json["monitor"]?.int, monitor > 0 else { return false }
        return kill(Int32(truncatingIfNeeded: monitor), 0) == 0 || errno != ESRCH
    }

    /// The process, where it lives: the one that was started, and not another one that got its number since.
    public var process: ProcessHandle? {
        guard pid > 0, json["boot"]?.string == Boot.identity, let handle = try? ProcessHandle(pid), let now = found,
            Int64(now.startTime) == json["startTime"]?.int, now.isAlive
        else { return nil }
        return handle
    }

    /// The same for a process whose number is kept beside: a helper of the network.
    public static func process(_ pid: Int64?, startTime: Int64?) -> ProcessHandle? {
        guard let pid, pid > 0, let startTime, let handle = try? ProcessHandle(Int32(truncatingIfNeeded: pid)),
            ProcessHandle.startTime(handle.pid) == UInt64(clamping: startTime)
        else { return nil }
        return handle
    }

    /// Whether the process became the container's program: until then it is a copy of the monitor, which ends by itself
    /// when it notices that the monitor has gone.
    public var hasBegun: Bool {
        guard let found else { return false }
        // PF_FORKNOEXEC of the kernel. The init of --init executes nothing; it has only another name.
        return found.flags & 0x40 == 0 || found.name == "docker-init"
    }

    private var found: (name: Substring, isAlive: Bool, flags: UInt64, startTime: UInt64)? {
        guard let line = Files.line(FilePath("/proc/\(pid)/stat")), let begin = line.firstIndex(of: "("),
            let end = line.lastIndex(of: ")")
        else { return nil }
        let fields = line[line.index(after: end)...].split(separator: " ")
        guard fields.count > 19, let flags = UInt64(fields[6]), let startTime = UInt64(fields[19]) else { return nil }
        return (line[line.index(after: begin)..<end], !["Z", "X"].contains(fields[0]), flags, startTime)
    }
}

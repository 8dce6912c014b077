import Glibc
import SystemPackage

/// The processes of a container, found by their pid namespace: an ordinary user's container may have no cgroup.
public enum ProcessTree {
    /// All processes in the pid namespace of `first`, and those in namespaces nested in it.
    public static func members(of first: Int32) -> [Int32] {
        guard let wanted = namespace(first) else { return [] }
        var parents: [Int32: Int32] = [:]
        var members: Set<Int32> = []
        for name in (try? Files.names(in: "/proc")) ?? [] {
            guard let pid = Int32(name), let line = Files.line(FilePath("/proc/\(name)/stat")) else { continue }
            guard let end = line.lastIndex(of: ")") else { continue }
            let fields = line[line.index(after: end)...].split(separator: " ")
            if fields.count > 1 { parents[pid] = Int32(fields[1]) }
            if namespace(pid) == wanted { members.insert(pid) }
        }
        var grows = true
        while grows {
            let more = parents.filter { !members.contains($0.key) && members.contains($0.value) }.map(\.key)
            members.formUnion(more)
            grows = !more.isEmpty
        }
        return members.sorted()
    }

    private static func namespace(_ pid: Int32) -> String? {
        var buffer = [CChar](repeating: 0, count: 64)
        let count = readlink("/proc/\(pid)/ns/pid", &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }
}

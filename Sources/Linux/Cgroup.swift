import CLinux
public import Diagnostics
import Glibc
public import SystemPackage

/// Control groups, version 1 and version 2, as far as this process may use them.
public enum Cgroups {
    /// How this machine has them mounted.
    public enum Layout: Sendable, Equatable {
        /// One tree for all controllers (version 2), mounted here.
        case unified(FilePath)
        /// A tree per controller (version 1): controller and where it is mounted.
        case separate([String: FilePath])
        /// Not mounted.
        case absent
    }

    /// How this machine has them mounted.
    public static func layout() -> Layout {
        let root: FilePath = "/sys/fs/cgroup"
        if Files.exists(root.appending("cgroup.controllers")) { return .unified(root) }
        var trees: [String: FilePath] = [:]
        for controller in ["pids", "memory", "cpu", "freezer", "blkio", "cpuset", "devices"]
        where Files.exists(root.appending(controller).appending("cgroup.procs")) {
            trees[controller] = root.appending(controller)
        }
        return trees.isEmpty ? .absent : .separate(trees)
    }

    /// The paths of this process's own cgroups by controller; the unified one under the empty name.
    public static func own() -> [String: String] {
        guard let bytes = try? Files.read("/proc/self/cgroup") else { return [:] }
        var result: [String: String] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            for name in fields[1].split(separator: ",", omittingEmptySubsequences: false) {
                result[String(name)] = String(fields[2])
            }
        }
        return result
    }

    /// The controllers that a cgroup made by this process could limit.
    public static func controllers() -> [String] {
        switch layout() {
        case .unified(let root):
            let place = parent(root)
            return (Files.line(place.appending("cgroup.controllers")) ?? "").split(separator: " ").map(String.init)
        case .separate(let trees): return trees.keys.sorted()
        case .absent: return []
        }
    }

    /// Where containers' cgroups are made in version 2: below the root for root, otherwise where the system put this
    /// process (systemd delegates that to the user).
    static func parent(_ root: FilePath) -> FilePath {
        if UserNamespace.current == .root { return root }
        let own = own()[""] ?? "/"
        return own == "/" ? root : root.appending(own).removingLastComponent()
    }
}

/// The cgroup of one container.
///
/// Moving a process into a cgroup makes the kernel wait for every processor (10 ms and more), being born in one costs
/// nothing. So a container is born in its cgroup of version 2 where there is such a tree, and is moved only into those
/// of version 1 that are to limit it.
public final class ContainerCgroup: Sendable {
    /// The cgroup of version 2 in which processes can be born, nil where there is none.
    public let birthplace: FilePath?
    private let others: [FilePath]

    /// Makes a cgroup with limits.
    /// - Parameters:
    ///   - name: the container's id.
    ///   - memory: bytes, nil for no limit.
    ///   - pids: processes, nil for no limit.
    /// - Throws: where this process may not, or the limits cannot be set.
    public init(name: String, memory: Int64?, pids: Int64?) throws(DrydockError) {
        switch Cgroups.layout() {
        case .absent:
            throw DrydockError(
                .unsupported, "cgroups are not mounted", remedy: "mount /sys/fs/cgroup", exitStatus: 125)
        case .unified(let root):
            let parent = Cgroups.parent(root).appending("drydock")
            if !Files.exists(parent) {
                try Files.makeDirectories(parent)
                for place in [parent.removingLastComponent(), parent] {
                    for controller in ["+memory", "+pids", "+cpu"] {
                        try? Files.write(Array(controller.utf8), toFile: place.appending("cgroup.subtree_control"))
                    }
                }
            }
            let directory = parent.appending(name)
            try Files.makeDirectories(directory)
            birthplace = directory
            others = []
            if let memory { try Files.write(Array(String(memory).utf8), toFile: directory.appending("memory.max")) }
            if let pids { try Files.write(Array(String(pids).utf8), toFile: directory.appending("pids.max")) }
        case .separate(let trees):
            let hybrid: FilePath = "/sys/fs/cgroup/unified"
            var born: FilePath?
            if Files.exists(hybrid.appending("cgroup.procs")) {
                let directory = hybrid.appending("drydock").appending(name)
                try Files.makeDirectories(directory)
                born = directory
            }
            birthplace = born
            var made: [FilePath] = []
            let wanted = [("pids", pids, "pids.max"), ("memory", memory, "memory.limit_in_bytes")]
            for (controller, limit, file) in wanted {
                guard let limit else { continue }
                guard let tree = trees[controller] else {
                    throw DrydockError(.unsupported, "the \(controller) cgroup is not mounted", exitStatus: 125)
                }
                let directory = tree.appending("drydock").appending(name)
                try Files.makeDirectories(directory)
                made.append(directory)
                try Files.write(Array(String(limit).utf8), toFile: directory.appending(file))
            }
            others = made
        }
    }

    /// Puts a process in.
    /// - Parameter born: whether it was born in `birthplace`.
    public func add(_ pid: Int32, born: Bool) throws(DrydockError) {
        for directory in others + (born ? [] : [birthplace].compactMap { $0 }) {
            try Files.write(Array(String(pid).utf8), toFile: directory.appending("cgroup.procs"))
        }
    }

    /// Whether the kernel ended a process of this cgroup because memory ran out.
    public var ranOutOfMemory: Bool {
        for directory in others + [birthplace].compactMap({ $0 }) {
            for file in ["memory.events", "memory.oom_control"] {
                guard let bytes = try? Files.read(directory.appending(file)) else { continue }
                for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n")
                where line.hasPrefix("oom_kill ") && line.dropFirst(9) != "0" { return true }
            }
        }
        return false
    }

    /// Removes it. It must be empty.
    public func remove() { for directory in others + [birthplace].compactMap({ $0 }) { rmdir(directory.string) } }
}

extension Files {
    /// Writes into a file that exists already, in one call, as files of /proc and /sys want it.
    public static func write(_ bytes: [UInt8], toFile path: FilePath) throws(DrydockError) {
        let file = try OwnedDescriptor.open(path, .writeOnly)
        let written = retrying { Glibc.write(file.number, bytes, bytes.count) }
        guard written == bytes.count else { throw .system("write to \(path)", errno: errno) }
    }
}

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
public final class ContainerCgroup: Sendable {
    private let directories: [FilePath]
    /// Whether the kernel's memory controller watches this container.
    private let memory: FilePath?

    /// Makes a cgroup with limits.
    /// - Parameters:
    ///   - name: a path such as `drydock/<id>`.
    ///   - memory: bytes, nil for no limit.
    ///   - pids: processes, nil for no limit.
    /// - Throws: where this process may not, or the limits cannot be set.
    public init(name: String, memory: Int64?, pids: Int64?) throws(DrydockError) {
        switch Cgroups.layout() {
        case .absent:
            throw DrydockError(.unsupported, "cgroups are not mounted", remedy: "mount /sys/fs/cgroup")
        case .unified(let root):
            let parent = Cgroups.parent(root).appending("drydock")
            try Files.makeDirectories(parent)
            for place in [parent.removingLastComponent(), parent] {
                try? Files.write(Array("+memory +pids +cpu".utf8), toFile: place.appending("cgroup.subtree_control"))
            }
            let directory = parent.appending(name)
            try Files.makeDirectories(directory)
            directories = [directory]
            self.memory = directory
            if let memory { try Files.write(Array(String(memory).utf8), toFile: directory.appending("memory.max")) }
            if let pids { try Files.write(Array(String(pids).utf8), toFile: directory.appending("pids.max")) }
        case .separate(let trees):
            var made: [FilePath] = []
            var watched: FilePath?
            let wanted = [("pids", pids, "pids.max"), ("memory", memory, "memory.limit_in_bytes")]
            for (controller, limit, file) in wanted {
                guard let tree = trees[controller] else {
                    guard limit == nil else {
                        throw DrydockError(.unsupported, "the \(controller) cgroup is not mounted", exitStatus: 125)
                    }
                    continue
                }
                let directory = tree.appending("drydock").appending(name)
                try Files.makeDirectories(directory)
                made.append(directory)
                if controller == "memory" { watched = directory }
                if let limit { try Files.write(Array(String(limit).utf8), toFile: directory.appending(file)) }
            }
            directories = made
            self.memory = watched
        }
    }

    /// Puts a process in.
    public func add(_ pid: Int32) throws(DrydockError) {
        for directory in directories {
            try Files.write(Array(String(pid).utf8), toFile: directory.appending("cgroup.procs"))
        }
    }

    /// Whether the kernel ended a process of this cgroup because memory ran out.
    public var ranOutOfMemory: Bool {
        guard let memory else { return false }
        for file in ["memory.events", "memory.oom_control"] {
            guard let bytes = try? Files.read(memory.appending(file)) else { continue }
            for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix("oom_kill ")
            {
                return line.dropFirst(9) != "0"
            }
        }
        return false
    }

    /// Removes it. It must be empty.
    public func remove() { for directory in directories { rmdir(directory.string) } }
}

extension Files {
    /// Writes into a file that exists already, in one call, as files of /proc and /sys want it.
    public static func write(_ bytes: [UInt8], toFile path: FilePath) throws(DrydockError) {
        let file = try OwnedDescriptor.open(path, .writeOnly)
        let written = retrying { Glibc.write(file.number, bytes, bytes.count) }
        guard written == bytes.count else { throw .system("write to \(path)", errno: errno) }
    }
}

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
    /// - Parameter everything: whether trees of version 1 that only count or name processes are among them, systemd's too.
    public static func layout(everything: Bool = false) -> Layout { everything ? whole : found }

    private static let limiting = ["pids", "memory", "cpu", "freezer", "blkio", "cpuset", "devices"]
    private static let counting = [
        "cpuacct", "hugetlb", "net_cls", "net_prio", "perf_event", "rdma", "misc", "systemd",
    ]
    private static let found = look(limiting)
    private static let whole = look(limiting + counting)

    private static func look(_ controllers: [String]) -> Layout {
        let root: FilePath = "/sys/fs/cgroup"
        if Files.exists(root.appending("cgroup.controllers")) { return .unified(root) }
        var trees: [String: FilePath] = [:]
        for controller in controllers
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

/// A value that is written into a file of a cgroup.
public struct CgroupSetting: Sendable, Hashable {
    /// The controller that has the file.
    public var controller: String
    /// The file.
    public var file: String
    /// The value.
    public var value: String
    /// Whether a kernel without the file does without it.
    public var optional: Bool

    /// Makes a setting.
    public init(_ controller: String, _ file: String, _ value: String, optional: Bool = false) {
        self.controller = controller
        self.file = file
        self.value = value
        self.optional = optional
    }

    /// The setting as a line of a plan.
    public var line: String { "\(controller) \(optional ? 1 : 0) \(file) \(value)" }

    /// Reads a line of a plan.
    public init?(line: some StringProtocol) {
        let fields = line.split(maxSplits: 3, omittingEmptySubsequences: false) { $0 == " " }.map { String($0) }
        guard fields.count == 4 else { return nil }
        self.init(fields[0], fields[2], fields[3], optional: fields[1] == "1")
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
    ///   - path: below the tree; without a slash at its beginning, below `drydock`.
    ///   - settings: what is written into its files, in order.
    ///   - devices: what may be done with devices, empty for everything. Without root, and where the kernel has no
    ///     way for it, nothing more than the owner's rights holds a container back.
    /// - Throws: where this process may not, or the limits cannot be set. Nothing is left behind then.
    ///   - everywhere: whether it is made in every tree of version 1.
    public init(
        path: String, settings: [CgroupSetting], devices: [DeviceRule], everywhere: Bool = false
    ) throws(DrydockError) {
        let name = Self.name(path)
        guard !name.isEmpty else {
            throw DrydockError(.invalidArgument, "invalid cgroup path: \(path)", exitStatus: 125)
        }
        var made: [FilePath] = []
        var birthplace: FilePath?
        do throws(DrydockError) {
            switch Cgroups.layout(everything: everywhere) {
            case .absent:
                throw DrydockError(
                    .unsupported, "cgroups are not mounted", remedy: "mount /sys/fs/cgroup", exitStatus: 125)
            case .unified(let root):
                let directory = try Self.unified(root, name)
                birthplace = directory
                try Self.write(settings) { (_: String) throws(DrydockError) in directory }
            case .separate(let trees):
                let hybrid = Self.hybrid
                if Files.exists(hybrid.appending("cgroup.procs")) {
                    let directory = hybrid.pushing(name)
                    try Files.makeDirectories(directory)
                    birthplace = directory
                }
                var all = settings
                if !devices.isEmpty, UserNamespace.current == .root,
                    birthplace.map({ !Self.filter(devices, $0) }) ?? true, trees["devices"] != nil
                {
                    all += devices.map {
                        CgroupSetting(
                            "devices", $0.allow ? "devices.allow" : "devices.deny", $0.isEverything ? "a" : $0.text)
                    }
                }
                for (_, tree) in everywhere ? trees.sorted(by: { $0.key < $1.key }) : [] {
                    let directory = tree.pushing(name)
                    try Files.makeDirectories(directory)
                    made.append(directory)
                }
                if everywhere, trees["cpuset"] != nil, !all.contains(where: { $0.controller == "cpuset" }) {
                    all += ["cpuset.cpus", "cpuset.mems"].map { CgroupSetting("cpuset", $0, "") }
                }
                try Self.write(all) { (controller: String) throws(DrydockError) in
                    guard let tree = trees[controller] else {
                        throw DrydockError(.unsupported, "the \(controller) cgroup is not mounted", exitStatus: 125)
                    }
                    let directory = tree.pushing(name)
                    if !made.contains(directory) {
                        try Files.makeDirectories(directory)
                        made.append(directory)
                    }
                    return directory
                }
            }
            if case .unified = Cgroups.layout(), let birthplace, !devices.isEmpty, UserNamespace.current == .root,
                !Self.filter(devices, birthplace)
            {
                throw DrydockError(
                    .unsupported, "the container cannot be kept from the host's devices",
                    reason: "the kernel takes no device filter for the cgroup \(birthplace)",
                    remedy: "The kernel needs CONFIG_CGROUP_BPF, and this process CAP_BPF or CAP_SYS_ADMIN.",
                    exitStatus: 125)
            }
        } catch {
            for directory in made + [birthplace].compactMap({ $0 }) { rmdir(directory.string) }
            throw error
        }
        self.birthplace = birthplace
        others = made
    }

    /// A cgroup that is there already.
    public init(places: [FilePath]) {
        birthplace = nil
        others = places
    }

    /// The tree of version 2 beside those of version 1.
    private static let hybrid: FilePath = "/sys/fs/cgroup/unified"

    /// Where in a tree a path lies: nothing is above the root of the tree, as with Docker.
    private static func name(_ path: String) -> FilePath {
        let rooted = FilePath(path.hasPrefix("/") ? path : "/drydock/" + path).lexicallyNormalized()
        return FilePath(root: nil, rooted.components)
    }

    /// The directories that `init(path:settings:devices:everywhere:)` makes for a path in every tree.
    public static func directories(path: String) -> [FilePath] {
        let name = Self.name(path)
        switch Cgroups.layout(everything: true) {
        case .absent: return []
        case .unified(let root): return [Cgroups.parent(root).pushing(name)]
        case .separate(let trees):
            let all = trees.sorted { $0.key < $1.key }.map(\.value) + [hybrid]
            return all.map { $0.pushing(name) }.filter { Files.exists($0) }
        }
    }

    /// Its directories.
    public var places: [FilePath] { others + [birthplace].compactMap { $0 } }

    private static func unified(_ root: FilePath, _ name: FilePath) throws(DrydockError) -> FilePath {
        let directory = Cgroups.parent(root).pushing(name)
        if !Files.exists(directory.removingLastComponent()) {
            try Files.makeDirectories(directory.removingLastComponent())
        }
        // The controllers have to be handed down at each step of the way.
        var place = Cgroups.parent(root)
        for component in name.components.dropLast() {
            hand(downFrom: place)
            place.append(component)
        }
        hand(downFrom: place)
        try Files.makeDirectories(directory)
        return directory
    }

    private static func hand(downFrom place: FilePath) {
        let file = place.appending("cgroup.subtree_control")
        let active = (Files.line(file) ?? "").split(separator: " ")
        let known: Set<Substring> = ["cpu", "cpuset", "hugetlb", "io", "memory", "pids"]
        let offered = (Files.line(place.appending("cgroup.controllers")) ?? "").split(separator: " ")
        for controller in offered where known.contains(controller) && !active.contains(controller) {
            try? Files.write(Array("+\(controller)".utf8), toFile: file)
        }
    }

    private static func filter(_ rules: [DeviceRule], _ place: FilePath) -> Bool {
        do {
            let directory = try OwnedDescriptor.open(place, .readOnly)
            try DeviceFilter(rules).attach(to: directory.number)
            return true
        } catch {
            return false
        }
    }

    private static func write(
        _ settings: [CgroupSetting], _ place: (String) throws(DrydockError) -> FilePath
    ) throws(DrydockError) {
        for setting in settings {
            do throws(DrydockError) {
                let directory = try place(setting.controller)
                var value = setting.value
                if setting.controller == "cpuset", value.isEmpty {
                    // A cpuset of version 1 begins empty, and nothing can run in it: it takes its parent's.
                    value = try inherited(setting.file, directory.removingLastComponent())
                }
                try Files.write(Array(value.utf8), toFile: directory.appending(setting.file))
            } catch {
                if setting.optional { continue }
                throw error
            }
        }
    }

    /// The value of a cpuset's file; where it has none, it takes that of the nearest cpuset above it that has one.
    private static func inherited(_ file: String, _ place: FilePath) throws(DrydockError) -> String {
        if let value = Files.line(place.appending(file)), !value.isEmpty { return value }
        guard Files.exists(place.removingLastComponent().appending(file)) else { return "" }
        let value = try inherited(file, place.removingLastComponent())
        try Files.write(Array(value.utf8), toFile: place.appending(file))
        return value
    }

    /// Puts a process in.
    /// - Parameter born: whether it was born in `birthplace`.
    public func add(_ pid: Int32, born: Bool) throws(DrydockError) {
        for directory in others + (born ? [] : [birthplace].compactMap { $0 }) {
            do throws(DrydockError) {
                try Files.write(Array(String(pid).utf8), toFile: directory.appending("cgroup.procs"))
            } catch {
                var error = error
                error.message = "adding pid \(pid) to cgroups: \(error.message)"
                throw error
            }
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

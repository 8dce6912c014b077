public import Diagnostics
import Glibc
public import SystemPackage

/// Limits of a running container's cgroups (`docker update`); nil leaves one as it is.
public struct CgroupLimits: Sendable, Equatable {
    /// Bytes of memory; -1 is no limit.
    public var memory: Int64?
    /// Bytes of memory that the kernel tries to leave to the container.
    public var memoryReservation: Int64?
    /// Bytes of memory and swap together; -1 is no limit.
    public var memorySwap: Int64?
    /// Processes and threads; -1 is no limit.
    public var pids: Int64?
    /// The share of the processors where others want them too: 1024 is the usual one.
    public var cpuShares: Int64?
    /// Microseconds of processor time in each period; -1 is no limit.
    public var cpuQuota: Int64?
    /// The period in microseconds.
    public var cpuPeriod: Int64?
    /// The processors that may be used: `0-3,7`.
    public var cpus: String?
    /// The memory nodes that may be used.
    public var memoryNodes: String?
    /// The share of disks where others want them too, 10 to 1000; 0 leaves it as it is.
    public var blockWeight: Int64?

    /// Changes nothing.
    public init() {}

    /// Sets the limits of a container.
    /// - Parameters:
    ///   - name: the container's id, which is its cgroup's name.
    ///   - cgroup: its cgroup of version 2, where it has one.
    ///   - processes: its processes, for a cgroup of version 1 that it is not in yet.
    /// - Throws: where the machine has no such cgroup, or this user may not set it.
    public func apply(name: String, cgroup: FilePath?, processes: () -> [Int32]) throws(DrydockError) {
        let isUnified = Files.exists("/sys/fs/cgroup/cgroup.controllers")
        for (controller, settings) in isUnified ? unified : separate where !settings.isEmpty {
            let directory: FilePath
            if isUnified {
                guard let cgroup else { throw Self.absent(controller) }
                directory = cgroup
            } else {
                directory = try Self.separate(controller, name, processes)
            }
            for (file, value) in Self.ordered(settings, in: directory) {
                do throws(DrydockError) {
                    try Files.write(Array(value.utf8), toFile: directory.appending(file))
                } catch {
                    throw error.errno == ENOENT ? Self.absent(controller) : error
                }
            }
        }
    }

    /// Memory and swap together must never be below memory alone, so of the two the sum is raised first and lowered last.
    private static func ordered(_ settings: [(String, String)], in directory: FilePath) -> [(String, String)] {
        let sum = "memory.memsw.limit_in_bytes"
        guard let place = settings.firstIndex(where: { $0.0 == sum }), let wanted = Int64(settings[place].1),
            let current = Files.line(directory.appending(sum)).flatMap({ Int64($0) }), wanted < 0 || wanted > current
        else { return settings }
        return [settings[place]] + settings.filter { $0.0 != sum }
    }

    private static func absent(_ controller: String) -> DrydockError {
        DrydockError(
            .unsupported, "the container's \(controller) cannot be limited",
            reason: "this user has no \(controller) cgroup",
            remedy: "As root, or with systemd's delegation (see 'drydock doctor'), it can.")
    }

    /// The container's cgroup of a controller, made where it has none: then its processes are moved.
    private static func separate(
        _ controller: String, _ name: String, _ processes: () -> [Int32]
    ) throws(DrydockError) -> FilePath {
        let tree = FilePath("/sys/fs/cgroup").appending(controller)
        guard Files.exists(tree.appending("cgroup.procs")) else { throw absent(controller) }
        let directory = tree.appending("drydock").appending(name)
        guard !Files.exists(directory) else { return directory }
        do throws(DrydockError) {
            try Files.makeDirectories(directory)
            if controller == "cpuset" {
                for place in [directory.removingLastComponent(), directory] {
                    for file in ["cpuset.cpus", "cpuset.mems"] where Files.line(place.appending(file)) == "" {
                        let above = place.removingLastComponent().appending(file)
                        try Files.write(Array((Files.line(above) ?? "").utf8), toFile: place.appending(file))
                    }
                }
            }
            for pid in processes() {
                try Files.write(Array(String(pid).utf8), toFile: directory.appending("cgroup.procs"))
            }
        } catch {
            rmdir(directory.string)
            throw error.errno == EACCES || error.errno == EROFS ? absent(controller) : error
        }
        return directory
    }

    private func number(_ value: Int64, unlimited: String) -> String { value < 0 ? unlimited : String(value) }

    private var unified: [(String, [(String, String)])] {
        var memory: [(String, String)] = []
        if let value = memoryReservation { memory.append(("memory.low", String(max(0, value)))) }
        if let value = self.memory { memory.append(("memory.max", number(value, unlimited: "max"))) }
        if let value = memorySwap {
            let swap = value < 0 ? value : max(0, value - (self.memory ?? 0))
            memory.append(("memory.swap.max", number(swap, unlimited: "max")))
        }
        var cpu: [(String, String)] = []
        if let value = cpuShares, value > 0 {
            let shares: Int64 = max(2, min(value, 262_144))
            let weight: Int64 = 1 + (shares - 2) * 9999 / 262_142
            cpu.append(("cpu.weight", String(weight)))
        }
        if cpuQuota != nil || cpuPeriod != nil {
            cpu.append(("cpu.max", "\(number(cpuQuota ?? -1, unlimited: "max")) \(cpuPeriod ?? 100_000)"))
        }
        var io: [(String, String)] = []
        if let value = blockWeight, value > 0 { io.append(("io.weight", "default \(Self.ioWeight(value))")) }
        return [("memory", memory), ("cpu", cpu), ("io", io)] + common
    }

    /// The weight of version 2, 1 to 10000, for one of version 1, 10 to 1000 (runc's conversion).
    public static func ioWeight(_ weight: Int64) -> Int64 { 1 + (max(10, min(1000, weight)) - 10) * 9999 / 990 }

    private var separate: [(String, [(String, String)])] {
        var memory: [(String, String)] = []
        if let value = memoryReservation { memory.append(("memory.soft_limit_in_bytes", String(value))) }
        if let value = self.memory { memory.append(("memory.limit_in_bytes", String(value))) }
        if let value = memorySwap { memory.append(("memory.memsw.limit_in_bytes", String(value))) }
        var cpu: [(String, String)] = []
        if let value = cpuShares, value > 0 { cpu.append(("cpu.shares", String(value))) }
        if let value = cpuPeriod { cpu.append(("cpu.cfs_period_us", String(value))) }
        if let value = cpuQuota { cpu.append(("cpu.cfs_quota_us", String(value))) }
        var blkio: [(String, String)] = []
        if let value = blockWeight, value > 0 {
            // The scheduler that has weights brings the file.
            let file = ["blkio.weight", "blkio.bfq.weight"].first {
                Files.exists(FilePath("/sys/fs/cgroup/blkio").appending($0))
            }
            if let file { blkio.append((file, String(value))) }
        }
        return [("memory", memory), ("cpu", cpu), ("blkio", blkio)] + common
    }

    private var common: [(String, [(String, String)])] {
        var processes: [(String, String)] = []
        if let pids { processes.append(("pids.max", number(pids, unlimited: "max"))) }
        var cpuset: [(String, String)] = []
        if let cpus { cpuset.append(("cpuset.cpus", cpus)) }
        if let memoryNodes { cpuset.append(("cpuset.mems", memoryNodes)) }
        return [("pids", processes), ("cpuset", cpuset)]
    }

    /// Removes what a container that has ended left in the trees of both versions; what has processes stays.
    public static func remove(name: String) {
        if case .unified(let root) = Cgroups.layout() {
            rmdir(Cgroups.parent(root).appending("drydock").appending(name).string)
            return
        }
        for controller in ["memory", "cpu", "pids", "cpuset", "freezer", "devices", "blkio", "unified"] {
            rmdir("/sys/fs/cgroup/\(controller)/drydock/\(name)")
        }
    }
}

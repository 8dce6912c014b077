public import Diagnostics
import Glibc
import ImageStore
import Linux
import OCI
import Runtime
import SystemPackage

extension Engine {
    /// See `EngineOperations`.
    public func top(_ name: String, arguments: [String]) throws(DrydockError) -> ProcessTable {
        let (record, document) = try find(name)
        guard try runtime.state(record.id).isRunning else { throw Self.notRunning(record) }
        guard let info = try runtime.state(record.id).running else { throw Self.isRestarting(record) }
        let pids = Self.processes(info)
        let asked = arguments.isEmpty ? ["-ef"] : arguments
        let list = pids.map(String.init).joined(separator: ",")
        var output = try Self.ps(asked + ["-q\(list)"])
        // Some arguments contradict the choice of processes.
        if output.status != 0 { output = try Self.ps(asked) }
        guard output.status == 0 else {
            let text = String(decoding: output.error, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? ""
            throw DrydockError(.invalidArgument, "ps: exit status \(output.status): \(text)")
        }
        let table = try Self.table(output.text, pids)
        self.record("top", record, document)
        return table
    }

    private static func ps(_ arguments: [String]) throws(DrydockError) -> ChildProcess.Output {
        guard ChildProcess.find("ps") != nil else {
            throw DrydockError(
                .unsupported, "ps: executable file not found in $PATH", reason: "docker top asks the machine's ps",
                remedy: "Install the package procps.")
        }
        return try ChildProcess.run("ps", ["ps"] + arguments)
    }

    /// The rows of the container's processes; the last column takes what is left of a line.
    static func table(_ text: String, _ pids: [Int32]) throws(DrydockError) -> ProcessTable {
        let lines = text.split(separator: "\n")
        let titles = (lines.first ?? "").split(separator: " ").map(String.init)
        guard let column = titles.firstIndex(of: "PID") else {
            throw DrydockError(.invalidArgument, "Couldn't find PID field in ps output")
        }
        let wanted = Set(pids.map(String.init))
        let rows: [[String]] = lines.dropFirst().compactMap { line in
            var fields = line.split(separator: " ", maxSplits: titles.count - 1).map(String.init)
            guard fields.count > column, wanted.contains(fields[column]) else { return nil }
            fields[fields.count - 1] = String(fields[fields.count - 1].drop { $0 == " " })
            return fields
        }
        return ProcessTable(titles: titles, processes: rows)
    }

    /// The processes of a container: those of its cgroup where it has one, else those of its pid namespace.
    static func processes(_ info: RunningInfo) -> [Int32] {
        if let cgroup = info.cgroup, let text = Files.line(cgroup.appending("cgroup.procs")), !text.isEmpty {
            return text.split(separator: "\n").compactMap { Int32($0) }.sorted()
        }
        return ProcessTree.members(of: info.pid)
    }

    /// See `EngineOperations`.
    public func usage(_ names: [String], all: Bool) throws(DrydockError) -> [UsageSample] {
        var records: [ContainerRecord] = []
        if names.isEmpty {
            records = try store.containers()
        } else {
            for name in names { records.append(try store.container(name)) }
        }
        var samples: [UsageSample] = []
        for record in records {
            let info = (try? runtime.state(record.id))?.running
            guard info != nil || all || !names.isEmpty else { continue }
            var sample = UsageSample(id: record.id, name: record.name, time: UsageReader.now)
            if let info { UsageReader(info).read(into: &sample) }
            samples.append(sample)
        }
        return samples
    }
}

/// Reads what a container uses from its cgroups, and what those do not say from `/proc`.
struct UsageReader {
    private let info: RunningInfo
    private let pids: [Int32]
    private let cgroups: [String: FilePath]

    init(_ info: RunningInfo) {
        self.info = info
        pids = Engine.processes(info)
        cgroups = Self.cgroups(of: info.pid)
    }

    static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// The directories of a process's own cgroups by controller; that of version 2 under the empty name. Cgroups that it
    /// shares with other programs of the machine say nothing about it.
    private static func cgroups(of pid: Int32) -> [String: FilePath] {
        guard let bytes = try? Files.read(FilePath("/proc/\(pid)/cgroup")) else { return [:] }
        var result: [String: FilePath] = [:]
        let unified: FilePath =
            Files.exists("/sys/fs/cgroup/cgroup.controllers") ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified"
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, fields[2].contains("drydock") else { continue }
            let path = String(fields[2].drop { $0 == "/" })
            for name in fields[1].split(separator: ",", omittingEmptySubsequences: false) {
                let root = name.isEmpty ? unified : FilePath("/sys/fs/cgroup").appending(String(name))
                result[String(name)] = root.appending(path)
            }
        }
        return result
    }

    func read(into sample: inout UsageSample) {
        sample.processors = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        sample.cpu = cpu
        (sample.memory, sample.memoryLimit) = memory
        sample.pids = threads
        (sample.received, sample.sent) = network
        (sample.read, sample.written) = blocks
    }

    private func number(_ controller: String, _ file: String) -> Int64? {
        cgroups[controller].flatMap { Files.line($0.appending(file)) }.flatMap { Int64($0) }
    }

    private func values(_ controller: String, _ file: String) -> [String: Int64] {
        guard let text = cgroups[controller].flatMap({ Files.line($0.appending(file)) }) else { return [:] }
        var result: [String: Int64] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count == 2 { result[String(fields[0])] = Int64(fields[1]) }
        }
        return result
    }

    private func fields(_ pid: Int32) -> [Substring] {
        guard let line = Files.line(FilePath("/proc/\(pid)/stat")), let end = line.lastIndex(of: ")") else { return [] }
        return line[line.index(after: end)...].split(separator: " ")
    }

    private var cpu: UInt64 {
        if let used = number("cpuacct", "cpuacct.usage") { return UInt64(max(0, used)) }
        if let used = values("", "cpu.stat")["usage_usec"] { return UInt64(max(0, used)) * 1000 }
        let ticks = pids.reduce(UInt64(0)) { sum, pid in
            let fields = fields(pid)
            guard fields.count > 12 else { return sum }
            return sum + (UInt64(fields[11]) ?? 0) + (UInt64(fields[12]) ?? 0)
        }
        return ticks * (1_000_000_000 / UInt64(max(1, sysconf(Int32(_SC_CLK_TCK)))))
    }

    private var machineMemory: Int64 { Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(sysconf(Int32(_SC_PAGESIZE))) }

    private var memory: (used: Int64, limit: Int64) {
        let machine = machineMemory
        if let used = number("", "memory.current") {
            let limit = number("", "memory.max") ?? machine
            return (used - min(used, values("", "memory.stat")["inactive_file"] ?? 0), min(limit, machine))
        }
        if let used = number("memory", "memory.usage_in_bytes") {
            let limit = number("memory", "memory.limit_in_bytes") ?? machine
            let idle = values("memory", "memory.stat")["total_inactive_file"] ?? 0
            return (used - min(used, idle), min(limit, machine))
        }
        let page = Int64(sysconf(Int32(_SC_PAGESIZE)))
        let resident = pids.reduce(Int64(0)) { sum, pid in
            let fields = (Files.line(FilePath("/proc/\(pid)/statm")) ?? "").split(separator: " ")
            guard fields.count > 2 else { return sum }
            // Pages of files are shared with other programs.
            return sum + ((Int64(fields[1]) ?? 0) - (Int64(fields[2]) ?? 0)) * page
        }
        return (resident, machine)
    }

    private var threads: Int {
        if let count = number("", "pids.current") ?? number("pids", "pids.current") { return Int(count) }
        return pids.reduce(0) { sum, pid in
            let fields = fields(pid)
            return sum + (fields.count > 17 ? Int(fields[17]) ?? 1 : 0)
        }
    }

    private var network: (Int64, Int64) {
        guard info.network.kind != "host", let text = Files.line(FilePath("/proc/\(info.pid)/net/dev")) else {
            return (0, 0)
        }
        var (received, sent): (Int64, Int64) = (0, 0)
        for line in text.split(separator: "\n").dropFirst(2) {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0].drop(while: { $0 == " " }) != "lo" else { continue }
            let numbers = parts[1].split(separator: " ").map { Int64($0) ?? 0 }
            guard numbers.count > 8 else { continue }
            received += numbers[0]
            sent += numbers[8]
        }
        return (received, sent)
    }

    private var blocks: (Int64, Int64) {
        var (read, written): (Int64, Int64) = (0, 0)
        if let text = cgroups[""].flatMap({ Files.line($0.appending("io.stat")) }) {
            for field in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
                if field.hasPrefix("rbytes=") { read += Int64(field.dropFirst(7)) ?? 0 }
                if field.hasPrefix("wbytes=") { written += Int64(field.dropFirst(7)) ?? 0 }
            }
            return (read, written)
        }
        if let text = cgroups["blkio"].flatMap({ Files.line($0.appending("blkio.throttle.io_service_bytes")) }) {
            for line in text.split(separator: "\n") {
                let fields = line.split(separator: " ")
                guard fields.count == 3 else { continue }
                if fields[1] == "Read" { read += Int64(fields[2]) ?? 0 }
                if fields[1] == "Write" { written += Int64(fields[2]) ?? 0 }
            }
            return (read, written)
        }
        for pid in pids {
            for line in (Files.line(FilePath("/proc/\(pid)/io")) ?? "").split(separator: "\n") {
                if line.hasPrefix("read_bytes: ") { read += Int64(line.dropFirst(12)) ?? 0 }
                if line.hasPrefix("write_bytes: ") { written += Int64(line.dropFirst(13)) ?? 0 }
            }
        }
        return (read, written)
    }
}

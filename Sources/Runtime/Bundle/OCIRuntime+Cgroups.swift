public import Diagnostics
import Glibc
import Linux
import SystemPackage

extension OCIRuntime {
    /// The cgroups that a further process joins: the container's, or what `--cgroup` names below it, `PATH` or
    /// `CONTROLLER,…:PATH`.
    func joined(_ state: RuntimeState, _ wanted: [String]) throws(DrydockError) -> [String] {
        var places = state.cgroups
        for word in wanted {
            let parts = word.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard parts.count <= 2 else { throw Self.wrong("invalid --cgroup argument: \(word)") }
            if parts.count == 1 {
                guard wanted.count == 1 else {
                    throw Self.wrong("invalid --cgroup argument: \(word) (missing <controller>: prefix)")
                }
                places = try places.map { (place: String) throws(DrydockError) in try Self.below(place, word) }
                continue
            }
            for controller in parts[0].split(separator: ",") {
                let tree = "/sys/fs/cgroup/\(controller)/"
                guard let index = places.firstIndex(where: { $0.hasPrefix(tree) }) else {
                    throw Self.wrong("unknown controller \(controller) in --cgroup argument: \(word)")
                }
                places[index] = try Self.below(places[index], parts[1])
            }
        }
        guard wanted.isEmpty, case .unified = Cgroups.layout() else { return places }
        // Once a program has handed controllers down, nobody can live in the container's own cgroup (version 2): then the
        // place of its first process is the right one.
        return places.map { place in
            guard Files.line(FilePath(place).appending("cgroup.subtree_control"))?.isEmpty == false,
                let line = Files.line(FilePath("/proc/\(state.pid)/cgroup")), line.hasPrefix("0::/")
            else { return place }
            return "/sys/fs/cgroup" + line.dropFirst(3)
        }
    }

    private static func below(_ place: String, _ path: String) throws(DrydockError) -> String {
        let result = FilePath(place).appending(path).lexicallyNormalized()
        guard result.starts(with: FilePath(place)) else {
            throw wrong("bad sub cgroup path: \(path) is not a sub cgroup path")
        }
        return result.string
    }

    /// Freezes or thaws a container (`pause`, `resume`).
    public func freeze(_ id: String, _ frozen: Bool) throws(DrydockError) {
        let state = try found(id)
        let status = state.status(in: directory(id))
        guard status == (frozen ? "running" : "paused") || (frozen && status == "created") else {
            throw DrydockError(.conflict, frozen ? "container not running" : "container not paused")
        }
        guard let freezer = state.freezer else {
            throw DrydockError(
                .unsupported, "no freezer cgroup for container \(id)",
                reason: "this user may not make cgroups of that kind here", remedy: "run it as root")
        }
        try Files.write(Array((frozen ? freezer.frozen : freezer.thawed).utf8), toFile: freezer.file)
    }

    /// Changes the limits of a container (`update`).
    /// - Parameter resources: in the form of `linux.resources`.
    public func update(_ id: String, _ resources: JSONValue) throws(DrydockError) {
        let state = try found(id)
        var unified = false
        if case .unified = Cgroups.layout() { unified = true }
        var read = CgroupResources(resources)
        if unified, read.cpuQuota == nil || read.cpuPeriod == nil, let now = value(of: "cpu.max", state) {
            // One file has both; what is not said stays.
            let words = now.split(separator: " ")
            if read.cpuQuota == nil, read.cpuPeriod != nil { read.cpuQuota = words.first.flatMap { Int64($0) } }
            if read.cpuPeriod == nil, read.cpuQuota != nil { read.cpuPeriod = words.last.flatMap { Int64($0) } }
        }
        // Without a limit of memory there can be none of memory and swap together.
        if !unified, read.memory == -1, read.memorySwap == nil { read.memorySwap = -1 }
        var waiting: [CgroupSetting] = []
        for setting in unified ? read.unified : read.separate {
            do throws(DrydockError) {
                try write(setting, state)
            } catch {
                // One may be refused as long as its counterpart is what it was: the quota and the period, memory alone
                // and with swap.
                guard error.errno == EINVAL || error.errno == EBUSY else { throw error }
                waiting.append(setting)
            }
        }
        for setting in waiting { try write(setting, state) }
    }

    private func value(of file: String, _ state: RuntimeState) -> String? {
        state.cgroups.lazy.compactMap { Files.line(FilePath($0).appending(file)) }.first
    }

    private func write(_ setting: CgroupSetting, _ state: RuntimeState) throws(DrydockError) {
        let places = state.cgroups.map { FilePath($0).appending(setting.file) }
        guard let file = places.first(where: { Files.exists($0) }) else {
            if setting.optional { return }
            throw DrydockError(.unsupported, "the container has no cgroup with \(setting.file)")
        }
        do throws(DrydockError) {
            try Files.write(Array(setting.value.utf8), toFile: file)
        } catch {
            if !setting.optional || error.errno == EINVAL || error.errno == EBUSY { throw error }
        }
    }

    /// What a container uses (`events`), in runc's form.
    public func statistics(_ id: String) throws(DrydockError) -> JSONValue {
        RuntimeStatistics(try found(id)).document
    }

    /// How often memory ran out in a container; nil where it has ended.
    public func memoryFailures(_ id: String) throws(DrydockError) -> Int64? {
        let state: RuntimeState
        do throws(DrydockError) {
            state = try found(id)
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
        return state.status(in: directory(id)) == "stopped" ? nil : RuntimeStatistics(state).memoryFailures
    }
}

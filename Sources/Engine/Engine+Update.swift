public import Diagnostics
import ImageStore
import Linux
import OCI
import Runtime
import SystemPackage

extension Engine {
    /// See `EngineOperations`.
    public func update(_ name: String, _ request: UpdateRequest) throws(DrydockError) -> [String] {
        let (record, document) = try find(name)
        func refused(_ error: DrydockError) -> DrydockError {
            var error = error.exiting(1)
            error.message = "Cannot update container \(record.id): \(error.message)"
            return error
        }
        let policy = try request.restart.map { setting throws(DrydockError) in try setting.checked() }
        if policy != nil, document.autoRemove {
            throw DrydockError(
                .conflict,
                "Cannot update container \(record.id): Restart policy cannot be updated because AutoRemove is enabled "
                    + "for the container")
        }
        if let memory = request.memory, memory > 0, memory < 6 << 20 {
            throw DrydockError(.invalidArgument, "Minimum memory limit allowed is 6MB")
        }
        if let weight = request.blockWeight, weight != 0, !(10...1000).contains(weight) {
            throw DrydockError(.invalidArgument, "Range of blkio weight is from 10 to 1000")
        }
        if let memory = request.memory, memory > 0, let swap = request.memorySwap ?? document.number("MemorySwap"),
            swap > 0, swap < memory
        {
            throw refused(
                DrydockError(
                    .conflict,
                    "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same "
                        + "time"))
        }
        // First what may be refused; then what is written down.
        if let info = try runtime.state(record.id).running {
            do throws(DrydockError) {
                try request.limits.apply(name: record.id, cgroup: info.cgroup) { Self.processes(info) }
            } catch {
                throw refused(error)
            }
        }
        try store.update(container: record.id) { record in
            guard let json = try? JSONValue(parsing: record.document), let host = json["HostConfig"] else { return }
            record.document = json.setting("HostConfig", request.applied(to: host)).compact
        }
        if let policy { try runtime.change(record.id, policy) }
        self.record("update", record, document)
        return []
    }
}

extension ContainerDocument {
    /// A number of `HostConfig`; nil where it is 0.
    func number(_ key: String) -> Int64? { json.at("HostConfig.\(key)")?.int.flatMap { $0 == 0 ? nil : $0 } }
}

extension UpdateRequest {
    var limits: CgroupLimits {
        var limits = CgroupLimits()
        limits.memory = memory
        limits.memoryReservation = memoryReservation
        limits.memorySwap = memorySwap
        limits.pids = pids.map { $0 <= 0 ? -1 : $0 }
        limits.cpuShares = cpuShares
        limits.cpuPeriod = cpuPeriod
        limits.cpuQuota = cpuQuota
        limits.cpus = cpusetCPUs
        limits.memoryNodes = cpusetMemoryNodes
        limits.blockWeight = blockWeight
        if let nanoCPUs {
            limits.cpuPeriod = 100_000
            limits.cpuQuota = nanoCPUs > 0 ? nanoCPUs / 10_000 : -1
        }
        return limits
    }

    /// `HostConfig` as it is afterwards.
    func applied(to host: JSONValue) -> JSONValue {
        var host = host
        let numbers = [
            ("Memory", memory), ("MemoryReservation", memoryReservation), ("MemorySwap", memorySwap),
            ("NanoCpus", nanoCPUs), ("CpuShares", cpuShares), ("CpuQuota", cpuQuota), ("CpuPeriod", cpuPeriod),
            ("PidsLimit", pids), ("BlkioWeight", blockWeight),
        ]
        for (key, value) in numbers { if let value { host = host.setting(key, .int(value)) } }
        if let cpusetMemoryNodes { host = host.setting("CpusetMems", .string(cpusetMemoryNodes)) }
        if let cpusetCPUs { host = host.setting("CpusetCpus", .string(cpusetCPUs)) }
        if let restart { host = host.setting("RestartPolicy", ContainerDocument.restartPolicy(restart)) }
        return host
    }
}

import Diagnostics
import Engine

/// `docker update`.
enum UpdateCommand {
    static let flags = [
        Flag(
            "blkio-weight", nil, .string, type: "uint16",
            "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)",
            check: FlagChecks.unsigned16),
        Flag("cpu-period", nil, .int, "Limit CPU CFS (Completely Fair Scheduler) period"),
        Flag("cpu-quota", nil, .int, "Limit CPU CFS (Completely Fair Scheduler) quota"),
        Flag("cpu-shares", "c", .int, "CPU shares (relative weight)"),
        Flag("cpus", nil, .string, type: "decimal", "Number of CPUs"),
        Flag("cpuset-cpus", nil, .string, "CPUs in which to allow execution (0-3, 0,1)"),
        Flag("cpuset-mems", nil, .string, "MEMs in which to allow execution (0-3, 0,1)"),
        Flag(
            "kernel-memory", nil, .string, type: "bytes", "Kernel memory limit (deprecated)", check: FlagChecks.bytes
        ).hidden,
        Flag("memory", "m", .string, type: "bytes", "Memory limit"),
        Flag("memory-reservation", nil, .string, type: "bytes", "Memory soft limit"),
        Flag(
            "memory-swap", nil, .string, type: "bytes",
            "Swap limit equal to memory plus swap: -1 to enable unlimited swap"),
        Flag("pids-limit", nil, .int, "Tune container pids limit (set -1 for unlimited)"),
        Flag(
            "restart", nil, .string, "Restart policy to apply when a container exits",
            values: ["no", "always", "on-failure", "unless-stopped"]),
    ]

    static func update(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        guard !invocation.given.isEmpty else {
            throw .message("You must provide one or more flags when using this command.")
        }
        var request = UpdateRequest()
        if let text = invocation.string("restart"), !text.isEmpty { request.restart = try CreateOptions.restart(text) }
        request.memory = try size("memory", invocation)
        request.memoryReservation = try size("memory-reservation", invocation)
        request.memorySwap = try size("memory-swap", invocation)
        request.cpuShares = invocation.int("cpu-shares").map(Int64.init)
        request.cpuQuota = invocation.int("cpu-quota").map(Int64.init)
        request.cpuPeriod = invocation.int("cpu-period").map(Int64.init)
        request.pids = invocation.int("pids-limit").map(Int64.init)
        request.blockWeight = invocation.string("blkio-weight").flatMap { Int64($0) }
        request.cpusetMemoryNodes = invocation.string("cpuset-mems")
        request.cpusetCPUs = invocation.string("cpuset-cpus")
        if let text = invocation.string("cpus") {
            guard let count = Double(text), count >= 0, count < 1e6 else {
                throw .message(
                    "invalid argument \(Units.quoted(text)) for \"--cpus\" flag: failed to parse \(text) as a rational "
                        + "number", status: 125)
            }
            request.nanoCPUs = Int64((count * 1e9).rounded())
        }
        let (final, names) = (request, invocation.arguments)
        let engine = try context.open()
        var failed: [Failure] = []
        for name in names {
            do throws(Failure) {
                let warnings = try await blocking { () throws(DrydockError) in try engine.update(name, final) }
                context.output.line(name)
                for warning in warnings { context.output.line("WARNING: \(warning)") }
            } catch {
                failed.append(error)
            }
        }
        for failure in failed { context.report(failure) }
        return failed.isEmpty ? 0 : 1
    }

    private static func size(_ flag: String, _ invocation: Invocation) throws(Failure) -> Int64? {
        guard let text = invocation.string(flag) else { return nil }
        if text == "-1" { return -1 }
        guard let size = ByteCount.read(text) else {
            let shown = invocation.spec.flag(named: flag)?.displayName ?? flag
            throw .message(
                "invalid argument \(Units.quoted(text)) for \"\(shown)\" flag: invalid size: '\(text)'", status: 125)
        }
        return size
    }
}

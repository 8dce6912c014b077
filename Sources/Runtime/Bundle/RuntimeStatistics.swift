import Diagnostics
import Linux
import SystemPackage

/// What a container's cgroups count, of both versions; the form is that of `runc events`.
struct RuntimeStatistics {
    private let places: [FilePath]

    init(_ state: RuntimeState) { places = state.cgroups.map { FilePath($0) } }

    /// How often the kernel ended a process because memory ran out.
    var memoryFailures: Int64 {
        max(table("memory.oom_control")["oom_kill"] ?? 0, table("memory.events")["oom_kill"] ?? 0)
    }

    /// All of it. Times are nanoseconds, sizes bytes.
    var document: JSONValue {
        [
            "cpu": processors, "cpuset": processorSet, "memory": memory,
            "pids": Self.object(["current": number("pids.current"), "limit": number("pids.max")]),
            "blkio": Self.lists(blocks), "hugetlb": [:], "intel_rdt": [:], "network_interfaces": .null,
        ]
    }

    private func text(_ file: String) -> String? {
        places.lazy.compactMap { Files.line($0.appending(file)) }.first
    }

    private func number(_ file: String) -> Int64? { text(file).flatMap { Int64($0) } }

    /// The file's lines `name value`.
    private func table(_ file: String) -> [String: Int64] {
        var result: [String: Int64] = [:]
        for line in (text(file) ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, let value = Int64(words[1]) { result[String(words[0])] = value }
        }
        return result
    }

    private static func object(_ pairs: KeyValuePairs<String, Int64?>) -> JSONValue {
        .object(pairs.compactMap { key, value in value.map { (key: key, value: JSONValue.int($0)) } })
    }

    private var processors: JSONValue {
        let usage: JSONValue
        let counts = table("cpu.stat")
        if let total = number("cpuacct.usage") {
            func list(_ file: String) -> JSONValue {
                .array((text(file) ?? "").split(separator: " ").compactMap { Int64($0).map(JSONValue.int) })
            }
            usage = [
                "total": .int(total), "percpu": list("cpuacct.usage_percpu"),
                "percpu_kernel": list("cpuacct.usage_percpu_sys"), "percpu_user": list("cpuacct.usage_percpu_user"),
                "kernel": .int(number("cpuacct.usage_sys") ?? 0), "user": .int(number("cpuacct.usage_user") ?? 0),
            ]
        } else {
            usage = [
                "total": .int((counts["usage_usec"] ?? 0) * 1000), "kernel": .int((counts["system_usec"] ?? 0) * 1000),
                "user": .int((counts["user_usec"] ?? 0) * 1000),
            ]
        }
        let throttling = Self.object([
            "periods": counts["nr_periods"], "throttledPeriods": counts["nr_throttled"],
            "throttledTime": counts["throttled_time"] ?? counts["throttled_usec"].map { $0 * 1000 },
        ])
        return ["usage": usage, "throttling": throttling]
    }

    private var processorSet: JSONValue {
        func list(_ file: String) -> JSONValue {
            var numbers: [JSONValue] = []
            for part in (text(file) ?? "").split(separator: ",") {
                let ends = part.split(separator: "-").compactMap { Int64($0) }
                guard let first = ends.first, let last = ends.last, first <= last else { continue }
                numbers += (first...last).map(JSONValue.int)
            }
            return .array(numbers)
        }
        func flag(_ name: String) -> JSONValue { .int(number("cpuset.\(name)") ?? 0) }
        return [
            "cpus": list("cpuset.cpus"), "cpu_exclusive": flag("cpu_exclusive"), "mems": list("cpuset.mems"),
            "mem_hardwall": flag("mem_hardwall"), "mem_exclusive": flag("mem_exclusive"),
            "memory_migrate": flag("memory_migrate"), "memory_spread_page": flag("memory_spread_page"),
            "memory_spread_slab": flag("memory_spread_slab"), "memory_pressure": flag("memory_pressure"),
            "sched_load_balance": flag("sched_load_balance"),
            "sched_relax_domain_level": flag("sched_relax_domain_level"),
        ]
    }

    private var memory: JSONValue {
        let raw = table("memory.stat")
        func entry(_ separate: String, _ usage: String, _ limit: String) -> JSONValue {
            Self.object([
                // No limit is said as the largest number.
                "limit": number("memory.\(separate)limit_in_bytes")
                    ?? number(limit) ?? (text(limit) == "max" ? Int64.max : 0),
                "usage": number("memory.\(separate)usage_in_bytes") ?? number(usage),
                "max": number("memory.\(separate)max_usage_in_bytes"),
                "failcnt": number("memory.\(separate)failcnt") ?? 0,
            ])
        }
        return [
            "cache": .int(raw["cache"] ?? raw["file"] ?? 0), "usage": entry("", "memory.current", "memory.max"),
            "swap": entry("memsw.", "memory.swap.current", "memory.swap.max"), "kernel": entry("kmem.", "", ""),
            "kernelTCP": entry("kmem.tcp.", "", ""),
            "raw": .object(raw.sorted { $0.key < $1.key }.map { ($0.key, .int($0.value)) }),
        ]
    }

    /// Lines `8:0 Read 4096` of version 1, `8:0 rbytes=4096 …` of version 2.
    private var blocks: [(String, [JSONValue])] {
        func entry(_ device: Substring, _ operation: String, _ value: Int64) -> JSONValue? {
            let numbers = device.split(separator: ":").compactMap { Int64($0) }
            guard numbers.count == 2 else { return nil }
            return [
                "major": .int(numbers[0]), "minor": .int(numbers[1]), "op": .string(operation), "value": .int(value),
            ]
        }
        func separate(_ file: String) -> [JSONValue] {
            (text("blkio.throttle.\(file)_recursive") ?? text("blkio.throttle.\(file)") ?? "").split(separator: "\n")
                .compactMap { line in
                    let words = line.split(separator: " ")
                    guard words.count == 3, let value = Int64(words[2]) else { return nil }
                    return entry(words[0], String(words[1]), value)
                }
        }
        func unified(_ names: [String: String]) -> [JSONValue] {
            (text("io.stat") ?? "").split(separator: "\n").flatMap { line in
                let words = line.split(separator: " ")
                return words.dropFirst().compactMap { word -> JSONValue? in
                    let parts = word.split(separator: "=")
                    guard parts.count == 2, let name = names[String(parts[0])], let value = Int64(parts[1]) else {
                        return nil
                    }
                    return entry(words[0], name, value)
                }
            }
        }
        return [
            (
                "ioServiceBytesRecursive",
                separate("io_service_bytes") + unified(["rbytes": "Read", "wbytes": "Write", "dbytes": "Discard"])
            ),
            (
                "ioServicedRecursive",
                separate("io_serviced") + unified(["rios": "Read", "wios": "Write", "dios": "Discard"])
            ),
        ]
    }

    private static func lists(_ pairs: [(String, [JSONValue])]) -> JSONValue {
        .object(pairs.filter { !$0.1.isEmpty }.map { (key: $0.0, value: .array($0.1)) })
    }
}

import Diagnostics
import Glibc
import Linux
import Runtime
import SystemPackage

/// What `drydock runtime` reads and prints.
extension RuntimeMain {
    func processes(_ runtime: OCIRuntime, _ id: String) throws(DrydockError) -> Int32 {
        let pids = try runtime.processes(id)
        if given.value("format") == "json" {
            print(JSONValue.array(pids.map { .int(Int64($0)) }).compact)
            return 0
        }
        let given = Array(given.words.dropFirst())
        let output = try ChildProcess.run("ps", ["ps"] + (given.isEmpty ? ["-ef"] : given))
        let lines = output.text.split(separator: "\n", omittingEmptySubsequences: true)
        guard let header = lines.first else { return output.status }
        let titles = header.split(separator: " ", omittingEmptySubsequences: true)
        guard let column = titles.firstIndex(of: "PID") else {
            throw DrydockError(.invalidArgument, "couldn't find PID field in ps output")
        }
        print(header)
        for line in lines.dropFirst() {
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            if fields.count > column, let pid = Int32(fields[column]), pids.contains(pid) { print(line) }
        }
        return 0
    }

    /// `update`: the flags, or a document.
    func resources(warn: (String) -> Void) throws(DrydockError) -> JSONValue {
        if let file = given.value("resources") {
            return try JSONValue(parsing: file == "-" ? try StandardPrompt.readAll() : try Files.read(FilePath(file)))
        }
        var resources = JSONValue.object([])
        func set(_ flag: String, _ group: String, _ key: String, size: Bool = false) throws(DrydockError) {
            guard let value = given.value(flag), !value.isEmpty else { return }
            guard let number = size ? Self.bytes(value) : Int64(value) else {
                throw DrydockError(.invalidArgument, "invalid value for \(flag): \(value)")
            }
            resources = resources.setting(group, (resources[group] ?? .object([])).setting(key, .int(number)))
        }
        try set("memory", "memory", "limit", size: true)
        try set("memory-swap", "memory", "swap", size: true)
        try set("memory-reservation", "memory", "reservation", size: true)
        try set("cpu-share", "cpu", "shares")
        try set("cpu-quota", "cpu", "quota")
        try set("cpu-period", "cpu", "period")
        try set("cpu-rt-period", "cpu", "realtimePeriod")
        try set("cpu-rt-runtime", "cpu", "realtimeRuntime")
        try set("pids-limit", "pids", "limit")
        try set("blkio-weight", "blockIO", "weight")
        for (flag, key) in [("cpuset-cpus", "cpus"), ("cpuset-mems", "mems")] {
            guard let value = given.value(flag), !value.isEmpty else { continue }
            resources = resources.setting(
                "cpu", (resources["cpu"] ?? .object([])).setting(key, .string(value)))
        }
        if given.value("kernel-memory") != nil || given.value("kernel-memory-tcp") != nil {
            warn("Kernel memory settings are ignored and will be removed")
        }
        return resources
    }

    /// `64m`, `1.5g`, `-1`: bytes, in steps of 1024.
    static func bytes(_ text: String) -> Int64? {
        if text == "-1" { return -1 }
        var word = text.lowercased()[...]
        if word.hasSuffix("b") { word.removeLast() }
        if word.hasSuffix("i") { word.removeLast() }
        var factor = 1.0
        if let step = word.last.flatMap({ "kmgtp".firstIndex(of: $0) }) {
            word.removeLast()
            for _ in 0..."kmgtp".distance(from: "kmgtp".startIndex, to: step) { factor *= 1024 }
        }
        guard let number = Double(word), number >= 0, number * factor < 9e18 else { return nil }
        return Int64(number * factor)
    }

    /// `5s`, `100ms`, `1m30s`: nanoseconds.
    static func duration(_ text: String) -> Int64? {
        var rest = text[...]
        var total = 0.0
        let units: [(String, Double)] = [
            ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("h", 3600e9), ("m", 60e9), ("s", 1e9),
        ]
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isNumber || $0 == "." }
            rest = rest.dropFirst(digits.count)
            guard let number = Double(digits), let unit = units.first(where: { rest.hasPrefix($0.0) }) else {
                return nil
            }
            rest = rest.dropFirst(unit.0.count)
            total += number * unit.1
        }
        return total > 0 && total < 9e18 ? Int64(total) : nil
    }

    /// Nanoseconds of a clock that nobody sets.
    private static var clock: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// `events`: what is used, every few seconds; and that memory ran out, soon after it did.
    func events(_ runtime: OCIRuntime, _ id: String) throws(DrydockError) {
        let wanted = given.value("interval") ?? "5s"
        guard let interval = Self.duration(wanted) else {
            throw DrydockError(
                .invalidArgument, "duration interval must be greater than 0", reason: "it is \"\(wanted)\"",
                remedy: "say it as 500ms, 5s or 1m")
        }
        func tell(_ pairs: [(key: String, value: JSONValue)]) throws(DrydockError) {
            try Files.write(Array((JSONValue.object(pairs).compact + "\n").utf8), to: 1)
        }
        func statistics() throws(DrydockError) {
            try tell([("type", "stats"), ("id", .string(id)), ("data", try runtime.statistics(id))])
        }
        // An id that does not exist is an error; one that goes later is the end.
        _ = try runtime.state(id)
        guard var failures = try runtime.memoryFailures(id) else {
            throw DrydockError(.conflict, "container with id \(id) is not running")
        }
        if given.isSet("stats") { return try statistics() }
        var next = Self.clock + interval
        while let now = try runtime.memoryFailures(id) {
            for _ in 0..<max(0, now - failures) { try tell([("type", "oom"), ("id", .string(id))]) }
            failures = now
            if Self.clock >= next {
                try statistics()
                next += interval
            }
            usleep(UInt32(max(1000, min(100_000, (next - Self.clock) / 1000))))
        }
    }

    func spec(_ bundle: FilePath) throws(DrydockError) {
        let file = bundle.appending("config.json")
        guard !Files.exists(file) else {
            throw DrydockError(.conflict, "File config.json exists. Remove it first", remedy: "rm \(file)")
        }
        let text = RuntimeDocuments.template(rootless: given.isSet("rootless") || getuid() != 0).pretty() + "\n"
        try AtomicFile.write(Array(text.utf8), to: file)
    }

    func list(_ runtime: OCIRuntime) throws(DrydockError) {
        let all = try runtime.list()
        if given.isSet("quiet") {
            for state in all { print(state["id"]?.string ?? "") }
            return
        }
        let format = given.value("format") ?? "table"
        guard ["table", "json"].contains(format) else {
            throw DrydockError(.invalidArgument, "invalid format option", remedy: "say table or json")
        }
        if format == "json" {
            print(JSONValue.array(all).compact)
            return
        }
        let rows =
            [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]]
            + all.map { state in
                ["id", "pid", "status", "bundle", "created", "owner"].map { key in
                    state[key]?.string ?? state[key]?.int.map { String($0) } ?? ""
                }
            }
        let widths = (0..<6).map { column in max(12, (rows.map { $0[column].count }.max() ?? 0) + 3) }
        for row in rows {
            print(zip(row, widths).map { $0 + String(repeating: " ", count: max(0, $1 - $0.count)) }.joined())
        }
    }
}

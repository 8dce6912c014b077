import Diagnostics
import Glibc

/// A system call with which a bundle's process chooses something about itself.
public struct ProcessCall: Sendable, Equatable {
    /// The call's number.
    let number: Int64
    /// Its first three arguments.
    let arguments: (Int64, Int64, Int64)
    /// What its second argument points to, instead.
    var area: [UInt8] = []
    /// What it is for.
    let description: String

    /// Whether two calls do the same, whatever they are called.
    public static func == (left: ProcessCall, right: ProcessCall) -> Bool {
        left.number == right.number && left.arguments == right.arguments && left.area == right.area
    }

    /// `linux.personality`, `process.ioPriority` and `process.scheduler` of a configuration.
    static func all(of config: JSONValue, _ process: JSONValue) throws(DrydockError) -> [ProcessCall] {
        var calls: [ProcessCall] = []
        if let personality = config.at("linux.personality") { calls.append(try Self.personality(personality)) }
        if let priority = process["ioPriority"] { calls.append(try ioPriority(priority)) }
        if let scheduler = process["scheduler"] { calls.append(try Self.scheduler(scheduler)) }
        return calls
    }

    private static func wrong(_ message: String) -> DrydockError {
        DrydockError(.invalidArgument, message, exitStatus: 1)
    }

    #if arch(x86_64)
        private static let numbers: (personality: Int64, ioPriority: Int64, scheduler: Int64) = (135, 251, 314)
    #else
        private static let numbers: (personality: Int64, ioPriority: Int64, scheduler: Int64) = (92, 30, 274)
    #endif

    private static func personality(_ json: JSONValue) throws(DrydockError) -> ProcessCall {
        let domain = json["domain"]?.string ?? ""
        guard let value = ["LINUX": Int64(0), "LINUX32": 8][domain] else {
            throw wrong("config.json: unknown personality domain \"\(domain)\"")
        }
        guard json["flags"]?.array?.isEmpty ?? true else {
            throw wrong("config.json: personality flags are not supported")
        }
        return ProcessCall(number: numbers.personality, arguments: (value, 0, 0), description: "personality \(domain)")
    }

    private static func ioPriority(_ json: JSONValue) throws(DrydockError) -> ProcessCall {
        let name = json["class"]?.string ?? ""
        let classes: [String: Int64] = ["IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3]
        let level = json["priority"]?.int ?? 0
        guard let kind = classes[name], (0...7).contains(level) else {
            throw wrong("config.json: invalid ioPriority \"\(name)\" \(level)")
        }
        return ProcessCall(
            number: numbers.ioPriority, arguments: (1, 0, kind << 13 | level),
            description: "ioprio_set \(name) \(level)")
    }

    /// `struct sched_attr` of sched_setattr(2).
    private static func scheduler(_ json: JSONValue) throws(DrydockError) -> ProcessCall {
        let policies: [String: UInt32] = [
            "SCHED_OTHER": 0, "SCHED_FIFO": 1, "SCHED_RR": 2, "SCHED_BATCH": 3, "SCHED_ISO": 4, "SCHED_IDLE": 5,
            "SCHED_DEADLINE": 6,
        ]
        let flags: [String: UInt64] = [
            "SCHED_FLAG_RESET_ON_FORK": 1, "SCHED_FLAG_RECLAIM": 2, "SCHED_FLAG_DL_OVERRUN": 4,
            "SCHED_FLAG_KEEP_POLICY": 8, "SCHED_FLAG_KEEP_PARAMS": 16, "SCHED_FLAG_UTIL_CLAMP_MIN": 32,
            "SCHED_FLAG_UTIL_CLAMP_MAX": 64,
        ]
        let name = json["policy"]?.string ?? ""
        guard let policy = policies[name] else { throw wrong("config.json: unknown scheduler policy \"\(name)\"") }
        var bits: UInt64 = 0
        for flag in (json["flags"]?.array ?? []).compactMap(\.string) {
            guard let bit = flags[flag] else { throw wrong("config.json: unknown scheduler flag \"\(flag)\"") }
            bits |= bit
        }
        func number(_ key: String) -> Int64 { json[key]?.int ?? 0 }
        var area: [UInt8] = []
        func put(_ value: some FixedWidthInteger) { withUnsafeBytes(of: value) { area.append(contentsOf: $0) } }
        put(UInt32(48))
        put(policy)
        put(bits)
        put(Int32(truncatingIfNeeded: number("nice")))
        put(UInt32(truncatingIfNeeded: number("priority")))
        for key in ["runtime", "deadline", "period"] { put(UInt64(bitPattern: number(key))) }
        return ProcessCall(
            number: numbers.scheduler, arguments: (0, 0, 0), area: area, description: "sched_setattr \(name)")
    }
}

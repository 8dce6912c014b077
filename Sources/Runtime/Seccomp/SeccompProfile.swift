public import Diagnostics

/// Which system calls a container may make: what happens by default, and rules for calls by name.
///
/// Read from a file in Docker's format (`--security-opt seccomp=FILE`) or from the `linux.seccomp` of an OCI
/// configuration; both name actions, architectures and comparisons as libseccomp does.
public struct SeccompProfile: Sendable, Hashable {
    /// What happens to a call.
    public struct Action: Sendable, Hashable {
        /// The name, `SCMP_ACT_…`.
        public var name: String
        /// The error that the caller gets, for `SCMP_ACT_ERRNO` and `SCMP_ACT_TRACE`.
        public var errno: UInt16

        /// The call is made.
        public static let allow = Action(name: "SCMP_ACT_ALLOW", errno: 0)
        /// The call fails with an error.
        public static func fail(_ errno: UInt16) -> Action { Action(name: "SCMP_ACT_ERRNO", errno: errno) }
    }

    /// A comparison of an argument.
    public struct Argument: Sendable, Hashable {
        /// Which argument, from 0.
        public var index: UInt32
        /// `SCMP_CMP_…`
        public var comparison: String
        /// What it is compared with; the mask for `SCMP_CMP_MASKED_EQ`.
        public var value: UInt64
        /// What a masked argument is compared with.
        public var second: UInt64
    }

    /// When a rule is meant.
    public struct Condition: Sendable, Hashable {
        /// Names of capabilities: all of them, for `includes`; one of them, for `excludes`.
        public var capabilities: [String] = []
        /// Go's names of processors.
        public var architectures: [String] = []
        /// The kernel's version at least.
        public var minimumKernel: String?
    }

    /// What happens to some calls.
    public struct Rule: Sendable, Hashable {
        /// The calls by name; names that this machine does not know are passed over.
        public var names: [String]
        /// What happens.
        public var action: Action
        /// All have to hold.
        public var arguments: [Argument] = []
        /// The rule is meant only there.
        public var includes = Condition()
        /// The rule is not meant there.
        public var excludes = Condition()
    }

    /// What happens to a call that no rule names.
    public var defaultAction: Action
    /// The processors besides the machine's own whose programs run, as libseccomp names them.
    public var architectures: [String]
    /// The rules.
    public var rules: [Rule]
    /// Flags of seccomp(2), `SECCOMP_FILTER_FLAG_…`.
    public var flags: [String] = []

    /// Reads a profile.
    /// - Throws: code `.invalidArgument`, in the words of Docker's daemon.
    public init(_ json: JSONValue) throws(DrydockError) {
        func wrong(_ message: String) -> DrydockError {
            DrydockError(
                .invalidArgument, message, remedy: "See https://docs.docker.com/engine/security/seccomp/",
                exitStatus: 125)
        }
        func action(_ json: JSONValue?, _ errno: JSONValue?) throws(DrydockError) -> Action {
            guard let name = json?.string else {
                throw wrong("Unmarshaling seccomp profile failed: an action is missing")
            }
            guard Self.actions.contains(name) else { throw wrong("invalid seccomp action: \(name)") }
            return Action(name: name, errno: UInt16(truncatingIfNeeded: errno?.int ?? 1))
        }
        guard json.pairs != nil else { throw wrong("Unmarshaling seccomp profile failed: it is not an object") }
        defaultAction = try action(json["defaultAction"], json["defaultErrnoRet"])
        architectures = (json["architectures"]?.array ?? []).compactMap(\.string)
        let map = json["archMap"]?.array ?? []
        if !architectures.isEmpty && !map.isEmpty {
            throw wrong(
                "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'"
            )
        }
        if let own = map.first(where: { $0["architecture"]?.string == Self.nativeArchitecture }) {
            architectures = (own["subArchitectures"]?.array ?? []).compactMap(\.string)
        }
        flags = (json["flags"]?.array ?? []).compactMap(\.string)
        rules = []
        for entry in json["syscalls"]?.array ?? [] {
            let one = entry["name"]?.string
            let many = (entry["names"]?.array ?? []).compactMap(\.string)
            if one?.isEmpty == false && !many.isEmpty {
                throw wrong(
                    "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'")
            }
            var rule = Rule(
                names: many + [one].compactMap { $0?.isEmpty == false ? $0 : nil },
                action: try action(entry["action"], entry["errnoRet"]))
            for argument in entry["args"]?.array ?? [] {
                let comparison = argument["op"]?.string ?? ""
                guard Self.comparisons.contains(comparison) else {
                    throw wrong("invalid seccomp operator: \(comparison)")
                }
                rule.arguments.append(
                    Argument(
                        index: UInt32(truncatingIfNeeded: argument["index"]?.int ?? 0), comparison: comparison,
                        value: Self.number(argument["value"]), second: Self.number(argument["valueTwo"])))
            }
            rule.includes = Self.condition(entry["includes"])
            rule.excludes = Self.condition(entry["excludes"])
            rules.append(rule)
        }
    }

    init(defaultAction: Action, architectures: [String], rules: [Rule]) {
        self.defaultAction = defaultAction
        self.architectures = architectures
        self.rules = rules
    }

    private static func number(_ json: JSONValue?) -> UInt64 {
        switch json {
        case .int(let value): UInt64(bitPattern: value)
        case .double(let value) where value >= 0 && value < 18_446_744_073_709_551_616: UInt64(value)
        default: 0
        }
    }

    private static func condition(_ json: JSONValue?) -> Condition {
        Condition(
            capabilities: (json?["caps"]?.array ?? []).compactMap(\.string),
            architectures: (json?["arches"]?.array ?? []).compactMap(\.string),
            minimumKernel: json?["minKernel"]?.string)
    }

    static let actions: Set<String> = [
        "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO",
        "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY",
    ]
    static let comparisons: Set<String> = [
        "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ",
    ]

    /// The rules that are meant for a container on this machine.
    /// - Parameter kernel: major and minor version.
    func rules(for capabilities: CapabilitySet, kernel: (Int, Int)) -> [Rule] {
        let names = Set(capabilities.names)
        func new(_ version: String?) -> Bool {
            guard let version else { return true }
            let numbers = version.split(separator: ".").compactMap { Int($0) }
            guard numbers.count >= 2 else { return true }
            return kernel >= (numbers[0], numbers[1])
        }
        return rules.filter { rule in
            if rule.excludes.architectures.contains(Self.goArchitecture) { return false }
            if rule.excludes.capabilities.contains(where: names.contains) { return false }
            if rule.excludes.minimumKernel != nil, new(rule.excludes.minimumKernel) { return false }
            let architectures = rule.includes.architectures
            guard architectures.isEmpty || architectures.contains(Self.goArchitecture) else { return false }
            return rule.includes.capabilities.allSatisfy(names.contains) && new(rule.includes.minimumKernel)
        }
    }

    #if arch(x86_64)
        static let nativeArchitecture = "SCMP_ARCH_X86_64"
        static let goArchitecture = "amd64"
    #elseif arch(arm64)
        static let nativeArchitecture = "SCMP_ARCH_AARCH64"
        static let goArchitecture = "arm64"
    #else
        static let nativeArchitecture = "SCMP_ARCH_NATIVE"
        static let goArchitecture = ""
    #endif
}

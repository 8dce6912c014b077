import Diagnostics
import Linux
import SystemPackage

/// What every program of a container is held to.
struct Restrictions: Equatable {
    var capabilities: CapabilitySet
    var privileged: Bool
    var noNewPrivileges: Bool
    var readOnlyRoot: Bool
    var limits: [ResourceLimit]
    var seccompFilter: [UInt8]

    init(_ spec: ContainerSpec) {
        capabilities = spec.capabilities
        privileged = spec.privileged
        noNewPrivileges = spec.noNewPrivileges
        readOnlyRoot = spec.readOnlyRoot
        limits = spec.limits
        seccompFilter = spec.seccompFilter
    }

    init(_ json: JSONValue) {
        capabilities = CapabilitySet(bits: UInt64(bitPattern: json["capabilities"]?.int ?? 0))
        privileged = json["privileged"]?.bool ?? false
        noNewPrivileges = json["noNewPrivileges"]?.bool ?? false
        readOnlyRoot = json["readOnlyRoot"]?.bool ?? false
        limits = (json["limits"]?.array ?? []).compactMap { entry in
            let numbers = (entry.array ?? []).compactMap(\.int)
            guard numbers.count == 3 else { return nil }
            return ResourceLimit(resource: Int32(truncatingIfNeeded: numbers[0]), soft: numbers[1], hard: numbers[2])
        }
        seccompFilter = []
    }

    var json: JSONValue {
        [
            "capabilities": .int(Int64(bitPattern: capabilities.bits)), "privileged": .bool(privileged),
            "noNewPrivileges": .bool(noNewPrivileges), "readOnlyRoot": .bool(readOnlyRoot),
            "limits": .array(limits.map { [.int(Int64($0.resource)), .int($0.soft), .int($0.hard)] }),
        ]
    }
}

/// What `exec` has to know of how a container was started; kept in its directory as `launch.json`.
struct LaunchFacts: Equatable {
    var restrictions: Restrictions
    var isRoot: Bool
    var terminal: Bool
    /// The namespaces that are the host's.
    var shared: [Namespace]

    init(restrictions: Restrictions, isRoot: Bool, shared: [Namespace], terminal: Bool) {
        self.terminal = terminal
        self.shared = shared
        self.restrictions = restrictions
        self.isRoot = isRoot
    }

    init(_ spec: ContainerSpec, _ compiler: PlanCompiler) {
        self.init(
            restrictions: Restrictions(spec), isRoot: compiler.isRoot, shared: compiler.shared, terminal: spec.terminal)
    }

    static func file(_ directory: FilePath) -> FilePath { directory.appending("launch.json") }

    private static func filter(_ directory: FilePath) -> FilePath { directory.appending("seccomp.bpf") }

    init(readFrom directory: FilePath) throws(DrydockError) {
        let json = try JSONValue(parsing: try Files.read(Self.file(directory)))
        restrictions = Restrictions(json["restrictions"] ?? .null)
        isRoot = json["root"]?.bool ?? true
        shared = (json["shared"]?.array ?? []).compactMap { $0.string.flatMap(Namespace.init(rawValue:)) }
        terminal = json["terminal"]?.bool ?? false
        if json["filtered"]?.bool == true { restrictions.seccompFilter = try Files.read(Self.filter(directory)) }
    }

    func write(to directory: FilePath) throws(DrydockError) {
        let json: JSONValue = [
            "restrictions": restrictions.json, "root": .bool(isRoot),
            "shared": .array(shared.map { .string($0.rawValue) }), "terminal": .bool(terminal),
            "filtered": .bool(!restrictions.seccompFilter.isEmpty),
        ]
        if !restrictions.seccompFilter.isEmpty {
            try Self.write(restrictions.seccompFilter, to: Self.filter(directory))
        }
        try Self.write(Array(json.compact.utf8), to: Self.file(directory))
    }

    private static func write(_ bytes: [UInt8], to file: FilePath) throws(DrydockError) {
        if (try? Files.read(file)) != bytes { try AtomicFile.write(bytes, to: file, durable: false) }
    }
}

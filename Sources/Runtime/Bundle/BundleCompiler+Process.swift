import Diagnostics
import Glibc
import Linux
import SystemPackage

extension BundleCompiler {
    func process(state: String, named spaces: [Space]) throws(DrydockError) -> [LaunchOperation] {
        let process = config["process"] ?? .object([])
        var operations = try preparation(process, create: true)
        if config.at("root.readonly")?.bool == true, spaces.contains(where: { $0.kind == .mount && $0.path == nil }) {
            operations.append(.readOnlyRoot)
        }
        operations += [.findProgram, .awaitStart]
        // In a pid namespace of its own the container is process 1 to itself.
        let late = hooks("startContainer").map { hook in
            LaunchOperation.hook(hook, state: state.replacing("\"pid\":0", with: "\"pid\":1"))
        }
        operations += try rights(process, before: late)
        operations.append(.execute(arguments: strings("args", in: process), environment: environment(process)))
        return operations
    }

    /// The plan of a further process in a running container.
    func exec(_ process: JSONValue, joining places: [String]) throws(DrydockError) -> LaunchPlan {
        let order: [Namespace] = [.user, .mount, .pid, .uts, .ipc, .network, .cgroup, .time]
        let named = try spaces().map(\.kind)
        var cgroup = CgroupPlan(path: "")
        cgroup.places = places
        var operations: [LaunchOperation] = [
            .cgroup(cgroup), .await, .join(order.filter(named.contains)), .fork,
        ]
        if named.contains(.user) { operations.append(.identity(.root, groupsOptional: true)) }
        if process["terminal"]?.bool == true { operations.append(.console(path: "")) }
        operations += try preparation(process, create: false)
        operations += try rights(process, before: [])
        operations.append(.execute(arguments: strings("args", in: process), environment: environment(process)))
        return LaunchPlan(namespaces: [], operations: operations)
    }

    private func preparation(_ process: JSONValue, create: Bool) throws(DrydockError) -> [LaunchOperation] {
        var operations: [LaunchOperation] = [.session, .keyring("_ses." + id), .standardStreams]
        operations.append(.umask(UInt32(truncatingIfNeeded: process.at("user.umask")?.int ?? 0o022)))
        for limit in process["rlimits"]?.array ?? [] {
            let name = limit["type"]?.string ?? ""
            guard name.hasPrefix("RLIMIT_"), let number = ResourceLimit.numbers[name.dropFirst(7).lowercased()] else {
                throw Self.wrong("config.json: unknown rlimit \"\(name)\"")
            }
            operations.append(
                .limit(
                    ResourceLimit(
                        resource: number, soft: Self.limit(limit["soft"]), hard: Self.limit(limit["hard"]))))
        }
        operations += try ProcessCall.all(of: config, process).map { .call($0) }
        return operations + [.closeDescriptors, .workingDirectory(process["cwd"]?.string ?? "/", create: create)]
    }

    /// A limit may be larger than a signed number: then it is none.
    private static func limit(_ json: JSONValue?) -> Int64 {
        switch json {
        case .int(let value): value
        case .double: -1
        default: 0
        }
    }

    /// The variables, with the home directory of the user where none is named, as runc adds it.
    /// A variable that is there twice has its last value, whichever of them a program would take.
    private static func lastOfEach(_ words: [String]) -> [String] {
        var seen: Set<Substring> = []
        return words.reversed().filter { seen.insert($0.prefix { $0 != "=" }).inserted }.reversed()
    }

    private func environment(_ process: JSONValue) -> [String] {
        let given = Self.lastOfEach(strings("env", in: process))
        guard !given.contains(where: { $0.hasPrefix("HOME=") }) else { return given }
        let uid = String(process.at("user.uid")?.int ?? 0)
        var home: Substring = "/"
        if let bytes = fileOfRoot("etc/passwd") {
            let entries = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map {
                $0.split(separator: ":", omittingEmptySubsequences: false)
            }
            if let entry = entries.first(where: { $0.count > 5 && $0[2] == uid }), !entry[5].isEmpty { home = entry[5] }
        }
        return given + ["HOME=\(home)"]
    }

    /// What a file of the image says; links in it lead nowhere else.
    private func fileOfRoot(_ path: String) -> [UInt8]? {
        guard let directory = try? OwnedDescriptor.open(root, .readOnly),
            let file = try? FileAt.openInRoot(directory.number, path, O_RDONLY | O_CLOEXEC)
        else { return nil }
        defer { FileAt.close(file) }
        return try? Files.read(FilePath("/proc/self/fd/\(file)"))
    }

    /// - Parameter late: what is done with the rights, before the program.
    private func rights(_ process: JSONValue, before late: [LaunchOperation]) throws(DrydockError) -> [LaunchOperation]
    {
        let user = process["user"] ?? .object([])
        func number(_ key: String) -> UInt32 { UInt32(truncatingIfNeeded: user[key]?.int ?? 0) }
        let identity = ProcessUser(
            uid: number("uid"), gid: number("gid"),
            groups: (user["additionalGids"]?.array ?? []).compactMap { $0.int.map { UInt32(truncatingIfNeeded: $0) } })
        func set(_ key: String) -> CapabilitySet {
            // What this kernel does not know is passed over, as the specification wants it.
            let names = strings(key, in: process["capabilities"]).filter { CapabilitySet(names: [$0]) != nil }
            return CapabilitySet(names: names) ?? .none
        }
        let quiet = process["noNewPrivileges"]?.bool ?? false
        let filter = try seccomp(set("bounding"))
        var operations: [LaunchOperation] = []
        operations.append(.boundingSet(set("bounding")))
        if !filter.isEmpty && !quiet { operations.append(.seccomp(filter)) }
        operations.append(.identity(identity, groupsOptional: privilege != .root))
        operations.append(
            .capabilities(
                effective: set("effective"), permitted: set("permitted"), inheritable: set("inheritable"),
                ambient: set("ambient")))
        if quiet { operations.append(.noNewPrivileges) }
        operations.append(.defaultSignals)
        // Last, so that a filter needs to allow nothing but execve; but it holds for hooks as well.
        if quiet && !filter.isEmpty { operations.append(.seccomp(filter)) }
        return operations + late
    }

    private func seccomp(_ capabilities: CapabilitySet) throws(DrydockError) -> [UInt8] {
        guard let json = config.at("linux.seccomp"), json.pairs?.isEmpty == false else { return [] }
        return try SeccompCompiler(cache: seccompCache).filter(try SeccompProfile(json), capabilities)
    }
}

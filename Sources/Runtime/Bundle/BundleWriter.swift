public import Diagnostics
import Linux
import SystemPackage

extension ContainerRuntime {
    /// The container as the `config.json` of an OCI bundle (runtime specification 1.0), which runc and others run.
    ///
    /// The bundle's root is `rootfs`. What only a monitor can give, the bridge and published ports, is not in it: the
    /// container has the loopback device of its own network, unless it has the host's.
    public func bundle(_ spec: ContainerSpec) throws(DrydockError) -> JSONValue {
        BundleWriter(
            spec: spec, compiler: try compiler(spec, NetworkChoice(spec.network, UserNamespace.current))
        ).config
    }

    /// Writes the files that a bundle's mounts name: `hosts`, `hostname`, `resolv.conf`.
    public func prepareBundle(_ spec: ContainerSpec) throws(DrydockError) {
        let network = try NetworkChoice(spec.network, UserNamespace.current)
        try ContainerFiles(spec: spec, directory: directory(spec.id), networkKind: network.kind).prepare()
    }
}

/// Says in the words of a `config.json` what a specification says in the runtime's own.
struct BundleWriter {
    let spec: ContainerSpec
    let compiler: PlanCompiler

    var config: JSONValue {
        var pairs: [(key: String, value: JSONValue)] = [
            ("ociVersion", "1.0.2"), ("process", process),
            ("root", ["path": "rootfs", "readonly": .bool(spec.readOnlyRoot)]),
        ]
        if spec.utsMode == .own { pairs.append(("hostname", .string(spec.hostname))) }
        if spec.utsMode == .own, !spec.domainname.isEmpty { pairs.append(("domainname", .string(spec.domainname))) }
        pairs.append(("mounts", .array(mounts)))
        if !spec.annotations.isEmpty {
            let sorted = spec.annotations.sorted { $0.key < $1.key }
            pairs.append(("annotations", .object(sorted.map { (key: $0.key, value: .string($0.value)) })))
        }
        pairs.append(("linux", linux))
        return .object(pairs)
    }

    private func strings(_ words: some Sequence<String>) -> JSONValue { .array(words.map(JSONValue.string)) }

    private var process: JSONValue {
        let bounding = spec.privileged ? CapabilitySet.all : spec.capabilities
        let all = strings(bounding.names)
        let own = spec.user.uid == 0 ? all : .array([])
        var pairs: [(key: String, value: JSONValue)] = [
            ("terminal", .bool(spec.terminal)),
            (
                "user",
                [
                    "uid": .int(Int64(spec.user.uid)), "gid": .int(Int64(spec.user.gid)),
                    "additionalGids": .array(spec.user.groups.map { .int(Int64($0)) }),
                ]
            ), ("args", strings(spec.arguments)), ("env", strings(spec.environment)),
            ("cwd", .string(spec.workingDirectory)),
            ("capabilities", ["bounding": all, "effective": own, "permitted": own]),
            ("noNewPrivileges", .bool(spec.noNewPrivileges)),
        ]
        if !spec.limits.isEmpty {
            let names = Dictionary(uniqueKeysWithValues: ResourceLimit.numbers.map { ($0.value, $0.key) })
            pairs.append(
                (
                    "rlimits",
                    .array(
                        spec.limits.map {
                            [
                                "type": .string("RLIMIT_" + (names[$0.resource] ?? "").uppercased()),
                                "hard": Self.unsigned($0.hard), "soft": Self.unsigned($0.soft),
                            ]
                        })
                ))
        }
        if let score = spec.oomScoreAdjustment { pairs.append(("oomScoreAdj", .int(Int64(score)))) }
        return .object(pairs)
    }

    /// A limit as the kernel counts it: none is the largest number.
    private static func unsigned(_ limit: Int64) -> JSONValue { limit < 0 ? .double(0x1p64) : .int(limit) }

    /// The mounts of the plan: what is done is what is written.
    private var mounts: [JSONValue] {
        var result: [JSONValue] = []
        for operation in compiler.compile().operations {
            switch operation {
            case .mountFileSystem(let mount) where mount.type == "cgroup" || mount.source == "cgroup": continue
            case .mountFileSystem(let mount):
                result.append(
                    [
                        "destination": .string(mount.target), "type": .string(mount.type),
                        "source": .string(mount.source),
                        "options": strings(mount.flags.words + mount.data.split(separator: ",").map(String.init)),
                    ])
            case .bindMount(let mount):
                var options = [mount.recursive ? "rbind" : "bind"]
                options.append(mount.propagation?.word ?? "rprivate")
                if mount.attributes.contains(.readOnly) { options.append("ro") }
                result.append(
                    [
                        "destination": .string(mount.target), "type": "bind", "source": .string(mount.source),
                        "options": strings(options),
                    ])
            default: continue
            }
        }
        if spec.cgroupMode == .own {
            result.append(
                [
                    "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                    "options": strings(["nosuid", "nodev", "noexec", "relatime"] + (spec.privileged ? [] : ["ro"])),
                ])
        }
        return result
    }

    private var linux: JSONValue {
        var pairs: [(key: String, value: JSONValue)] = []
        var spaces: [JSONValue] = []
        let order: [Namespace] = [.user, .pid, .network, .ipc, .uts, .mount, .cgroup]
        for kind in order {
            if compiler.shared.contains(kind) || (kind == .user && compiler.isRoot) { continue }
            if let pid = compiler.joined[kind] {
                spaces.append(["type": .string(kind.rawValue), "path": .string("/proc/\(pid)/ns/\(kind.file)")])
            } else {
                spaces.append(["type": .string(kind.rawValue)])
            }
        }
        if !compiler.isRoot {
            func map(_ ranges: [UserNamespace.IDRange]) -> JSONValue {
                .array(
                    ranges.map {
                        [
                            "containerID": .int(Int64($0.inside)), "hostID": .int(Int64($0.outside)),
                            "size": .int(Int64($0.count)),
                        ]
                    })
            }
            pairs += [("uidMappings", map(compiler.idMaps.uids)), ("gidMappings", map(compiler.idMaps.gids))]
        }
        let sysctls = compiler.sysctls
        if !sysctls.isEmpty {
            pairs.append(("sysctl", .object(sysctls.map { (key: $0.name, value: .string($0.value)) })))
        }
        let parent = spec.cgroupParent.split(separator: "/").joined(separator: "/")
        pairs += [
            ("cgroupsPath", .string("/" + (parent.isEmpty ? "drydock" : parent) + "/" + spec.id)),
            ("resources", resources),
        ]
        if let propagation = spec.rootPropagation { pairs.append(("rootfsPropagation", .string(propagation))) }
        pairs.append(("namespaces", .array(spaces)))
        if !spec.devices.isEmpty {
            pairs.append(
                (
                    "devices",
                    .array(
                        spec.devices.map {
                            [
                                "path": .string($0.path), "type": .string($0.kind.rawValue),
                                "major": .int(Int64($0.major)), "minor": .int(Int64($0.minor)),
                                "fileMode": .int(Int64($0.mode)), "uid": .int(Int64($0.uid)),
                                "gid": .int(Int64($0.gid)),
                            ]
                        })
                ))
        }
        if !spec.seccompFilter.isEmpty, let profile = spec.seccompProfile {
            pairs.append(("seccomp", profile.document(for: spec.capabilities)))
        }
        if !spec.privileged, spec.hidesSystemPaths {
            pairs += [
                ("maskedPaths", strings(SystemPaths.masked)), ("readonlyPaths", strings(SystemPaths.readOnly)),
            ]
        }
        return .object(pairs)
    }

    private var resources: JSONValue {
        let limits = spec.resources
        func group(_ entries: [(String, Int64?)]) -> [(key: String, value: JSONValue)] {
            entries.compactMap { name, value in value.map { (key: name, value: .int($0)) } }
        }
        var pairs: [(key: String, value: JSONValue)] = []
        if compiler.isRoot {
            let rules = spec.privileged ? [DeviceRule.docker[0].allowing] : DeviceRule.docker + spec.deviceRules
            pairs.append(("devices", .array(rules.map(\.json))))
        }
        var memory = group([
            ("limit", limits.memory), ("swap", limits.memorySwap), ("reservation", limits.memoryReservation),
            ("swappiness", limits.swappiness),
        ])
        if limits.oomKillDisable { memory.append(("disableOOMKiller", true)) }
        if !memory.isEmpty { pairs.append(("memory", .object(memory))) }
        var cpu = group([("shares", limits.cpuShares), ("quota", limits.cpuQuota), ("period", limits.cpuPeriod)])
        if let cpus = limits.cpus { cpu.append(("cpus", .string(cpus))) }
        if let nodes = limits.memoryNodes { cpu.append(("mems", .string(nodes))) }
        if !cpu.isEmpty { pairs.append(("cpu", .object(cpu))) }
        if let pids = limits.pids { pairs.append(("pids", ["limit": .int(pids)])) }
        if let weight = limits.blockWeight { pairs.append(("blockIO", ["weight": .int(weight)])) }
        return .object(pairs)
    }
}

extension DeviceRule {
    fileprivate var allowing: DeviceRule {
        var copy = self
        copy.allow = true
        return copy
    }

    fileprivate var json: JSONValue {
        var pairs: [(key: String, value: JSONValue)] = [("allow", .bool(allow))]
        if kind != .all { pairs.append(("type", .string(kind.rawValue))) }
        if let major { pairs.append(("major", .int(Int64(major)))) }
        if let minor { pairs.append(("minor", .int(Int64(minor)))) }
        let letters = (access.contains(.read) ? "r" : "") + (access.contains(.write) ? "w" : "")
        pairs.append(("access", .string(letters + (access.contains(.makeNode) ? "m" : ""))))
        return .object(pairs)
    }
}

extension MountFlags {
    /// The flags as options of fstab(5).
    fileprivate var words: [String] {
        let names: [(MountFlags, String)] = [
            (.readOnly, "ro"), (.noSetuid, "nosuid"), (.noDevices, "nodev"), (.noExecute, "noexec"),
            (.synchronous, "sync"), (.noAccessTime, "noatime"), (.noDirectoryAccessTime, "nodiratime"),
            (.relativeAccessTime, "relatime"), (.strictAccessTime, "strictatime"),
        ]
        return names.filter { contains($0.0) }.map(\.1)
    }
}

extension SeccompProfile {
    /// The rules that hold for some capabilities, as `linux.seccomp` of a `config.json`, which knows no conditions.
    func document(for capabilities: CapabilitySet) -> JSONValue {
        let release = Files.line("/proc/sys/kernel/osrelease") ?? ""
        let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        let kernel = numbers.count == 2 ? (numbers[0], numbers[1]) : (5, 11)
        func errno(_ action: Action) -> [(key: String, value: JSONValue)] {
            action.name == "SCMP_ACT_ERRNO" ? [("errnoRet", .int(Int64(action.errno)))] : []
        }
        let calls = rules(for: capabilities, kernel: kernel).map { rule in
            JSONValue.object(
                [("names", .array(rule.names.map(JSONValue.string))), ("action", .string(rule.action.name))]
                    + errno(rule.action)
                    + (rule.arguments.isEmpty
                        ? []
                        : [
                            (
                                "args",
                                .array(
                                    rule.arguments.map {
                                        [
                                            "index": .int(Int64($0.index)), "value": .int(Int64(bitPattern: $0.value)),
                                            "valueTwo": .int(Int64(bitPattern: $0.second)),
                                            "op": .string($0.comparison),
                                        ]
                                    })
                            )
                        ]))
        }
        return .object([
            ("defaultAction", .string(defaultAction.name)), ("defaultErrnoRet", .int(Int64(defaultAction.errno))),
            ("architectures", .array(([Self.nativeArchitecture] + architectures).map(JSONValue.string))),
            ("syscalls", .array(calls)),
        ])
    }
}

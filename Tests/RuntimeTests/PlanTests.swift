import Diagnostics
import Linux
import SystemPackage
import Testing

@testable import Runtime

@Suite("Plans")
struct PlanTests {
    func spec() -> ContainerSpec {
        ContainerSpec(
            id: "c1", hostname: "box", root: .overlay(lower: ["/l/2", "/l/1"], upper: "/c/upper", work: "/c/work"),
            arguments: ["sh", "-c", "true"], environment: ["PATH=/bin"])
    }

    func compile(
        _ spec: ContainerSpec, _ privilege: UserNamespace.Privilege = .root, _ network: String = "bridge"
    ) -> LaunchPlan {
        let map = [
            UserNamespace.IDRange(inside: 0, outside: 1000, count: 1), .init(inside: 1, outside: 100_000, count: 9),
        ]
        return PlanCompiler(
            spec: spec, directory: "/c", privilege: privilege, networkKind: network, idMaps: (map, map),
            cgroups: .unified("/sys/fs/cgroup")
        ).compile()
    }

    func index(_ plan: LaunchPlan, _ match: (LaunchOperation) -> Bool) throws -> Int {
        let found = plan.operations.firstIndex(where: match)
        return try #require(found)
    }

    @Test("Root needs no user namespace and makes device nodes; an ordinary user the other way round")
    func privileges() {
        let root = compile(spec())
        #expect(!root.namespaces.contains(.user))
        #expect(root.operations.contains(.device(path: "/dev/null", major: 1, minor: 3, fromHost: false)))
        let user = compile(spec(), .ranged, "pasta")
        #expect(user.namespaces.contains(.user))
        #expect(user.operations.first == .idMaps(uids: "0 0 1\n1 1 9\n", gids: "0 0 1\n1 1 9\n"))
        #expect(user.operations.contains(.device(path: "/dev/null", major: 1, minor: 3, fromHost: true)))
    }

    @Test("Mounts come before the pivot, rights are given up after it, and the program is last")
    func order() throws {
        let plan = compile(spec())
        let overlay = try index(plan) { if case .overlay = $0 { true } else { false } }
        let pivot = try index(plan) { $0 == .pivot }
        let close = try index(plan) { $0 == .closeDescriptors }
        let directory = try index(plan) { if case .workingDirectory = $0 { true } else { false } }
        let bounding = try index(plan) { if case .boundingSet = $0 { true } else { false } }
        let identity = try index(plan) { if case .identity = $0 { true } else { false } }
        #expect(overlay < pivot && pivot < close && close < directory && directory < bounding && bounding < identity)
        #expect(plan.operations.last == .execute(arguments: ["sh", "-c", "true"], environment: ["PATH=/bin"]))
        let lastMount = plan.operations.lastIndex { if case .mountFileSystem = $0 { true } else { false } }
        #expect(try #require(lastMount) < pivot)
    }

    @Test("With no network or the host's there is nothing to connect")
    func networks() {
        for kind in ["none", "host"] {
            var spec = spec()
            spec.hub = HubForward(address: "127.64.0.1", hubPort: 5000)
            spec.ports = [PublishedPort(hostPort: 80, containerPort: 80)]
            let plan = compile(spec, .root, kind)
            #expect(!plan.operations.contains { if case .network = $0 { true } else { false } })
            #expect(!plan.operations.contains { if case .forward = $0 { true } else { false } })
            #expect(plan.namespaces.contains(.network) == (kind == "none"))
        }
    }

    @Test("A mount below another one comes after it, whatever the order in which they were asked for")
    func mountOrder() throws {
        var spec = spec()
        spec.mounts = [
            ContainerMount(.bind("/b"), at: "/data/sub", readOnly: true), ContainerMount(.bind("/a"), at: "/data"),
        ]
        let plan = compile(spec)
        let outer = try index(plan) { $0 == .bind(source: "/a", target: "/data", readOnly: false, optional: false) }
        let inner = try index(plan) { $0 == .bind(source: "/b", target: "/data/sub", readOnly: true, optional: false) }
        #expect(outer < inner)
    }

    @Test("Docker's default capabilities are those that its reference lists; another user has none")
    func capabilities() {
        let names = [
            "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW",
            "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
        ]
        #expect(CapabilitySet(names: names) == .docker)
        #expect(CapabilitySet(names: ["cap_sys_admin"])?.names == ["CAP_SYS_ADMIN"])
        #expect(CapabilitySet(names: ["NO_SUCH"]) == nil)
        var spec = spec()
        spec.user = ProcessUser(uid: 1000, gid: 1000)
        let plan = compile(spec)
        #expect(plan.operations.contains(.capabilities(effective: .none, inheritable: .none, ambient: .none)))
        #expect(plan.operations.contains(.boundingSet(.docker)))
    }

    @Test("A privileged container hides nothing and keeps everything")
    func privileged() {
        var spec = spec()
        spec.privileged = true
        let plan = compile(spec)
        #expect(!plan.operations.contains { if case .mask = $0 { true } else { false } })
        #expect(plan.operations.contains(.boundingSet(.all)))
        #expect(!plan.operations.contains(.noNewPrivileges))
    }

    @Test("A flattened plan has a header with its own size, and its texts are where the operations say")
    func flattened() throws {
        let plan = compile(spec())
        let bytes = plan.flattened()
        let words = bytes.withUnsafeBytes { area in (0..<6).map { area.load(fromByteOffset: $0 * 4, as: UInt32.self) } }
        #expect(words[0] == 0x4b43_4f44)
        #expect(words[2] == UInt32(bytes.count))
        #expect(words[3] == UInt32(plan.operations.count))
        #expect(bytes.count % 8 == 0)
    }

    @Test("Every operation of a plan says in words what it does")
    func text() {
        var spec = spec()
        spec.terminal = true
        let lines = compile(spec).text.split(separator: "\n")
        #expect(lines.first?.hasPrefix("clone a process with new namespaces: mount, pid") == true)
        #expect(lines.contains { $0.contains("mount overlay on /c/root: 2 read-only layers below /c/upper") })
        #expect(lines.last?.hasSuffix("exec sh -c true") == true)
    }

    @Test("What exec has to know survives the way through the container's directory")
    func facts() throws {
        var spec = spec()
        spec.limits = [ResourceLimit(resource: 7, soft: 10, hard: 20)]
        spec.seccompFilter = [UInt8](repeating: 6, count: 16)
        let directory = FilePath("/tmp/drydock-facts-\(UInt64.random(in: 0 ... .max))")
        try Files.makeDirectories(directory)
        defer { try? Files.removeTree(directory) }
        let facts = LaunchFacts(restrictions: Restrictions(spec), isRoot: true, shared: [.network], terminal: true)
        try facts.write(to: directory)
        #expect(try LaunchFacts(readFrom: directory) == facts)
    }

    @Test("A namespace of the host or of another container is not made, and nothing is set in it")
    func sharedNamespaces() throws {
        var spec = spec()
        spec.pidMode = .host
        spec.utsMode = .host
        spec.ipcMode = .host
        let plan = compile(spec)
        #expect(plan.namespaces == [.mount, .network])
        #expect(!plan.operations.contains { if case .hostname = $0 { true } else { false } })
        #expect(
            plan.operations.contains(.bind(source: "/dev/shm", target: "/dev/shm", readOnly: false, optional: false)))
        let user = compile(spec, .ranged, "pasta")
        #expect(user.operations.contains(.bind(source: "/proc", target: "/proc", readOnly: false, optional: false)))
    }

    @Test("A filter is loaded before rights go, and after them where no_new_privs makes that possible")
    func filterOrder() throws {
        var spec = spec()
        spec.seccompFilter = [UInt8](repeating: 6, count: 8)
        let filter = LaunchOperation.seccomp(spec.seccompFilter)
        var plan = compile(spec)
        #expect(try index(plan) { $0 == filter } < index(plan) { if case .identity = $0 { true } else { false } })
        spec.noNewPrivileges = true
        plan = compile(spec)
        #expect(try index(plan) { $0 == filter } > index(plan) { $0 == .noNewPrivileges })
    }

    @Test("Root's container gets Docker's device rules; a privileged one, and a user's, none")
    func deviceRules() {
        func rules(_ plan: LaunchPlan) -> Int {
            plan.operations.compactMap { if case .cgroup(let cgroup) = $0 { cgroup.devices.count } else { nil } }.first
                ?? -1
        }
        #expect(rules(compile(spec())) == 13)
        #expect(rules(compile(spec(), .ranged, "pasta")) == 0)
        var privileged = spec()
        privileged.privileged = true
        #expect(rules(compile(privileged)) == 0)
    }

    @Test("Limits are said in the files of either version of cgroups")
    func resources() {
        var resources = CgroupResources()
        resources.memory = 64 << 20
        resources.memorySwap = 128 << 20
        resources.cpuQuota = 50_000
        resources.cpuPeriod = 100_000
        resources.cpuShares = 1024
        resources.pids = 10
        let old = resources.separate.map { "\($0.file)=\($0.value)" }
        #expect(old.contains("memory.limit_in_bytes=67108864") && old.contains("cpu.cfs_quota_us=50000"))
        let new = resources.unified.map { "\($0.file)=\($0.value)" }
        for line in [
            "memory.max=67108864", "memory.swap.max=67108864", "cpu.max=50000 100000", "cpu.weight=39", "pids.max=10",
        ] {
            #expect(new.contains(line), "\(new)")
        }
    }

    @Test("Mount options are told apart into flags, propagation and the file system's own")
    func mountOptions() {
        let options = MountOptions(["rbind", "ro", "nosuid", "exec", "rslave", "size=64m", "mode=1777"])
        #expect(options.isBind && options.isRecursive)
        #expect(options.flags == [.readOnly, .noSetuid] && options.cleared == .noExecute)
        #expect(options.propagation == Propagation("rslave"))
        #expect(options.data == ["size=64m", "mode=1777"])
        #expect(MountOptions(["rro"]).recursiveAttributes)
    }
}

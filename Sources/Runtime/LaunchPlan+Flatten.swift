import CLinux
import Diagnostics
import Linux

extension LaunchPlan {
    /// The plan as the interpreter reads it: a header, the table of operations, the texts.
    func flattened(step: Bool = false) -> [UInt8] {
        var writer = PlanWriter(count: operations.count)
        let table = zip(operations, ahead).map { operation, isAhead in
            var encoded = operation.encode(&writer)
            if isAhead { encoded.flags |= UInt32(CL_F_AHEAD) }
            return encoded
        }
        var header = cl_plan()
        header.magic = UInt32(CL_PLAN_MAGIC)
        header.version = UInt32(CL_PLAN_VERSION)
        header.count = UInt32(table.count)
        header.operations = UInt32(MemoryLayout<cl_plan>.stride)
        header.step = step ? 1 : 0
        header.clone_flags = UInt64(namespaces.reduce(0) { $0 | $1.flag })
        writer.align()
        header.size = UInt32(writer.bytes.count)
        writer.bytes.withUnsafeMutableBytes { area in
            area.storeBytes(of: header, as: cl_plan.self)
            for (index, operation) in table.enumerated() {
                area.storeBytes(
                    of: operation, toByteOffset: MemoryLayout<cl_plan>.stride + index * MemoryLayout<cl_op>.stride,
                    as: cl_op.self)
            }
        }
        return writer.bytes
    }
}

/// The area of texts behind the table.
struct PlanWriter {
    var bytes: [UInt8]

    init(count: Int) {
        bytes = [UInt8](repeating: 0, count: MemoryLayout<cl_plan>.stride + count * MemoryLayout<cl_op>.stride)
    }

    mutating func align() { while bytes.count % 8 != 0 { bytes.append(0) } }

    /// The offset of a text that ends with a zero.
    mutating func text(_ text: String) -> UInt32 {
        let offset = bytes.count
        bytes.append(contentsOf: text.utf8.lazy.filter { $0 != 0 })
        bytes.append(0)
        return UInt32(offset)
    }

    mutating func list(_ texts: [String]) -> UInt32 {
        let offset = bytes.count
        for item in texts { _ = text(item) }
        return UInt32(offset)
    }

    mutating func data(_ data: [UInt8]) -> UInt32 {
        align()
        let offset = bytes.count
        bytes.append(contentsOf: data)
        return UInt32(offset)
    }

    mutating func pointerTable(_ count: Int) -> UInt32 { data([UInt8](repeating: 0, count: (count + 1) * 8)) }
}

extension LaunchOperation {
    fileprivate func encode(_ writer: inout PlanWriter) -> cl_op {
        var op = cl_op()
        func code(_ number: Int) { op.code = UInt32(number) }
        func flag(_ flag: Int, _ set: Bool) { if set { op.flags |= UInt32(flag) } }
        switch self {
        case .join(let kinds):
            code(CL_OP_SETNS)
            op.n.0 = kinds.reduce(0) { $0 | $1.flag }
        case .fork: code(CL_OP_REFORK)
        case .unshare(let kinds):
            code(CL_OP_UNSHARE)
            op.n.0 = kinds.reduce(0) { $0 | $1.flag }
        case .privateMounts:
            code(CL_OP_PROPAGATION)
            op.n.0 = 1 << 18
        case .overlay(let lower, let upper, let work, let target, let userXattr, let volatile):
            code(CL_OP_OVERLAY)
            op.n.0 = Int64(lower.count)
            op.s = (writer.list(lower), writer.text(upper), writer.text(work), writer.text(target))
            flag(CL_F_USERXATTR, userXattr)
            flag(CL_F_VOLATILE, volatile)
        case .root(let path):
            code(CL_OP_ROOT)
            op.s.3 = writer.text(path)
        case .joinFile(let path, let kind):
            code(CL_OP_JOIN)
            op.s.1 = writer.text(path)
            op.n.0 = kind.flag
        case .mountFileSystem(let mount):
            code(CL_OP_MOUNT)
            op.s = (
                writer.text(mount.type), writer.text(mount.source), writer.text(mount.target),
                mount.data.isEmpty ? 0 : writer.text(mount.data)
            )
            op.n = (mount.flags.rawValue, 0o755, mount.propagation?.flags ?? 0, 0)
            flag(CL_F_OPTIONAL, mount.optional)
        case .bindMount(let mount):
            code(CL_OP_BIND)
            op.s.1 = writer.text(mount.source)
            op.s.2 = writer.text(mount.target)
            op.n = (
                mount.attributes.rawValue, (mount.recursive ? 1 : 0) + (mount.recursiveAttributes ? 2 : 0),
                mount.propagation?.flags ?? 0, mount.cleared.rawValue
            )
            flag(CL_F_OPTIONAL, mount.optional)
            flag(CL_F_IN_ROOT, mount.isInsideProc)
        case .borrow(let namespace, let path):
            code(CL_OP_BORROW)
            op.s.1 = writer.text(namespace)
            op.s.2 = writer.text(path)
        case .deviceNode(let device, let fromHost):
            code(CL_OP_MKNOD)
            if let host = device.hostPath { op.s.1 = writer.text(host) }
            op.s.2 = writer.text(device.path)
            op.n = (
                Int64(device.kind.type | device.mode), Int64(device.major), Int64(device.minor),
                Int64(device.uid) << 32 | Int64(device.gid)
            )
            flag(CL_F_BIND_DEVICE, fromHost)
        case .sysctl(let name, let value):
            code(CL_OP_WRITE)
            op.s.1 = writer.text(value)
            // The dots of a name separate directories, unless its first separator is a slash (sysctl(8)).
            let first = name.first { $0 == "." || $0 == "/" }
            let path = first == "/" ? name : String(name.map { $0 == "." ? "/" : $0 })
            op.s.2 = writer.text("/proc/sys/" + path)
            flag(CL_F_IN_ROOT, true)
        case .propagation(let propagation, let recursive):
            code(CL_OP_PROPAGATION)
            op.n.0 = propagation.flags & ~(1 << 14)
            op.n.1 = recursive ? 0 : 1
        case .privateMount(let path):
            code(CL_OP_PROPAGATION)
            op.s.2 = writer.text(path)
        case .symlink(let path, let to):
            code(CL_OP_SYMLINK)
            op.s.0 = writer.text(to)
            op.s.2 = writer.text(path)
        case .directory(let path, let mode):
            code(CL_OP_MKDIR)
            op.s.2 = writer.text(path)
            op.n.0 = Int64(mode)
        case .mask(let path):
            code(CL_OP_MASK)
            op.s.2 = writer.text(path)
        case .readOnly(let path):
            code(CL_OP_READONLY)
            op.s.2 = writer.text(path)
        case .console(let path):
            code(CL_OP_CONSOLE)
            op.s.2 = writer.text(path)
        default:
            encodeProcess(&op, &writer)
        }
        return op
    }

    private func encodeProcess(_ op: inout cl_op, _ writer: inout PlanWriter) {
        switch self {
        case .pivot: op.code = UInt32(CL_OP_PIVOT)
        case .readOnlyRoot: op.code = UInt32(CL_OP_READONLY_ROOT)
        case .hostname(let name):
            op.code = UInt32(CL_OP_HOSTNAME)
            op.s.0 = writer.text(name)
        case .domainname(let name):
            op.code = UInt32(CL_OP_DOMAINNAME)
            op.s.0 = writer.text(name)
        case .loopback: op.code = UInt32(CL_OP_LOOPBACK)
        case .standardStreams: op.code = UInt32(CL_OP_STDIO)
        case .session: op.code = UInt32(CL_OP_SESSION)
        case .closeDescriptors: op.code = UInt32(CL_OP_CLOSE)
        case .keyring(let name):
            op.code = UInt32(CL_OP_KEYRING)
            op.s.0 = writer.text(name)
        case .workingDirectory(let path, let create):
            op.code = UInt32(CL_OP_CHDIR)
            op.s.0 = writer.text(path)
            op.n.0 = create ? 1 : 0
        case .limit(let limit):
            op.code = UInt32(CL_OP_RLIMIT)
            op.n = (Int64(limit.resource), limit.soft, limit.hard, 0)
        case .write(let path, let value, let optional):
            op.code = UInt32(CL_OP_WRITE)
            op.s.1 = writer.text(value)
            op.s.2 = writer.text(path)
            if optional { op.flags |= UInt32(CL_F_OPTIONAL) }
        case .umask(let mask):
            op.code = UInt32(CL_OP_UMASK)
            op.n.0 = Int64(mask)
        case .boundingSet(let set):
            op.code = UInt32(CL_OP_BOUNDING)
            op.n.0 = Int64(bitPattern: set.bits)
        case .identity(let user, let groupsOptional):
            op.code = UInt32(CL_OP_IDS)
            op.n = (Int64(user.uid), Int64(user.gid), Int64(user.groups.count), 0)
            op.s.0 = writer.data(user.groups.flatMap { group in withUnsafeBytes(of: group) { Array($0) } })
            if groupsOptional { op.flags |= UInt32(CL_F_GROUPS_OPTIONAL) }
        case .capabilities(let effective, let permitted, let inheritable, let ambient):
            op.code = UInt32(CL_OP_CAPABILITIES)
            op.n = (
                Int64(bitPattern: effective.bits), Int64(bitPattern: inheritable.bits),
                Int64(bitPattern: ambient.bits), Int64(bitPattern: (permitted ?? effective).bits)
            )
        case .call(let call):
            op.code = UInt32(CL_OP_CALL)
            op.n = (call.number, call.arguments.0, call.arguments.1, call.arguments.2)
            if !call.area.isEmpty { op.s.0 = writer.data(call.area) }
        case .noNewPrivileges: op.code = UInt32(CL_OP_NO_NEW_PRIVS)
        case .seccomp(let filter):
            op.code = UInt32(CL_OP_SECCOMP)
            // The container's own choice decides about speculation, not the filter (SECCOMP_FILTER_FLAG_SPEC_ALLOW).
            op.n = (Int64(filter.count / 8), 4, 0, 0)
            op.s.0 = writer.data(filter)
        case .defaultSignals: op.code = UInt32(CL_OP_SIGNALS)
        case .deathSignal(let number):
            op.code = UInt32(CL_OP_DEATH_SIGNAL)
            op.n.0 = Int64(number)
        case .initProcess: op.code = UInt32(CL_OP_INIT)
        case .findProgram: op.code = UInt32(CL_OP_LOOKUP)
        case .awaitStart: op.code = UInt32(CL_OP_START)
        case .hook(let hook, let state):
            op.code = UInt32(CL_OP_HOOK)
            let words = [hook.path] + (hook.arguments.isEmpty ? [hook.path] : hook.arguments)
            op.n = (Int64(words.count), Int64(hook.environment.count), hook.timeout ?? 0, 0)
            op.s = (
                writer.list(words), writer.list(hook.environment),
                writer.pointerTable(words.count + hook.environment.count + 1), writer.text(state)
            )
        case .execute(let arguments, let environment):
            op.code = UInt32(CL_OP_EXEC)
            op.n = (Int64(arguments.count), Int64(environment.count), 0, 0)
            op.s = (
                writer.list(arguments), writer.list(environment), writer.pointerTable(arguments.count),
                writer.pointerTable(environment.count)
            )
        case .await: op.code = UInt32(CL_OP_AWAIT)
        default: encodeParent(&op, &writer)
        }
    }

    private func encodeParent(_ op: inout cl_op, _ writer: inout PlanWriter) {
        switch self {
        case .idMaps(let uids, let gids):
            op.code = UInt32(CL_OP_ID_MAPS)
            op.s.0 = writer.text(uids)
            op.s.1 = writer.text(gids)
        case .cgroup(let cgroup):
            op.code = UInt32(CL_OP_CGROUP)
            op.flags = UInt32(CL_F_ASYNC)
            op.s.0 = writer.text(cgroup.path)
            op.s.1 = writer.text(cgroup.settings.map(\.line).joined(separator: "\n"))
            op.s.3 = writer.text(cgroup.places.joined(separator: "\n"))
            op.n.0 = cgroup.everywhere ? 1 : 0
            op.s.2 = writer.text(
                cgroup.devices.map { ($0.allow ? "+" : "-") + $0.text }.joined(separator: "\n"))
        case .network(let kind, let hostsFile, let hostname, let hardwareAddress):
            op.code = UInt32(CL_OP_NETWORK)
            op.flags = UInt32(CL_F_ASYNC)
            op.s = (
                writer.text(kind), writer.text(hostsFile), writer.text(hostname), writer.text(hardwareAddress)
            )
        case .hooks(let hooks, let state):
            op.code = UInt32(CL_OP_HOOKS)
            op.s.0 = writer.text(JSONValue.array(hooks.map(\.json)).compact)
            op.s.1 = writer.text(state)
        case .forward(let hub):
            op.code = UInt32(CL_OP_FORWARD)
            op.flags = UInt32(CL_F_ASYNC)
            op.s.0 = writer.text(hub.address)
            op.n = (Int64(hub.port), Int64(hub.hubPort), 0, 0)
        case .publish(let port):
            op.code = UInt32(CL_OP_PUBLISH)
            op.flags = UInt32(CL_F_ASYNC)
            op.s.0 = writer.text(port.hostAddress)
            op.n = (
                Int64(port.hostPort), Int64(port.containerPort), port.transport == .udp ? 1 : 0,
                Int64(port.lastHostPort)
            )
        default: break
        }
    }
}

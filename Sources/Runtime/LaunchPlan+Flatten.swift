import CLinux

extension LaunchPlan {
    /// The plan as the interpreter reads it: a header, the table of operations, the texts.
    func flattened(step: Bool = false) -> [UInt8] {
        var writer = PlanWriter(count: operations.count)
        let table = operations.map { $0.encode(&writer) }
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
        case .mount(let type, let source, let target, let flags, let data, let optional):
            code(CL_OP_MOUNT)
            op.s = (writer.text(type), writer.text(source), writer.text(target), data.isEmpty ? 0 : writer.text(data))
            op.n.0 = flags.rawValue
            op.n.1 = 0o755
            flag(CL_F_OPTIONAL, optional)
        case .bind(let source, let target, let readOnly, let optional):
            code(CL_OP_BIND)
            op.s.1 = writer.text(source)
            op.s.2 = writer.text(target)
            op.n.0 = readOnly ? 1 : 0
            op.n.1 = 1
            flag(CL_F_OPTIONAL, optional)
        case .device(let path, let major, let minor, let fromHost):
            code(CL_OP_MKNOD)
            op.s.2 = writer.text(path)
            op.n = (0o020666, Int64(major), Int64(minor), 0)
            flag(CL_F_BIND_DEVICE, fromHost)
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
        case .workingDirectory(let path):
            op.code = UInt32(CL_OP_CHDIR)
            op.s.0 = writer.text(path)
            op.n.0 = 1
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
        case .capabilities(let effective, let inheritable, let ambient):
            op.code = UInt32(CL_OP_CAPABILITIES)
            op.n = (
                Int64(bitPattern: effective.bits), Int64(bitPattern: inheritable.bits),
                Int64(bitPattern: ambient.bits), 0
            )
        case .noNewPrivileges: op.code = UInt32(CL_OP_NO_NEW_PRIVS)
        case .seccomp(let filter):
            op.code = UInt32(CL_OP_SECCOMP)
            op.n.0 = Int64(filter.count / 8)
            op.s.0 = writer.data(filter)
        case .defaultSignals: op.code = UInt32(CL_OP_SIGNALS)
        case .deathSignal(let number):
            op.code = UInt32(CL_OP_DEATH_SIGNAL)
            op.n.0 = Int64(number)
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
        case .cgroup(let name, let resources):
            op.code = UInt32(CL_OP_CGROUP)
            op.flags = UInt32(CL_F_ASYNC)
            op.s.0 = writer.text(name)
            op.n = (resources.memory ?? -1, resources.pids ?? -1, 0, 0)
        case .network(let kind, let hostsFile, let hostname):
            op.code = UInt32(CL_OP_NETWORK)
            op.flags = UInt32(CL_F_ASYNC)
            op.s = (writer.text(kind), writer.text(hostsFile), writer.text(hostname), 0)
        case .forward(let hub):
            op.code = UInt32(CL_OP_FORWARD)
            op.flags = UInt32(CL_F_ASYNC)
            op.s.0 = writer.text(hub.address)
            op.n = (Int64(hub.port), Int64(hub.hubPort), 0, 0)
        case .publish(let port):
            op.code = UInt32(CL_OP_PUBLISH)
            op.flags = UInt32(CL_F_ASYNC)
            op.s.0 = writer.text(port.hostAddress)
            op.n = (Int64(port.hostPort), Int64(port.containerPort), port.transport == .udp ? 1 : 0, 0)
        default: break
        }
    }
}

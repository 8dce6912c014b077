import CLinux
import Diagnostics
import Glibc
import Linux
import SystemPackage

/// The monitor's side of a plan, and what has to be undone when the container has ended.
final class ParentOperations {
    private let loop: EventLoop
    private(set) var cgroup: ContainerCgroup?
    private var namespace: OwnedDescriptor?
    private var device: String?
    private var helper: NetworkHelper?
    private var listeners: [any Publication] = []
    /// What became known of the network, as it is kept in run.json.
    private(set) var network: [(key: String, value: JSONValue)] = []
    private var address: IPv4Address?
    private var ports: [JSONValue] = []

    init(_ loop: EventLoop) { self.loop = loop }

    /// What became known of the network.
    var networkJSON: JSONValue { .object(network + [(key: "ports", value: .array(ports))]) }

    /// Carries out one operation for a child.
    /// - Parameter born: whether the process was born in the container's cgroup.
    func perform(_ index: Int, of plan: [UInt8], pid: Int32, born: Bool) throws(DrydockError) {
        let operation = PlanOperation(index, of: plan)
        switch Int(operation.code) {
        case Int(CL_OP_ID_MAPS):
            try Files.write(Array(operation.text(0).utf8), toFile: FilePath("/proc/\(pid)/uid_map"))
            do throws(DrydockError) {
                try Files.write(Array(operation.text(1).utf8), toFile: FilePath("/proc/\(pid)/gid_map"))
            } catch {
                // Who may map only his own group must give up changing groups first; see user_namespaces(7).
                guard error.errno == EPERM else { throw error }
                try Files.write(Array("deny".utf8), toFile: FilePath("/proc/\(pid)/setgroups"))
                try Files.write(Array(operation.text(1).utf8), toFile: FilePath("/proc/\(pid)/gid_map"))
            }
        case Int(CL_OP_HOOKS): try HookRunner(operation, pid).run()
        case Int(CL_OP_CGROUP): try cgroup?.add(pid, born: born)
        case Int(CL_OP_NETWORK): try connect(operation, pid)
        case Int(CL_OP_FORWARD):
            guard let address = IPv4Address(operation.text(0)) else { return }
            let namespace = try namespace(of: pid)
            let hub = UInt16(truncatingIfNeeded: operation.numbers.1)
            let socket = try TCPSocket.listen(
                address, port: UInt16(truncatingIfNeeded: operation.numbers.0), namespace: namespace.number)
            listeners.append(
                Listener(socket, loop) { TCPSocket.connect(IPv4Address(0x7f00_0001), port: hub) })
        case Int(CL_OP_PUBLISH): try publish(operation, pid)
        default: throw DrydockError(.internal, "the monitor does not know operation \(operation.code)")
        }
    }

    /// Makes the cgroup that a plan asks for, before the process exists: then it can be born there.
    /// Returns the cgroup's directory, nil where the process is to be born in the monitor's own.
    func birthplace(of plan: [UInt8]) throws(DrydockError) -> OwnedDescriptor? {
        if cgroup == nil { cgroup = try Self.makeCgroup(for: plan) }
        guard let place = cgroup?.birthplace else { return nil }
        return try? OwnedDescriptor.open(place, .readOnly)
    }

    /// The cgroup that a plan asks for. An exec plan names none: its program joins the container's, where that has one.
    static func makeCgroup(for plan: [UInt8]) throws(DrydockError) -> ContainerCgroup? {
        guard let operation = PlanOperation.first(UInt32(CL_OP_CGROUP), of: plan) else { return nil }
        if !operation.text(0).isEmpty {
            let settings = operation.text(1).split(separator: "\n").compactMap { CgroupSetting(line: $0) }
            let devices = operation.text(2).split(separator: "\n").compactMap { line in
                DeviceRule(line.dropFirst(), allow: line.hasPrefix("+"))
            }
            do throws(DrydockError) {
                return try ContainerCgroup(
                    path: operation.text(0), settings: settings, devices: devices,
                    everywhere: operation.numbers.0 == 1)
            } catch {
                // Without limits the cgroup is only a convenience, and an ordinary user often may not have one.
                if !settings.isEmpty { throw error }
            }
        }
        let places = operation.text(3).split(separator: "\n").map { FilePath(String($0)) }
        return places.isEmpty ? nil : ContainerCgroup(places: places)
    }

    /// Takes over the cgroup of a process that was cloned ahead.
    func adopt(_ cgroup: ContainerCgroup?) { self.cgroup = cgroup }

    private func namespace(of pid: Int32) throws(DrydockError) -> OwnedDescriptor {
        if let namespace { return namespace }
        let opened = try OwnedDescriptor.open(FilePath("/proc/\(pid)/ns/net"), .readOnly)
        namespace = opened
        return opened
    }

    /// A network that cannot be had costs the container its connection, not its start; the client is told.
    private func connect(_ operation: PlanOperation, _ pid: Int32) throws(DrydockError) {
        do throws(DrydockError) {
            try connect(operation, operation.text(0), pid)
        } catch {
            let why = error.reason.map { "\(error.message) (\($0))" } ?? error.message
            network = [("kind", "isolated"), ("notice", .string(why))]
        }
    }

    private func connect(_ operation: PlanOperation, _ kind: String, _ pid: Int32) throws(DrydockError) {
        network.append(("kind", .string(kind)))
        switch kind {
        case "bridge":
            let bridge = try Bridge.ensure()
            let connection = try bridge.connect(
                namespace: namespace(of: pid).number, hardwareAddress: operation.text(3))
            device = connection.device
            address = connection.address
            network += [
                ("address", .string(connection.address.description)), ("prefix", .int(Int64(bridge.prefix))),
                ("gateway", .string(bridge.gateway.description)),
                ("hardwareAddress", .string(connection.hardwareAddress)),
            ]
            let line = "\(connection.address)\t\(operation.text(2))\n"
            let hosts = try OwnedDescriptor.open(FilePath(operation.text(1)), .writeOnly, options: [.append])
            try Files.write(Array(line.utf8), to: hosts.number)
        case "pasta", "slirp4netns":
            let directory = FilePath(operation.text(1)).removingLastComponent()
            let helper = try NetworkHelper.start(kind, pid: pid, directory: directory)
            self.helper = helper
            // Where this process is killed, somebody else ends the helper.
            network.append(("helper", helper.json))
            if kind == "slirp4netns" {
                network += [("address", "10.0.2.100"), ("prefix", 24), ("gateway", "10.0.2.2")]
            }
        default: break
        }
    }

    private func publish(_ operation: PlanOperation, _ pid: Int32) throws(DrydockError) {
        let namespace = try namespace(of: pid)
        let (hostPort, containerPort, udp, lastHostPort) = operation.numbers
        let host = operation.text(0)
        let target = address ?? IPv4Address(0x7f00_0001)
        let port = UInt16(truncatingIfNeeded: containerPort)
        let socket = try listen(
            on: host, UInt16(truncatingIfNeeded: hostPort)...UInt16(truncatingIfNeeded: max(hostPort, lastHostPort)),
            udp: udp == 1)
        let bound = TCPSocket.port(of: socket.number)
        ports.append([
            "hostAddress": .string(host), "hostPort": .int(Int64(bound)), "containerPort": .int(containerPort),
            "transport": udp == 1 ? "udp" : "tcp",
        ])
        if udp == 1 {
            let peer = UDPSocket.Peer(address: target, port: port)
            listeners.append(DatagramRelay(socket, loop, to: peer, in: namespace))
        } else {
            listeners.append(
                Listener(socket, loop) { TCPSocket.connect(target, port: port, namespace: namespace.number) })
        }
    }

    /// The first port of a range that can be had.
    private func listen(
        on host: String, _ range: ClosedRange<UInt16>, udp: Bool
    ) throws(DrydockError) -> OwnedDescriptor {
        let address = IPv4Address(host) ?? IPv4Address(0)
        for port in range {
            do throws(DrydockError) {
                return try udp ? UDPSocket.bind(address, port: port) : TCPSocket.listen(address, port: port)
            } catch {
                if error.errno == EADDRINUSE, range.count > 1 { continue }
                throw Self.bindFailure(host, Int64(port), udp ? "udp4" : "tcp4", error)
            }
        }
        throw DrydockError(
            .conflict, "driver failed programming external connectivity: all ports are allocated",
            reason:
                "other programs, or other containers, listen on the ports \(range.lowerBound) to \(range.upperBound)",
            remedy: "choose other ports of the host, or stop what uses them ('ss -tulnp' shows it)",
            errno: EADDRINUSE, exitStatus: 125)
    }

    /// A port that cannot be had, in Docker's words.
    private static func bindFailure(
        _ host: String, _ port: Int64, _ transport: String, _ error: DrydockError
    ) -> DrydockError {
        let base = "driver failed programming external connectivity"
        switch error.errno {
        case EADDRINUSE:
            return DrydockError(
                .conflict, "\(base): Bind for \(host):\(port) failed: port is already allocated",
                reason: "another program, or another container, listens on port \(port)",
                remedy: "choose another port of the host, or stop what uses it ('ss -tulnp' shows it)",
                errno: EADDRINUSE,
                exitStatus: 125)
        case EACCES, EPERM:
            return DrydockError(
                .denied, "\(base): listen \(transport) \(host):\(port): bind: permission denied",
                reason: "ports below 1024 belong to root", remedy: "publish a port from 1024 on", errno: EACCES,
                exitStatus: 125)
        default: return error.exiting(125)
        }
    }

    /// Closes what listens, so that the ports are free before anybody hears of the end.
    func closePorts() {
        for listener in listeners { listener.close() }
        listeners.removeAll()
    }

    /// Undoes everything.
    func undo() {
        release()
        removeDevice()
    }

    /// Undoes everything but the device on the bridge.
    func release() {
        closePorts()
        helper?.stop()
        namespace?.close()
        cgroup?.remove()
    }

    /// The kernel waits for all processors before a device is gone (10 ms and more), so nobody should wait for this.
    func removeDevice() {
        guard let device else { return }
        try? Netlink().remove(device)
        self.device = nil
    }
}

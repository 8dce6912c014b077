import CLinux
public import Diagnostics
import Glibc

/// A connection to the kernel's network configuration (rtnetlink(7)).
public final class Netlink {
    private let socket: OwnedDescriptor
    private var sequence: UInt32 = 0

    /// Opens a connection.
    /// - Parameter namespace: a network namespace's descriptor, or nil for this process's own.
    public init(namespace: Int32? = nil) throws(DrydockError) {
        let kind = Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue)
        let number: Int32
        if let namespace {
            number = cl_socket_in_namespace(namespace, AF_NETLINK, kind, 0)
        } else {
            number = Glibc.socket(AF_NETLINK, kind, 0)
        }
        guard number >= 0 else { throw .system("netlink socket", errno: number == -1 ? errno : -number) }
        socket = OwnedDescriptor(number)
    }

    /// The index of a device, nil where there is none of that name.
    public func index(of name: String) throws(DrydockError) -> Int32? {
        var message = Message(type: 18, flags: 1)  // RTM_GETLINK
        message.link(index: 0)
        message.attribute(3, name)
        do throws(DrydockError) {
            let replies = try exchange(&message, "find device \(name)", acknowledged: false)
            guard let reply = replies.first, reply.payload.count >= 8 else { return nil }
            return reply.int(at: 4)
        } catch {
            if error.errno == ENODEV { return nil }
            throw error
        }
    }

    /// Makes a bridge.
    public func addBridge(_ name: String) throws(DrydockError) {
        var message = Message(type: 16, flags: 0x605)  // RTM_NEWLINK, create, exclusive
        message.link(index: 0)
        message.attribute(3, name)
        message.nested(18) { $0.attribute(1, "bridge") }
        try exchange(&message, "create bridge \(name)")
    }

    /// Makes a pair of connected devices: one here on a bridge, one in another namespace.
    public func addPair(
        _ name: String, bridge: Int32, peer: String, namespace: Int32, hardwareAddress: [UInt8]
    ) throws(DrydockError) {
        var message = Message(type: 16, flags: 0x605)
        message.link(index: 0, up: true)
        message.attribute(3, name)
        message.attribute(10, UInt32(bitPattern: bridge))
        message.nested(18) { info in
            info.attribute(1, "veth")
            info.nested(2) { data in
                data.nested(1) { end in
                    end.link(index: 0)
                    end.attribute(3, peer)
                    end.attribute(1, hardwareAddress)
                    end.attribute(28, UInt32(bitPattern: namespace))
                }
            }
        }
        try exchange(&message, "create veth \(name)")
    }

    /// Brings a device up.
    public func setUp(_ index: Int32) throws(DrydockError) {
        var message = Message(type: 16, flags: 5)
        message.link(index: index, up: true)
        try exchange(&message, "bring device \(index) up")
    }

    /// Removes a device.
    public func remove(_ name: String) throws(DrydockError) {
        var message = Message(type: 17, flags: 5)  // RTM_DELLINK
        message.link(index: 0)
        message.attribute(3, name)
        try exchange(&message, "remove device \(name)")
    }

    /// Gives a device an address.
    public func addAddress(_ address: IPv4Address, prefix: Int, device: Int32) throws(DrydockError) {
        var message = Message(type: 20, flags: 0x605)  // RTM_NEWADDR
        message.append([UInt8(AF_INET), UInt8(prefix), 0, 0])
        message.append(UInt32(bitPattern: device))
        message.attribute(2, address.bytes)
        message.attribute(1, address.bytes)
        message.attribute(4, address.broadcast(prefix: prefix).bytes)
        try exchange(&message, "add address \(address)/\(prefix)")
    }

    /// Sets the default route.
    public func addDefaultRoute(_ gateway: IPv4Address) throws(DrydockError) {
        var message = Message(type: 24, flags: 0x605)  // RTM_NEWROUTE
        message.append([UInt8(AF_INET), 0, 0, 0, 254, 4, 0, 1])  // main table, static, universe, unicast
        message.append(UInt32(0))
        message.attribute(5, gateway.bytes)
        try exchange(&message, "add the default route through \(gateway)")
    }

    /// Every IPv4 address of the namespace with its device and prefix.
    public func addresses() throws(DrydockError) -> [(device: Int32, address: IPv4Address, prefix: Int)] {
        var message = Message(type: 22, flags: 0x301)  // RTM_GETADDR, dump
        message.append([UInt8(AF_INET), 0, 0, 0])
        message.append(UInt32(0))
        return try exchange(&message, "list addresses", acknowledged: false).compactMap { reply in
            guard reply.type == 20, reply.payload.count >= 8 else { return nil }
            let attributes = reply.attributes(after: 8)
            guard let bytes = attributes[2] ?? attributes[1], bytes.count == 4 else { return nil }
            return (reply.int(at: 4), IPv4Address(bytes: bytes), Int(reply.payload[1]))
        }
    }

    /// The destinations of all IPv4 routes.
    public func routes() throws(DrydockError) -> [(destination: IPv4Address, prefix: Int)] {
        var message = Message(type: 26, flags: 0x301)  // RTM_GETROUTE, dump
        message.append([UInt8(AF_INET), 0, 0, 0, 0, 0, 0, 0])
        message.append(UInt32(0))
        return try exchange(&message, "list routes", acknowledged: false).compactMap { reply in
            guard reply.type == 24, reply.payload.count >= 12, let bytes = reply.attributes(after: 12)[1] else {
                return nil
            }
            return (IPv4Address(bytes: bytes), Int(reply.payload[1]))
        }
    }

    @discardableResult
    private func exchange(
        _ message: inout Message, _ what: String, acknowledged: Bool = true
    ) throws(DrydockError) -> [Reply] {
        sequence += 1
        let bytes = message.finished(sequence: sequence)
        let sent = retrying { send(socket.number, bytes, bytes.count, 0) }
        guard sent == bytes.count else { throw .system(what, errno: errno) }
        var replies: [Reply] = []
        var buffer = [UInt8](repeating: 0, count: 32768)
        while true {
            let count = buffer.withUnsafeMutableBytes { area in
                retrying { recv(socket.number, area.baseAddress, area.count, 0) }
            }
            guard count > 0 else { throw .system(what, errno: errno) }
            for reply in Reply.split(buffer[..<count]) where reply.sequence == sequence {
                switch reply.type {
                case 2:  // NLMSG_ERROR; 0 is an acknowledgement
                    let code = -reply.int(at: 0)
                    guard code == 0 else { throw .system(what, errno: code) }
                    return replies
                case 3: return replies  // NLMSG_DONE
                default:
                    replies.append(reply)
                    if !acknowledged && reply.flags & 2 == 0 { return replies }
                }
            }
        }
    }
}

/// A message that is being written.
private struct Message {
    private var bytes: [UInt8]

    init(type: UInt16, flags: UInt16) {
        bytes = [UInt8](repeating: 0, count: 16)
        bytes.withUnsafeMutableBytes {
            $0.storeBytes(of: type, toByteOffset: 4, as: UInt16.self)
            $0.storeBytes(of: flags, toByteOffset: 6, as: UInt16.self)
        }
    }

    mutating func append(_ data: [UInt8]) { bytes.append(contentsOf: data) }

    mutating func append(_ number: UInt32) { withUnsafeBytes(of: number) { bytes.append(contentsOf: $0) } }

    /// `struct ifinfomsg`
    mutating func link(index: Int32, up: Bool = false) {
        append(0)
        append(UInt32(bitPattern: index))
        append(up ? 1 : 0)
        append(up ? 1 : 0)
    }

    mutating func attribute(_ type: UInt16, _ data: [UInt8]) {
        withUnsafeBytes(of: UInt16(4 + data.count)) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: type) { bytes.append(contentsOf: $0) }
        append(data)
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    mutating func attribute(_ type: UInt16, _ text: String) { attribute(type, Array(text.utf8) + [0]) }

    mutating func attribute(_ type: UInt16, _ number: UInt32) {
        attribute(type, withUnsafeBytes(of: number) { Array($0) })
    }

    mutating func nested(_ type: UInt16, _ body: (inout Message) -> Void) {
        let start = bytes.count
        append(UInt32(0))
        body(&self)
        let length = UInt16(bytes.count - start)
        bytes.withUnsafeMutableBytes {
            $0.storeBytes(of: length, toByteOffset: start, as: UInt16.self)
            $0.storeBytes(of: type, toByteOffset: start + 2, as: UInt16.self)
        }
    }

    mutating func finished(sequence: UInt32) -> [UInt8] {
        let length = UInt32(bytes.count)
        bytes.withUnsafeMutableBytes {
            $0.storeBytes(of: length, toByteOffset: 0, as: UInt32.self)
            $0.storeBytes(of: sequence, toByteOffset: 8, as: UInt32.self)
        }
        return bytes
    }
}

/// A message that came back.
private struct Reply {
    var type: UInt16
    var flags: UInt16
    var sequence: UInt32
    var payload: [UInt8]

    static func split(_ bytes: ArraySlice<UInt8>) -> [Reply] {
        var replies: [Reply] = []
        var rest = bytes
        while rest.count >= 16 {
            let (length, type, flags, sequence) = rest.withUnsafeBytes { area in
                (
                    Int(area.loadUnaligned(as: UInt32.self)), area.loadUnaligned(fromByteOffset: 4, as: UInt16.self),
                    area.loadUnaligned(fromByteOffset: 6, as: UInt16.self),
                    area.loadUnaligned(fromByteOffset: 8, as: UInt32.self)
                )
            }
            guard length >= 16, length <= rest.count else { break }
            replies.append(
                Reply(
                    type: type, flags: flags, sequence: sequence, payload: Array(rest.dropFirst(16).prefix(length - 16))
                ))
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return replies
    }

    func int(at offset: Int) -> Int32 {
        guard payload.count >= offset + 4 else { return 0 }
        return payload.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Int32.self) }
    }

    func attributes(after offset: Int) -> [UInt16: [UInt8]] {
        var result: [UInt16: [UInt8]] = [:]
        var position = offset
        payload.withUnsafeBytes { area in
            while position + 4 <= area.count {
                let length = Int(area.loadUnaligned(fromByteOffset: position, as: UInt16.self))
                let type = area.loadUnaligned(fromByteOffset: position + 2, as: UInt16.self)
                guard length >= 4, position + length <= area.count else { return }
                result[type & 0x3fff] = Array(area[(position + 4)..<(position + length)])
                position += (length + 3) & ~3
            }
        }
        return result
    }
}

public import Diagnostics
import Glibc
import SystemPackage

/// The bridge that connects the containers of root.
public struct Bridge: Sendable {
    /// The device's name.
    public static let name = "drydock0"
    /// The device's number.
    public let index: Int32
    /// The bridge's own address: the containers' gateway.
    public let gateway: IPv4Address
    /// The length of the network's prefix.
    public let prefix: Int

    /// Where a container is on the bridge.
    public struct Connection: Sendable {
        /// The device on the host.
        public var device: String
        /// The container's address.
        public var address: IPv4Address
        /// The container's hardware address, as text.
        public var hardwareAddress: String
    }

    /// Finds the bridge, or makes it: the first network of Docker's ranges that nothing on this machine uses, and
    /// address translation by iptables or nft.
    public static func ensure() throws(DrydockError) -> Bridge {
        let netlink = try Netlink()
        if let bridge = try find(netlink) { return bridge }
        let lock = try FileLock("/run/drydock-bridge.lock")
        defer { lock.unlock() }
        if let bridge = try find(netlink) { return bridge }
        guard let (network, prefix) = try freeNetwork(netlink) else {
            throw DrydockError(
                .exhausted, "could not find an available, non-overlapping IPv4 address pool",
                reason: "this machine uses all of 172.17.0.0 to 172.31.0.0 and 192.168.0.0",
                remedy: "use --network host or --network none", exitStatus: 125)
        }
        let gateway = IPv4Address(network.value + 1)
        if try netlink.index(of: name) == nil { try netlink.addBridge(name) }
        guard let index = try netlink.index(of: name) else { throw .system("find bridge \(name)", errno: ENODEV) }
        try netlink.addAddress(gateway, prefix: prefix, device: index)
        try netlink.setUp(index)
        _ = try? Files.write(Array("1".utf8), toFile: "/proc/sys/net/ipv4/ip_forward")
        AddressTranslation.install(network: "\(network)/\(prefix)", bridge: name)
        return Bridge(index: index, gateway: gateway, prefix: prefix)
    }

    private static func freeNetwork(_ netlink: Netlink) throws(DrydockError) -> (IPv4Address, Int)? {
        var taken: [(IPv4Address, Int)] = try netlink.addresses().map { ($0.address, $0.prefix) }
        taken += try netlink.routes().map { ($0.destination, $0.prefix) }
        var candidates: [(IPv4Address, Int)] = []
        for second: UInt32 in 17...31 { candidates.append((IPv4Address(172 << 24 | second << 16), 16)) }
        for third: UInt32 in 0...15 { candidates.append((IPv4Address(192 << 24 | 168 << 16 | third << 12), 20)) }
        return candidates.first { candidate in
            !taken.contains { IPv4Address.overlap($0.0, $0.1, candidate.0, candidate.1) }
        }
    }

    private static func find(_ netlink: Netlink) throws(DrydockError) -> Bridge? {
        guard let index = try netlink.index(of: name),
            let own = try netlink.addresses().first(where: { $0.device == index })
        else { return nil }
        return Bridge(index: index, gateway: own.address, prefix: own.prefix)
    }

    /// Connects a network namespace: a pair of devices, the first free address, the default route.
    ///
    /// The host's device is named after the address, so the kernel itself keeps two containers from getting the same.
    /// - Parameter hardwareAddress: six hexadecimal bytes with colons; empty for one made from the IP address.
    public func connect(namespace: Int32, hardwareAddress: String = "") throws(DrydockError) -> Connection {
        let wanted = hardwareAddress.split(separator: ":").compactMap { UInt8($0, radix: 16) }
        let netlink = try Netlink()
        let first = gateway.network(prefix: prefix).value + 2
        for value in first..<gateway.broadcast(prefix: prefix).value where value != gateway.value {
            let address = IPv4Address(value)
            let hardware: [UInt8] = wanted.count == 6 ? wanted : [0x02, 0x42] + address.bytes
            let device = "dd" + hex(address.bytes)
            do throws(DrydockError) {
                try netlink.addPair(
                    device, bridge: index, peer: "eth0", namespace: namespace, hardwareAddress: hardware)
            } catch {
                if error.errno == EEXIST { continue }
                throw error
            }
            let inside = try Netlink(namespace: namespace)
            guard let eth0 = try inside.index(of: "eth0") else { throw .system("find eth0", errno: ENODEV) }
            try inside.addAddress(address, prefix: prefix, device: eth0)
            try inside.setUp(eth0)
            try inside.addDefaultRoute(gateway)
            let text = hardware.map { hex([$0]) }.joined(separator: ":")
            return Connection(device: device, address: address, hardwareAddress: text)
        }
        throw DrydockError(
            .exhausted, "no available IPv4 addresses on this network's address pools: bridge", exitStatus: 125)
    }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// Address translation for the bridge, by whichever program is there.
public enum AddressTranslation {
    /// The programs that can do it, in the order in which they are tried.
    public static let programs = ["iptables", "nft"]

    /// Lets a network reach the world through this machine. Returns the program that did it, nil where none could.
    @discardableResult
    static func install(network: String, bridge: String) -> String? {
        if ChildProcess.find("iptables") != nil {
            let nat = ["-t", "nat", "POSTROUTING", "-s", network, "!", "-o", bridge, "-j", "MASQUERADE"]
            let out = ["-t", "filter", "FORWARD", "-i", bridge, "-j", "ACCEPT"]
            let back = [
                "-t", "filter", "FORWARD", "-o", bridge, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j",
                "ACCEPT",
            ]
            let within = ["-t", "filter", "FORWARD", "-i", bridge, "-o", bridge, "-j", "ACCEPT"]
            if [nat, out, back, within].allSatisfy({ iptables($0) }) { return "iptables" }
        }
        if ChildProcess.find("nft") != nil {
            let rules = """
                table ip drydock {
                  chain postrouting {
                    type nat hook postrouting priority 100; policy accept;
                    ip saddr \(network) oifname != "\(bridge)" masquerade
                  }
                }

                """
            _ = try? ChildProcess.run("nft", ["nft", "delete", "table", "ip", "drydock"])
            if let done = try? ChildProcess.run("nft", ["nft", "-f", "-"], input: Array(rules.utf8)), done.status == 0 {
                return "nft"
            }
        }
        return nil
    }

    /// Adds a rule where it is not there yet. The chain is the third word.
    private static func iptables(_ rule: [String]) -> Bool {
        func run(_ action: String) -> Bool {
            let words = ["iptables", "-w"] + rule[..<2] + [action] + rule[2...]
            return (try? ChildProcess.run("iptables", words))?.status == 0
        }
        return run("-C") || run("-I")
    }
}

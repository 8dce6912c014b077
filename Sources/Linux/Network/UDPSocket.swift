import CLinux
public import Diagnostics
import Glibc

/// UDP over IPv4, without waiting.
public enum UDPSocket {
    /// Who sent a datagram.
    public struct Peer: Hashable, Sendable {
        /// The address.
        public var address: IPv4Address
        /// The port.
        public var port: UInt16

        /// Names a peer.
        public init(address: IPv4Address, port: UInt16) {
            self.address = address
            self.port = port
        }
    }

    /// A socket that receives what is sent to an address of this machine.
    /// - Parameter port: 0 for any free one; see `TCPSocket.port(of:)`.
    /// - Throws: the system error; `errno` is `EADDRINUSE` where another program has the port.
    public static func bind(_ address: IPv4Address, port: UInt16) throws(DrydockError) -> OwnedDescriptor {
        let socket = try make(nil)
        let bound = TCPSocket.withAddress(address, port) { Glibc.bind(socket.number, $0, $1) }
        guard bound == 0 else { throw .system("listen on \(address):\(port)", errno: errno) }
        return socket
    }

    /// A socket that talks to one peer alone; nil where there is none to be had.
    /// - Parameter namespace: the network namespace's descriptor, or nil for this process's own.
    public static func connect(_ peer: Peer, namespace: Int32?) -> OwnedDescriptor? {
        guard let socket = try? make(namespace) else { return nil }
        let result = TCPSocket.withAddress(peer.address, peer.port) { Glibc.connect(socket.number, $0, $1) }
        return result == 0 ? socket : nil
    }

    /// Takes the next datagram. Returns its length and sender, nil where there is none; one that does not fit is cut off.
    public static func receive(_ socket: Int32, into area: UnsafeMutableRawBufferPointer) -> (Int, Peer)? {
        var from = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let count = withUnsafeMutablePointer(to: &from) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(socket, area.baseAddress, area.count, 0, $0, &length)
            }
        }
        guard count >= 0 else { return nil }
        let address = IPv4Address(UInt32(bigEndian: from.sin_addr.s_addr))
        return (count, Peer(address: address, port: UInt16(bigEndian: from.sin_port)))
    }

    /// Sends a datagram, to a peer or to the one that the socket talks to. One that cannot be sent is lost, as any may be.
    public static func send(_ bytes: UnsafeRawBufferPointer, on socket: Int32, to peer: Peer?) {
        let flags = Int32(truncatingIfNeeded: MSG_NOSIGNAL)
        guard let peer else {
            _ = Glibc.send(socket, bytes.baseAddress, bytes.count, flags)
            return
        }
        _ = TCPSocket.withAddress(peer.address, peer.port) {
            Int32(clamping: sendto(socket, bytes.baseAddress, bytes.count, flags, $0, $1))
        }
    }

    private static func make(_ namespace: Int32?) throws(DrydockError) -> OwnedDescriptor {
        try TCPSocket.make(namespace, Int32(SOCK_DGRAM.rawValue))
    }
}

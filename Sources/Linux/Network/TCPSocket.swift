import CLinux
public import Diagnostics
import Glibc

/// TCP over IPv4, without waiting.
public enum TCPSocket {
    /// A socket that listens.
    /// - Parameters:
    ///   - namespace: the network namespace's descriptor, or nil for this process's own.
    ///   - port: 0 for any free one; see `port(of:)`.
    /// - Throws: the system error; `errno` is `EADDRINUSE` where another program has the port.
    public static func listen(
        _ address: IPv4Address, port: UInt16, namespace: Int32? = nil
    ) throws(DrydockError) -> OwnedDescriptor {
        let socket = try make(namespace)
        var yes: Int32 = 1
        setsockopt(socket.number, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        // The loopback device of a new namespace may not be up yet.
        setsockopt(socket.number, Int32(IPPROTO_IP), ipFreeBind, &yes, socklen_t(MemoryLayout<Int32>.size))
        let bound = withAddress(address, port) { bind(socket.number, $0, $1) }
        guard bound == 0 else { throw .system("listen on \(address):\(port)", errno: errno) }
        guard Glibc.listen(socket.number, 128) == 0 else { throw .system("listen on \(address):\(port)", errno: errno) }
        return socket
    }

    /// IP_FREEBIND of ip(7).
    private static let ipFreeBind: Int32 = 15

    /// A socket that is being connected: writable once it is. Nil where that fails at once.
    public static func connect(_ address: IPv4Address, port: UInt16, namespace: Int32? = nil) -> OwnedDescriptor? {
        guard let socket = try? make(namespace) else { return nil }
        let result = withAddress(address, port) { Glibc.connect(socket.number, $0, $1) }
        return result == 0 || errno == EINPROGRESS ? socket : nil
    }

    /// The next connection of a socket that listens, nil when there is none.
    public static func accept(_ listener: Int32) -> OwnedDescriptor? {
        let number = cl_accept(listener, 1)
        return number >= 0 ? OwnedDescriptor(number) : nil
    }

    /// The port to which a socket is bound.
    public static func port(of socket: Int32) -> UInt16 {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) }
        }
        return result == 0 ? UInt16(bigEndian: address.sin_port) : 0
    }

    static func make(
        _ namespace: Int32?, _ kind: Int32 = Int32(SOCK_STREAM.rawValue)
    ) throws(DrydockError) -> OwnedDescriptor {
        let kind = kind | Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let number: Int32
        if let namespace {
            number = cl_socket_in_namespace(namespace, AF_INET, kind, 0)
        } else {
            number = Glibc.socket(AF_INET, kind, 0)
        }
        guard number >= 0 else { throw .system("socket", errno: number == -1 ? errno : -number) }
        return OwnedDescriptor(number)
    }

    static func withAddress(
        _ address: IPv4Address, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = address.value.bigEndian
        return withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

import CLinux
public import Diagnostics
import Glibc
public import SystemPackage

/// Stream sockets between processes of this machine. The path may be longer than a socket's address can be: it is
/// reached through a descriptor of its directory.
public enum UnixSocket {
    /// Two connected sockets: streams of bytes, or of whole messages.
    public static func pair(messages: Bool = false) throws(DrydockError) -> (OwnedDescriptor, OwnedDescriptor) {
        var ends: [Int32] = [-1, -1]
        let kind = messages ? SOCK_SEQPACKET : SOCK_STREAM
        guard socketpair(AF_UNIX, Int32(kind.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw .system("socketpair", errno: errno)
        }
        return (OwnedDescriptor(ends[0]), OwnedDescriptor(ends[1]))
    }

    /// A socket that listens at a path; what was there is removed. Only this user can connect.
    public static func listen(_ path: FilePath, messages: Bool = false) throws(DrydockError) -> OwnedDescriptor {
        let socket = try make(messages)
        unlink(path.string)
        let result = try withAddress(path) { address, length in Glibc.bind(socket.number, address, length) }
        guard result == 0 else { throw .system("listen on \(path)", errno: errno) }
        chmod(path.string, 0o600)
        guard Glibc.listen(socket.number, 64) == 0 else { throw .system("listen on \(path)", errno: errno) }
        return socket
    }

    /// Sends a descriptor along a stream, with a text.
    public static func send(_ descriptor: Int32, _ text: String, to path: FilePath) throws(DrydockError) {
        let socket = try connect(path)
        let result = cl_send_descriptor(socket.number, descriptor, text)
        guard result == 0 else { throw .system("send a terminal to \(path)", errno: -result) }
    }

    /// Takes the descriptor that the next connection to a listening socket brings; it does not block.
    public static func receiveDescriptor(_ listener: OwnedDescriptor) throws(DrydockError) -> OwnedDescriptor {
        let connection = cl_accept(listener.number, 0)
        guard connection >= 0 else { throw .system("accept a descriptor", errno: -connection) }
        let sender = OwnedDescriptor(connection)
        defer { sender.close() }
        var number: Int32 = -1
        var text = [UInt8](repeating: 0, count: 256)
        let count = cl_receive(sender.number, &text, text.count, &number)
        guard count > 0, number >= 0 else {
            throw .system("receive a descriptor", errno: count < 0 ? Int32(-count) : ECONNRESET)
        }
        let descriptor = OwnedDescriptor(number)
        let result = cl_nonblocking(number)
        guard result == 0 else { throw .system("make a descriptor non-blocking", errno: -result) }
        return descriptor
    }

    /// A connection to the socket at a path.
    public static func connect(_ path: FilePath, messages: Bool = false) throws(DrydockError) -> OwnedDescriptor {
        let socket = try make(messages)
        let result = try withAddress(path) { address, length in
            retrying { Glibc.connect(socket.number, address, length) }
        }
        guard result == 0 else { throw .system("connect to \(path)", errno: errno) }
        return socket
    }

    private static func make(_ messages: Bool) throws(DrydockError) -> OwnedDescriptor {
        let kind = messages ? SOCK_SEQPACKET : SOCK_STREAM
        let number = Glibc.socket(AF_UNIX, Int32(kind.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { throw .system("socket", errno: errno) }
        return OwnedDescriptor(number)
    }

    private static func withAddress(
        _ path: FilePath, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(DrydockError) -> Int32 {
        var text = path.string
        var directory: OwnedDescriptor?
        if text.utf8.count > 100 {
            let place = try OwnedDescriptor.place(path.removingLastComponent().orCurrent)
            text = "/proc/self/fd/\(place.number)/\(path.lastComponent?.string ?? "")"
            directory = place
        }
        defer { directory?.close() }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard text.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw .system("socket \(path)", errno: ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: text.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}

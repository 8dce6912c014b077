public import Diagnostics
import Dispatch
import Glibc
import Linux
import OCI
import Synchronization
public import SystemPackage

/// Where a hub answers.
public struct HubAddress: Sendable, Hashable {
    /// The address on this machine: `127.0.0.1`.
    public var host: String
    /// The port.
    public var port: Int
    /// Whether it speaks TLS.
    public var isSecure = false

    /// Makes an address.
    public init(host: String, port: Int, isSecure: Bool = false) {
        self.host = host
        self.port = port
        self.isSecure = isSecure
    }

    /// Reads `127.0.0.1:5000`, `:5000`, `[::1]:5000`; nil where it is none.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        self.init(host: host.isEmpty ? "0.0.0.0" : String(host), port: port)
    }

    /// `http://127.0.0.1:4123`
    public var url: String { "\(isSecure ? "https" : "http")://\(host.contains(":") ? "[\(host)]" : host):\(port)" }
}

/// The files by which processes find a hub.
enum HubPaths {
    static func serveLock(_ data: FilePath) -> FilePath { data.appending("serve.lock") }
    static func startLock(_ data: FilePath) -> FilePath { data.appending("start.lock") }
    static func lease(_ data: FilePath) -> FilePath { data.appending("lease.lock") }
    static func address(_ data: FilePath) -> FilePath { data.appending("address.json") }
    static func log(_ data: FilePath) -> FilePath { data.appending("hub.log") }

    /// A port that stays the same for a directory, below the range that the kernel gives to clients.
    static func usualPort(_ data: FilePath) -> Int {
        let bytes = hash(data.lexicallyNormalized().string)
        return 20_000 + (Int(bytes[0]) << 8 | Int(bytes[1])) % 10_000
    }

    /// The first bytes of a hash of a text.
    static func hash(_ text: String) -> [UInt8] {
        let digits = Array(Digest.sha256(text.utf8).hex.utf8.prefix(16))
        return stride(from: 0, to: 16, by: 2).map {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16) ?? 0
        }
    }
}

/// What a hub writes down about itself.
struct HubStateFile: Sendable {
    var host: String?
    var port: Int?
    var isSecure = false
    /// Whether it answers at that address; meaningless once its lock is free.
    var ready = false
    /// The process that serves.
    var process: Int32?

    static func read(_ data: FilePath) -> HubStateFile {
        guard let bytes = try? Files.readIfPresent(HubPaths.address(data)), let json = try? JSONValue(parsing: bytes)
        else { return HubStateFile() }
        return HubStateFile(
            host: json["host"]?.string, port: json["port"]?.int.map(Int.init),
            isSecure: json["tls"]?.bool ?? false, ready: json["ready"]?.bool ?? false,
            process: json["pid"]?.int.map(Int32.init(truncatingIfNeeded:)))
    }

    func write(_ data: FilePath) throws(DrydockError) {
        let json: JSONValue = [
            "host": host.map(JSONValue.string) ?? .null, "port": port.map { .int(Int64($0)) } ?? .null,
            "tls": .bool(isSecure), "ready": .bool(ready), "pid": process.map { .int(Int64($0)) } ?? .null,
        ]
        try AtomicFile.write((json.compact + "\n").utf8, to: HubPaths.address(data), durable: false)
    }

    var address: HubAddress? {
        guard ready, let host, let port else { return nil }
        var address = HubAddress(host: host, port: port)
        address.isSecure = isSecure
        return address
    }
}

/// Finds the hub of a home, and starts it where it is not running.
///
/// All functions block and may be called from any thread that may.
public enum HubSupervisor {
    /// The command line that starts the hub of a directory with this executable. `HubServer.run` must be given the
    /// `readyDescriptor` 3 by it.
    public static func usualProgram(data: FilePath) -> [String] {
        ["/proc/self/exe", "hub", "serve", "--data", data.string, "--ready-fd", "3", "--idle-exit", "300"]
    }

    /// The hub of a home, after starting it where no process serves it.
    ///
    /// - Parameters:
    ///   - data: the hub's data directory (`HOME/hub`).
    ///   - program: what to start where none serves, with its arguments; the address is expected from its descriptor 3. By
    ///     default `usualProgram`.
    ///   - deadline: how long a start may take.
    /// - Throws: `.unavailable` with the hub's last words where it does not start.
    public static func ensureRunning(
        data: FilePath, program: [String]? = nil, deadline: Duration = .seconds(15)
    ) throws(DrydockError) -> HubAddress {
        if let address = try running(data: data) { return address }
        try Files.makeDirectories(data)
        let start = try FileLock(HubPaths.startLock(data))
        defer { start.unlock() }
        if let address = try running(data: data) { return address }
        return try launch(program ?? usualProgram(data: data), data: data, deadline: deadline)
    }

    private static func launch(
        _ program: [String], data: FilePath, deadline: Duration
    ) throws(DrydockError) -> HubAddress {
        let ends: (readEnd: FileDescriptor, writeEnd: FileDescriptor)
        let log: OwnedDescriptor
        do {
            ends = try FileDescriptor.pipe()
        } catch {
            throw DrydockError(.system, "pipe: \(error)")
        }
        let reader = OwnedDescriptor(ends.readEnd.rawValue)
        let writer = OwnedDescriptor(ends.writeEnd.rawValue)
        log = try OwnedDescriptor.open(
            HubPaths.log(data), .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
        guard let file = program.first else { throw DrydockError(.invalidArgument, "no program to start") }
        _ = try ChildProcess.spawn(
            file, ["drydock"] + program.dropFirst(), descriptors: [1: log.number, 2: log.number, 3: writer.number],
            detached: true)
        writer.close()
        // The pipe ends when the hub answers or dies; a thread of its own reads it, so that there can be a deadline.
        let done = DispatchSemaphore(value: 0)
        let box = SharedText()
        DispatchQueue.global().async {
            var block = [UInt8](repeating: 0, count: 256)
            while let count = try? block.withUnsafeMutableBytes({ try reader.descriptor.read(into: $0) }), count > 0 {
                box.append(String(decoding: block[..<count], as: UTF8.self))
                if box.text.hasSuffix("\n") { break }
            }
            done.signal()
        }
        let inTime = done.wait(timeout: .now() + .milliseconds(Int(deadline / .milliseconds(1)))) == .success
        if let address = HubAddress(String(box.text.filter { !$0.isWhitespace })) { return address }
        // Somebody else may have started one by hand just now.
        if let address = try running(data: data) { return address }
        let words = (try? Files.readIfPresent(HubPaths.log(data))).flatMap { $0 } ?? []
        let last = String(decoding: words.suffix(500), as: UTF8.self).filter { $0 != "\n" }
        throw DrydockError(
            .unavailable, "the practice hub does not start",
            reason: last.isEmpty ? (inTime ? "it ended at once" : "it did not answer in time") : last,
            remedy: "Look at \(HubPaths.log(data)), and try 'drydock hub serve'.")
    }

    /// The hub of a directory where one is running and answers, else nil.
    public static func running(data: FilePath) throws(DrydockError) -> HubAddress? {
        guard FileLock.isHeld(HubPaths.serveLock(data)) else { return nil }
        return HubStateFile.read(data).address
    }

    /// Ends the hub of a directory, however many leases there are, and waits until it has ended. Nothing happens where
    /// none serves it.
    /// - Parameter patience: how long it may take to end by itself; then it is killed.
    public static func stop(data: FilePath, patience: Duration = .seconds(3)) throws(DrydockError) {
        let isServed = { FileLock.isHeld(HubPaths.serveLock(data)) }
        guard isServed(), let number = HubStateFile.read(data).process else { return }
        let process = try ProcessHandle(number)
        for signal in [SIGTERM, SIGKILL] {
            guard isServed() else { return }
            try process.signal(signal)
            let deadline = ContinuousClock.now + patience
            var wait = pollfd(fd: process.descriptor.number, events: Int16(POLLIN), revents: 0)
            while ContinuousClock.now < deadline, poll(&wait, 1, 100) == 0 {}
        }
    }

    /// Keeps the hub from ending while the returned value lives, even before it is started. It costs an open file.
    public static func lease(data: FilePath) throws(DrydockError) -> HubLease {
        try Files.makeDirectories(data)
        return HubLease(try FileLock(HubPaths.lease(data), mode: .shared))
    }
}

/// Text that two threads build.
private final class SharedText: Sendable {
    private let value = Mutex("")

    func append(_ more: String) { value.withLock { $0 += more } }

    var text: String { value.withLock { $0 } }
}

/// Keeps a hub from ending; the kernel takes it back when its process ends.
public final class HubLease: Sendable {
    private let lock: FileLock

    init(_ lock: FileLock) { self.lock = lock }

    deinit { lock.unlock() }
}

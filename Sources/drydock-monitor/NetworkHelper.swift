import Diagnostics
import Glibc
import Linux
import SystemPackage

/// The program that connects the container of an ordinary user.
final class NetworkHelper {
    private let pid: Int32
    private let isChild: Bool

    private init(pid: Int32, isChild: Bool) {
        self.pid = pid
        self.isChild = isChild
    }

    /// Starts a helper for a process's network and waits until the network is there.
    static func start(_ kind: String, pid: Int32, directory: FilePath) throws(DrydockError) -> NetworkHelper {
        kind == "pasta" ? try pasta(pid, directory.appending("pasta.pid")) : try slirp(pid)
    }

    private static func pasta(_ pid: Int32, _ file: FilePath) throws(DrydockError) -> NetworkHelper {
        let errors = try MemoryFile.make("pasta", [])
        // It goes to the background by itself when the network is there.
        let child = try ChildProcess.spawn(
            "pasta",
            [
                "pasta", "--config-net", "--quiet", "--no-map-gw", "-t", "none", "-u", "none", "-T", "none", "-U",
                "none", "--pid", file.string, "--netns", "/proc/\(pid)/ns/net",
            ], descriptors: [1: errors.number, 2: errors.number])
        let status = try child.wait()
        guard status == 0 else {
            let text = String(decoding: (try? MemoryFile.content(errors)) ?? [], as: UTF8.self)
            throw DrydockError(
                .unavailable, "pasta could not connect the container's network",
                reason: text.split(separator: "\n").last.map(String.init), remedy: "use --network none", exitStatus: 125
            )
        }
        return NetworkHelper(pid: Files.line(file).flatMap { Int32($0) } ?? 0, isChild: false)
    }

    private static func slirp(_ pid: Int32) throws(DrydockError) -> NetworkHelper {
        let (read, write) = try pipe()
        let errors = try MemoryFile.make("slirp4netns", [])
        let child = try ChildProcess.spawn(
            "slirp4netns",
            [
                "slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", "--ready-fd=3", "\(pid)",
                "eth0",
            ], descriptors: [1: errors.number, 2: errors.number, 3: write.number])
        write.close()
        var byte: UInt8 = 0
        guard Glibc.read(read.number, &byte, 1) == 1 else {
            _ = try child.wait()
            let text = String(decoding: (try? MemoryFile.content(errors)) ?? [], as: UTF8.self)
            throw DrydockError(
                .unavailable, "slirp4netns could not connect the container's network",
                reason: text.split(separator: "\n").last.map(String.init), remedy: "use --network none", exitStatus: 125
            )
        }
        return NetworkHelper(pid: child.pid, isChild: true)
    }

    /// Which process it is.
    var json: JSONValue {
        ["pid": .int(Int64(pid)), "startTime": .int(Int64(ProcessHandle.startTime(pid) ?? 0))]
    }

    /// Ends it.
    func stop() {
        guard pid > 0 else { return }
        kill(pid, SIGTERM)
        if isChild { _ = try? ChildProcess(pid: pid).wait() }
    }
}

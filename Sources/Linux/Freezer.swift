public import Diagnostics
import Glibc
public import SystemPackage

/// Stops all processes of a container, and lets them go on.
///
/// The cgroup's freezer is used: that of version 2 where the container has such a cgroup, that of version 1 where the
/// machine has it. Where an ordinary user has neither, every process gets SIGSTOP; a program that watches its children
/// may see that.
public final class Freezer {
    private let unified: FilePath?
    private let separate: FilePath?
    private let process: Int32

    /// - Parameters:
    ///   - cgroup: the container's cgroup of version 2, where it has one.
    ///   - name: the container's id.
    ///   - process: the container's first process.
    public init(cgroup: FilePath?, name: String, process: Int32) {
        self.process = process
        let file = cgroup?.appending("cgroup.freeze")
        unified = file.map(Files.isWritable) == true ? cgroup : nil
        let tree: FilePath = "/sys/fs/cgroup/freezer"
        separate =
            unified == nil && Files.isWritable(tree.appending("cgroup.procs"))
            ? tree.appending("drydock").appending(name) : nil
    }

    /// Stops them all; returns when they stand still.
    /// - Throws: where they did not within ten seconds; they go on then.
    public func freeze() throws(DrydockError) {
        if let unified {
            try Files.write(Array("1".utf8), toFile: unified.appending("cgroup.freeze"))
            try wait { Files.line(unified.appending("cgroup.events"))?.contains("frozen 1") == true }
        } else if let separate {
            try Files.makeDirectories(separate)
            for pid in ProcessTree.members(of: process) {
                try? Files.write(Array(String(pid).utf8), toFile: separate.appending("cgroup.procs"))
            }
            try Files.write(Array("FROZEN".utf8), toFile: separate.appending("freezer.state"))
            try wait { Files.line(separate.appending("freezer.state")) == "FROZEN" }
        } else {
            // Those that were made while others were being stopped are found the next time round.
            var stopped: Set<Int32> = []
            for _ in 0..<64 {
                let more = ProcessTree.members(of: process).filter { !stopped.contains($0) }
                if more.isEmpty { break }
                for pid in more { kill(pid, SIGSTOP) }
                stopped.formUnion(more)
            }
        }
    }

    /// Lets them go on.
    public func thaw() throws(DrydockError) {
        if let unified {
            try Files.write(Array("0".utf8), toFile: unified.appending("cgroup.freeze"))
        } else if let separate {
            try Files.write(Array("THAWED".utf8), toFile: separate.appending("freezer.state"))
        } else {
            for pid in ProcessTree.members(of: process) { kill(pid, SIGCONT) }
        }
    }

    /// Removes what was made for it. The processes must have ended.
    public func remove() { if let separate { rmdir(separate.string) } }

    private func wait(_ done: () -> Bool) throws(DrydockError) {
        for _ in 0..<10_000 {
            if done() { return }
            usleep(1000)
        }
        try? thaw()
        throw DrydockError(
            .system, "the container's processes did not stop within ten seconds",
            reason: "one of them waits in the kernel for a device or a network file system", remedy: "Try again later.")
    }
}

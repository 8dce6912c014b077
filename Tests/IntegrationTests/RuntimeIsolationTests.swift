import Foundation
import Testing

@Suite("What a container can see and do", .serialized)
struct RuntimeIsolationTests {
    private func shell(_ it: Drydock, _ script: String, _ options: String...) -> Outcome {
        it.docker(["run", "--rm", "--network", "none"] + options + ["alpine:3.5", "sh", "-c", script])
    }

    @Test("It has namespaces of its own and is process 1 in them", arguments: Actor.available)
    func namespaces(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let inside = shell(it, "echo $$; for n in mnt pid uts ipc net cgroup; do readlink /proc/self/ns/$n; done")
        let lines = inside.output.split(separator: "\n").map(String.init)
        #expect(lines.first == "1", "\(inside.all)")
        for (name, line) in zip(["mnt", "pid", "uts", "ipc", "net", "cgroup"], lines.dropFirst()) {
            let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(name)")
            #expect(line != own, "\(name) is shared")
        }
        #expect(lines.count == 7)
    }

    @Test("It has Docker's default capabilities and no more", arguments: Actor.available)
    func capabilities(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let root = shell(it, "grep -E '^(Cap|NoNewPrivs)' /proc/self/status").output
        for line in [
            "CapEff:\t00000000a80425fb", "CapBnd:\t00000000a80425fb", "CapInh:\t0000000000000000", "NoNewPrivs:\t0",
        ] {
            #expect(root.contains(line), "\(root)")
        }
        let other = shell(it, "grep CapEff /proc/self/status; id -u; id -g", "-u", "1000:1001").output
        #expect(other == "CapEff:\t0000000000000000\n1000\n1001\n")
        for attempt in ["mount -t tmpfs x /mnt", "hostname other", "mknod /dev/sda b 8 0 && cat /dev/sda >/dev/null"] {
            #expect(shell(it, attempt).status != 0, "\(attempt)")
        }
    }

    @Test("What of /proc and /sys concerns the machine is hidden or read-only", arguments: Actor.available)
    func hidden(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let script = """
            cat /proc/kcore 2>/dev/null | wc -c; cat /proc/keys | wc -c; ls /sys/firmware | wc -l
            for f in /proc/sysrq-trigger /proc/sys/kernel/hostname /sys/kernel/uevent_seqnum; do
              (echo x > $f) 2>/dev/null && echo "wrote $f"
            done; true
            """
        #expect(
            shell(it, script).output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) } == [
                "0", "0", "0",
            ])
    }

    @Test("Only the three standard descriptors are open in it, also for exec", arguments: Actor.available)
    func descriptors(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        // The fourth is the directory that ls itself reads; one that leaked would push it to a higher number.
        #expect(
            it.docker("run", "--rm", "--network", "none", "alpine:3.5", "ls", "/proc/self/fd").output == "0\n1\n2\n3\n")
        try #require(
            it.docker("run", "-d", "--name", "fds", "--network", "none", "alpine:3.5", "sleep", "600").status == 0)
        #expect(it.docker("exec", "fds", "ls", "/proc/self/fd").output == "0\n1\n2\n3\n")
    }

    @Test("A symbolic link in an image does not lead a mount out of the container", arguments: Actor.available)
    func links(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let outside = it.home + "/outside"
        let source = it.home + "/source"
        #expect(Bench.run(Bench.prefix(actor) + ["mkdir", outside, source]).status == 0)
        #expect(
            it.docker("run", "--name", "evil", "--network", "none", "alpine:3.5", "ln", "-s", outside, "/data").status
                == 0)
        #expect(it.docker("commit", "evil", "evil").status == 0)
        let wrote = it.docker(
            "run", "--rm", "--network", "none", "-v", "\(source):/data/deep", "evil", "sh", "-c",
            "echo x > /data/deep/f")
        #expect(wrote.status == 0, "\(wrote.all)")
        #expect(Bench.run(["ls", "-A", outside]).output.isEmpty)
        #expect(Bench.run(["ls", "-A", source]).output == "f\n")
    }

    @Test("Nothing stays mounted on the host, not even when the monitor is killed", arguments: Actor.available)
    func mounts(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let started = it.docker("run", "-d", "--name", "mm", "--network", "none", "alpine:3.5", "sleep", "600")
        let id = started.output.trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(try !String(contentsOfFile: "/proc/mounts", encoding: .utf8).contains(it.home))
        let monitor = Bench.run(["pgrep", "-f", "drydock-monitor \(id)"]).output.split(separator: "\n").first
        let pid = try #require(monitor.flatMap { Int32($0) })
        #expect(kill(pid, SIGKILL) == 0)
        #expect(it.docker("restart", "-t", "0", "mm").status == 0)
        #expect(try !String(contentsOfFile: "/proc/mounts", encoding: .utf8).contains(it.home))
        #expect(it.docker("kill", "mm").status == 0)
        #expect(it.docker("rm", "mm").status == 0)
    }
}

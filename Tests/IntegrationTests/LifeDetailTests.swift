import Foundation
import Linux
import Testing

/// What Docker's own integration tests ask of the life cycle.
@Suite("Details of a container's life", .serialized)
struct LifeDetailTests {
    @Test("A free port of a range is taken, until there is none", arguments: Actor.available)
    func portRange(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        // Somebody else may listen on some of them: then others are tried.
        for _ in 0..<20 {
            let first = Int.random(in: 20_000...30_000)
            let range = "127.0.0.1:\(first)-\(first + 1):80"
            let started = ["aa", "bb"].map {
                it.docker("run", "-d", "--name", $0, "-p", range, "alpine:3.5", "sleep", "600").status
            }
            guard started == [0, 0] else {
                _ = it.docker("rm", "-f", "aa", "bb")
                continue
            }
            #expect(it.docker("port", "aa").output == "80/tcp -> 127.0.0.1:\(first)\n")
            #expect(it.docker("port", "bb").output == "80/tcp -> 127.0.0.1:\(first + 1)\n")
            let third = it.docker("run", "-d", "--name", "cc", "-p", range, "alpine:3.5", "true")
            #expect(third.status == 125 && third.errors.contains("all ports are allocated"))
            #expect(it.docker("rm", "cc").status == 0)
            #expect(
                it.inspect("bb", "{{(index .HostConfig.PortBindings \"80/tcp\" 0).HostPort}}")
                    == "\(first)-\(first + 1)")
            #expect(it.docker("rm", "-f", "aa").status == 0)
            #expect(it.docker("run", "-d", "--name", "dd", "-p", range, "alpine:3.5", "sleep", "600").status == 0)
            #expect(it.docker("port", "dd").output == "80/tcp -> 127.0.0.1:\(first)\n")
            return
        }
        Issue.record("no two ports beside each other were free")
    }

    @Test("All exposed ports are published, those of --expose too", arguments: Actor.available)
    func publishAll(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        _ = it.docker("run", "-d", "--name", "aa", "-P", "--expose", "3000-3001", "alpine:3.5", "sleep", "600")
        let lines = it.docker("port", "aa").output.split(separator: "\n")
        #expect(lines.count == 2 && lines.allSatisfy { $0.hasPrefix("300") }, "\(lines)")
        #expect(it.docker("ps", "-q", "--filter", "publish=3000").output.isEmpty)
        #expect(!it.docker("ps", "-q", "--filter", "expose=3000").output.isEmpty)
        let refused = it.docker("create", "-p", "[::1]:80:80", "alpine:3.5")
        #expect(refused.status == 1 && refused.errors.contains("IPv6 address ::1 is not supported"), "\(refused)")
    }

    @Test("The environment is what Docker makes of it", arguments: Actor.available)
    func environment(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let none = ["--rm", "--network", "none"]
        let run = it.docker(
            ["run", "-h", "foo.example.com"] + none + ["-e", "HOSTNAME", "-e", "HOME=", "alpine:3.5", "env"])
        #expect(!run.output.contains("HOSTNAME") && run.output.contains("HOME=/root\n"), "\(run.all)")
        // A terminal is what TERM is about.
        try it.start("tt", ["-t"], ["sleep", "600"])
        #expect(it.docker("exec", "tt", "sh", "-c", "echo [$TERM]").output == "[]\n")
        #expect(it.docker("exec", "-e", "HOSTNAME", "tt", "sh", "-c", "env | grep -c ^HOSTNAME=").output == "0\n")
        let hosts = it.docker("run", "--rm", "-h", "foo.example.com", "alpine:3.5", "cat", "/etc/hosts")
        #expect(hosts.output.hasSuffix("\tfoo.example.com foo\n"), "\(hosts.all)")
    }

    @Test("Generated files follow the root and the volumes", arguments: Actor.available)
    func generatedFiles(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let fixed = it.docker("run", "--rm", "--read-only", "alpine:3.5", "touch", "/etc/hosts", "/etc/resolv.conf")
        #expect(fixed.errors.components(separatedBy: "Read-only file system").count == 3, "\(fixed.all)")
        let over = it.docker("run", "--rm", "-v", "/etc", "alpine:3.5", "sh", "-c", "cat /etc/hosts | head -1")
        #expect(over.output == "127.0.0.1\tlocalhost\n", "\(over.all)")
        // Also when it does not run, and nobody replaces what is mounted.
        #expect(it.docker("run", "--name", "box", "alpine:3.5", "true").status == 0)
        #expect(it.docker("cp", "box:/etc/hosts", "\(it.home)/hosts").all.isEmpty)
        #expect(Bench.run(["cat", "\(it.home)/hosts"]).output.hasPrefix("127.0.0.1\tlocalhost\n"))
        let busy = it.docker("cp", "/etc/passwd", "box:/etc/hosts")
        #expect(busy.status == 1 && busy.errors.contains("device or resource busy"), "\(busy.all)")
    }

    @Test("Events and lists answer as Docker's do", arguments: Actor.available)
    func answers(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        _ = it.docker("run", "--name", "aa", "--network", "none", "alpine:3.5", "true")
        #expect(
            it.docker("events", "--until", "0s", "--filter", "event=die", "--format", "{{.Action}}").output == "die\n")
        let future = it.docker("events", "--since", "2000", "--until", "1000")
        #expect(
            future.errors.contains(
                "`since` time (2000.000000000) cannot be after `until` time (1000.000000000)"), "\(future.all)")
        let field = it.docker("events", "--format", "{{.bad}}")
        #expect(field.status == 64 && field.errors.contains("can't evaluate field bad in type *events.Message"))
        // Only a status asks about what does not run.
        let id = it.docker("run", "-d", "--name", "bb", "--network", "none", "alpine:3.5", "sleep", "600").output
        #expect(it.docker("ps", "--no-trunc", "-q", "--filter", "before=bb").output.isEmpty)
        #expect(it.docker("ps", "--no-trunc", "-q", "--filter", "since=aa").output == id)
        #expect(it.docker("ps", "-q", "--filter", "exited=0").output.isEmpty)
        #expect(!it.docker("ps", "-q", "--filter", "status=exited").output.isEmpty)
        // An image that was made of another one is no ancestor of its containers.
        _ = it.docker("commit", "-c", "LABEL a=b", "aa", "made")
        #expect(it.docker("ps", "-aq", "--filter", "ancestor=made").output.isEmpty)
        #expect(it.docker("ps", "-aq", "--filter", "ancestor=alpine:3.5").output.split(separator: "\n").count == 2)
        // Another image has the name now.
        let image = it.inspect("aa", "{{.Image}}")
        _ = it.docker("tag", "made", "alpine:3.5")
        #expect(it.docker("ps", "--no-trunc", "--format", "{{.Image}}").output == image + "\n")
        #expect(it.docker("ps", "--format", "{{.Image}}").output == "\(image.dropFirst(7).prefix(12))\n")
        #expect(it.docker("inspect", "NoSuch").errors.contains("Error: No such object: NoSuch"))
        #expect(
            it.docker("run", "--network", "container", "alpine:3.5").errors.contains(
                "invalid container format container:<name|id>"))
    }

    @Test("Where nobody names detach keys, those of Docker's config.json hold", arguments: Actor.available)
    func detachKeys(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        _ = Bench.run(
            Bench.prefix(actor) + [
                "sh", "-c",
                "mkdir -p \(it.home)/docker && echo '{\"detachKeys\": \"ctrl-e,f\"}' >\(it.home)/docker/config.json",
            ])
        #expect(it.docker("run", "-dit", "--name", "kk", "--network", "none", "alpine:3.5", "cat").status == 0)
        let screen = try Screen(it, ["attach", "kk"])
        screen.type("hello\r")
        #expect(screen.waitFor("hello"))
        screen.type("\u{5}f")
        #expect(screen.waitFor("read escape sequence") && screen.end == .exited(1))
        #expect(it.inspect("kk", "{{.State.Status}}") == "running")
    }

    @Test("Mounts are told apart by where they lie", arguments: Actor.available)
    func mounts(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        #expect(
            it.docker("create", "--tmpfs", "/run", "-v", "/tmp:/run", "alpine:3.5").errors.contains(
                "Duplicate mount point: /run"))
        #expect(
            it.docker("create", "-v", "/tmp:/a/", "-v", "/tmp:/b/../a", "alpine:3.5").errors.contains(
                "Duplicate mount point: /a"))
        #expect(it.docker("create", "--name", "aa", "-v", "/tmp:/a/:ro,z", "alpine:3.5").status == 0)
        #expect(it.inspect("aa", "{{range .Mounts}}{{.Destination}} {{.Mode}} {{.RW}}{{end}}") == "/a ro,z false")
        // What is in memory is no volume, though the image has one there.
        _ = it.docker("commit", "-c", "VOLUME /data", "aa", "with-volume")
        #expect(it.docker("create", "--name", "bb", "--tmpfs", "/data", "with-volume").status == 0)
        #expect(it.inspect("bb", "{{len .Mounts}}") == "0")
        #expect(it.inspect("aa", "{{.HostConfig.Binds}}") == "[/tmp:/a:ro,z]")
    }

    @Test("A cgroup parent cannot lead above the tree", .enabled(if: getuid() == 0, "a cgroup needs root"))
    func cgroupParent() throws {
        let it = try Drydock.withAlpine(.root)
        let parent = "../../../../../../life-detail-\(UUID().uuidString.prefix(8))"
        let run = it.docker("run", "--rm", "--network", "none", "--cgroup-parent", parent, "alpine:3.5", "echo", "up")
        #expect(run.output == "up\n", "\(run.all)")
        // Memory and swap are raised together.
        try it.start("mm", ["-m", "300m", "--memory-swap", "500m"], ["sleep", "600"])
        let update = it.docker("update", "-m", "800m", "--memory-swap", "1000m", "mm")
        #expect(update.output == "mm\n", "\(update.all)")
        #expect(it.docker("update", "-m", "100m", "--memory-swap", "200m", "mm").output == "mm\n")
    }
}

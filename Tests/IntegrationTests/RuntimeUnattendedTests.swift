import Foundation
import Testing

/// `kill -9` of the monitor: the container goes on.
@Suite("A container whose monitor was killed", .serialized)
struct RuntimeUnattendedTests {
    private static let patient = ["sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.1; done"]

    /// Kills the monitor and waits until nobody can take it for alive.
    private func orphan(_ it: Drydock, _ id: String) throws {
        let monitor = try it.monitor(of: id)
        #expect(kill(monitor, SIGKILL) == 0)
        #expect(eventually { kill(monitor, 0) != 0 || self.isZombie(monitor) })
    }

    private func isZombie(_ pid: pid_t) -> Bool {
        ((try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? "").contains(") Z ")
    }

    private func isAlive(_ pid: pid_t) -> Bool { kill(pid, 0) == 0 && !isZombie(pid) }

    private func expectNothingLeft(_ it: Drydock, _ id: String) {
        #expect(it.docker("ps", "-aq").output == "")
        #expect(!FileManager.default.fileExists(atPath: "\(it.home)/containers/\(id)"))
        let cgroups = Bench.run(["sh", "-c", "ls -d /sys/fs/cgroup/*/drydock/\(id) /sys/fs/cgroup/drydock/\(id) 2>&-"])
        #expect(cgroups.output == "")
        let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
        #expect(!mounts.contains(id))
    }

    @Test("It runs, can be looked into, paused and stopped, and started again", arguments: Actor.available)
    func lives(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let id = try it.start("orphan", ["--restart", "always"], Self.patient)
        let pid = it.inspect("orphan", "{{.State.Pid}}")
        try orphan(it, id)
        #expect(it.inspect("orphan", "{{.State.Status}} {{.State.Running}} {{.State.Pid}}") == "running true \(pid)")
        #expect(it.docker("ps", "--format", "{{.Names}} {{.Status}}").output.hasPrefix("orphan Up "))
        #expect(it.docker("start", "orphan").status == 0)
        #expect(it.inspect("orphan", "{{.State.Pid}}") == pid)

        // What a monitor is needed for says so, and what helps.
        for words in [["exec", "orphan", "true"], ["attach", "orphan"], ["logs", "-f", "orphan"]] {
            let refused = it.docker(words)
            #expect(refused.status == 1 && refused.errors.contains("the monitor of container \(id) was killed"))
            #expect(refused.errors.contains("docker restart "), "\(refused.all)")
        }

        #expect(it.docker("cp", "orphan:/etc/alpine-release", "\(it.home)/release").status == 0)
        #expect(it.docker("cp", "\(it.home)/release", "orphan:/root/release").status == 0)
        #expect(Bench.run(["cat", "/proc/\(pid)/root/root/release"]).output == "3.5.3\n" || actor == .user)
        #expect(it.docker("top", "orphan").output.contains("sleep 0.1") || actor == .user)
        #expect(it.docker("stats", "--no-stream", "--format", "{{.Name}}", "orphan").output == "orphan\n")
        #expect(it.docker("pause", "orphan").status == 0)
        #expect(it.inspect("orphan", "{{.State.Status}}") == "paused")
        #expect(it.docker("unpause", "orphan").status == 0)
        #expect(it.inspect("orphan", "{{.State.Status}}") == "running")
        #expect(it.docker("rename", "orphan", "child").status == 0)
        #expect(it.docker("rm", "child").status == 1)

        // How it ends is seen by who ends it. Nobody starts it again.
        #expect(it.docker("stop", "-t", "60", "child").output == "child\n")
        let code = it.inspect("child", "{{.State.ExitCode}}")
        #expect(code == "3" || code == "255")
        #expect(it.inspect("child", "{{.State.Status}}") == "exited")
        #expect(it.docker("wait", "child").output == code + "\n")
        #expect(it.docker("start", "child").status == 0)
        #expect(it.docker("exec", "child", "echo", "back").output == "back\n")

        try orphan(it, id)
        #expect(it.docker("restart", "-t", "0", "child").status == 0)
        #expect(it.docker("exec", "child", "echo", "back").output == "back\n")
        try orphan(it, id)
        #expect(it.docker("kill", "child").output == "child\n")
        #expect(it.inspect("child", "{{.State.Status}} {{.State.ExitCode}}") == "exited 137")
        #expect(it.docker("start", "child").status == 0)
        try orphan(it, id)
        #expect(it.docker("pause", "child").status == 0)
        #expect(it.docker("rm", "-f", "child").output == "child\n")
        expectNothingLeft(it, id)
    }

    @Test("Who waits for it hears of its end, and who is attached that nobody will see it", arguments: Actor.available)
    func waiting(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let docker = it.command(["docker"]).map { "'\($0)'" }.joined(separator: " ")
        let id = try it.start("orphan", [], Self.patient)
        let monitor = try it.monitor(of: id)
        let waited = Bench.run(
            [
                "sh", "-c",
                """
                \(docker) wait orphan & w=$!
                { \(docker) logs -f orphan; echo "logs: $?"; } & l=$!
                { \(docker) attach --no-stdin orphan; echo "attach: $?"; } & a=$!
                sleep 1; kill -9 \(monitor); wait $l $a
                \(docker) kill orphan; wait $w; echo "wait: $?"
                """,
            ], seconds: 90)
        let lines = waited.output.split(separator: "\n").map(String.init)
        #expect(lines.contains("attach: 125"), "\(waited.all)")
        #expect(lines.contains { $0.hasPrefix("logs: ") }, "\(waited.all)")
        #expect(lines.suffix(3).sorted() == ["137", "orphan", "wait: 0"], "\(waited.all)")

        let run = Bench.run(
            [
                "sh", "-c",
                """
                \(docker) run --rm --name attached --network none alpine:3.5 sleep 600 & r=$!
                until \(docker) inspect -f '{{.State.Pid}}' attached 2>&- | grep -q '[1-9]'; do sleep 0.1; done
                state=\(it.home)/containers/$(\(docker) inspect -f '{{.Id}}' attached)/run.json
                kill -9 $(sed 's/.*"monitor":\\([0-9]*\\).*/\\1/' "$state")
                wait $r; echo "run: $?"
                """,
            ], seconds: 90)
        #expect(run.output == "run: 125\n", "\(run.all)")
        #expect(run.errors.contains("was killed") && run.errors.contains("docker restart attached"), "\(run.all)")
        #expect(it.inspect("attached", "{{.State.Status}}") == "running")
        #expect(it.docker("stop", "-t", "0", "attached").status == 0)
        #expect(it.docker("inspect", "attached").status == 1)
    }

    @Test("One that ends unseen and was to remove itself is removed by whoever notices", arguments: Actor.available)
    func removesItself(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        for look in [["ps", "-a"], ["run", "--rm", "--name", "brief", "--network", "none", "alpine:3.5", "true"]] {
            let id = try it.start("brief", ["--rm"])
            let pid = pid_t(it.inspect("brief", "{{.State.Pid}}")) ?? 0
            try orphan(it, id)
            #expect(Bench.run(Bench.prefix(actor) + ["kill", "-9", String(pid)]).status == 0)
            #expect(eventually { !isAlive(pid) })
            let looked = it.docker(look)
            #expect(looked.status == 0 && !looked.output.contains("brief"), "\(looked.all)")
            #expect(eventually { !FileManager.default.fileExists(atPath: "\(it.home)/containers/\(id)") })
        }
        #expect(it.docker("ps", "-aq").output == "")
    }

    @Test("One that ends unseen has ended with 255, and what its monitor held is put away", arguments: Actor.available)
    func unseen(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let made = it.docker("run", "-d", "--name", "web", "-p", "127.0.0.1::80", "alpine:3.5", "sleep", "600")
        try #require(made.status == 0, "\(made.all)")
        let id = String(made.output.prefix(64))
        let pid = pid_t(it.inspect("web", "{{.State.Pid}}")) ?? 0
        try orphan(it, id)
        // Nobody listens on its port any more, and nothing says so.
        #expect(it.docker("port", "web").output == "")
        #expect(Bench.run(Bench.prefix(actor) + ["kill", "-9", String(pid)]).status == 0)
        #expect(it.waitFor("web", "{{.State.Status}} {{.State.ExitCode}}", "exited 255"))
        let finished = it.inspect("web", "{{.State.FinishedAt}}")
        #expect(it.inspect("web", "{{.State.FinishedAt}}") == finished)
        #expect(it.docker("start", "web").status == 0)
        #expect(it.docker("port", "web").output.hasPrefix("80/tcp -> 127.0.0.1:"))
        // A monitor that does not answer is ended with its container.
        kill(try it.monitor(of: id), SIGSTOP)
        #expect(it.docker("rm", "-f", "web").output == "web\n")
        expectNothingLeft(it, id)
        #expect(eventually { Bench.run(["pgrep", "-f", "(pasta|slirp4netns).*\(id)"]).status == 1 })
    }
}

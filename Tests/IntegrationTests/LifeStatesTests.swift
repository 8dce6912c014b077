import Diagnostics
import Glibc
import Testing

@Suite("The life of a container", .serialized)
struct LifeStatesTests {
    @Test("A container goes through Docker's states, in Docker's words", arguments: Actor.available)
    func states(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let id = String(
            it.docker("create", "--name", "web", "--network", "none", "alpine:3.5", "sleep", "600").output.prefix(64))
        #expect(it.docker("ps", "-a", "--format", "{{.Status}}").output == "Created\n")
        #expect(it.docker("wait", "web").output == "0\n")
        #expect(
            it.docker("pause", "web").errors.hasPrefix("Error response from daemon: container \(id) is not running\n"))
        #expect(it.docker("start", "web").output == "web\n")
        #expect(it.docker("start", "web").output == "web\n")
        #expect(it.docker("ps", "--format", "{{.State}}").output == "running\n")
        #expect(
            it.docker("unpause", "web").errors.hasPrefix("Error response from daemon: Container \(id) is not paused\n"))

        #expect(it.docker("pause", "web").output == "web\n")
        #expect(it.docker("ps", "--format", "{{.Status}}").output.hasSuffix(" (Paused)\n"))
        #expect(it.inspect("web", "{{.State.Status}} {{.State.Running}} {{.State.Paused}}") == "paused true true")
        #expect(
            it.docker("exec", "web", "true").errors.hasPrefix(
                "Error response from daemon: Container \(id) is paused, unpause the container before exec\n"))
        #expect(
            it.docker("pause", "web").errors.hasPrefix(
                "Error response from daemon: Container \(id) is already paused\n"))
        #expect(it.docker("start", "web").errors.contains("cannot start a paused container, try unpause instead"))
        #expect(it.docker("rm", "web").errors.contains("container is paused and must be unpaused first"))
        #expect(
            it.docker("attach", "web").errors.hasPrefix("You cannot attach to a paused container, unpause it first"))
        #expect(it.docker("unpause", "web").output == "web\n")
        #expect(it.docker("exec", "web", "echo", "thawed").output == "thawed\n")

        #expect(
            it.docker("rm", "web").errors.contains(
                "container is running: stop the container before removing or force remove"))
        // One that stands still ends too.
        #expect(it.docker("pause", "web").status == 0)
        #expect(it.docker("stop", "-t", "1", "web").output == "web\n")
        #expect(it.inspect("web", "{{.State.Status}} {{.State.ExitCode}}") == "exited 137")
        #expect(it.docker("stop", "web").output == "web\n")
        #expect(
            it.docker("kill", "web").errors.hasPrefix(
                "Error response from daemon: cannot kill container: web: container \(id) is not running"))
        #expect(it.docker("restart", "-t", "1", "web").output == "web\n")
        #expect(
            it.docker("kill", "-s", "NOPE", "web").errors.hasPrefix("Error response from daemon: invalid signal: NOPE"))
        #expect(it.docker("kill", "web").output == "web\n")
        #expect(it.docker("wait", "web").output == "137\n")
        #expect(it.docker("rm", "web").output == "web\n")
        #expect(it.docker("rm", "web").status == 1)
        let forced = it.docker("rm", "-f", "web")
        #expect(forced.status == 0 && forced.errors.contains("No such container: web"))
    }

    @Test(
        "What a start cannot be asked for is refused in Docker's words and with its status", arguments: Actor.available)
    func refusals(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        #expect(it.docker("create", "--name", "one", "alpine:3.5").status == 0)
        // `create` ends with 1 where the daemon refuses, and with 125 where the client does; `run` always with 125.
        #expect(it.docker("create", "--name", "one", "alpine:3.5").status == 1)
        #expect(it.docker("run", "--name", "one", "alpine:3.5").status == 125)
        #expect(it.docker("create", "--restart", "on-failure:x", "alpine:3.5").status == 125)
        let relative = it.docker("create", "-w", "here", "alpine:3.5")
        #expect(relative.status == 1)
        #expect(
            relative.errors.hasPrefix(
                "Error response from daemon: the working directory 'here' is invalid, it needs to be an absolute path\n"
            ))
        let signal = it.docker("run", "--rm", "--stop-signal", "NOPE", "alpine:3.5")
        #expect(signal.status == 125)
        #expect(signal.errors.hasPrefix("docker: Error response from daemon: invalid signal: NOPE\n"))
        let both = it.docker("run", "-d", "-a", "stdout", "alpine:3.5")
        #expect(both.status == 1)
        #expect(both.errors == "conflicting options: cannot specify both --attach and --detach\n")
        #expect(it.docker("kill", "-s", "99", "one").errors.contains("the linux daemon does not support signal 99"))
        #expect(it.docker("ps", "-aq").output.count == 13)
    }

    @Test("One that removes itself can be restarted", arguments: Actor.available)
    func restartOfPassing(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        try it.start("passing", ["--rm"], ["sh", "-c", "echo x >> /count; exec sleep 600"])
        #expect(eventually { it.docker("exec", "passing", "cat", "/count").output == "x\n" })
        #expect(it.docker("restart", "-t", "0", "passing").output == "passing\n")
        #expect(eventually { it.docker("exec", "passing", "cat", "/count").output == "x\nx\n" })
        #expect(it.docker("stop", "-t", "0", "passing").status == 0)
        #expect(eventually { it.docker("ps", "-aq").output.isEmpty })
    }

    @Test("Names conflict as Docker's do", arguments: Actor.available.prefix(1))
    func names(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let first = String(it.docker("create", "--name", "first", "alpine:3.5").output.prefix(64))
        #expect(it.docker("create", "--name", "second", "alpine:3.5").status == 0)
        let conflict = it.docker("rename", "second", "first")
        #expect(conflict.status == 1)
        #expect(
            conflict.errors.hasPrefix(
                "Error response from daemon: Error when allocating new name: Conflict. The container name \"/first\" is "
                    + "already in use by container \"\(first)\". You have to remove (or rename) that container to be able "
                    + "to reuse that name."))
        #expect(conflict.errors.hasSuffix("Error: failed to rename container named second\n"))
        #expect(it.docker("rename", "--", "second", "-x").errors.contains("Invalid container name (-x)"))
        #expect(it.docker("rename", "second", "third").status == 0)
        #expect(it.docker("ps", "-a", "--format", "{{.Names}}").output == "third\nfirst\n")
        #expect(
            it.docker("rm", "-l", "third").errors.contains(
                "Conflict, cannot remove the default link name of the container"))
    }

    @Test("A policy starts containers again, and a stop ends that", arguments: Actor.available)
    func restarts(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        try it.start("thrice", ["--restart", "on-failure:2"], ["sh", "-c", "echo run; exit 3"])
        #expect(it.waitFor("thrice", "{{.State.Status}} {{.RestartCount}}", "exited 2"))
        #expect(it.docker("logs", "thrice").output == "run\nrun\nrun\n")
        #expect(it.inspect("thrice", "{{.State.ExitCode}}") == "3")
        try it.start("well", ["--restart", "on-failure"], ["true"])
        #expect(it.waitFor("well", "{{.State.Status}} {{.RestartCount}}", "exited 0"))

        try it.start("again", ["--restart", "always"], ["sh", "-c", "exit 7"])
        #expect(it.waitFor("again", "{{.State.Restarting}} {{.State.Running}} {{.State.ExitCode}}", "true true 7"))
        #expect(
            eventually {
                it.docker("ps", "--filter", "name=again", "--format", "{{.Status}}").output.hasPrefix("Restarting (7) ")
            })
        // By then it waits long enough to be asked something.
        #expect(it.waitFor("again", "{{.State.Restarting}} {{.RestartCount}}", "true 5"))
        let refused = it.docker("exec", "again", "true")
        #expect(
            refused.status == 1
                && refused.errors.contains("is restarting, wait until the container is running"), "\(refused.all)")
        #expect(it.docker("stop", "again").status == 0)
        #expect(it.inspect("again", "{{.State.Status}}") == "exited")
        #expect(it.docker("start", "again").status == 0)
        #expect(it.waitFor("again", "{{.State.Restarting}}", "true"))
        #expect(it.docker("rm", "-f", "again").output == "again\n")

        try it.start("killed", ["--restart", "unless-stopped"])
        #expect(it.docker("kill", "killed").status == 0)
        #expect(it.inspect("killed", "{{.State.Status}} {{.RestartCount}}") == "exited 0")
        // A signal that nobody sent through docker is a failure like any other.
        #expect(it.docker("start", "killed").status == 0)
        let pid = pid_t(it.inspect("killed", "{{.State.Pid}}")) ?? 0
        try #require(pid > 1)
        Glibc.kill(pid, SIGKILL)
        #expect(it.waitFor("killed", "{{.RestartCount}} {{.State.Status}}", "1 running"))
        #expect(it.docker("update", "--restart", "no", "killed").output == "killed\n")
        Glibc.kill(pid_t(it.inspect("killed", "{{.State.Pid}}")) ?? 0, SIGKILL)
        #expect(it.waitFor("killed", "{{.State.Status}}", "exited"))
        #expect(it.inspect("killed", "{{.HostConfig.RestartPolicy.Name}}") == "no")
    }

    @Test("A health check goes from starting to healthy and unhealthy", arguments: Actor.available)
    func health(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let check = ["--health-cmd", "test -e /ok", "--health-interval", "200ms", "--health-retries", "2"]
        try it.start("ill", check)
        #expect(it.waitFor("ill", "{{.State.Health.Status}}", "unhealthy"))
        #expect(it.docker("ps", "--format", "{{.Status}}").output.hasSuffix("(unhealthy)\n"))
        #expect(it.docker("ps", "-q", "--filter", "health=healthy").output.isEmpty)
        #expect(it.docker("exec", "ill", "touch", "/ok").status == 0)
        #expect(it.waitFor("ill", "{{.State.Health.Status}} {{.State.Health.FailingStreak}}", "healthy 0"))
        #expect(it.docker("ps", "-q", "--filter", "health=healthy").output.count == 13)
        #expect(
            eventually {
                it.inspect("ill", "{{len .State.Health.Log}} {{(index .State.Health.Log 4).ExitCode}}") == "5 0"
            })
        let events = it.docker("events", "--since", "0", "--until", "0s", "--format", "{{.Action}}").output
        #expect(events.contains("health_status: unhealthy\n") && events.contains("health_status: healthy\n"))

        try it.start(
            "slow",
            [
                "--health-cmd", "sleep 60", "--health-interval", "200ms", "--health-timeout", "300ms",
                "--health-retries", "1",
            ])
        #expect(it.waitFor("slow", "{{.State.Health.Status}}", "unhealthy"))
        #expect(
            it.inspect("slow", "{{(index .State.Health.Log 0).ExitCode}} {{(index .State.Health.Log 0).Output}}")
                == "-1 Health check exceeded timeout (300ms)")
        #expect(it.docker("stop", "-t", "0", "ill").status == 0)
        #expect(it.inspect("ill", "{{.State.Health.Status}}") == "unhealthy")
        // Failures in the start period do not count.
        try it.start("new", check + ["--health-start-period", "1h", "--health-start-interval", "100ms"])
        #expect(
            it.docker("ps", "--filter", "name=new", "--format", "{{.Status}}").output.hasSuffix("(health: starting)\n"))
        #expect(eventually { (Int(it.inspect("new", "{{len .State.Health.Log}}")) ?? 0) >= 3 })
        #expect(it.inspect("new", "{{.State.Health.Status}} {{.State.Health.FailingStreak}}") == "starting 0")
        #expect(it.docker("run", "--rm", "--no-healthcheck", "--health-cmd", "x", "alpine:3.5").status == 125)
    }

    @Test("Removing while starting leaves nothing that runs", arguments: Actor.available)
    func removalRace(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let docker = it.command(["docker"]).map { "'\($0)'" }.joined(separator: " ")
        for round in 0..<8 {
            let id = String(it.docker("create", "--network", "none", "alpine:3.5", "sleep", "600").output.prefix(64))
            let delay = "0.0\(round)"
            let raced = Bench.run([
                "sh", "-c",
                "\(docker) start \(id) & p=$!; sleep \(delay); \(docker) rm -f \(id); s=$?; wait $p; exit $s",
            ])
            #expect(raced.status == 0, "\(raced.all)")
            #expect(eventually { Bench.run(["pgrep", "-f", "drydock-monitor \(id)"]).status == 1 })
            #expect(it.docker("ps", "-aq", "--no-trunc").output.isEmpty)
        }
        let left = Bench.run(["ls", "-A", "\(it.home)/containers"]).output
        #expect(left.isEmpty, "\(left)")
    }
}

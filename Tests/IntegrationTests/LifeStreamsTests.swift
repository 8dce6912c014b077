import Foundation
import Glibc
import Linux
import SystemPackage
import Testing

@Suite("Terminals, attaching and executing", .serialized)
struct LifeStreamsTests {
    @Test(
        "A window that changes its size tells the container, and detach keys leave it running",
        arguments: Actor.available)
    func window(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let shell = "trap 'echo size $(stty size)' WINCH; echo ready; while :; do read -t 1 x && echo got $x; done"
        let screen = try Screen(
            it, ["run", "-it", "--name", "win", "--network", "none", "alpine:3.5", "sh", "-c", shell])
        #expect(screen.waitFor("ready"))
        screen.job.resize(rows: 44, columns: 111)
        #expect(screen.waitFor("size 44 111"))
        screen.type("one\r")
        #expect(screen.waitFor("got one"))
        screen.type("\u{10}\u{11}")
        #expect(screen.end == .exited(0))
        #expect(it.inspect("win", "{{.State.Status}}") == "running")

        // Several see and type the same.
        let first = try Screen(it, ["attach", "--detach-keys", "ctrl-a,d", "win"])
        let second = try Screen(it, ["attach", "win"])
        #expect(
            eventually {
                // The one that `run` has told, and these two.
                let told = it.docker("events", "--since", "0", "--until", "0s", "--filter", "event=attach").output
                return told.split(separator: "\n").count == 3
            })
        second.type("two\r")
        #expect(first.waitFor("got two") && second.waitFor("got two"))
        first.type("\u{1}d")
        #expect(first.waitFor("read escape sequence"))
        #expect(first.end == .exited(1))
        second.type("three\r")
        #expect(second.waitFor("got three"))
        #expect(it.docker("kill", "win").status == 0)
        #expect(second.end == .exited(137))
    }

    @Test("Ctrl-C and Ctrl-Z are the container's keys", arguments: Actor.available)
    func keys(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let screen = try Screen(it, ["run", "--rm", "-it", "--name", "keys", "--network", "none", "alpine:3.5", "sh"])
        #expect(screen.waitFor("# "))
        // A key that comes before the program runs is the shell's.
        func isAsleep() -> Bool { it.docker("top", "keys", "-eo", "pid,args").output.contains("sleep 1000") }
        screen.type("sleep 1000\r")
        #expect(eventually(isAsleep))
        screen.type("\u{3}")
        #expect(screen.waitFor("^C") && screen.waitFor("# "))
        screen.type("sleep 1000\r")
        #expect(eventually(isAsleep))
        screen.type("\u{1a}")
        #expect(screen.waitFor("Stopped"))
        screen.type("exit 6\r")
        #expect(screen.waitFor("You have stopped jobs") && screen.waitFor("# "))
        screen.type("exit 6\r")
        #expect(screen.end == .exited(6))
        #expect(it.docker("ps", "-aq").output.isEmpty)
    }

    @Test("What runs in the background survives its parent and its terminal", arguments: Actor.available)
    func background(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let screen = try Screen(it, ["run", "-d", "--name", "bg", "--network", "none", "alpine:3.5", "sleep", "600"])
        #expect(screen.end == .exited(0))
        screen.job.hangUp()
        #expect(it.inspect("bg", "{{.State.Running}}") == "true")
        // A terminal that is closed takes its client away, and not the container.
        let attached = try Screen(it, ["run", "-it", "--name", "fg", "--network", "none", "alpine:3.5", "sh"])
        #expect(attached.waitFor("# "))
        attached.job.hangUp()
        _ = attached.end
        #expect(it.inspect("fg", "{{.State.Running}}") == "true")
    }

    @Test(
        "exec runs as another user, elsewhere, with other variables, and tells how it ended", arguments: Actor.available
    )
    func exec(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        try it.start("ee", ["-e", "ONE=1"])
        let file = "\(it.home)/variables"
        #expect(
            Bench.run(Bench.prefix(actor) + ["sh", "-c", "printf 'TWO=2\\n# no\\nTHREE=3\\n' > \(file)"]).status == 0)
        let shown = it.docker(
            "exec", "-u", "nobody", "-w", "/tmp", "--env-file", file, "-e", "THREE=three", "ee", "sh", "-c",
            "id -un; pwd; echo $ONE $TWO $THREE")
        #expect(shown.output == "nobody\n/tmp\n1 2 three\n", "\(shown.all)")
        #expect(it.docker("exec", "ee", "sh", "-c", "exit 42").status == 42)
        #expect(it.docker("exec", "ee", "nosuch").status == 127)
        #expect(it.docker("exec", "ee", "/etc/passwd").status == 126)
        #expect(it.docker("exec", "ee", "sh", "-c", "kill -9 $$").status == 137)
        #expect(it.inspect("ee", "{{.ExecIDs}}") == "[]")
        #expect(it.docker("exec", "-d", "ee", "sleep", "300").output.isEmpty)
        #expect(eventually { it.inspect("ee", "{{len .ExecIDs}} {{len (index .ExecIDs 0)}}") == "1 64" })
        #expect(it.docker("top", "ee").output.contains("sleep 300"))
        let keys = try Screen(it, ["exec", "-it", "--detach-keys", "x,y", "ee", "sh"])
        #expect(keys.waitFor("# "))
        keys.type("xy")
        #expect(keys.end == .exited(1))
        #expect(
            it.docker("exec", "--detach-keys", "nonsense", "ee", "true").errors.contains(
                "Invalid detach keys (nonsense) provided"))
        #expect(it.docker("stop", "-t", "0", "ee").status == 0)
        let stopped = it.docker("exec", "ee", "true")
        #expect(stopped.status == 1 && stopped.errors.contains("is not running"))
    }

    @Test("Who comes with input leaves the program's input open for the next one", arguments: Actor.available)
    func inputs(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        try it.start("hears", ["-i"], ["sh", "-c", "while read x; do echo got $x; done; exit 4"])
        #expect(it.inspect("hears", "{{.Config.StdinOnce}} {{.Config.AttachStdin}}") == "false false")
        for word in ["one", "two"] {
            let speaker = try ChildProcess.spawn(
                "sh", ["sh", "-c", "echo \(word) | \(it.command(["docker"]).joined(separator: " ")) attach hears"],
                directory: "/")
            #expect(eventually { it.docker("logs", "hears").output.hasSuffix("got \(word)\n") })
            kill(speaker.pid, SIGKILL)
            _ = try? speaker.wait()
        }
        #expect(it.inspect("hears", "{{.State.Running}}") == "true")
        // With `run -i` it is the other way round: the end of the one input is the end of the program's.
        let once = it.docker("run", "--rm", "-i", "--network", "none", "alpine:3.5", "cat", input: "in\n")
        #expect(once.output == "in\n" && once.status == 0)
        // Who only sends gets the container's ID, and does not wait.
        let sent = it.docker(
            "run", "-i", "-a", "stdin", "--name", "sent", "--network", "none", "alpine:3.5", "sh", "-c",
            "cat; exec sleep 600", input: "to you\n")
        #expect(sent.status == 0 && sent.output.count == 65, "\(sent.all)")
        #expect(eventually { it.docker("logs", "sent").output == "to you\n" })
        #expect(it.inspect("sent", "{{.State.Running}}") == "true")
    }

    @Test("exec refuses in the words and with the status of Docker", arguments: Actor.available.prefix(1))
    func execRefusals(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        try it.start("ee")
        let user = it.docker("exec", "-u", "nosuch", "ee", "id")
        #expect(user.status == 126)
        #expect(user.errors.hasPrefix("unable to find user nosuch: no matching entries in passwd file\n"))
        #expect(it.docker("exec", "-w", "tmp", "ee", "pwd").status == 126)
        #expect(it.docker("exec", "-w", "/nowhere", "ee", "pwd").status == 127)
        let detached = it.docker("exec", "-d", "ee", "nosuch")
        #expect(detached.status == 1)
        #expect(detached.errors.hasPrefix("Error response from daemon: OCI runtime exec failed: exec failed: "))
    }

    @Test("Logs are put away when they are long, and read as one", arguments: Actor.available)
    func logs(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let command = ["sh", "-c", "i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo line $i; done"]
        try it.start(
            "much", ["--log-opt", "max-size=4k", "--log-opt", "max-file=20", "--log-opt", "compress=true"], command)
        #expect(it.docker("wait", "much").output == "0\n")
        let all = (1...200).map { "line \($0)\n" }.joined()
        #expect(it.docker("logs", "much").output == all)
        #expect(it.docker("logs", "-n", "3", "much").output == "line 198\nline 199\nline 200\n")
        #expect(it.docker("logs", "--tail", "150", "much").output == (51...200).map { "line \($0)\n" }.joined())
        #expect(it.docker("logs", "--tail", "0", "much").output.isEmpty)
        let files = Bench.run(["sh", "-c", "cd \(it.home)/containers/*/ && ls log.json*"]).output
        #expect(files.contains("log.json.1.gz") && files.contains("log.json.2.gz"), "\(files)")
        try it.start("few", ["--log-opt", "max-size=4k"], command)
        #expect(it.docker("wait", "few").output == "0\n")
        let kept = it.docker("logs", "few").output
        #expect(kept.count < 2000 && kept.hasSuffix("line 200\n"))
        #expect(
            it.inspect("few", "{{json .HostConfig.LogConfig}}") == #"{"Type":"json-file","Config":{"max-size":"4k"}}"#)

        try it.start("local", ["--log-driver", "local"], ["echo", "here"])
        #expect(it.docker("wait", "local").output == "0\n")
        #expect(it.docker("logs", "-t", "local").output.hasSuffix("Z here\n"))
        try it.start("none", ["--log-driver", "none"], ["echo", "nowhere"])
        #expect(it.docker("logs", "none").errors.contains("configured logging driver does not support reading"))
        try it.start(
            "told", ["--label", "who=me", "-e", "WHY=so", "--log-opt", "labels=who", "--log-opt", "env=WHY"],
            ["echo", "x"])
        #expect(it.docker("wait", "told").output == "0\n")
        #expect(it.docker("logs", "--details", "told").output == "WHY=so,who=me x\n")
        #expect(
            it.docker("create", "--log-driver", "syslogd", "alpine:3.5").errors.contains(
                "logger: no log driver named 'syslogd' is registered"))
        #expect(
            it.docker("create", "--log-opt", "nope=1", "alpine:3.5").errors.contains(
                "unknown log opt 'nope' for json-file log driver"))
    }

    @Test("Following a log ends with the container, across files that are put away", arguments: Actor.available)
    func follow(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        try it.start(
            "talk", ["--log-opt", "max-size=2k", "--log-opt", "max-file=50"],
            [
                "sh", "-c",
                "i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo line $i; [ $((i % 20)) = 0 ] && sleep 0.1; done",
            ])
        let followed = it.docker("logs", "-f", "talk")
        #expect(followed.output == (1...100).map { "line \($0)\n" }.joined())
        // A policy that starts it again goes on with it.
        try it.start("thrice", ["--restart", "on-failure:2"], ["sh", "-c", "echo run; exit 1"])
        #expect(it.docker("logs", "-f", "thrice").output == "run\nrun\nrun\n")
        // Moments are exact: those of an entry are in it.
        let times = it.docker("logs", "-t", "thrice").output.split(separator: "\n").map {
            String($0.prefix { $0 != " " })
        }
        #expect(it.docker("logs", "--since", times[1], "thrice").output == "run\nrun\n")
        #expect(it.docker("logs", "--until", times[1], "thrice").output == "run\nrun\n")
        // Ctrl-C ends the following and nothing else.
        try it.start("tick", [], ["sh", "-c", "while :; do echo tick; sleep 0.1; done"])
        let screen = try Screen(it, ["logs", "-f", "--tail", "1", "tick"])
        #expect(screen.waitFor("tick") && screen.waitFor("tick"))
        screen.type("\u{3}")
        #expect(screen.end != nil)
        #expect(it.inspect("tick", "{{.State.Running}}") == "true")
    }

    @Test("Who asks three times for the end of what takes no notice gets the prompt back", arguments: Actor.available)
    func threeTimes(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let run = ["run", "--rm", "--name", "deaf", "--network", "none", "alpine:3.5"]
        // With a handler it hears every time, and asking for something else does not count.
        let heard = try Screen(
            it,
            run + ["sh", "-c", "trap 'echo heard' INT; trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done"])
        #expect(heard.waitFor("ready"))
        heard.type("\u{3}")
        #expect(heard.waitFor("heard"))
        #expect(it.docker("kill", "-s", "TERM", "deaf").status == 0)
        #expect(heard.end == .exited(7))
        #expect(eventually { it.docker("inspect", "deaf").status == 1 })

        let deaf = try Screen(it, run + ["sh", "-c", "echo ready; sleep 600"])
        #expect(deaf.waitFor("ready"))
        // The kernel keeps one signal of a kind, so keys that come too fast count once.
        let isOver = eventually {
            deaf.type("\u{3}")
            _ = deaf.take()
            return deaf.ended != nil
        }
        #expect(isOver)
        #expect(deaf.waitFor("got 3 SIGTERM/SIGINTs, forcefully exiting"))
        #expect(deaf.waitFor("docker stop deaf"))
        #expect(deaf.end == .exited(1))
        #expect(it.inspect("deaf", "{{.State.Status}}") == "running")
        #expect(it.docker("stop", "-t", "0", "deaf").status == 0)
        #expect(eventually { it.docker("ps", "-aq").output.isEmpty })
    }

    @Test("Events tell what happened, filtered and in Docker's form", arguments: Actor.available)
    func events(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        #expect(
            it.docker("run", "--name", "ev", "--network", "none", "--label", "a=b", "alpine:3.5", "sh", "-c", "exit 5")
                .status == 5)
        #expect(it.docker("rename", "ev", "ew").status == 0)
        #expect(it.docker("rm", "ew").status == 0)
        func events(_ more: String...) -> String {
            it.docker(["events", "--since", "0", "--until", "0s"] + more).output
        }
        #expect(
            events("--filter", "type=container", "--format", "{{.Action}}")
                == "create\nattach\nstart\ndie\nrename\ndestroy\n")
        #expect(
            events("--filter", "event=die", "--format", "{{.Actor.Attributes.exitCode}} {{.From}}") == "5 alpine:3.5\n")
        #expect(events("--filter", "container=ew", "--format", "{{.Status}}") == "rename\ndestroy\n")
        #expect(events("--filter", "label=a=c").isEmpty)
        let line = events("--filter", "event=start")
        #expect(line.contains(" container start ") && line.contains("image=alpine:3.5") && line.contains("name=ev"))
        #expect(events("--filter", "event=start", "--format", "json").hasPrefix("{\"status\":\"start\",\"id\":\""))
        // What an event does not tell is no mistake of the one who asks.
        #expect(
            events("--filter", "event=start", "--format", "{{.Action}} {{.Actor.Attributes.exitCode}}")
                == "start <no value>\n")
        #expect(it.docker("events", "--filter", "color=red", "--until", "0s").errors.contains("invalid filter 'color'"))

        let live = try Screen(
            it, ["events", "--since", "0", "--filter", "event=start", "--format", "{{.Actor.Attributes.name}}"])
        #expect(live.waitFor("ev"))
        try it.start("seen")
        #expect(live.waitFor("seen"))
    }
}

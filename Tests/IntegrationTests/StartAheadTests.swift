import Glibc
import Linux
import Testing

@Suite("What the prompt has ready for the next container")
struct StartAheadTests {
    @Test(
        "A container like the last one finds its root made; others start as ever", arguments: Actor.available)
    func likely(_ actor: Actor) throws {
        let it = try Drydock(actor)
        let prompt = try Prompt.withAlpine(it)
        func run(_ command: String, _ expected: String) {
            _ = prompt.standby
            prompt.type("docker run --rm --network none \(command)\r")
            #expect(prompt.waitFor(expected) && prompt.waitFor("drydock> "), "\(command)")
        }
        run("alpine:3.5 sh -c 'echo a$((1+1))b > /new; cat /new'", "a2b")
        run("alpine:3.5 sh -c 'ls /new || echo fr''esh; id -u'", "fresh")
        // Whatever the flags make different is so.
        run(
            "--privileged alpine:3.5 sh -c 'touch /proc/sys/x$$ 2>&1; mount -t tmpfs x /mnt && echo mount''ed'",
            "mounted")
        run("--tmpfs /t alpine:3.5 sh -c 'grep -c \" /t tmpfs\" /proc/mounts; echo tmp''fs'", "tmpfs")
        run("-v /sys:/sys alpine:3.5 sh -c 'ls /sys/firmware | wc -l | sed s/^/firm''ware:/'", "firmware:0")
        run("--hostname other alpine:3.5 sh -c 'hostname; cat /etc/hostname | sed s/^/is:/'", "is:other")
        run("-it alpine:3.5 sh -c 'test -t 0 && tty | sed s/^/at:/'", "at:/dev/pts/0")
        run("--read-only alpine:3.5 sh -c 'touch /x || echo read''only'", "readonly")
        run(
            "-m 64m --cap-drop ALL alpine:3.5 sh -c 'grep CapEff /proc/self/status | sed s/.*0000$/no''thing/'",
            "nothing")
        run("--shm-size 3m alpine:3.5 sh -c 'df -k /dev/shm | tail -1 | grep -o 3072'", "3072")
        run("alpine:3.5 sh -c 'grep -c ahead /proc/self/mountinfo | sed s/^/marks:/'", "marks:0")
        _ = prompt.standby
        prompt.type("docker run --name kept --network none alpine:3.5 true\r")
        #expect(prompt.waitFor("alpine:3.5 true") && prompt.waitFor("drydock> "))
        _ = prompt.standby
        prompt.type("docker start -a kept && docker rm kept\r")
        #expect(prompt.waitFor("kept\r\n") && prompt.waitFor("drydock> "))
        prompt.type("\u{4}")
        #expect(prompt.end == .exited(0))
        #expect(it.keeps(containers: 0, actor))
    }

    @Test(
        "The trace says what was done before the command came",
        .enabled(if: getuid() == 0, "an ordinary user's root is made when the container starts"))
    func traced() throws {
        let it = try Drydock(.root)
        let prompt = try Prompt.withAlpine(it)
        let deadline = ContinuousClock.now + .seconds(60)
        var ahead = 0
        while ahead == 0, ContinuousClock.now < deadline {
            while marks(it).isEmpty, ContinuousClock.now < deadline { _ = prompt.screen.take() }
            prompt.type("docker run --rm --network none alpine:3.5 true\r")
            guard prompt.waitFor("alpine:3.5 true"), prompt.waitFor("drydock> ") else { return }
            let lines = Bench.run(["sh", "-c", "cat \(it.home)/traces/*.jsonl"]).output.split(separator: "\n")
            ahead = lines.filter { $0.contains("\"ahead\"") }.count
        }
        #expect(ahead > 20)
        prompt.job.killNow()
    }

    @Test("What was made for a container that does not come is removed, also after kill -9 of all who knew of it")
    func abandoned() throws {
        let it = try Drydock(Actor.available[0])
        let prompt = try Prompt.withAlpine(it)
        let standby = try #require(prompt.standby)
        let deadline = ContinuousClock.now + .seconds(60)
        while marks(it).isEmpty, ContinuousClock.now < deadline {}
        #expect(marks(it).count == 1)
        // It is no container, and no rubbish as long as somebody may want it.
        #expect(it.docker("ps", "-aq").output.isEmpty)
        #expect(it.drydock(["system", "check"]).status == 0 && marks(it).count == 1)
        prompt.job.killNow()
        kill(standby, SIGKILL)
        while kill(standby, 0) == 0, ContinuousClock.now < deadline {}
        let found = it.drydock(["system", "check"])
        #expect(found.all.contains("no container has this directory"), "\(found.all)")
        #expect(it.keeps(containers: 0, Actor.available[0]))
    }

    private func marks(_ it: Drydock) -> [Substring] {
        Bench.run(["ls", "-A", it.home + "/containers"]).output.split(separator: "\n").filter {
            $0.hasPrefix(".ahead-")
        }
    }
}

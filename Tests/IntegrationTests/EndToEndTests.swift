import Foundation
import Glibc
import Testing

@Suite("A learner's first image, end to end", .serialized)
struct EndToEndTests {
    @Test("Pull, run, install, commit, tag, log in, push, remove and pull again, really", arguments: Actor.available)
    func firstImage(actor: Actor) throws {
        let it = try Drydock(actor)
        let pulled = it.docker("image", "pull", "alpine:3.5")
        #expect(pulled.status == 0, "\(pulled.all)")
        #expect(pulled.output.contains("Status: Downloaded newer image for alpine:3.5"))
        let ran = it.docker(
            "container", "run", "--name", "node_ctn", "alpine:3.5", "sh", "-c",
            "apk add --update nodejs && node -e 'console.log(6*7)'")
        #expect(ran.status == 0, "\(ran.all)")
        #expect(ran.output.contains("Installing nodejs"))
        #expect(ran.output.hasSuffix("42\n"))
        let diff = it.docker("diff", "node_ctn").output
        #expect(diff.contains("A /usr/bin/node\n"))
        #expect(diff.contains("C /usr\n"))
        #expect(it.docker("container", "commit", "node_ctn", "mynodejs").output.hasPrefix("sha256:"))
        let version = it.docker("container", "run", "--rm", "mynodejs", "node", "--version")
        #expect(version.output.hasPrefix("v"), "\(version.all)")
        #expect(it.docker("image", "tag", "mynodejs", "ada/nodejs:1.0").status == 0)
        let refused = it.docker("push", "ada/nodejs:1.0")
        #expect(refused.status == 1)
        #expect(refused.all.contains("denied: requested access to the resource is denied"), "\(refused.all)")
        #expect(it.drydock(["hub", "user", "add", "ada", "--password-stdin"], input: "secret-1\n").status == 0)
        let wrong = it.docker("login", "-u", "ada", "--password-stdin", input: "wrong\n")
        #expect(wrong.status == 1)
        #expect(wrong.all.contains("unauthorized: incorrect username or password"), "\(wrong.all)")
        #expect(
            it.docker("login", "-u", "ada", "--password-stdin", input: "secret-1\n").output.contains("Login Succeeded"))
        let pushed = it.docker("image", "push", "ada/nodejs:1.0")
        #expect(pushed.status == 0, "\(pushed.all)")
        #expect(pushed.output.contains("1.0: digest: sha256:"))
        #expect(it.docker("rm", "node_ctn").status == 0)
        let removed = it.docker("image", "rm", "ada/nodejs:1.0", "mynodejs")
        #expect(removed.output.contains("Untagged: ada/nodejs:1.0"), "\(removed.all)")
        #expect(removed.output.contains("Deleted: sha256:"))
        #expect(it.docker("run", "--rm", "ada/nodejs:1.0", "node", "-p", "6*7").output.hasSuffix("42\n"))
    }

    @Test("What Docker refuses is refused in its words and with its exit status", arguments: Actor.available)
    func refusals(actor: Actor) throws {
        let it = try Drydock(actor)
        #expect(it.docker("pull", "-q", "alpine:3.5").status == 0)
        #expect(it.docker("create", "--name", "one", "alpine:3.5").status == 0)
        let list = ["ps", "-a", "--format", "{{.ID}} {{.Names}} {{.State}}"]
        let before = it.docker(list).output
        func check(_ arguments: [String], _ status: Int32, _ words: String, line: Int = #line) {
            let outcome = it.docker(arguments)
            #expect(outcome.status == status, "\(arguments): \(outcome.all)")
            #expect(outcome.errors.contains(words), "\(arguments): \(outcome.all)")
        }
        check(
            ["pull", "nosuch/image"], 1,
            "pull access denied for nosuch/image, repository does not exist or may require 'docker login'")
        check(["pull", "alpine:nosuch"], 1, "manifest for alpine:nosuch not found: manifest unknown: manifest unknown")
        check(["pull", "UPPER:case"], 1, "invalid reference format: repository name (library/UPPER) must be lowercase")
        check(
            ["run", "--name", "one", "alpine:3.5"], 125,
            "Conflict. The container name \"/one\" is already in use by container")
        check(
            ["run", "--rm", "alpine:3.5", "nosuchprogram"], 127,
            "exec: \"nosuchprogram\": executable file not found in $PATH")
        check(["run", "--rm", "alpine:3.5", "/etc"], 126, "exec: \"/etc\": ")
        check(["run", "--nosuchflag", "alpine:3.5"], 125, "unknown flag: --nosuchflag")
        check(["nosuchcommand"], 1, "unknown command: docker nosuchcommand")
        check(["start", "nosuch"], 1, "No such container: nosuch")
        check(["image", "inspect", "nosuch"], 1, "No such image: nosuch")
        check(["pull"], 1, "requires")
        check(["pull", "localhost:1/x"], 1, "connection refused")
        #expect(it.docker("run", "--rm", "alpine:3.5", "sh", "-c", "exit 7").status == 7)
        #expect(it.docker("run", "--rm", "alpine:3.5", "sh", "-c", "sh -c 'kill -9 $$'; exit $?").status == 137)
        #expect(it.docker(list).output == before)
    }

    @Test("Two homes do not see each other", arguments: Actor.available)
    func homes(actor: Actor) throws {
        let one = try Drydock(actor)
        let other = try Drydock(actor)
        #expect(one.docker("pull", "-q", "busybox").status == 0)
        #expect(one.docker("images", "-q").output.count > 10)
        #expect(other.docker("images", "-q").output.isEmpty)
    }

    @Test(
        "A container that runs in the background has a log, can be entered, stopped and removed",
        arguments: Actor.available)
    func background(actor: Actor) throws {
        let it = try Drydock(actor)
        let started = it.docker(
            "run", "-d", "--name", "bg", "-e", "WHO=world", "-w", "/tmp", "alpine:3.5", "sh", "-c",
            "echo hello $WHO from $PWD; echo oops >&2; exec sleep 600")
        #expect(started.status == 0, "\(started.all)")
        #expect(it.docker("ps", "--format", "{{.Names}} {{.Image}}").output == "bg alpine:3.5\n")
        let deadline = Date(timeIntervalSinceNow: 10)
        while it.docker("logs", "bg").all.count < 20, Date() < deadline { usleep(10_000) }
        let logs = it.docker("logs", "bg")
        #expect(logs.output == "hello world from /tmp\n")
        #expect(logs.errors == "oops\n")
        #expect(it.docker("exec", "bg", "hostname").output == started.output.prefix(12) + "\n")
        #expect(it.docker("exec", "-u", "1234", "bg", "id", "-u").output == "1234\n")
        #expect(it.docker("exec", "bg", "sh", "-c", "exit 3").status == 3)
        #expect(it.docker("rm", "bg").status == 1)
        #expect(it.docker("stop", "-t", "1", "bg").output == "bg\n")
        #expect(it.docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "bg").output.hasPrefix("exited 1"))
        #expect(it.docker("start", "bg").output == "bg\n")
        #expect(it.docker("rm", "-f", "bg").output == "bg\n")
        #expect(it.docker("ps", "-aq").output.isEmpty)
    }

    @Test("A directory of the host is seen with -v, read-only with :ro", arguments: Actor.available)
    func volumes(actor: Actor) throws {
        let it = try Drydock(actor)
        let shared = it.home + "/shared"
        #expect(Bench.run(Bench.prefix(actor) + ["mkdir", shared]).status == 0)
        let wrote = it.docker(
            "run", "--rm", "-v", "\(shared):/data", "alpine:3.5", "sh", "-c", "echo from inside > /data/f")
        #expect(wrote.status == 0, "\(wrote.all)")
        #expect(try String(contentsOfFile: shared + "/f", encoding: .utf8) == "from inside\n")
        let refused = it.docker("run", "--rm", "-v", "\(shared):/data:ro", "alpine:3.5", "touch", "/data/g")
        #expect(refused.status == 1)
        #expect(refused.errors.contains("Read-only file system"))
    }

    @Test("Nothing of a container's start stays mounted on the host", arguments: Actor.available)
    func mounts(actor: Actor) throws {
        let it = try Drydock(actor)
        #expect(it.docker("run", "-d", "--name", "mm", "alpine:3.5", "sleep", "600").status == 0)
        #expect(!(try String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)).contains(it.home))
        #expect(it.docker("rm", "-f", "mm").status == 0)
    }

    @Test(
        "A pull, a commit and a push that are killed at any moment leave a state that works", arguments: Actor.available
    )
    func killed(actor: Actor) throws {
        let it = try Drydock(actor)
        #expect(it.drydock(["hub", "user", "add", "ada", "--password-stdin"], input: "secret-1\n").status == 0)
        #expect(it.docker("login", "-u", "ada", "--password-stdin", input: "secret-1\n").status == 0)
        func kill(_ arguments: [String], after milliseconds: UInt32) {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = it.command(["docker"] + arguments)
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            process.standardInput = FileHandle.nullDevice
            guard (try? process.run()) != nil else { return }
            usleep(milliseconds * 1000)
            Glibc.kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        for pause in stride(from: UInt32(1), to: 60, by: 6) { kill(["pull", "alpine:3.5"], after: pause) }
        #expect(
            it.docker("run", "--name", "cc", "alpine:3.5", "sh", "-c", "dd if=/dev/urandom of=/f bs=1M count=20").status
                == 0)
        for pause in stride(from: UInt32(1), to: 400, by: 40) { kill(["commit", "cc", "ada/c:1"], after: pause) }
        #expect(it.docker("commit", "cc", "ada/c:1").status == 0)
        for pause in stride(from: UInt32(1), to: 400, by: 40) { kill(["push", "ada/c:1"], after: pause) }
        #expect(it.docker("push", "ada/c:1").status == 0)
        #expect(it.drydock(["system", "check"]).status == 0)
        #expect(it.docker("rm", "cc").status == 0)
        #expect(it.docker("rmi", "ada/c:1").status == 0)
        let again = it.docker("run", "--rm", "ada/c:1", "sh", "-c", "wc -c < /f")
        #expect(again.output.hasSuffix("20971520\n"), "\(again.all)")
    }
}

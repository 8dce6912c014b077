import Diagnostics
import Glibc
import Linux
import Testing

/// The real prompt, on a real terminal.
@Suite("The prompt on a terminal", .serialized)
struct TutorPromptTests {
    @Test("A first start asks for an account; keys interrupt commands and not the prompt; kill -9 loses no history")
    func prompt() throws {
        let it = try Drydock(Actor.available[0], content: false)
        let prompt = try Prompt(home: it.home)
        #expect(prompt.waitFor("Hub user name ["))
        prompt.type("No!\r")
        #expect(prompt.waitFor("lower-case"))
        #expect(prompt.waitFor("]: "))
        prompt.type("ada\r")
        #expect(prompt.waitFor("Password"))
        prompt.type("\r")
        #expect(prompt.waitFor("user ada, password"))
        #expect(prompt.waitFor("drydock> "))
        // Ctrl-C gives a line up and ends a command; the prompt comes back each time.
        prompt.type("never entered\u{3}")
        #expect(prompt.waitFor("^C") && prompt.waitFor("drydock> "))
        prompt.type("echo be''gun; sleep 1000\r")
        #expect(prompt.waitFor("begun"))
        prompt.type("\u{3}")
        #expect(prompt.waitFor("drydock> "))
        prompt.type("echo $(docker ps -aq | wc -l)containers\r")
        #expect(prompt.waitFor("0containers") && prompt.waitFor("drydock> "))
        prompt.job.killNow()
        #expect(prompt.end == .signalled(SIGKILL))
        // The next session knows the line, goes to the step without asking, and Ctrl-D ends it.
        let second = try Prompt(home: it.home)
        #expect(second.waitFor("drydock> "))
        second.type("\u{1B}[A\r")
        #expect(second.waitFor("0containers") && second.waitFor("drydock> "))
        second.type("\u{4}")
        #expect(second.end == .exited(0))
    }

    @Test(
        "A docker command answers keys and tells its status as a program does, and the prompt leaves no process behind")
    func standby() throws {
        let it = try Drydock(Actor.available[0], content: false)
        it.drydock(["run-script", "-"], input: "quit\n")
        let prompt = try Prompt(home: it.home, environment: ["NO_COLOR": ""])
        #expect(prompt.waitFor("drydock> "))
        let first = try #require(prompt.standby)
        prompt.type("docker inspect nothing\r")
        #expect(prompt.waitFor("No such object: nothing") && prompt.waitFor("133;D;1\u{7}"))
        #expect(prompt.waitFor("drydock> "))
        let second = try #require(prompt.standby)
        // An ordinary user's stands by in a user namespace, and this command needs none.
        #expect((second != first) == (getuid() == 0))
        // One that was killed is not missed.
        kill(second, SIGKILL)
        prompt.type("docker version --format 'it is {{.Client.Os}}'\r")
        #expect(prompt.waitFor("it is linux") && prompt.waitFor("133;D;0\u{7}") && prompt.waitFor("drydock> "))
        // What it would not know is left to a process of its own.
        prompt.type("export DRYDOCK_HOME=\(it.home)/other\r")
        #expect(prompt.waitFor("drydock> "))
        prompt.type("docker info --format 'root {{.DockerRootDir}}'\r")
        #expect(prompt.waitFor("root \(it.home)/other") && prompt.waitFor("drydock> "))
        // Keys: stopped, continued, interrupted.
        _ = prompt.standby
        prompt.type("docker login registry.invalid\r")
        #expect(prompt.waitFor("Username: "))
        prompt.job.type([26])
        #expect(prompt.waitFor("133;D;148\u{7}") && prompt.waitFor("drydock> "))
        prompt.type("fg\r")
        prompt.type("ada\r")
        #expect(prompt.waitFor("Password: "))
        prompt.job.type([3])
        #expect(prompt.waitFor("133;D;130\u{7}") && prompt.waitFor("drydock> "))
        let last = try #require(prompt.standby)
        prompt.job.killNow()
        #expect(prompt.end == .signalled(SIGKILL))
        let deadline = ContinuousClock.now + .seconds(60)
        while kill(last, 0) == 0, ContinuousClock.now < deadline { usleep(5000) }
        #expect(kill(last, 0) != 0)
    }

    @Test(
        "Containers run from the prompt as from anywhere, as root and as an ordinary user", arguments: Actor.available)
    func containers(_ actor: Actor) throws {
        let it = try Drydock(actor)
        let prompt = try Prompt.withAlpine(it)
        _ = prompt.standby
        prompt.type("docker run --rm --network none alpine:3.5 sh -c 'echo $((6*7)) $(tty); exit 7'\r")
        #expect(prompt.waitFor("42 not a tty") && prompt.waitFor("drydock> "))
        _ = prompt.standby
        prompt.type("docker run -it --name kept --network none alpine:3.5\r")
        #expect(prompt.waitFor("/ # "))
        prompt.type("test -t 0 && echo in''side; exit 3\r")
        #expect(prompt.waitFor("inside") && prompt.waitFor("drydock> "))
        _ = prompt.standby
        prompt.type("docker ps -a --format 'all: {{.Names}} {{.Status}}'\r")
        #expect(prompt.waitFor("all: kept Exited (3)") && prompt.waitFor("drydock> "))
        prompt.type("explain last\r")
        #expect(prompt.waitFor("docker ps -a") && prompt.waitFor("drydock> "))
        prompt.type("\u{4}")
        #expect(prompt.end == .exited(0))
        #expect(it.docker("ps", "-aq").output.split(separator: "\n").count == 1)
        // Nothing is left of the one that removed itself, nor of the one that was ready for the next command.
        #expect(it.keeps(containers: 1, actor))
    }
}

/// A prompt that a test reads and types into.
struct Prompt {
    let screen: Screen
    var job: TerminalJob { screen.job }
    var end: JobEnd? { screen.end }

    init(home: String, command: [String] = [Bench.binary], environment extra: [String: String] = [:]) throws {
        let environment = [
            "DRYDOCK_HOME": home, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "xterm", "LANG": "C.UTF-8",
            "SHELL": "/bin/sh", "USER": "root", "HOME": "/root", "NO_COLOR": "1",
            "DRYDOCK_UPSTREAM": "none",
        ].merging(extra) { $1 }
        screen = Screen(try TerminalJob(JobRequest(command, environment: environment, directory: "/")))
    }

    /// A prompt on a home that has alpine:3.5.
    static func withAlpine(_ it: Drydock) throws -> Prompt {
        it.drydock(["run-script", "-"], input: "docker pull -q alpine:3.5\nquit\n")
        let prompt = try Prompt(home: it.home, command: it.command([]), environment: ["NO_COLOR": ""])
        #expect(prompt.waitFor("drydock> "))
        return prompt
    }

    /// The process that stands by for the next docker command, once there is one; nil where none comes.
    var standby: pid_t? {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline, screen.ended == nil {
            let found = Bench.run(["pgrep", "-P", String(job.pid), "-f", "^[^ ]*drydock standby"]).output
            if let pid = found.split(separator: "\n").first.flatMap({ pid_t($0) }) { return pid }
            _ = screen.take()
        }
        return nil
    }

    /// Presses keys, as soon as they go to whoever asks.
    func type(_ text: String) {
        // The editor takes single keys a moment after it has shown its prompt.
        let deadline = ContinuousClock.now + .seconds(10)
        let isKey = text.contains { $0 == "\u{3}" || $0 == "\u{4}" }
        while isKey, ContinuousClock.now < deadline, screen.take() {}
        screen.type(text)
    }

    func waitFor(_ text: String, _ location: SourceLocation = #_sourceLocation) -> Bool {
        screen.waitFor(text, location)
    }
}

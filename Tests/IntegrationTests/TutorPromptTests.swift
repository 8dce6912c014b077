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

    @Test("The prompt of a second start is there within 0.3 seconds")
    func speed() throws {
        let it = try Drydock(Actor.available[0], content: false)
        it.drydock(["run-script", "-"], input: "quit\n")
        var times: [Duration] = []
        for _ in 0..<5 {
            let start = ContinuousClock.now
            let prompt = try Prompt(home: it.home)
            #expect(prompt.waitFor("drydock> "))
            times.append(ContinuousClock.now - start)
            prompt.type("\u{4}")
            #expect(prompt.end == .exited(0))
        }
        let median = times.sorted()[2]
        #expect(median < .milliseconds(300), "\(times)")
    }
}

/// A prompt that a test reads and types into.
private final class Prompt {
    let job: TerminalJob
    private var screen: [UInt8] = []
    private var ended: JobEnd?

    init(home: String) throws {
        let environment = [
            "DRYDOCK_HOME": home, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "xterm", "LANG": "C.UTF-8",
            "SHELL": "/bin/sh", "USER": "root", "HOME": "/root", "NO_COLOR": "1",
        ]
        job = try TerminalJob(JobRequest([Bench.binary], environment: environment, directory: "/"))
    }

    /// Presses keys, as soon as they go to whoever asks.
    func type(_ text: String) {
        // The editor takes single keys a moment after it has shown its prompt.
        let deadline = ContinuousClock.now + .seconds(10)
        while text.contains(where: { $0 == "\u{3}" || $0 == "\u{4}" }), ContinuousClock.now < deadline {
            guard case .output(let bytes) = job.next(within: 100) else { break }
            screen += bytes
        }
        job.type(Array(text.utf8))
    }

    /// Waits until the screen shows a text after what was waited for before.
    func waitFor(_ text: String) -> Bool {
        let wanted = Array(text.utf8)
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            if let range = screen.firstRange(of: wanted) {
                screen.removeSubrange(..<range.upperBound)
                return true
            }
            take()
            if ended != nil, screen.firstRange(of: wanted) == nil { break }
        }
        Issue.record("no “\(text)” in: \(String(decoding: screen, as: UTF8.self))")
        return false
    }

    /// How the prompt ended; nil where it did not within a minute.
    var end: JobEnd? {
        let deadline = ContinuousClock.now + .seconds(60)
        while ended == nil, ContinuousClock.now < deadline { take() }
        return ended
    }

    private func take() {
        switch job.next(within: 100) {
        case .output(let bytes): screen += bytes
        case .quiet: break
        case .ended(let end): ended = end
        }
    }
}

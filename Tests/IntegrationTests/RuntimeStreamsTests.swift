import Foundation
import Testing

@Suite("What goes into a container and what comes out", .serialized)
struct RuntimeStreamsTests {
    /// A command line that runs `docker` in a terminal and types `keys` once a second line can be expected.
    private func terminal(_ it: Drydock, _ arguments: [String], keys: String = "") -> Outcome {
        let quoted = it.command(["docker"] + arguments).map { "'\($0)'" }.joined(separator: " ")
        let size = "stty rows 33 cols 99; \(quoted)"
        return Bench.run(
            ["sh", "-c", "(sleep 0.5; printf '\(keys)'; sleep 0.5) | script -qec \"$1\" /dev/null", "sh", size],
            seconds: 30)
    }

    @Test(
        "Input, output and errors go through unchanged and apart, and the status comes back", arguments: Actor.available
    )
    func pipes(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let input = (1...50_000).map { "line \($0)\n" }.joined()
        let ended = it.docker(
            ["run", "--rm", "-i", "--network", "none", "alpine:3.5", "sh", "-c", "cat; echo done >&2; exit 5"],
            input: input)
        #expect(ended.status == 5)
        #expect(ended.output == input)
        #expect(ended.errors == "done\n")
        let much = it.docker("run", "--rm", "--network", "none", "alpine:3.5", "seq", "1", "100000")
        #expect(much.output.count == 588_895)
    }

    @Test("A terminal has the window's size and is the console", arguments: Actor.available)
    func tty(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let ended = terminal(
            it,
            [
                "run", "--rm", "-it", "--network", "none", "alpine:3.5", "sh", "-c",
                "tty; stty size; test -c /dev/console; exit 4",
            ])
        #expect(ended.status == 4, "\(ended.all)")
        #expect(ended.output.contains("/dev/pts/0\r\n33 99\r\n"), "\(ended.all)")
    }

    @Test("Ctrl-P Ctrl-Q leaves a container running", arguments: Actor.available)
    func detach(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let left = terminal(
            it, ["run", "-it", "--name", "left", "--network", "none", "alpine:3.5", "sh"], keys: "\\020\\021")
        #expect(left.status == 0, "\(left.all)")
        #expect(it.docker("inspect", "-f", "{{.State.Running}}", "left").output == "true\n")
    }

    @Test("A program that is started in a container has its terminal and its status", arguments: Actor.available)
    func exec(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        try #require(
            it.docker("run", "-d", "--name", "ee", "--network", "none", "alpine:3.5", "sleep", "600").status == 0)
        let ended = terminal(it, ["exec", "-it", "ee", "sh", "-c", "tty; exit 9"])
        #expect(ended.status == 9)
        #expect(ended.output.contains("/dev/pts/"))
        #expect(it.docker(["exec", "-i", "ee", "cat"], input: "through\n").output == "through\n")
        let missing = it.docker("exec", "ee", "nosuch")
        #expect(missing.status == 127)
        #expect(missing.all.contains("exec: \"nosuch\": executable file not found in $PATH"))
    }

    @Test("A signal to the client reaches the program", arguments: Actor.available)
    func signals(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let words = it.command([
            "docker", "run", "--rm", "--name", "ss", "--network", "none", "alpine:3.5", "sh", "-c",
            "trap 'echo got; exit 12' TERM; echo ready; while :; do sleep 0.05; done",
        ])
        let quoted = words.map { "'" + $0.replacingOccurrences(of: "'", with: "'\\''") + "'" }.joined(separator: " ")
        let output = FileManager.default.temporaryDirectory.appending(path: "signals-\(UUID().uuidString)").path
        defer { unlink(output) }
        let ended = Bench.run([
            "sh", "-c",
            "\(quoted) > '\(output)' & p=$!; i=0; until grep -q ready '\(output)' || [ $i -ge 200 ]; do sleep 0.05; i=$((i+1)); done; kill -TERM $p; wait $p",
        ])
        #expect(ended.status == 12, "\(ended.all)")
        #expect(try String(contentsOfFile: output, encoding: .utf8) == "ready\ngot\n")
    }

    @Test("Stopping waits for the program's own end, and kills one that does not want to", arguments: Actor.available)
    func stop(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let polite = "trap 'exit 0' TERM; while :; do sleep 0.05; done"
        try #require(
            it.docker("run", "-d", "--name", "polite", "--network", "none", "alpine:3.5", "sh", "-c", polite).status
                == 0)
        try #require(
            it.docker("run", "-d", "--name", "deaf", "--network", "none", "alpine:3.5", "sleep", "600").status == 0)
        #expect(it.docker("stop", "-t", "20", "polite").status == 0)
        #expect(it.docker("inspect", "-f", "{{.State.ExitCode}}", "polite").output == "0\n")
        #expect(it.docker("stop", "-t", "1", "deaf").status == 0)
        #expect(it.docker("inspect", "-f", "{{.State.ExitCode}}", "deaf").output == "137\n")
    }
}

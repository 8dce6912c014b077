import Diagnostics
import Engine
import OCI
import Synchronization
import Testing

@testable import DockerCLI

@Suite("Commands of the course")
struct SessionTests {
    private let digest = FakeEngine.digest

    @Test("A pull prints one line for each event where nobody watches")
    func pull() async {
        let outcome = await docker("pull alpine")
        #expect(
            outcome.output == """
                Using default tag: latest
                latest: Pulling from library/alpine
                0123456789ab: Pulling fs layer
                0123456789ab: Download complete
                0123456789ab: Pull complete
                ba9876543210: Already exists
                Digest: \(digest)
                Status: Downloaded newer image for alpine:latest
                docker.io/library/alpine:latest

                """)
        #expect(await docker("pull -q alpine:3.5").output == "docker.io/library/alpine:3.5\n")
    }

    @Test("A pull that the registry refuses prints the error alone")
    func refusedPull() async {
        let engine = FakeEngine { $0.refusal = DrydockError(.denied, "pull access denied for nope/nope") }
        let outcome = await docker("pull nope/nope:1", engine: engine)
        #expect(outcome.output == "")
        #expect(outcome.errors == "Error response from daemon: pull access denied for nope/nope\n")
        #expect(outcome.status == 1)
    }

    @Test("A pull redraws its rows in a terminal")
    func pullInTerminal() async {
        let terminal = TerminalTraits(outputIsTerminal: true, width: 80)
        let outcome = await docker("pull alpine:3.5", terminal: terminal)
        #expect(outcome.output.contains("\u{1b}[1A\r\u{1b}[2K0123456789ab: Downloading"))
        #expect(outcome.output.contains("\u{1b}[1A\r\u{1b}[2K0123456789ab: Pull complete\r\u{1b}[1B"))
    }

    @Test("A push ends with the digest and the size")
    func push() async {
        let outcome = await docker("push me/nodejs:1.0")
        #expect(
            outcome.output == """
                The push refers to repository [docker.io/me/nodejs]
                0123456789ab: Preparing
                0123456789ab: Mounted from library/alpine
                1.0: digest: \(digest) size: 739

                """)
        let denied = FakeEngine {
            $0.failures["push"] = DrydockError(.denied, "denied: requested access to the resource is denied")
        }
        let refused = await docker("push me/nodejs:1.0", engine: denied)
        #expect(refused.errors == "denied: requested access to the resource is denied\n")
        #expect(refused.status == 1)
    }

    @Test("A run pulls a missing image first and ends with the program's status")
    func run() async {
        let engine = FakeEngine {
            $0.missingImages = ["alpine:3.5"]
            $0.exitStatus = 7
        }
        let outcome = await docker("run alpine:3.5 true", engine: engine)
        #expect(
            outcome.errors.hasPrefix("Unable to find image 'alpine:3.5' locally\n3.5: Pulling from library/alpine\n"))
        #expect(outcome.errors.hasSuffix("Status: Downloaded newer image for alpine:3.5\n"))
        #expect(outcome.output == "")
        #expect(outcome.status == 7)
        #expect(
            engine.calls == [
                "create alpine:3.5", "pull docker.io/library/alpine:3.5", "create alpine:3.5", "start aaaaaaaaaaaa",
            ])
    }

    @Test("A detached run prints the ID; a terminal that is not there is refused")
    func runVariants() async {
        #expect(await docker("run -d alpine").output == String(repeating: "a", count: 64) + "\n")
        let outcome = await docker("run -it alpine")
        #expect(outcome.errors == "the input device is not a TTY\n")
        #expect(outcome.status == 1)
        let never = FakeEngine { $0.missingImages = ["nope:1"] }
        let refused = await docker("run --pull never nope:1", engine: never)
        #expect(
            refused.errors.hasPrefix("docker: Error response from daemon: No such image: nope:1\n\nRun 'docker run"))
        #expect(refused.status == 125)
    }

    @Test("exec passes its flags and the program's status")
    func exec() async {
        let engine = FakeEngine { $0.exitStatus = 4 }
        let outcome = await docker("exec -u root -w /w -e A=1 c1 sh -c -x", engine: engine)
        #expect(outcome.status == 4)
        let request = engine.state.withLock { $0.exec }
        #expect(request?.command == ["sh", "-c", "-x"])
        #expect(request?.user == "root")
        #expect(request?.env == ["A=1"])
    }

    @Test("start, stop and rm print the names, and start sums up its failures")
    func lifecycle() async {
        let engine = FakeEngine { $0.failures["start nope"] = DrydockError(.notFound, "No such container: nope") }
        let outcome = await docker("start c1 nope", engine: engine)
        #expect(outcome.output == "c1\n")
        #expect(
            outcome.errors
                == "Error response from daemon: No such container: nope\nError: failed to start containers: nope\n")
        #expect(outcome.status == 1)
        #expect(await docker("stop -t 0 c1").output == "c1\n")
        #expect(await docker("wait c1").output == "3\n")
    }

    @Test("commit, diff, rmi and logs print what Docker prints")
    func documents() async {
        let engine = FakeEngine()
        #expect(
            await docker("commit", "-a", "me", "-m", "why", "-c", "CMD sh", "c1", "me/x", engine: engine).output
                == "\(digest)\n")
        let request = engine.state.withLock { $0.commit }
        #expect(request?.reference?.familiar == "me/x:latest")
        #expect(request?.changes == ["CMD sh"])
        #expect(await docker("diff c1").output == "C /usr\nA /usr/bin/node\n")
        #expect(await docker("rmi x:1").output == "Untagged: x:1\nDeleted: \(digest)\n")
        let logs = await docker("logs -ft --tail 5 c1", engine: engine)
        #expect(logs.output == "out\n")
        #expect(logs.errors == "err\n")
        #expect(engine.state.withLock { $0.logs?.tail } == 5)
    }

    @Test("inspect prints a list with four spaces, or what its template says")
    func inspect() async {
        let engine = FakeEngine {
            $0.documents["container c1"] = ["Id": "abc", "State": ["Status": "running"]]
            $0.documents["image alpine"] = ["Id": "sha256:1"]
        }
        #expect(
            await docker("inspect c1 alpine", engine: engine).output
                == "[\n    {\n        \"Id\": \"abc\",\n        \"State\": {\n            \"Status\": \"running\"\n        }\n"
                + "    },\n    {\n        \"Id\": \"sha256:1\"\n    }\n]\n")
        #expect(await docker("inspect", "-f", "{{.State.Status}}", "c1", engine: engine).output == "running\n")
    }

    @Test("login asks, reads standard input, and warns about passwords on the command line")
    func login() async {
        let engine = FakeEngine { $0.loggedIn = "me" }
        let prompt = FakePrompt(["", "secret"])
        let terminal = TerminalTraits(inputIsTerminal: true)
        let outcome = await docker("login", engine: engine, prompt: prompt, terminal: terminal)
        #expect(outcome.output.hasSuffix("Login Succeeded\n"))
        #expect(prompt.questions == ["Username (me): ", "secret Password: "])
        #expect(engine.calls == ["login - me secret"])
        let piped = await docker(
            "login -u you --password-stdin localhost:5000", engine: engine, prompt: FakePrompt(input: "pw\n"))
        #expect(piped.output == "Login Succeeded\n")
        #expect(
            piped.errors == """

                WARNING! Your credentials are stored unencrypted in '/root/.docker/config.json'.
                Configure a credential helper to remove this warning. See
                https://docs.docker.com/go/credential-store/


                """)
        #expect(engine.calls.last == "login localhost:5000 you pw")
        _ = await docker("login -u you -p pw https://index.docker.io/v1/", engine: engine)
        #expect(engine.calls.last == "login - you pw")
        let warned = await docker("login -u a -p b", engine: engine)
        #expect(warned.errors == "WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n")
        let refused = await docker("login")
        #expect(refused.errors == "Error: Cannot perform an interactive login from a non TTY device\n")
        #expect(refused.status == 1)
        let unnamed = await docker("login --password-stdin")
        #expect(unnamed.errors == "the --password-stdin option requires --username to be set\n")
    }

    @Test("prune asks first, and -f does not")
    func prune() async {
        let engine = FakeEngine()
        let prompt = FakePrompt(["n"])
        #expect(await docker("container prune", engine: engine, prompt: prompt).output == "")
        #expect(
            prompt.questions
                == ["WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] "])
        #expect(engine.calls == [])
        let agreed = await docker("container prune", engine: engine, prompt: FakePrompt(["y"]))
        #expect(agreed.output == "Deleted Containers:\nabc\n\nTotal reclaimed space: 0B\n")
        let forced = await docker("image prune -af")
        #expect(forced.output == "Deleted Images:\nuntagged: x:1\n\nTotal reclaimed space: 1.982MB\n")
    }

    @Test("search, version and info print their tables")
    func others() async {
        #expect(
            await docker("search alpine").output
                == "NAME      DESCRIPTION     STARS     OFFICIAL\nalpine    A small image   7         [OK]\n")
        #expect(await docker("--version").output == "Docker version 28.2.2, build abc\n")
        #expect(
            await docker("version").output.hasPrefix("Client:\n Version:           28.2.2\n Git commit:        abc\n"))
        #expect(await docker("info").output.contains(" Storage Driver: overlay2\n Total Memory: 1GiB\n"))
        #expect(await docker("info", "-f", "{{json .Driver}}").output == "\"overlay2\"\n")
    }
}

/// Names for completion.
private struct Names: CompletionObjects {
    func names(_ kind: CompletionKind) async -> [String] {
        switch kind {
        case .image: ["alpine:3.5", "busybox:latest"]
        case .container: ["web", "db"]
        case .runningContainer: ["web"]
        case .stoppedContainer: ["db"]
        case .network: ["mynet"]
        case .volume, .file: []
        }
    }
}

@Suite("Completion")
struct CompletionTests {
    @Test(
        "Words complete from the table and from the names that exist",
        arguments: [
            ("", "pu", ["pull", "push"]), ("image", "r", ["remove", "rm"]), ("run", "al", ["alpine:3.5"]),
            ("run -it --name x", "b", ["busybox:latest"]), ("stop", "", ["web"]), ("start", "", ["db"]),
            ("rm web", "", ["db", "web"]), ("exec -it", "", ["web"]), ("ps", "--no", ["--no-trunc"]),
            ("run", "--net", ["--network"]), ("run --network", "", ["bridge", "host", "mynet", "none"]),
            ("run --pull", "a", ["always"]), ("run", "--pull=n", ["--pull=never"]),
            ("tag alpine:3.5", "b", ["busybox:latest"]),
            ("help", "im", ["image", "images", "import"]), ("help image", "l", ["list", "load", "ls"]),
            ("inspect", "a", ["alpine:3.5"]),
            ("run alpine:3.5", "a", []),
        ] as [(String, String, [String])])
    func completes(words: String, current: String, expected: [String]) async {
        let words = words.split(separator: " ").map(String.init)
        #expect(await DockerCommand.complete(words: words, current: current, objects: Names()) == expected)
    }
}

import Diagnostics
import Engine
import OCI
import Synchronization
import Testing

@testable import DockerCLI

@Suite("Reading flags")
struct ParserTests {
    private func request(
        _ line: String..., environment: [String: String] = [:], files: [String: String] = [:]
    ) async -> CreateRequest? {
        let engine = FakeEngine()
        let terminal = TerminalTraits(inputIsTerminal: true)
        let words = line.count == 1 ? line[0].split(separator: " ").map(String.init) : line
        let context = CommandContext(
            engine: { engine }, output: OutputSink { _ in }, errors: OutputSink { _ in }, terminal: terminal,
            prompt: NoPrompt(), trace: Trace(), environment: environment, workingDirectory: "/home/me",
            now: { 0 }, readFile: { Array((files[$0] ?? "").utf8) })
        _ = await DockerCommand.run(arguments: words, context: context)
        return engine.state.withLock { $0.created }
    }

    @Test("Letters can be joined, with a value at the end")
    func joined() async {
        let request = await request("run -itdu1000 --name=c alpine sh")
        #expect(request?.tty == true)
        #expect(request?.openStdin == true)
        #expect(request?.user == "1000")
        #expect(request?.name == "c")
    }

    @Test("What follows the image belongs to the program")
    func programArguments() async {
        let request = await request("run --rm alpine ls -l --color -- x")
        #expect(request?.command == ["ls", "-l", "--color", "--", "x"])
        #expect(request?.autoRemove == true)
        #expect(await self.request("run --rm=false -- alpine -x")?.command == ["-x"])
        #expect(await self.request("run --rm=false alpine")?.autoRemove == false)
    }

    @Test("Flags may follow the arguments of other commands")
    func interspersed() async {
        let engine = FakeEngine()
        let outcome = await docker("rm c1 -f c2", engine: engine)
        #expect(outcome.output == "c1\nc2\n")
    }

    @Test("Names that flags had before still work", arguments: ["--time", "--timeout", "-t"])
    func formerNames(flag: String) async {
        let outcome = await docker("stop \(flag) 1 c1", engine: FakeEngine())
        #expect(outcome.output == "c1\n" && outcome.status == 0, "\(outcome.errors)")
    }

    @Test("The environment comes from files, from flags and from here")
    func environment() async {
        let request = await request(
            "run --env-file vars -e A=1 -e HERE -eB= -e GONE alpine", environment: ["HERE": "yes"],
            files: ["/home/me/vars": "# comment\n  X=1 2\nHERE\n\n"])
        // A name that nobody has here takes away what the image has.
        #expect(request?.env == ["X=1 2", "HERE=yes", "A=1", "HERE=yes", "B=", "GONE"])
    }

    @Test("Ports are read in every form, and ranges")
    func ports() async {
        typealias Port = CreateRequest.Port
        let request = await request("run -p 80 -p 8080:80 -p 127.0.0.1:53:53/udp -p 9000-9001:90-91 alpine")
        #expect(
            request?.ports == [
                Port(hostPort: 0, containerPort: 80), Port(hostPort: 8080, containerPort: 80),
                Port(hostAddress: "127.0.0.1", hostPort: 53, containerPort: 53, transport: "udp"),
                Port(hostPort: 9000, containerPort: 90), Port(hostPort: 9001, containerPort: 91),
            ])
        #expect(
            await docker("run -p foo alpine").errors.hasPrefix("docker: invalid containerPort: foo\n\nRun 'docker run"))
        #expect(await docker("run -p x:80 alpine").errors.hasPrefix("docker: invalid hostPort: x\n"))
        #expect(await docker("run -p 80/x alpine").errors.hasPrefix("docker: invalid proto: x\n"))
        #expect(await docker("run -p 80-81:90-95 alpine").status == 125)
    }

    @Test("A range of the host for one port is what a free one is taken from")
    func portChoice() async {
        typealias Port = CreateRequest.Port
        #expect(
            await request("run -p 8000-8010:80 -p [::1]:9:9/UDP -p 80/ alpine")?.ports == [
                Port(hostPort: 8000, lastHostPort: 8010, containerPort: 80),
                Port(hostAddress: "::1", hostPort: 9, containerPort: 9, transport: "udp"),
                Port(hostPort: 0, containerPort: 80),
            ])
        #expect(
            await docker("run -p 8000-8002:80-81 alpine").errors.hasPrefix(
                "docker: invalid ranges specified for container and host Ports: 80-81 and 8000-8002\n"))
        for (wrong, words) in [
            ("80-79:80", "invalid hostPort: 80-79"), ("+80:80", "invalid hostPort: +80"),
            ("1:2:3:4", "invalid IP address: 1:2"), ("[foo]:80:80", "invalid IP address: foo"),
            ("8000-8010:", "no port specified: 8000-8010:<empty>"), ("80:99999", "invalid containerPort: 99999"),
        ] {
            #expect(await docker("run -p \(wrong) alpine").errors.hasPrefix("docker: \(words)\n"), "\(wrong)")
        }
    }

    @Test("Mounts that are named twice, and what volumes cannot have")
    func mountDetails() async {
        #expect(await request("run -v /tmp:/a -v /tmp:/a alpine")?.mounts.count == 1)
        #expect(await request("run -v /tmp:/a:ro,z alpine")?.mounts.first?.mode == "ro,z")
        #expect(
            await docker("run -v data:/a:shared alpine").errors.contains(
                "invalid mount config for type \"volume\": field BindOptions must not be specified"))
        #expect(
            await docker("run --mount type=volume,src=/tmp/x,dst=/a alpine").errors.contains(
                "includes invalid characters for a local volume name"))
    }

    @Test("A whole identifier is an image, and names of long ago are flags")
    func formerSpellings() async {
        let id = String(repeating: "0af", count: 21) + "b"
        #expect(await request("run \(id) true")?.image == id)
        #expect(await request("run --dns-opt ndots:2 alpine")?.isolation.dnsOptions == ["ndots:2"])
        #expect(
            await docker("run --dns 127.0.0.1 alpine").errors.hasPrefix(
                "WARNING: Localhost DNS setting (--dns=127.0.0.1) may fail in containers.\n"))
    }

    @Test("Volumes are paths of the host, names or anonymous")
    func volumes() async {
        typealias Mount = CreateRequest.Mount
        var fixed = Mount(source: "/home/me/x", target: "/src", readOnly: true)
        fixed.mode = "ro"
        let request = await request("run -v /data -v ./src/../x:/src:ro -v cache:/c -v /etc:/e alpine")
        #expect(
            request?.mounts == [
                Mount(source: nil, target: "/data"), fixed,
                Mount(source: "cache", target: "/c"), Mount(source: "/etc", target: "/e"),
            ])
        #expect(
            await docker("run -v :: alpine").errors.hasPrefix(
                "docker: Error response from daemon: invalid volume specification: '::'"))
        #expect(await docker("run -v /a:b alpine").errors.contains("mount path must be absolute"))
    }

    @Test("Lists, texts and numbers reach the request")
    func values() async {
        let request = await request(
            "create -l a=b --label c --cap-add NET_ADMIN --cap-drop ALL --network none -w /w --entrypoint sh "
                + "--stop-timeout 3 --read-only --tmpfs /run:size=1m --hostname h --pull always alpine -c x")
        #expect(request?.labels == ["a": "b", "c": ""])
        #expect(request?.capAdd == ["NET_ADMIN"])
        #expect(request?.network == "none")
        #expect(request?.entrypoint == "sh")
        #expect(request?.stopTimeout == 3)
        #expect(request?.tmpfs == ["/run": "size=1m"])
        #expect(request?.pull == .always)
        #expect(request?.command == ["-c", "x"])
    }

    @Test("Only commands that touch foreign files need the identity map")
    func needs() {
        #expect(DockerCommand.needs(["ps", "-a"]) == .init(store: true))
        #expect(DockerCommand.needs(["ps", "-as"]) == .init(store: true, identityMap: true))
        #expect(DockerCommand.needs(["run", "alpine"]) == .init(store: true, identityMap: true))
        #expect(DockerCommand.needs(["run", "--help"]) == .init())
        #expect(DockerCommand.needs(["run"]) == .init())
        for words in [["images"], ["inspect", "x"], ["history", "x"], ["version"], ["exec", "a", "b"]] {
            #expect(DockerCommand.needs(words).identityMap == false)
        }
    }

    @Test("A command has one full name, however it was typed")
    func canonicalPaths() {
        #expect(DockerCommand.canonicalPath(["ps", "-a"]) == ["container", "ls"])
        #expect(DockerCommand.canonicalPath(["image", "remove", "x"]) == ["image", "rm"])
        #expect(DockerCommand.canonicalPath(["run"]) == nil)
    }

    @Test("Passwords are left out of what is kept")
    func secrets() {
        #expect(DockerCommand.withoutSecrets(["login", "-u", "me", "-p", "pw"]) == ["login", "-u", "me", "-p", "***"])
        #expect(
            DockerCommand.withoutSecrets(["login", "-ppw", "--password=pw"]) == ["login", "-p***", "--password=***"])
        #expect(DockerCommand.withoutSecrets(["run", "-p", "80:80", "x"]) == ["run", "-p", "80:80", "x"])
    }

    @Test("Times are dates, seconds or spans before now")
    func moments() {
        #expect(HumanUnits.moment("42m", now: 10_000) == 7480.0)
        #expect(HumanUnits.moment("1h30m", now: 10_000) == 4600.0)
        #expect(HumanUnits.moment("1970-01-02", now: 0) == 86400)
        #expect(HumanUnits.moment("2013-01-02T13:23:37Z", now: 0) == 1_357_133_017)
        #expect(HumanUnits.moment("2013-01-02T14:23:37+01:00", now: 0) == 1_357_133_017)
        #expect(HumanUnits.moment("yesterday", now: 0) == nil)
    }

    @Test("Global flags stand before the command, and the client's configuration is where one of them says")
    func global() {
        #expect(DockerCommand.configDirectory(["--config", "/c", "-l", "debug", "images", "-q"]) == "/c")
        #expect(DockerCommand.configDirectory(["--config=x", "-c=default", "ps"]) == "x")
        #expect(DockerCommand.configDirectory(["images", "--config", "/c"]) == nil)
        #expect(
            DockerCommand.canonicalPath(["--context", "default", "--log-level=error", "ps"]) == ["container", "ls"])
        for wrong in [["--config"], ["-l", "loud", "ps"], ["-c", "other", "ps"], ["--nope", "ps"]] {
            #expect(DockerCommand.canonicalPath(wrong) == nil)
        }
    }

    @Test("Formats and prune filters of the client's configuration count where the command line says nothing else")
    func configured() async {
        func run(_ line: String) async -> (output: String, filters: Filters) {
            let engine = FakeEngine {
                $0.images = [
                    ImageSummary(
                        id: FakeEngine.digest, repository: "alpine", tag: "3.5", digest: nil, created: 0, size: 1)
                ]
            }
            let output = Mutex("")
            var context = CommandContext(
                engine: { engine },
                output: OutputSink { bytes in output.withLock { $0 += String(decoding: bytes, as: UTF8.self) } },
                errors: OutputSink { _ in }, terminal: TerminalTraits(), prompt: NoPrompt(), trace: Trace(),
                environment: [:], workingDirectory: "/", now: { 0 }, readFile: { _ in [] })
            context.clientConfig = {
                ["imagesFormat": "{{.Repository}}!", "pruneFilters": ["label=keep", "until=1h", "bad"]]
            }
            _ = await DockerCommand.run(arguments: line.split(separator: " ").map(String.init), context: context)
            return (output.withLock { $0 }, engine.state.withLock { $0.pruneFilters })
        }
        #expect(await run("images").output == "alpine!\n")
        #expect(await run("images -q").output == "\(FakeEngine.digest.short)\n")
        #expect(await run("images --format {{.Tag}}").output == "3.5\n")
        #expect(await run("image prune -f").filters == ["label": ["keep"], "until": ["1h"]])
        #expect(await run("image prune -f --filter label!=keep").filters == ["label!": ["keep"], "until": ["1h"]])
    }
}

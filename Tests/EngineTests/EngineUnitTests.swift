import Diagnostics
import Linux
import OCI
import SystemPackage
import Testing

@testable import Engine

@Suite("What the engine works out by itself")
struct EngineUnitTests {
    @Test("docker commit -c changes the configuration as Docker's reference says")
    func changes() throws {
        var config = ContainerConfig()
        config.env = ["PATH=/bin", "A=1"]
        let lines = [
            #"CMD ["node", "app.js"]"#, "ENTRYPOINT /run me", "ENV A=2 B=\"x y\"", "ENV C three words",
            "EXPOSE 80 53/udp",
            "LABEL k=v", "USER 1000", "VOLUME /data", "WORKDIR /srv", "WORKDIR app", "ONBUILD RUN x",
        ]
        try ConfigChanges.apply(lines, to: &config)
        #expect(config.cmd == ["node", "app.js"])
        #expect(config.entrypoint == ["/bin/sh", "-c", "/run me"])
        #expect(config.env == ["PATH=/bin", "A=2", "B=x y", "C=three words"])
        #expect(config.exposedPorts == ["80/tcp", "53/udp"])
        #expect(config.labels == ["k": "v"])
        #expect(config.workingDir == "/srv/app")
        #expect(config.volumes == ["/data"])
        #expect(config.onBuild == ["RUN x"])
    }

    @Test("A new entry point takes the old command away, unless one comes with it")
    func entryPointAlone() throws {
        var config = ContainerConfig()
        config.cmd = ["old"]
        try ConfigChanges.apply(["ENTRYPOINT [\"/e\"]"], to: &config)
        #expect(config.entrypoint == ["/e"] && config.cmd == nil)
        try ConfigChanges.apply(["CMD [\"new\"]", "ENTRYPOINT [\"/f\"]"], to: &config)
        #expect(config.entrypoint == ["/f"] && config.cmd == ["new"])
        try ConfigChanges.apply(["ENTRYPOINT []"], to: &config)
        #expect(config.entrypoint == ["/f"], "no program at all keeps the one that was there")
    }

    @Test("Variables of the image are replaced in changes, by the Dockerfile's rules")
    func changesWithVariables() throws {
        var config = ContainerConfig()
        config.env = ["PATH=/bin", "X=1", "EMPTY="]
        let lines = [
            #"ENV P=$PATH:/x Q="${X} $X" R='$X' S=\$X"#, "ENV T=${NO:-d} U=${EMPTY:-e} V=${EMPTY-f} W=${X:+set}",
            "WORKDIR /w/$X", "USER u$X", "EXPOSE 80$X-803/udp", "VOLUME /v$X", "LABEL l$X=$Q", "CMD echo $X",
            "# a comment\n\nSTOPSIGNAL SIGINT\nENV LONG=a\\\nb",
        ]
        try ConfigChanges.apply(lines, to: &config)
        #expect(
            config.env == [
                "PATH=/bin", "X=1", "EMPTY=", "P=/bin:/x", "Q=1 1", "R=$X", "S=$X", "T=d", "U=e", "V=", "W=set",
                "LONG=ab",
            ])
        #expect(config.workingDir == "/w/1" && config.user == "u1" && config.stopSignal == "SIGINT")
        #expect(config.exposedPorts == ["801/udp", "802/udp", "803/udp"] && config.volumes == ["/v1"])
        #expect(config.labels == ["l1": "1 1"] && config.cmd == ["/bin/sh", "-c", "echo $X"])
    }

    @Test("A health check is taken in all its forms")
    func healthChecks() throws {
        var config = ContainerConfig()
        try ConfigChanges.apply(["HEALTHCHECK --interval=5s --timeout=1m --retries=3 CMD [\"t\"]"], to: &config)
        let second: Int64 = 1_000_000_000
        #expect(
            config.healthcheck
                == HealthCheck(test: ["CMD", "t"], interval: 5 * second, timeout: 60 * second, retries: 3))
        try ConfigChanges.apply(["healthcheck CMD test -f /x"], to: &config)
        #expect(config.healthcheck == HealthCheck(test: ["CMD-SHELL", "test -f /x"]))
        try ConfigChanges.apply(["HEALTHCHECK NONE"], to: &config)
        #expect(config.healthcheck == HealthCheck(test: ["NONE"]))
    }

    @Test(
        "A change that is not one is refused, in Docker's words, and nothing is changed",
        arguments: [
            ("RUN x", "RUN is not a valid change command"), ("EXPOSE http", "invalid containerPort: http"),
            ("LABEL =x", "LABEL names can not be blank"), ("ENV A", "ENV must have two arguments"),
            ("ENV", "ENV requires at least one argument"),
            ("VOLUME [\"\"]", "VOLUME specified can not be an empty string"),
            ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
            ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
            ("HEALTHCHECK x", "Unknown type \"X\" in HEALTHCHECK (try CMD)"), ("STOPSIGNAL FOO", "invalid signal: FOO"),
            ("ENV A=1 B", "Syntax error - can't find = in \"B\". Must be of the form: name=value"),
            ("USER ${X", "syntax error: missing '}'"),
            ("WORKDIR 'x", "unexpected end of statement while looking for matching single-quote"),
        ])
    func badChanges(line: String, words: String) {
        var config = ContainerConfig()
        let error = #expect(throws: DrydockError.self) { try ConfigChanges.apply(["USER u", line], to: &config) }
        #expect(error?.message == words)
        #expect(config == ContainerConfig())
    }

    @Test("Patterns fit as Go's path.Match says, also those that are written against it")
    func patterns() throws {
        for (pattern, text, fits) in [
            ("b*", "bb:latest", true), ("*", "a/b", false), ("*/b", "a/b", true), ("a?c", "abc", true),
            ("a?c", "a/c", false), ("[a-c]x", "bx", true), ("[^a-c]x", "bx", false), ("[z-a]", "b", false),
            (#"\*"#, "*", true), (#"\*"#, "a", false), (#"[\-x]"#, "-", true), ("a*b*c", "axxbyyc", true),
            ("a*b", "ab/b", false), ("", "", true), ("*", "", true),
        ] { #expect(try PathPattern(pattern).matches(text) == fits, "\(pattern) and \(text)") }
        let many = String(repeating: "*a", count: 60) + "b"
        #expect(try !PathPattern(many).matches(String(repeating: "a", count: 5000)))
        for bad in ["[", "[]", "[a", "[a-", "[-x]", "x\\", "[]a]", "[^]"] {
            #expect(throws: DrydockError.self, "\(bad)") { try PathPattern(bad) }
        }
    }

    @Test("The program is the image's, the user's, or both, by Docker's rules")
    func programs() throws {
        var image = ContainerConfig()
        image.entrypoint = ["/e"]
        image.cmd = ["a"]
        var request = CreateRequest(image: "x")
        #expect(try ContainerDocument.Program(request: request, image: image).argv == ["/e", "a"])
        request.command = ["b"]
        #expect(try ContainerDocument.Program(request: request, image: image).argv == ["/e", "b"])
        request.entrypoint = "/f"
        #expect(try ContainerDocument.Program(request: request, image: image).argv == ["/f", "b"])
        request.command = []
        #expect(try ContainerDocument.Program(request: request, image: image).argv == ["/f"])
        request.entrypoint = ""
        #expect(throws: DrydockError.self) { try ContainerDocument.Program(request: request, image: image) }
    }

    @Test("-e replaces, adds and, without a value, removes a variable of the image")
    func environment() throws {
        var image = ContainerConfig()
        image.cmd = ["sh"]
        image.env = ["PATH=/p", "A=1", "B=2"]
        var request = CreateRequest(image: "x")
        request.env = ["A=9", "B", "C=x=y"]
        #expect(try ContainerDocument.Program(request: request, image: image).env == ["PATH=/p", "A=9", "B", "C=x=y"])
    }

    @Test(
        "Signals have names and numbers",
        arguments: [
            ("SIGTERM", 15), ("term", 15), ("9", 9), ("SIGRTMIN+3", 37), ("SIGFOO", nil), ("0", nil), ("65", nil),
        ] as [(String, Int32?)])
    func signals(text: String, number: Int32?) { #expect(Signal.number(text) == number) }

    @Test(
        "Patterns of reference filters stop at slashes",
        arguments: [
            ("alp*", "alpine", true), ("*", "me/x", false), ("*/*", "me/x", true),
            ("alpine:3.[5-7]", "alpine:3.7", true),
            ("a?pine", "alpine", true), ("a[^l]pine", "alpine", false), ("", "", true),
        ])
    func globs(pattern: String, text: String, fits: Bool) throws {
        #expect(try PathPattern(pattern).matches(text) == fits)
    }

    @Test("Names are made and judged by Docker's rules")
    func names() {
        #expect((0..<200).allSatisfy { ContainerNames.isValid(ContainerNames.random(attempt: $0 % 2)) })
        #expect(ContainerNames.isValid("node_ctn"))
        for bad in ["", "a", "-ab", "a b", "ä1", "a/b"] { #expect(!ContainerNames.isValid(bad)) }
        #expect(Engine.newID().count == 64)
    }

    @Test("A trace that is written is read back whole, and only the newest are kept")
    func traces() throws {
        let directory = FilePath("/tmp/drydock-traces-\(UInt32.random(in: 0 ... .max))")
        defer { _ = try? removeAll(directory) }
        let event = TraceEvent(
            kind: .end, span: 2, parent: 1, name: "pull.layer", time: 42,
            facts: [TraceFact("size", .bytes(7)), TraceFact("took", .nanoseconds(9)), TraceFact("id", .text("é\n"))])
        for number in 0..<(TraceFile.kept + 5) {
            TraceFile(command: ["pull", "x\(number)"], status: 3, events: [event]).write(to: directory)
        }
        let newest = try #require(TraceFile.newest(in: directory))
        #expect(newest.events == [event])
        #expect(newest.status == 3)
        #expect(newest.command == ["pull", "x\(TraceFile.kept + 4)"])
    }

    @Test(
        "Of how far a span is, a trace keeps the last word alone: a large image leaves no longer one than a small one")
    func progress() {
        var record = TraceRecord()
        func event(_ kind: TraceEvent.Kind, _ span: UInt64, _ time: UInt64) -> TraceEvent {
            TraceEvent(kind: kind, span: span, parent: 0, name: "pull.layer", time: time, facts: [])
        }
        record.add(event(.begin, 1, 0))
        record.add(event(.begin, 2, 1))
        for time in UInt64(2)..<1000 { record.add(event(.progress, time % 2 + 1, time)) }
        record.add(event(.end, 1, 1000))
        #expect(
            record.events == [
                event(.begin, 1, 0), event(.begin, 2, 1), event(.progress, 1, 998), event(.progress, 2, 999),
                event(.end, 1, 1000),
            ])
    }

    private func removeAll(_ directory: FilePath) throws {
        try Files.removeTree(directory)
    }

    @Test("Detach keys are read as Docker writes them")
    func detachKeys() throws {
        #expect(try DetachKeys.bytes("ctrl-p,ctrl-q") == [0x10, 0x11])
        #expect(try DetachKeys.bytes("ctrl-a,d") == [1, 0x64])
    }
}

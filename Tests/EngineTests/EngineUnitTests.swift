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
        for line in [
            #"CMD ["node", "app.js"]"#, "ENTRYPOINT /run me", "ENV A=2 B=\"x y\"", "ENV C three words",
            "EXPOSE 80 53/udp",
            "LABEL k=v", "USER 1000", "VOLUME /data", "WORKDIR /srv", "WORKDIR app", "ONBUILD RUN x",
        ] { try ConfigChanges.apply(line, to: &config) }
        #expect(config.cmd == ["node", "app.js"])
        #expect(config.entrypoint == ["/bin/sh", "-c", "/run me"])
        #expect(config.env == ["PATH=/bin", "A=2", "B=x y", "C=three words"])
        #expect(config.exposedPorts == ["80/tcp", "53/udp"])
        #expect(config.labels == ["k": "v"])
        #expect(config.workingDir == "/srv/app")
        #expect(config.volumes == ["/data"])
        #expect(config.onBuild == ["RUN x"])
    }

    @Test("A change that is not one is refused", arguments: ["RUN x", "CMD", "EXPOSE http", "LABEL =x", "ENV A"])
    func badChanges(line: String) {
        var config = ContainerConfig()
        #expect(throws: DrydockError.self) { try ConfigChanges.apply(line, to: &config) }
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
        #expect(try ContainerDocument.Program(request: request, image: image).env == ["PATH=/p", "A=9", "C=x=y"])
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
            ("a?pine", "alpine", true), ("a[^l]pine", "alpine", false), ("", "", true), ("[", "[", false),
        ])
    func globs(pattern: String, text: String, fits: Bool) { #expect(glob(pattern, matches: text) == fits) }

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

    private func removeAll(_ directory: FilePath) throws {
        try Files.removeTree(directory)
    }

    @Test("Detach keys are read as Docker writes them")
    func detachKeys() throws {
        #expect(try DetachKeys.bytes("ctrl-p,ctrl-q") == [0x10, 0x11])
        #expect(try DetachKeys.bytes("ctrl-a,d") == [1, 0x64])
    }
}

import Diagnostics
import Glibc
import Linux
import SystemPackage
import Testing

@testable import Runtime

@Suite("What clients see")
struct ClientTests {
    /// A runtime in a directory that disappears with the test.
    final class Place {
        let runtime: ContainerRuntime

        init() throws {
            let path = FilePath("/tmp/drydock-runtime-\(getpid())-\(UInt64.random(in: 0 ... .max))")
            runtime = ContainerRuntime(containers: path)
            try Files.makeDirectories(runtime.directory("c"))
        }

        deinit { try? Files.removeTree(runtime.containers) }

        func write(_ name: String, _ text: String) throws {
            try AtomicFile.write(Array(text.utf8), to: runtime.directory("c").appending(name), durable: false)
        }
    }

    @Test("The detach keys are found across reads, and what only looked like them is typed")
    func detachKeys() {
        var keys = DetachKeys([16, 17])
        #expect(keys.filter([1, 16]) == ([1], false))
        #expect(keys.filter([2]) == ([16, 2], false))
        #expect(keys.filter([16, 16]) == ([16], false))
        #expect(keys.filter([17, 9]) == ([], true))
        var none = DetachKeys([])
        #expect(none.filter([16, 17]) == ([16, 17], false))
    }

    @Test("A container that never ran is created; one whose monitor is gone has exited with 137")
    func states() throws {
        let place = try Place()
        #expect(try place.runtime.state("c") == .created)
        #expect(try place.runtime.state("unknown") == .created)
        try place.write("run.json", #"{"pid":1,"monitor":2,"startedAt":5}"#)
        guard case .exited(let dead) = try place.runtime.state("c") else {
            Issue.record("it should have exited")
            return
        }
        #expect(dead.code == 137 && dead.startedAt == 5 && dead.lost)
        // What was found is written down: everybody sees the same from then on.
        #expect(try place.runtime.state("c") == .exited(dead))
        try Files.removeTree(place.runtime.directory("c").appending("exit.json"))
        let lock = try FileLock(place.runtime.directory("c").appending("monitor.lock"))
        #expect(try place.runtime.state("c").isRunning)
        try place.write("exit.json", #"{"code":3,"startedAt":5,"finishedAt":9,"oom":false}"#)
        #expect(try place.runtime.state("c") == .exited(ExitInfo(code: 3, startedAt: 5, finishedAt: 9)))
        lock.unlock()
        #expect(try place.runtime.wait("c") == 3)
        #expect(try place.runtime.stop("c", signal: 15, grace: 1) == 3)
    }

    @Test("Signalling what does not run is a conflict")
    func notRunning() throws {
        let place = try Place()
        let error = #expect(throws: DrydockError.self) { try place.runtime.signal("c", 9) }
        #expect(error?.code == .conflict)
    }

    @Test("A log is read from its end, since a moment, with times, one stream or both; half a line does no harm")
    func logs() throws {
        let place = try Place()
        try place.write(
            "log.json",
            """
            {"log":"one\\n","stream":"stdout","time":"2024-01-01T00:00:01.000000000Z"}
            {"log":"two\\n","stream":"stderr","time":"2024-01-01T00:00:02.000000000Z"}
            garbage
            {"log":"three\\n","stream":"stdout","time":"2024-01-01T00:00:03.000000000Z"}
            {"log":"fo
            """)
        func read(_ change: (inout LogOptions) -> Void) throws -> String {
            var options = LogOptions()
            change(&options)
            var text = ""
            try place.runtime.logs("c", options) { stream, bytes in
                text += (stream == .stderr ? "E:" : "") + String(decoding: bytes, as: UTF8.self)
                return true
            }
            return text
        }
        #expect(try read { _ in } == "one\nE:two\nthree\n")
        #expect(try read { $0.tail = 1 } == "three\n")
        #expect(try read { $0.tail = 0 }.isEmpty)
        #expect(try read { $0.since = WallClock.parse("2024-01-01T00:00:02Z") } == "E:two\nthree\n")
        #expect(try read { $0.output = false } == "E:two\n")
        #expect(
            try read {
                $0.timestamps = true; $0.tail = 1
            } == "2024-01-01T00:00:03.000000000Z three\n")
        #expect(try read { $0.follow = true } == "one\nE:two\nthree\n")
    }

    @Test("A program that is not found ends with 127 and one that may not run with 126, in Docker's words")
    func programErrors() {
        let plan = LaunchPlan(namespaces: [], operations: [.execute(arguments: ["x"], environment: [])])
        func failure(_ stage: Int64, _ number: Int32, _ words: LaunchReply.Words) -> DrydockError {
            LaunchReply.failure(
                ["index": 0, "errno": .int(Int64(number)), "stage": .int(stage), "text": "x"], plan, ["x"], words)
        }
        let missing = failure(1, ENOENT, .run)
        #expect(missing.exitStatus == 127)
        #expect(missing.message.hasSuffix("exec: \"x\": executable file not found in $PATH: unknown"))
        #expect(failure(3, EACCES, .exec).exitStatus == 126)
        #expect(failure(3, EACCES, .exec).message.hasPrefix("OCI runtime exec failed: "))
        #expect(failure(4, ENOEXEC, .run).message.contains("exec format error"))
        #expect(failure(2, ENOENT, .run).message.contains("stat x: no such file or directory"))
    }

    @Test("A failing operation is named with what the number means")
    func operationErrors() {
        let overlay = LaunchOperation.overlay(
            lower: ["/l"], upper: "/u", work: "/w", target: "/r", userXattr: false, volatile: false)
        let plan = LaunchPlan(namespaces: [], operations: [overlay])
        let error = LaunchReply.failure(["index": 0, "errno": .int(Int64(ENOSPC)), "stage": 0], plan, [], .run)
        #expect(error.exitStatus == 125)
        #expect(error.operation?.hasPrefix("mount overlay on /r") == true)
        #expect(error.remedy?.contains("mount-max") == true)
    }

    @Test("The hub's address is on the loopback network, and the same for the same home")
    func hubAddress() throws {
        let one = HubForward.address(forHome: "/a")
        #expect(one == HubForward.address(forHome: "/a"))
        #expect(one != HubForward.address(forHome: "/b"))
        let address = try #require(IPv4Address(one))
        #expect(address.bytes[0] == 127 && (64...127).contains(address.bytes[1]))
    }

    @Test("What a machine lacks is said in both languages, with what it costs and what to do")
    func doctor() {
        let all = Capability.probe()
        #expect(all.contains { $0.name == "namespaces" } && all.contains { $0.name == "cgroups" })
        for capability in all {
            for text in [capability.title, capability.effect, capability.remedy] {
                #expect(!text.english.isEmpty && !text.french.isEmpty)
            }
        }
    }
}

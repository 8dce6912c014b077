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

    @Test("A container that never ran is created; one that ended unseen has exited with 255")
    func states() throws {
        let place = try Place()
        #expect(try place.runtime.state("c") == .created)
        #expect(try place.runtime.state("unknown") == .created)
        try place.write("run.json", #"{"pid":1,"monitor":2,"startedAt":5}"#)
        guard case .exited(let dead) = try place.runtime.state("c") else {
            Issue.record("it should have exited")
            return
        }
        #expect(dead.code == 255 && dead.startedAt == 5 && dead.lost)
        // What was found is written down: everybody sees the same from then on.
        #expect(try place.runtime.state("c") == .exited(dead))
        try Files.removeTree(place.runtime.directory("c").appending("exit.json"))
        try place.write("run.json", #"{"pid":1,"monitor":\#(getpid()),"startedAt":5}"#)
        let lock = try FileLock(place.runtime.directory("c").appending("monitor.lock"))
        #expect(try place.runtime.state("c").isRunning)
        try place.write("exit.json", #"{"code":3,"startedAt":5,"finishedAt":9,"oom":false}"#)
        #expect(try place.runtime.state("c") == .exited(ExitInfo(code: 3, startedAt: 5, finishedAt: 9)))
        lock.unlock()
        #expect(try place.runtime.wait("c") == 3)
        #expect(try place.runtime.stop("c", signal: 15, grace: 1) == 3)
    }

    @Test(
        "A container without a monitor is reached through the process that was started, never through one of its number"
    )
    func unattended() throws {
        let place = try Place()
        let child = try ChildProcess.spawn("/bin/sleep", ["sleep", "100"])
        let handle = try ProcessHandle(child.pid)
        var started = ProcessHandle.startTime(child.pid) ?? 0
        func write(_ more: String = "") throws {
            try place.write(
                "run.json",
                #"{"pid":\#(child.pid),"startTime":\#(started),"boot":"\#(Boot.identity)","startedAt":5\#(more)}"#)
        }
        started -= 1
        try write()
        #expect(throws: DrydockError.self) { try place.runtime.signal("c", SIGKILL, last: true) }
        #expect(try place.runtime.stop("c", signal: SIGKILL, grace: 1) == 255)
        #expect(handle.exitStatus(block: false) == nil)

        try Files.removeTree(place.runtime.directory("c").appending("exit.json"))
        started += 1
        try write()
        #expect(try place.runtime.state("c").running?.pid == child.pid)
        #expect(try place.runtime.state("c").running?.monitor == 0)
        for work in [
            { try place.runtime.logs("c", LogOptions.following) { _, _ in true } },
            { _ = try place.runtime.attach("c", AttachOptions()) },
        ] {
            let error = #expect(throws: DrydockError.self) { try work() }
            #expect(error?.code == .unattended)
        }
        #expect(try place.runtime.stop("c", signal: SIGTERM, grace: 60) == 143)
        guard case .exited(let end) = try place.runtime.state("c") else {
            Issue.record("it should have exited")
            return
        }
        #expect(end.code == 143 && end.stopped && end.lost)
        #expect(handle.exitStatus(block: true) == 143)

        // Between two starts there is no process, and the last end was seen.
        try Files.removeTree(place.runtime.directory("c").appending("exit.json"))
        try place.write("run.json", #"{"pid":0,"startedAt":5,"restarting":true,"code":7,"finishedAt":9,"restarts":2}"#)
        #expect(
            try place.runtime.state("c")
                == .exited(ExitInfo(code: 7, startedAt: 5, finishedAt: 9, restarts: 2, lost: true)))
    }

    @Test("A program whose monitor was killed before it could write down that it runs is found")
    func begun() throws {
        let place = try Place()
        let child = try ChildProcess.spawn("/bin/sleep", ["sleep", "100"])
        try place.write("starting.json", RunRecord(starting: child.pid).json.compact)
        let lock = try FileLock(place.runtime.directory("c").appending("monitor.lock"))
        #expect(try place.runtime.state("c") == .created)
        lock.unlock()
        #expect(try place.runtime.state("c").running?.pid == child.pid)
        #expect(try place.runtime.stop("c", signal: SIGKILL, grace: 60) == 137)
        _ = try child.wait()
        #expect(RunRecord(starting: child.pid).process == nil)
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

extension LogOptions {
    fileprivate static var following: LogOptions {
        var options = LogOptions()
        options.follow = true
        return options
    }
}

import Foundation
import Testing

/// What is left when something dies, or is used up, while a container starts.
@Suite("When a start is cut short", .serialized)
struct RuntimeFaultTests {
    private func run(_ it: Drydock, _ shell: String, _ arguments: [String]) -> Outcome {
        // The shell becomes the program, so that its own number ($$) is the engine's.
        let words = it.command(["docker"] + arguments)
        let program = words.firstIndex(of: "env") ?? 0
        return Bench.run(
            Array(words[..<program]) + ["sh", "-c", shell + "\"$@\"", "sh"] + words[program...], seconds: 60)
    }

    /// The processes that name a container in their arguments.
    private func processes(naming id: String) -> [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return all.filter { name in
            guard Int(name) != nil, let line = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else {
                return false
            }
            return String(decoding: line, as: UTF8.self).contains(id)
        }
    }

    /// Looks at a container after a fault, and removes it: nothing of it may stay.
    private func expectRemovable(_ it: Drydock, _ id: String, _ fault: String) {
        let status = it.docker("inspect", "-f", "{{.State.Status}}", id)
        #expect(
            status.status == 0 && ["created", "exited", "running"].contains(status.output.dropLast()),
            "\(fault): \(status.all)")
        let removed = it.docker("rm", "-f", id)
        #expect(removed.status == 0, "\(fault): \(removed.all)")
        #expect(it.docker("ps", "-aq").output == "", "\(fault)")
        #expect(!FileManager.default.fileExists(atPath: "\(it.home)/containers/\(id)"), "\(fault)")
        let deadline = Date(timeIntervalSinceNow: 60)
        while !processes(naming: id).isEmpty && Date() < deadline { usleep(5000) }
        #expect(processes(naming: id) == [], "\(fault): the monitor stays")
        let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
        #expect(!mounts.contains(id), "\(fault): mounts stay")
    }

    private func operations(_ it: Drydock) throws -> Int {
        let id = it.docker("create", "--network", "none", "alpine:3.5", "true").output.dropLast()
        defer { _ = it.docker("rm", String(id)) }
        let plan = it.drydock(["bundle", "--plan", String(id)])
        try #require(plan.status == 0, "\(plan.all)")
        return plan.output.split(separator: "\n").count - 1
    }

    @Test(
        "A child, a monitor or an engine that is killed at an operation leaves a container that can be removed",
        arguments: Actor.available)
    func killed(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let count = try operations(it)
        #expect(count > 40)
        for (victim, stride, phase) in [("child", 8, 0), ("monitor", 16, 3), ("$$", 16, 7)] {
            for index in Swift.stride(from: phase, to: count, by: stride) {
                let fault = "\(victim) killed at operation \(index)"
                let created = it.docker("create", "--network", "none", "alpine:3.5", "sleep", "600")
                try #require(created.status == 0, "\(created.all)")
                let id = String(created.output.dropLast())
                let started = run(it, "DRYDOCK_PLAN_FAULT=\"\(victim):\(index)\" exec ", ["start", id])
                if victim == "$$" {
                    #expect(started.status == 137, "\(fault): \(started.all)")
                } else {
                    #expect((1...127).contains(started.status), "\(fault): \(started.all)")
                    #expect(started.errors.contains("died"), "\(fault): \(started.all)")
                    // The same container starts when nothing is in its way.
                    let again = it.docker("start", id)
                    #expect(again.status == 0, "\(fault): \(again.all)")
                }
                expectRemovable(it, id, fault)
            }
        }
    }

    @Test("Too few descriptors are an error, not a crash", arguments: Actor.available)
    func descriptors(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        var failed = 0, worked = 0
        for limit in [6, 8, 10, 12, 14, 17, 20, 24, 28, 40] {
            let outcome = run(
                it, "ulimit -n \(limit); exec ", ["run", "--rm", "--network", "none", "alpine:3.5", "true"])
            if outcome.status == 0 { worked += 1 } else { failed += 1 }
            #expect(outcome.status < 128, "\(limit) descriptors: \(outcome.status) \(outcome.all)")
            if outcome.status != 0 { #expect(!outcome.errors.isEmpty, "\(limit) descriptors: nothing is said") }
            let left = it.docker("ps", "-aq").output.split(separator: "\n").map(String.init)
            if !left.isEmpty { #expect(it.docker(["rm", "-f"] + left).status == 0, "\(limit) descriptors") }
        }
        #expect(failed > 0 && worked > 0, "\(failed) failed, \(worked) worked")
        #expect(it.drydock(["system", "check", "--dry-run"]).status == 0)
    }

    @Test("Too few processes are an error, not a crash")
    func processes() throws {
        // Root is not held to this limit.
        let it = try Drydock.withAlpine(.user)
        for limit in [1, 2, 3, 4] {
            let outcome = run(
                it, "exec prlimit --nproc=\(limit) ", ["run", "--rm", "--network", "none", "alpine:3.5", "true"])
            #expect(outcome.status < 128, "\(limit) processes: \(outcome.status) \(outcome.all)")
            if outcome.status != 0 { #expect(!outcome.errors.isEmpty, "\(limit) processes: nothing is said") }
            let left = it.docker("ps", "-aq").output.split(separator: "\n").map(String.init)
            if !left.isEmpty { #expect(it.docker(["rm", "-f"] + left).status == 0, "\(limit) processes") }
        }
        #expect(it.docker("run", "--rm", "--network", "none", "alpine:3.5", "true").status == 0)
    }

    /// A place where cgroups can limit memory, of either version.
    private static let memoryTree: String? = {
        let tree = "/sys/fs/cgroup/memory"
        if FileManager.default.fileExists(atPath: tree + "/cgroup.procs") { return tree }
        let active = try? String(contentsOfFile: "/sys/fs/cgroup/cgroup.subtree_control", encoding: .utf8)
        return active?.contains("memory") == true ? "/sys/fs/cgroup" : nil
    }()

    @Test(
        "When memory runs out, whoever the kernel ends, what is left can be found and removed",
        .enabled(if: getuid() == 0 && memoryTree != nil, "limiting memory takes root and its cgroups"),
        arguments: Actor.available)
    func memory(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let cgroup = try #require(Self.memoryTree) + "/drydock-fault-\(getpid())-\(actor)"
        try #require(mkdir(cgroup, 0o755) == 0)
        defer {
            _ = Bench.run(["sh", "-c", "xargs -r kill -9 < '\(cgroup)/cgroup.procs'"])
            _ = eventually { rmdir(cgroup) == 0 || errno == ENOENT }
        }
        let limit =
            cgroup
            + (FileManager.default.fileExists(atPath: cgroup + "/memory.max")
                ? "/memory.max" : "/memory.limit_in_bytes")
        var failed = 0, worked = 0
        for kibibytes in [512, 1536, 2560, 3584, 4608, 5632, 8192, 131_072] {
            try "\(kibibytes)K".write(toFile: limit, atomically: false, encoding: .utf8)
            let words = it.command(["docker", "run", "--network", "none", "alpine:3.5", "true"])
            let outcome = Bench.run(
                ["sh", "-c", "echo $$ > '\(cgroup)/cgroup.procs' && exec \"$@\"", "sh"] + words, seconds: 60)
            if outcome.status == 0 { worked += 1 } else { failed += 1 }
            // Killed, or told so; the kernel may also end it before it began.
            #expect(
                outcome.status == 0 || outcome.status == 137 || !outcome.errors.isEmpty,
                "\(kibibytes) KiB: \(outcome.status) \(outcome.all)")
            for id in it.docker("ps", "-aq", "--no-trunc").output.split(separator: "\n").map(String.init) {
                let removed = it.docker("rm", "-f", id)
                #expect(removed.status == 0, "\(kibibytes) KiB: \(removed.all)")
            }
            #expect(it.docker("ps", "-aq").output == "", "\(kibibytes) KiB")
        }
        #expect(failed > 0 && worked > 0, "\(failed) failed, \(worked) worked")
        #expect(it.docker("run", "--rm", "--network", "none", "alpine:3.5", "true").status == 0)
        #expect(it.drydock(["system", "check", "--dry-run"]).status == 0)
    }

    @Test(
        "A full disk is an error that says so, and containers can still be removed",
        .enabled(if: getuid() == 0, "mounting a small file system is root's"), arguments: Actor.available)
    func fullDisk(actor: Actor) throws {
        let source = try Drydock.withAlpine(actor)
        let archive = source.home + "/alpine.tar"
        try #require(source.docker("save", "-o", archive, "alpine:3.5").status == 0)
        let it = try Drydock(actor, content: false)
        let docker = it.command(["docker"]).joined(separator: " ")
        // In a mount namespace of its own: whatever happens, the small file system goes with it.
        let script = """
            set -u
            mount -t tmpfs -o size=32m,mode=777 small \(it.home)
            \(docker) load -q -i \(archive) || exit 90
            \(docker) create --network none --name before alpine:3.5 true || exit 91
            cat /dev/zero > \(it.home)/filler 2>/dev/null
            \(docker) start before; echo "start: $?"
            \(docker) run --network none --name during alpine:3.5 true; echo "run: $?"
            rm \(it.home)/filler
            \(docker) start -a before; echo "start again: $?"
            \(docker) ps -aq | xargs \(docker) rm -f >/dev/null; echo "rm: $?"
            \(docker) ps -aq; ls \(it.home)/containers
            \(docker) run --rm --network none alpine:3.5 true; echo "run again: $?"
            """
        let outcome = Bench.run(["unshare", "-m", "sh", "-c", script], seconds: 120)
        let lines = outcome.output.split(separator: "\n").map(String.init)
        #expect(lines.contains("run: 125"), "\(outcome.all)")
        #expect(outcome.errors.lowercased().contains("no space left on device"), "\(outcome.all)")
        #expect(lines.suffix(3) == ["start again: 0", "rm: 0", "run again: 0"], "\(outcome.all)")
    }
}

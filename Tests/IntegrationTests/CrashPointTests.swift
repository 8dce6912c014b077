import Foundation
import Testing

/// Kills docker commands between any two of their steps (`DRYDOCK_CRASH_AT`, see `CrashPoint`), and looks at every
/// invariant of the store afterwards.
@Suite("A command that is killed between any two steps", .serialized)
struct CrashPointTests {
    /// What is killed, how it is made possible again, and how often it may have steps at most.
    struct Work: Sendable, CustomTestStringConvertible {
        var name: String
        var command: [String]
        /// Commands that bring about what the work needs; they may fail.
        var before: [[String]]

        var testDescription: String { name }
    }

    static let works = [
        Work(name: "pull", command: ["pull", "-q", "hello-world"], before: [["rmi", "-f", "hello-world"]]),
        Work(name: "commit", command: ["commit", "changed", "victim"], before: [["rmi", "-f", "victim"]]),
        Work(name: "load", command: ["load", "-q", "-i", "ARCHIVE"], before: [["rmi", "-f", "saved"]]),
        Work(name: "image rm", command: ["rmi", "-f", "saved"], before: [["load", "-q", "-i", "ARCHIVE"]]),
        Work(name: "image prune", command: ["image", "prune", "-a", "-f"], before: [["load", "-q", "-i", "ARCHIVE"]]),
        Work(name: "rm", command: ["rm", "second"], before: [["create", "--name", "second", "busybox", "true"]]),
    ]

    @Test("leaves a store that is whole, and the next one does the work", arguments: works)
    func everyStep(work: Work) throws {
        let drydock = try Drydock(.root)
        let archive = drydock.home + "/saved.tar"
        func words(_ list: [String]) -> [String] { list.map { $0 == "ARCHIVE" ? archive : $0 } }
        #expect(drydock.docker("pull", "-q", "busybox").status == 0)
        let run = drydock.docker(
            "run", "--name", "changed", "--network", "none", "busybox", "sh", "-c", "echo new > /new; rm /etc/passwd")
        #expect(run.status == 0, "\(run.all)")
        #expect(drydock.docker("commit", "changed", "saved").status == 0)
        #expect(drydock.docker("save", "-o", archive, "saved").status == 0)

        var steps = 0
        for step in 1...200 {
            for command in work.before { drydock.docker(words(command)) }
            let killed = Bench.run(
                ["env", "DRYDOCK_CRASH_AT=\(step)"] + drydock.command(["docker"] + words(work.command)))
            let check = drydock.drydock(["system", "check", "--contents", "--json"])
            #expect(check.status == 0, "\(work.name) killed at step \(step): \(check.all)")
            let clean = drydock.drydock(["system", "check", "--dry-run"])
            #expect(clean.status == 0, "\(work.name) killed at step \(step), second look: \(clean.all)")
            #expect(drydock.docker("image", "inspect", "busybox").status == 0)
            if killed.status != 137 {
                #expect(killed.status == 0, "\(work.name) at step \(step): \(killed.all)")
                break
            }
            steps = step
        }
        #expect(steps > 2, "\(work.name) has no steps to be killed at")
        #expect(steps < 200, "\(work.name) never came to its end")
        let last = drydock.docker("run", "--rm", "--network", "none", "busybox", "cat", "/etc/passwd")
        #expect(last.status == 0, "\(last.all)")
    }

    /// ext4 takes room when it writes things out, tmpfs at once.
    static let smallDisks =
        ["tmpfs"]
        + (Bench.run(["sh", "-c", "PATH=$PATH:/sbin; command -v mkfs.ext4 && losetup -f"]).status == 0 ? ["ext4"] : [])

    @Test(
        "On a disk that is full nothing is lost, and what takes room can be removed",
        .enabled(if: Actor.available.contains(.root), "needs root: a small file system is mounted"),
        arguments: smallDisks)
    func fullDisk(kind: String) throws {
        let template = try Drydock(.root, content: false)
        let folder = template.home + "/small"
        let mount =
            kind == "tmpfs"
            ? "mount -t tmpfs -o size=24m tmpfs \(folder)"
            : "truncate -s 24M \(folder).img && mkfs.ext4 -q \(folder).img && mount -o loop \(folder).img \(folder)"
        let mounted = Bench.run(["sh", "-c", "mkdir \(folder) && \(mount)"])
        try #require(mounted.status == 0, "\(mounted.all)")
        defer { _ = Bench.run(["umount", "-l", folder]) }
        func drydock(_ words: [String]) -> Outcome {
            Bench.run(["env", "DRYDOCK_HOME=\(folder)/home", "DRYDOCK_UPSTREAM=none", Bench.binary] + words)
        }
        func docker(_ words: String...) -> Outcome { drydock(["docker"] + words) }
        func check() -> Outcome { drydock(["system", "check", "--contents"]) }
        let filled = Bench.run([
            "sh", "-c",
            "cd \(template.home) && mkdir bin && cp $(command -v busybox) bin/busybox && ln -s busybox bin/sh && "
                + "ln -s busybox bin/cat && tar -cf small.tar bin && head -c 40000000 /dev/urandom > large && "
                + "tar -cf large.tar large",
        ])
        try #require(filled.status == 0, "\(filled.all)")
        #expect(docker("import", template.home + "/small.tar", "small").status == 0)
        let tooLarge = docker("import", template.home + "/large.tar", "large")
        #expect(tooLarge.status == 1 && tooLarge.all.contains("no space left on device"), "\(tooLarge.all)")
        #expect(check().status == 0)
        let run = docker(
            "run", "--name", "filler", "--network", "none", "small", "/bin/sh", "-c",
            "/bin/cat /dev/zero > /f; exit 7")
        #expect(run.status == 7, "\(run.all)")
        #expect(docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "filler").output == "exited 7\n")
        #expect(docker("ps", "-a", "--format", "{{.Status}}").output.hasPrefix("Exited (7)"))
        let commit = docker("commit", "filler", "more")
        #expect(commit.status == 1 && commit.all.contains("no space left on device"), "\(commit.all)")
        #expect(docker("images", "-q").output.split(separator: "\n").count == 1)
        let removed = docker("rm", "filler")
        #expect(removed.output == "filler\n" && removed.status == 0, "\(removed.all)")
        #expect(check().status == 0)
        let again = docker("run", "--rm", "--network", "none", "small", "/bin/cat", "/bin/sh")
        #expect(again.status == 0, "\(again.errors)")
    }

    @Test("Eight at once that pull, run, commit and remove the same images end with a store that is whole")
    func together() async throws {
        let drydock = try Drydock(.root)
        #expect(drydock.docker("pull", "-q", "busybox").status == 0)
        let failures = await withTaskGroup(of: [String].self) { group in
            for worker in 0..<8 {
                group.addTask {
                    await withCheckedContinuation { continuation in
                        Thread.detachNewThread { continuation.resume(returning: work(drydock, worker)) }
                    }
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(failures == [])
        let check = drydock.drydock(["system", "check", "--contents", "--json"])
        #expect(check.status == 0, "\(check.all)")
        let clean = drydock.drydock(["system", "check", "--contents", "--dry-run"])
        #expect(clean.status == 0, "\(clean.all)")
        #expect(drydock.docker("images", "-q", "busybox").output.isEmpty == false)
        #expect(drydock.docker("ps", "-aq").output == "")
    }
}

/// One of eight; the commands that must work are those that nobody else can stand in the way of.
private func work(_ drydock: Drydock, _ worker: Int) -> [String] {
    var failures: [String] = []
    func must(_ arguments: String...) {
        let outcome = drydock.docker(arguments)
        if outcome.status != 0 { failures.append("\(worker): \(arguments): \(outcome.all)") }
    }
    for round in 0..<2 {
        let name = "w\(worker)-\(round)"
        must("pull", "-q", worker.isMultiple(of: 2) ? "hello-world" : "alpine:3.7")
        must("run", "--name", name, "--network", "none", "busybox", "sh", "-c", "echo \(worker % 3) > /file")
        must("commit", name, "made:\(name)")
        must("rm", name)
        must("rmi", "made:\(name)")
        // Another may be pulling or removing it just now.
        drydock.docker("rmi", "-f", worker.isMultiple(of: 2) ? "hello-world" : "alpine:3.7")
    }
    return failures
}

import Foundation
import Glibc
import Testing

/// The same promises for every storage driver.
@Suite("With each storage driver", .serialized)
struct StorageDriverTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var driver: String
        var actor: Actor
        var testDescription: String { "\(driver), \(actor.rawValue)" }
    }

    /// FUSE needs its device: where an actor may not open it, that actor has no case.
    static let cases: [Case] = Actor.available.flatMap { (actor: Actor) -> [Case] in
        let probe = Bench.run(Bench.prefix(actor) + ["sh", "-c", "test -w /dev/fuse && command -v fuse-overlayfs"])
        let drivers = ["overlay2", "vfs"] + (probe.status == 0 ? ["fuse-overlayfs"] : [])
        return drivers.map { Case(driver: $0, actor: actor) }
    }

    @Test("a container changes files, shows it in diff, and commits it; what was deleted stays so", arguments: cases)
    func changes(case: Case) throws {
        let drydock = try Drydock(`case`.actor)
        func docker(_ arguments: String...) -> Outcome {
            let words = drydock.command(["docker"] + arguments)
            let place = words.firstIndex { $0.hasPrefix("DRYDOCK_HOME=") } ?? 0
            return Bench.run(
                Array(words[..<place]) + ["DRYDOCK_STORAGE_DRIVER=\(`case`.driver)"] + Array(words[place...]))
        }
        #expect(docker("pull", "-q", "busybox").status == 0)
        let script = """
            echo new > /new; rm /etc/passwd; mkdir /dir; echo x > /dir/file; ln /dir/file /dir/link; ln -s to /symbolic
            mkdir /again; rmdir /again; mkfifo /pipe; chmod 700 /bin; chown 12:34 /dir/file
            """
        let run = docker("run", "--name", "one", "--network", "none", "busybox", "sh", "-c", script)
        #expect(run.status == 0, "\(run.all)")
        let expected = [
            "A /dir", "A /dir/file", "A /dir/link", "A /new", "A /pipe", "A /symbolic", "C /bin", "C /etc",
            "D /etc/passwd",
        ]
        #expect(docker("diff", "one").output.split(separator: "\n").map(String.init).sorted() == expected)
        #expect(docker("commit", "one", "made").status == 0)
        let seen = docker(
            "run", "--rm", "--network", "none", "made", "sh", "-c",
            "cat /new /dir/link; ls /etc/passwd; stat -c '%u:%g %h' /dir/file; readlink /symbolic; test -p /pipe && echo pipe"
        )
        #expect(seen.output == "new\nx\n12:34 2\nto\npipe\n", "\(seen.all)")
        // A container starts again with what it had.
        let again = docker("start", "-a", "one")
        #expect(again.all.contains("File exists"), "\(again.all)")
        #expect(
            docker("inspect", "-f", "{{.Driver}} {{.GraphDriver.Name}}", "one").output
                == "\(`case`.driver) \(`case`.driver)\n")
        #expect(docker("info", "-f", "{{.Driver}}").output == "\(`case`.driver)\n")
        #expect(docker("rm", "one").status == 0)
        #expect(drydock.drydock(["system", "check", "--contents", "--dry-run"]).status == 0)
        let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
        #expect(!mounts.contains(drydock.home), "something is still mounted")
    }

    @Test("a name that is none is refused with the names that there are")
    func unknown() throws {
        let drydock = try Drydock(Actor.available[0], content: false)
        let words = drydock.command(["docker", "info"])
        let place = words.firstIndex { $0.hasPrefix("DRYDOCK_HOME=") } ?? 0
        let outcome = Bench.run(Array(words[..<place]) + ["DRYDOCK_STORAGE_DRIVER=zfs"] + Array(words[place...]))
        #expect(outcome.status != 0)
        #expect(outcome.all.contains("overlay2, fuse-overlayfs, vfs"), "\(outcome.all)")
    }
}

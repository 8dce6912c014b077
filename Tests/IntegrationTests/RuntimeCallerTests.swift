import Foundation
import Glibc
import Testing

/// What runc's and crun's callers rely on beyond the specification.
@Suite("What callers of an OCI runtime rely on", .serialized)
struct RuntimeCallerTests {
    private static let isRoot = getuid() == 0

    /// A container that waits, with a cgroup of its own.
    private func waiting(_ bundle: RuntimeBundle, _ change: (inout [String: Any]) -> Void = { _ in }) throws {
        try bundle.write(arguments: ["sleep", "600"], change)
        let made = bundle.runtime("run", "-d", "-b", bundle.path, "one")
        try #require(made.status == 0, "\(made.all)")
    }

    /// Where the cgroup of that path is, in the tree of a controller or in the only one.
    private func cgroup(_ controller: String, _ name: String) -> String {
        let tree = "/sys/fs/cgroup/\(controller)"
        let isSeparate = FileManager.default.fileExists(atPath: tree + "/cgroup.procs")
        return (isSeparate ? tree : "/sys/fs/cgroup") + "/\(name)"
    }

    @Test("A terminal in the foreground is passed on, with the size that was asked for", arguments: Actor.available)
    func terminal(actor: Actor) throws {
        let bundle = try RuntimeBundle(actor)
        try bundle.write(arguments: ["sh", "-c", "tty; stty size; read line; echo got $line; exit 3"]) {
            $0.set("process.terminal", true)
            $0.set("process.consoleSize", ["height": 10, "width": 110])
        }
        let seen = bundle.runtime("run", "-b", bundle.path, "one", input: "moon\n")
        #expect(seen.status == 3 && seen.output.hasSuffix("got moon\r\n"), "\(seen.all)")
        #expect(seen.output.contains("/dev/pts/0\r\n") && seen.output.contains("10 110\r\n"), "\(seen.all)")
        try bundle.write(arguments: ["true"]) { $0.set("process.terminal", true) }
        let detached = bundle.runtime("run", "-d", "-b", bundle.path, "one")
        #expect(detached.status == 1 && detached.errors.contains("cannot allocate tty"), "\(detached.all)")
        let pointless = bundle.runtime("run", "--console-socket", "/moon", "-b", bundle.path, "one")
        #expect(
            pointless.status == 1 && pointless.errors.contains("cannot use console socket"), "\(pointless.all)")
    }

    @Test("Commands and flags that do not exist are refused, and each command has its help")
    func words() throws {
        let it = try Drydock(.root, content: false)
        func runtime(_ words: String...) -> Outcome { it.drydock(["runtime"] + words) }
        let unknown = runtime("moon", "-h")
        #expect(unknown.status == 3 && unknown.errors.contains("No help topic for 'moon'"), "\(unknown.all)")
        #expect(runtime("state").errors.contains("\"state\" requires exactly 1 argument(s)"))
        let flag = runtime("state", "--moon", "one")
        #expect(flag.status == 1 && flag.errors.contains("flag provided but not defined: -moon"), "\(flag.all)")
        #expect(runtime("--log-format", "moon", "list").errors.contains("invalid log-format"))
        for command in ["create", "start", "run", "state", "kill", "delete", "exec", "ps", "events", "update", "spec"] {
            let help = runtime(command, "--help")
            #expect(help.status == 0 && help.output.contains("drydock runtime \(command) - "), "\(help.all)")
        }
    }

    @Test("What a container uses is printed, and its limits are changed in any order", .enabled(if: isRoot, "cgroups"))
    func limits() throws {
        let bundle = try RuntimeBundle(.root)
        try waiting(bundle) {
            $0.set("linux.resources", ["memory": ["limit": 33_554_432, "swap": 33_554_432], "pids": ["limit": 20]])
        }
        defer { _ = bundle.runtime("delete", "-f", "one") }
        let printed = bundle.runtime("events", "--stats", "one")
        #expect(printed.output.hasPrefix("{\"type\":\"stats\",\"id\":\"one\",\"data\":{\"cpu\""), "\(printed.all)")
        let event = try #require(
            try JSONSerialization.jsonObject(with: Data(printed.output.utf8)) as? [String: Any], "\(printed.all)")
        let data = try #require(event["data"] as? [String: Any])
        #expect((data["pids"] as? [String: Int])?["limit"] == 20, "\(data)")
        let memory = (data["memory"] as? [String: Any])?["usage"] as? [String: Any]
        #expect(memory?["limit"] as? Int == 33_554_432 && (memory?["usage"] as? Int ?? 0) > 0, "\(data)")
        #expect(bundle.runtime("events", "--interval", "0s", "one").status == 1)

        let directory = cgroup("memory", "one")
        func value() -> String {
            let file = ["/memory.limit_in_bytes", "/memory.max"].map { directory + $0 }.first {
                FileManager.default.fileExists(atPath: $0)
            }
            return ((try? String(contentsOfFile: file ?? "", encoding: .utf8)) ?? "").filter { !$0.isWhitespace }
        }
        // Above what memory and swap together may be: that goes first.
        let larger = bundle.runtime("update", "--memory", "50m", "--memory-swap", "64M", "one")
        #expect(larger.status == 0 && value() == "52428800", "\(larger.all) \(value())")
        let none = bundle.runtime("update", "one", "--memory", "-1")
        #expect(none.status == 0 && (value() == "max" || value().count > 18), "\(none.all) \(value())")
        let wrong = bundle.runtime("update", "--memory", "50x", "one")
        #expect(wrong.status == 1 && wrong.errors.contains("invalid value for memory: 50x"), "\(wrong.all)")
    }

    @Test(
        "A cgroup that is frozen already is refused, and one with processes is told of", .enabled(if: isRoot, "cgroups")
    )
    func occupied() throws {
        let bundle = try RuntimeBundle(.root)
        let name = "drydock-frozen-\(getpid())"
        let place = cgroup("freezer", name)
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
        defer { rmdir(place) }
        let separate = FileManager.default.fileExists(atPath: place + "/freezer.state")
        let file = place + (separate ? "/freezer.state" : "/cgroup.freeze")
        try (separate ? "FROZEN" : "1").write(toFile: file, atomically: false, encoding: .utf8)
        let frozen = try bundle.run("echo ran") { $0.set("linux.cgroupsPath", "/\(name)") }
        #expect(
            frozen.status == 1 && frozen.errors.contains("container's cgroup unexpectedly frozen"), "\(frozen.all)")
        try (separate ? "THAWED" : "0").write(toFile: file, atomically: false, encoding: .utf8)

        try waiting(bundle) { $0.set("linux.cgroupsPath", "/\(name)") }
        let second = bundle.runtime("run", "-d", "-b", bundle.path, "two")
        #expect(second.status == 0 && second.errors.contains("container's cgroup is not empty: 1"), "\(second.all)")
        for id in ["two", "one"] { #expect(bundle.runtime("delete", "-f", id).status == 0) }
    }

    @Test("A program joins a cgroup below the container's, and all below goes with it", .enabled(if: isRoot, "cgroups"))
    func below() throws {
        let bundle = try RuntimeBundle(.root)
        try waiting(bundle) { $0.set("linux.cgroupsPath", "/drydock-below-\(getpid())") }
        let place = cgroup("pids", "drydock-below-\(getpid())")
        #expect(mkdir(place + "/inner", 0o755) == 0)
        let controller = place.hasPrefix("/sys/fs/cgroup/pids") ? "pids:" : ""
        let inner = bundle.runtime("exec", "-d", "--cgroup", controller + "inner", "one", "sleep", "600")
        #expect(inner.status == 0, "\(inner.all)")
        let members = try String(contentsOfFile: place + "/inner/cgroup.procs", encoding: .utf8)
        #expect(members.split(separator: "\n").count == 1, "\(members)")
        #expect(bundle.runtime("exec", "--cgroup", "..", "one", "true").errors.contains("is not a sub cgroup path"))
        let missing = bundle.runtime("exec", "--cgroup", controller + "moon", "one", "true")
        #expect(
            missing.status == 255 && missing.errors.contains("adding pid") && missing.errors.contains("no such file"),
            "\(missing.all)")
        #expect(bundle.runtime("delete", "-f", "one").status == 0)
        #expect(!FileManager.default.fileExists(atPath: place))
    }

    @Test("Hooks begin in the container's root, inherit the environment, and are held by the filter")
    func hooks() throws {
        let bundle = try RuntimeBundle(.root)
        let shell = bundle.path + "/rootfs/bin/sh"
        let ran = try bundle.run("cat /place /path") {
            $0.set(
                "hooks",
                [
                    "createContainer": [["path": shell, "args": ["sh", "-c", "/bin/pwd > ./place"]]],
                    "prestart": [
                        [
                            "path": "/bin/sh",
                            "args": ["sh", "-c", "test -n \"$PATH\" && echo $PATH > \(bundle.path)/rootfs/path"],
                        ]
                    ],
                ])
        }
        #expect(ran.status == 0 && ran.output.hasPrefix("\(bundle.path)/rootfs\n/"), "\(ran.all)")
        let held = try bundle.run("echo ran") {
            $0.set("hooks", ["startContainer": [["path": "/bin/sh", "args": ["sh", "-c", "mkdir /tmp/below"]]]])
            $0.set(
                "linux.seccomp",
                [
                    "defaultAction": "SCMP_ACT_ALLOW",
                    "syscalls": [["names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL_PROCESS"]],
                ] as [String: Any])
        }
        #expect(held.status == 1 && held.errors.contains("error running hook /bin/sh"), "\(held.all)")
        #expect(!held.output.contains("ran"))
    }

    @Test(
        "A read-only /dev has its nodes, and of two values of a variable the last one holds", arguments: Actor.available
    )
    func small(actor: Actor) throws {
        let bundle = try RuntimeBundle(actor)
        let seen = try bundle.run("grep ' /dev tmpfs ' /proc/mounts | cut -c1-22; ls /dev/null; echo $WORD") {
            let mounts = $0["mounts"] as? [[String: Any]] ?? []
            $0["mounts"] = mounts.map { mount in
                var mount = mount
                if mount["destination"] as? String == "/dev" { mount["options"] = ["nosuid", "mode=755", "ro"] }
                return mount
            }
            $0.set("process.env", ["PATH=/bin", "WORD=one", "WORD=two"])
        }
        #expect(seen.status == 0 && seen.output == "tmpfs /dev tmpfs ro,no\n/dev/null\ntwo\n", "\(seen.all)")
    }

    @Test(
        "A container with a user namespace of its own joins a network that was there before",
        .enabled(if: isRoot, "root"))
    func joinsFirst() throws {
        let bundle = try RuntimeBundle(.root)
        let seen = try bundle.run("readlink /proc/self/ns/net; cat /proc/self/uid_map; echo $$") {
            let kinds: [[String: String]] = [
                ["type": "user"], ["type": "mount"], ["type": "pid"], ["type": "ipc"], ["type": "uts"],
                ["type": "network", "path": "/proc/self/ns/net"],
            ]
            $0.set("linux.namespaces", kinds)
            let map = [["containerID": 0, "hostID": 0, "size": 65536]]
            $0.set("linux.uidMappings", map)
            $0.set("linux.gidMappings", map)
            // A network of somebody else's cannot be shown in /sys.
            $0["mounts"] = ($0["mounts"] as? [[String: Any]] ?? []).filter { mount in
                !((mount["destination"] as? String)?.hasPrefix("/sys") ?? false)
            }
        }
        let own = Bench.run(["readlink", "/proc/self/ns/net"]).output
        let words = seen.output.split { $0.isWhitespace }.map(String.init)
        #expect(seen.status == 0 && seen.output.hasPrefix(own), "\(seen.all)")
        #expect(words.dropFirst() == ["0", "0", "65536", "1"], "\(seen.all)")
    }
}

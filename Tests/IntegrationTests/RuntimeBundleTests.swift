import Foundation
import Glibc
import Testing

@Suite("Bundles of the OCI runtime specification", .serialized)
struct RuntimeBundleTests {
    /// A bundle of a container that was only created.
    private func bundle(_ it: Drydock, _ options: [String], _ program: [String]) throws -> String {
        let name = "b\(UInt32.random(in: 0 ... .max))"
        let made = it.docker(["create", "--name", name, "--network", "none"] + options + ["alpine:3.5"] + program)
        try #require(made.status == 0, "\(made.all)")
        let path = it.home + "/" + name
        let written = it.drydock(["bundle", "-o", path, name])
        try #require(written.status == 0, "\(written.all)")
        return path
    }

    private func runtime(_ it: Drydock, _ words: String...) -> Outcome {
        it.drydock(["runtime", "--root", it.home + "/state"] + words)
    }

    @Test(
        "A container's bundle runs here and by runc, with the same rights and the same view",
        .enabled(if: getuid() == 0, "runc needs root"))
    func both() throws {
        let it = try Drydock.withAlpine(.root)
        let script =
            "id -u; grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status; hostname; ulimit -n; cat /proc/sys/net/ipv4/ip_forward; ls /dev; exit 6"
        let path = try bundle(
            it, ["-h", "box", "--cap-drop", "CHOWN", "--ulimit", "nofile=77", "--sysctl", "net.ipv4.ip_forward=1"],
            ["sh", "-c", script])
        let ours = runtime(it, "run", "-b", path, "ours")
        #expect(ours.status == 6, "\(ours.all)")
        #expect(
            ours.output.contains("CapEff:\t00000000a80425fa") && ours.output.contains("box\n77\n1\n"), "\(ours.all)")
        guard
            FileManager.default.isExecutableFile(atPath: "/usr/sbin/runc")
                || FileManager.default.isExecutableFile(atPath: "/usr/bin/runc")
        else { return }
        let theirs = Bench.run(["runc", "--root", it.home + "/runc", "run", "-b", path, "theirs"])
        #expect(theirs.status == 6, "\(theirs.all)")
        #expect(theirs.output == ours.output)
    }

    @Test(
        "Whatever a container was asked for, its bundle keeps to the specification's schema", arguments: Actor.available
    )
    func schema(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let folder = it.home + "/configurations"
        try #require(Bench.run(Bench.prefix(actor) + ["mkdir", folder]).status == 0)
        for (index, options) in Self.everything.enumerated() {
            let made = it.docker(["create", "--name", "c\(index)"] + options + ["alpine:3.5", "true"])
            try #require(made.status == 0, "\(options): \(made.all)")
            let config = it.drydock(["bundle", "c\(index)"])
            try #require(config.status == 0, "\(options): \(config.all)")
            try config.output.write(toFile: "\(folder).\(index)", atomically: true, encoding: .utf8)
        }
        defer { for index in Self.everything.indices { unlink("\(folder).\(index)") } }
        let checked = Bench.run(
            ["python3", "-c", Self.validator] + Self.everything.indices.map { "\(folder).\($0)" })
        #expect(checked.status == 0 && checked.output == "\(Self.everything.count) checked\n", "\(checked.all)")
        let limits = try String(contentsOfFile: "\(folder).0", encoding: .utf8)
        #expect(limits.contains("18446744073709551615") && limits.contains("\"who\": \"me\""), "\(limits)")
    }

    private static let everything: [[String]] = [
        ["--ulimit", "core=-1", "--ulimit", "nofile=100:200", "--annotation", "who=me", "--network", "none"],
        ["--privileged"], ["-it", "--init", "--stop-signal", "INT"],
        ["--read-only", "--tmpfs", "/t:size=1m,exec", "--shm-size", "1m", "-w", "/made", "-e", "A=B"],
        ["--cap-drop", "ALL", "--cap-add", "NET_ADMIN", "-u", "1000:1000", "--group-add", "10"],
        ["--security-opt", "no-new-privileges", "--security-opt", "seccomp=unconfined"],
        [
            "-m", "64m", "--memory-swap", "128m", "--memory-reservation", "32m", "--cpu-shares", "512", "--pids-limit",
            "50",
        ],
        ["--cpuset-cpus", "0", "--cpu-quota", "50000", "--cpu-period", "100000", "--blkio-weight", "100"],
        ["-m", "10m", "--oom-kill-disable", "--memory-swappiness", "5", "--oom-score-adj", "100"],
        ["--sysctl", "net.ipv4.ip_forward=1", "-h", "box", "--domainname", "domain", "--add-host", "a:1.2.3.4"],
        ["--device", "/dev/null:/dev/other:rw", "--device-cgroup-rule", "c 1:* rwm", "--cgroup-parent", "/mine"],
        [
            "-v", "/tmp:/there:ro", "-v", "named:/named", "--mount",
            "type=bind,src=/tmp,dst=/m,bind-propagation=rprivate",
        ],
        ["--pid", "host", "--ipc", "host", "--uts", "host", "--network", "host", "--cgroupns", "host"],
        ["--ipc", "none", "--security-opt", "systempaths=unconfined", "--userns", "host"],
    ]

    /// The schema that comes with the specification; a property that it does not name is an error, too.
    private static let validator = """
        import json, os, sys, warnings
        warnings.simplefilter("ignore")
        from jsonschema import Draft4Validator, RefResolver
        base = "/usr/share/gocode/src/github.com/opencontainers/runtime-spec/schema/"
        schema = json.load(open(base + "config-schema.json"))
        validator = Draft4Validator(schema, resolver=RefResolver("file://" + base + "config-schema.json", schema))
        linux = json.load(open(base + "config-linux.json"))["linux"]["properties"]
        for name in sys.argv[1:]:
            document = json.load(open(name))
            for error in validator.iter_errors(document):
                print(name, "/".join(map(str, error.absolute_path)), error.message)
            for where, names in ((document, schema["properties"]), (document["linux"], linux),
                                 (document["process"], schema["properties"]["process"]["properties"])):
                for key in where:
                    if key not in names: print(name, "unknown property", key)
        print(len(sys.argv) - 1, "checked")
        """

    @Test("The life of a container, command by command", arguments: Actor.available)
    func life(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let path = try bundle(
            it, [], ["sh", "-c", "trap 'exit 0' TERM; echo started > /started; while :; do sleep 0.1; done"])
        if actor == .user { return try rootless(it, path) }
        #expect(runtime(it, "create", "-b", path, "--pid-file", path + "/pid", "one").status == 0)
        func status() -> String { runtime(it, "state", "one").output }
        #expect(status().contains("\"status\": \"created\""))
        #expect(
            try String(contentsOfFile: path + "/pid", encoding: .utf8)
                == status().split(separator: "\n").first { $0.contains("\"pid\"") }?.filter(\.isNumber))
        #expect(!FileManager.default.fileExists(atPath: path + "/rootfs/started"))
        #expect(runtime(it, "create", "-b", path, "one").errors.contains("container with given ID already exists: one"))
        #expect(runtime(it, "start", "one").status == 0)
        #expect(status().contains("\"status\": \"running\""))
        #expect(runtime(it, "start", "one").status != 0)
        let exec = runtime(it, "exec", "one", "sh", "-c", "echo inside; exit 5")
        #expect(exec.status == 5 && exec.output == "inside\n", "\(exec.all)")
        #expect(runtime(it, "exec", "one", "nosuch").status != 0)
        let listed = runtime(it, "ps", "-f", "json", "one").output
        #expect(listed.hasPrefix("[") && listed.contains(","), "\(listed)")
        #expect(runtime(it, "pause", "one").status == 0)
        #expect(status().contains("\"status\": \"paused\""))
        #expect(runtime(it, "resume", "one").status == 0)
        #expect(runtime(it, "update", "--pids-limit", "50", "one").status == 0)
        #expect(
            runtime(it, "delete", "one").errors.contains("cannot delete container one that is not stopped: running"))
        #expect(runtime(it, "kill", "one", "0").status == 0)
        #expect(runtime(it, "exec", "one", "nosuch").status == 255)
        // A frozen container is ended, too.
        #expect(runtime(it, "pause", "one").status == 0)
        #expect(runtime(it, "exec", "one", "true").errors.contains("--ignore-paused"))
        #expect(runtime(it, "kill", "one", "KILL").status == 0)
        let deadline = Date(timeIntervalSinceNow: 60)
        while !status().contains("stopped"), Date() < deadline { usleep(10_000) }
        #expect(runtime(it, "kill", "one").errors.contains("container not running"))
        #expect(runtime(it, "list", "-q").output == "one\n")
        #expect(runtime(it, "delete", "one").status == 0)
        #expect(runtime(it, "state", "one").errors.contains("container \"one\" does not exist"))
        #expect(runtime(it, "delete", "--force", "one").status == 0)
    }

    /// Without root, inside the user namespace that a caller such as podman has made.
    private func rootless(_ it: Drydock, _ path: String) throws {
        let text = try String(contentsOfFile: path + "/config.json", encoding: .utf8)
        #expect(text.contains("\"uidMappings\"") && text.contains("\"user\""))
    }

    @Test(
        "Hooks run at their moments, and one that fails keeps the container from starting",
        .enabled(if: getuid() == 0, "the bundle is root's"))
    func hooks() throws {
        let it = try Drydock.withAlpine(.root)
        let path = try bundle(it, [], ["sh", "-c", "cat /inside >> /order"])
        var config = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path + "/config.json")))
                as? [String: Any])
        func hook(_ script: String) -> [[String: Any]] {
            [["path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin"]]]
        }
        let log = path + "/log"
        config["hooks"] = [
            "createRuntime": hook("grep -o '\"status\":\"[a-z]*\"' >> \(log); echo createRuntime >> \(log)"),
            "createContainer": hook("echo createContainer >> \(log)"), "startContainer": hook("cat > /inside"),
            "poststart": hook("echo poststart >> \(log)"), "poststop": hook("echo poststop >> \(log)"),
        ]
        try JSONSerialization.data(withJSONObject: config).write(to: URL(filePath: path + "/config.json"))
        let run = runtime(it, "run", "-b", path, "hooked")
        #expect(run.status == 0, "\(run.all)")
        #expect(
            try String(contentsOfFile: log, encoding: .utf8)
                == "\"status\":\"created\"\ncreateRuntime\ncreateContainer\npoststart\npoststop\n")
        #expect(try String(contentsOfFile: path + "/rootfs/order", encoding: .utf8).contains("\"id\":\"hooked\""))
        // Once the program runs, and when it has ended, a hook that fails is told and the next one comes.
        config["hooks"] = [
            "poststart": hook("echo late; exit 4") + hook("echo second >> \(log)"), "poststop": hook("exit 5"),
        ]
        try JSONSerialization.data(withJSONObject: config).write(to: URL(filePath: path + "/config.json"))
        let warned = runtime(it, "--log", path + "/warnings", "run", "-b", path, "warned")
        #expect(warned.status == 0, "\(warned.all)")
        let warnings = try String(contentsOfFile: path + "/warnings", encoding: .utf8)
        #expect(
            warnings.contains("level=warning msg=\"poststart hook /bin/sh: exit status 4, stdout/stderr: late")
                && warnings.contains("poststop hook /bin/sh: exit status 5"), "\(warnings)")
        #expect(try String(contentsOfFile: log, encoding: .utf8).hasSuffix("second\n"))
        config["hooks"] = ["createRuntime": hook("echo no; exit 3")]
        try JSONSerialization.data(withJSONObject: config).write(to: URL(filePath: path + "/config.json"))
        let refused = runtime(it, "run", "-b", path, "refused")
        #expect(
            refused.status != 0
                && refused.errors.contains("error running hook /bin/sh: exit status 3, stdout/stderr: no"),
            "\(refused.all)")
        #expect(runtime(it, "list", "-q").output.isEmpty)
    }

    @Test(
        "podman runs containers with it",
        .enabled(
            if: getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/podman"),
            "podman and root are needed"))
    func podman() throws {
        let it = try Drydock.withAlpine(.root)
        let link = it.home + "/drydock-runtime"
        try "#!/bin/sh\nexec '\(Bench.binary(.root))' runtime \"$@\"\n".write(
            toFile: link, atomically: true, encoding: .utf8)
        chmod(link, 0o755)
        let store = [
            "podman", "--root", it.home + "/podman", "--runroot", it.home + "/podman-run", "--tmpdir",
            it.home + "/podman-tmp",
            "--cgroup-manager", "cgroupfs", "--storage-driver", "vfs", "--runtime", link,
        ]
        func podman(_ words: String...) -> Outcome { Bench.run(store + words) }
        #expect(it.docker("create", "--name", "source", "alpine:3.5", "true").status == 0)
        let loaded = Bench.run([
            "sh", "-c",
            it.command(["docker", "export", "source"]).joined(separator: " ") + " | " + store.joined(separator: " ")
                + " import - base",
        ])
        try #require(loaded.status == 0, "\(loaded.all)")
        let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000", "--network", "none"]
        let run = Bench.run(store + ["run", "--rm"] + limits + ["base", "sh", "-c", "echo inside; exit 4"])
        #expect(run.status == 4 && run.output == "inside\n", "\(run.all)")
        let terminal = Bench.run(store + ["run", "--rm", "-t"] + limits + ["base", "tty"])
        #expect(terminal.output.hasPrefix("/dev/pts/"), "\(terminal.all)")
        #expect(Bench.run(store + ["run", "-d", "--name", "long"] + limits + ["base", "sleep", "600"]).status == 0)
        #expect(podman("exec", "long", "sh", "-c", "exit 3").status == 3)
        #expect(podman("rm", "-f", "-t", "0", "long").status == 0)
        #expect(Bench.run(store + ["run", "--rm"] + limits + ["base", "nosuch"]).status == 127)
        _ = podman("rmi", "-f", "base")
    }

    @Test("A template to begin with, and what the runtime can do", arguments: Actor.available)
    func documents(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let folder = it.home + "/spec"
        try #require(Bench.run(Bench.prefix(actor) + ["mkdir", folder]).status == 0)
        #expect(runtime(it, "spec", "-b", folder).status == 0)
        #expect(runtime(it, "spec", "-b", folder).errors.contains("File config.json exists. Remove it first"))
        let help = runtime(it, "--help")
        #expect(help.status == 0 && help.output.contains("--root DIR") && help.output.contains("create"))
        #expect(runtime(it, "moon").status == 3)
        #expect(runtime(it, "features").output.contains("\"ociVersionMax\": \"1.2.0\""))
        let plan = it.drydock(["runtime", "plan", "-b", folder, "x"])
        #expect(plan.output.contains("pivot_root") && plan.output.hasSuffix("exec sh\n"), "\(plan.all)")
    }

    @Test("A wrong configuration is named, and nothing is left of it", arguments: Actor.available)
    func wrong(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let folder = it.home + "/wrong"
        try #require(Bench.run(Bench.prefix(actor) + ["mkdir", "-p", folder + "/rootfs"]).status == 0)
        func attempt(_ config: String) -> Outcome {
            _ = Bench.run(Bench.prefix(actor) + ["sh", "-c", "cat > \(folder)/config.json"], input: config)
            return runtime(it, "create", "-b", folder, "wrong")
        }
        for (config, message) in [
            ("{", "config.json"), ("{}", "unsupported ociVersion"),
            (#"{"ociVersion":"1.0.2","root":{"path":"rootfs"}}"#, "process is missing"),
            (
                #"{"ociVersion":"1.0.2","root":{"path":"none"},"process":{"cwd":"/","args":["x"]}}"#,
                "no such file or directory"
            ),
            (
                #"{"ociVersion":"1.0.2","root":{"path":"rootfs"},"process":{"cwd":"x","args":["x"]}}"#,
                "must be an absolute path"
            ),
            (
                #"{"ociVersion":"1.0.2","root":{"path":"rootfs"},"process":{"cwd":"/","args":["x"]},"linux":{"namespaces":[{"type":"moon"}]}}"#,
                "unknown namespace"
            ),
        ] {
            let out = attempt(config)
            #expect(
                out.status != 0 && (out.errors.contains(message) || message == "config.json"), "\(config): \(out.all)")
        }
        #expect(runtime(it, "list", "-q").output.isEmpty)
    }
}

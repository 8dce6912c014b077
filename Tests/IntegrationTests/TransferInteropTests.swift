import Foundation
import Glibc
import Linux
import Testing

/// Pulls and pushes of the whole program, against Debian's docker-registry and other clients.
@Suite(
    .enabled(
        if: ["docker-registry", "skopeo", "python3"].allSatisfy { ChildProcess.find($0) != nil },
        "docker-registry, skopeo or python3 is not installed (.ci/packages test)"))
struct TransferInteropTests {
    /// A registry behind a line that can be made slow.
    private final class Rig {
        let folder: String
        let port: Int
        private var processes: [Process] = []

        init() throws {
            folder = "/tmp/drydock-interop-\(UUID().uuidString.prefix(8).lowercased())"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let back = Int.random(in: 10_000..<14_000)
            port = back + 5000
            let config = """
                version: 0.1
                log: {accesslog: {disabled: true}, level: error}
                storage: {filesystem: {rootdirectory: \(folder)/data}}
                http: {addr: "127.0.0.1:\(back)", secret: tests, relativeurls: true}
                """
            try config.write(toFile: folder + "/config.yml", atomically: true, encoding: .utf8)
            try Self.line.write(toFile: folder + "/line.py", atomically: true, encoding: .utf8)
            try start(["docker-registry", "serve", folder + "/config.yml"], port: back)
            try start(["python3", folder + "/line.py", "\(port)", "\(back)", folder + "/slow"], port: port)
        }

        deinit {
            for process in processes {
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
            }
            try? FileManager.default.removeItem(atPath: folder)
        }

        /// Passes bytes on; while a file exists, a little at a time.
        private static let line = """
            import os, socket, sys, threading, time
            listen, target, slow = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
            def pump(source, sink, throttled):
                try:
                    while data := source.recv(16384):
                        sink.sendall(data)
                        if throttled and os.path.exists(slow):
                            time.sleep(0.02)
                except OSError:
                    pass
                for end in (source, sink):
                    try:
                        end.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
            server = socket.create_server(("127.0.0.1", listen), backlog=64)
            while True:
                client, _ = server.accept()
                other = socket.create_connection(("127.0.0.1", target))
                threading.Thread(target=pump, args=(client, other, False), daemon=True).start()
                threading.Thread(target=pump, args=(other, client, True), daemon=True).start()
            """

        private func start(_ command: [String], port: Int) throws {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = command
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            processes.append(process)
            let deadline = Date(timeIntervalSinceNow: 60)
            while Bench.run(["python3", "-c", "import socket; socket.create_connection(('127.0.0.1', \(port)))"]).status
                != 0
            {
                try #require(process.isRunning && Date() < deadline, "\(command[0]) does not start")
            }
        }

        func name(_ text: String) -> String { "127.0.0.1:\(port)/\(text)" }

        /// Imports an image of one big file and a small one.
        func image(_ it: Drydock, _ name: String, megabytes: Int) throws {
            let made = Bench.run([
                "sh", "-c",
                "cd '\(folder)' && mkdir -p tree/etc && head -c \(megabytes)000000 /dev/urandom > tree/big "
                    + "&& echo hello > tree/etc/motd && tar -cf tree.tar -C tree . && chmod 644 tree.tar && chmod 755 .",
            ])
            try #require(made.status == 0, "\(made.all)")
            let imported = it.docker("import", folder + "/tree.tar", name)
            try #require(imported.status == 0, "\(imported.all)")
        }
    }

    private func text(_ command: String...) throws -> String {
        let outcome = Bench.run(command)
        try #require(outcome.status == 0, "\(command.joined(separator: " ")): \(outcome.all)")
        return outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static let podman = [
        "podman", "--cgroup-manager", "cgroupfs", "--storage-driver", "vfs",
    ]

    @Test("What is pushed, others read bit for bit, and what they push is read, whatever its form")
    func others() throws {
        let rig = try Rig()
        let it = try Drydock(Actor.available[0], content: false)
        let name = rig.name("me/web:1")
        try rig.image(it, name, megabytes: 1)
        let pushed = it.docker("push", name)
        #expect(pushed.status == 0, "\(pushed.all)")
        let digest = try #require(pushed.output.firstMatch(of: /digest: (sha256:[0-9a-f]{64})/)).1
        let id = it.docker("image", "inspect", "-f", "{{.Id}}", name).output.trimmingCharacters(
            in: .whitespacesAndNewlines)
        let raw = rig.folder + "/raw"
        _ = try text("skopeo", "copy", "-q", "--src-tls-verify=false", "docker://" + name, "dir:" + raw)
        #expect(try text("sh", "-c", "sha256sum < \(raw)/manifest.json").hasPrefix(digest.dropFirst(7)))
        for (tag, options) in [("zstd", ["-f", "oci", "--dest-compress-format", "zstd"]), ("s2", ["-f", "v2s2"])] {
            let other = rig.name("you/web:\(tag)")
            let copied = Bench.run(
                ["skopeo", "copy", "-q", "--dest-tls-verify=false"] + options + ["dir:" + raw, "docker://" + other])
            try #require(copied.status == 0, "\(copied.all)")
            let fresh = try Drydock(it.actor, content: false)
            let pulled = fresh.docker("pull", other)
            #expect(pulled.status == 0, "\(pulled.all)")
            let made = try Drydock(it.actor, content: false)
            #expect(made.docker("pull", other).status == 0)
            let again = made.docker("push", other)
            #expect(again.output.contains("Layer already exists"), "\(again.all)")
        }
        #expect(id.hasPrefix("sha256:"))
    }

    @Test(
        "podman and buildah read what is pushed and give back what they read",
        .enabled(
            if: getuid() == 0 && ChildProcess.find("podman") != nil && ChildProcess.find("buildah") != nil,
            "needs root, podman and buildah"))
    func podman() throws {
        let rig = try Rig()
        let it = try Drydock(.root, content: false)
        let name = rig.name("me/web:1")
        try rig.image(it, name, megabytes: 1)
        #expect(it.docker("push", name).status == 0)
        let id = it.docker("image", "inspect", "-f", "{{.Id}}", name).output
            .trimmingCharacters(in: .whitespacesAndNewlines).dropFirst(7)
        let root = ["--root", rig.folder + "/podman", "--runroot", rig.folder + "/podman-run"]
        let pulled = Bench.run(Self.podman + root + ["pull", "-q", "--tls-verify=false", name])
        #expect(pulled.output.trimmingCharacters(in: .whitespacesAndNewlines) == id, "\(pulled.all)")
        let back = rig.name("me/back:1")
        let pushed = Bench.run(Self.podman + root + ["push", "-q", "--tls-verify=false", name, back])
        #expect(pushed.status == 0, "\(pushed.all)")
        let fresh = try Drydock(.root, content: false)
        #expect(fresh.docker("pull", back).status == 0)
        #expect(fresh.docker("image", "inspect", "-f", "{{.Id}}", back).output.contains(id))
        let buildah = Bench.run(
            [
                "buildah", "--storage-driver", "vfs", "--root", rig.folder + "/buildah", "--runroot",
                rig.folder + "/b-run",
            ]
                + ["pull", "-q", "--tls-verify=false", name])
        #expect(buildah.output.trimmingCharacters(in: .whitespacesAndNewlines) == id, "\(buildah.all)")
    }

    @Test(
        "A disk that is full ends the pull in Docker's words, and leaves nothing",
        .enabled(if: getuid() == 0, "needs root: a file system of its own"))
    func full() throws {
        let rig = try Rig()
        let maker = try Drydock(.root, content: false)
        let name = rig.name("me/big:1")
        try rig.image(maker, name, megabytes: 20)
        #expect(maker.docker("push", name).status == 0)
        let it = try Drydock(.root, content: false)
        let store = it.home + "/store"
        try #require(Bench.run(["mkdir", "-p", store]).status == 0)
        try #require(Bench.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", store]).status == 0)
        defer { _ = Bench.run(["umount", store]) }
        let pulled = it.docker("pull", name)
        #expect(pulled.status == 1)
        #expect(pulled.errors.contains("failed to register layer: "), "\(pulled.all)")
        #expect(pulled.errors.contains("no space left on device"), "\(pulled.all)")
        #expect(it.docker("images", "-q").output == "")
        let used = Bench.run(["du", "-sk", store]).output.split(separator: "\t").first.flatMap { Int($0) }
        #expect((used ?? 9999) < 2000, "something was left: \(used ?? 0) KiB")
    }

    /// A docker archive of two layers: one of 2 MB that does not compress, and one with a hard link into it.
    private static let linkedImage = """
        import hashlib, io, json, os, sys, tarfile
        def layer(entries):
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w") as tar:
                for name, data, link in entries:
                    info = tarfile.TarInfo(name)
                    info.mode = 0o751
                    if link:
                        info.type, info.linkname = tarfile.LNKTYPE, link
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
            return out.getvalue()
        layers = [layer([("big", os.urandom(2 << 20), ""), ("tool", b"#!", "")]), layer([("linked", b"", "tool")])]
        digest = lambda data: hashlib.sha256(data).hexdigest()
        config = json.dumps({"architecture": os.environ["ARCH"], "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest(data) for data in layers]}}).encode()
        names = [digest(data) + ".tar" for data in layers]
        manifest = json.dumps([{"Config": digest(config) + ".json", "RepoTags": ["x:1"], "Layers": names}]).encode()
        with tarfile.open(sys.argv[1], "w") as tar:
            for name, data in zip([digest(config) + ".json", "manifest.json"] + names, [config, manifest] + layers):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        """

    @Test("A layer with hard links into the one below waits for it, however fast it comes", arguments: Actor.available)
    func linkedLayers(_ actor: Actor) throws {
        let rig = try Rig()
        let it = try Drydock(actor, content: false)
        let name = rig.name("me/linked:1")
        try Self.linkedImage.write(toFile: rig.folder + "/make.py", atomically: true, encoding: .utf8)
        #if arch(arm64)
            let architecture = "arm64"
        #else
            let architecture = "amd64"
        #endif
        let made = Bench.run([
            "sh", "-c",
            "cd \(rig.folder) && ARCH=\(architecture) python3 make.py x.tar && skopeo --insecure-policy copy -q "
                + "--dest-tls-verify=false docker-archive:x.tar docker://\(name)",
        ])
        try #require(made.status == 0, "\(made.all)")
        _ = FileManager.default.createFile(atPath: rig.folder + "/slow", contents: nil)
        let pulled = it.docker("pull", name)
        #expect(pulled.status == 0, "\(pulled.all)")
        #expect(it.docker("create", "--name", "cc", name, "/linked").status == 0)
        let tar = it.home + "/x.tar"
        #expect(it.docker("export", "-o", tar, "cc").status == 0)
        let listed = Bench.run(["sh", "-c", "tar -tvf \(tar) | grep -c -- '-rwxr-x--x.* \\(linked\\|tool\\)'"])
        #expect(listed.output == "2\n", "\(listed.all)")
        #expect((try? FileManager.default.contentsOfDirectory(atPath: it.home + "/store/partial")) == [])
    }

    @Test("A pull that is killed goes on where it was, and says so", arguments: Actor.available)
    func killed(_ actor: Actor) throws {
        let rig = try Rig()
        let maker = try Drydock(actor, content: false)
        let name = rig.name("me/big:1")
        try rig.image(maker, name, megabytes: 20)
        #expect(maker.docker("push", name).status == 0)
        let it = try Drydock(actor, content: false)
        _ = FileManager.default.createFile(atPath: rig.folder + "/slow", contents: nil)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = it.command(["docker", "pull", name])
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        let partial = it.home + "/store/partial"
        func here() -> Int {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: partial)) ?? []
            return names.compactMap {
                (try? FileManager.default.attributesOfItem(atPath: partial + "/" + $0))?[.size] as? Int
            }.max() ?? 0
        }
        let deadline = Date(timeIntervalSinceNow: 90)
        while here() < 500_000, process.isRunning, Date() < deadline { usleep(2000) }
        #expect(here() >= 500_000)
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(it.docker("images", "-q").output == "")
        try? FileManager.default.removeItem(atPath: rig.folder + "/slow")
        let again = it.docker("pull", name)
        #expect(again.status == 0, "\(again.all)")
        #expect(again.output.contains("Continuing an interrupted download at "), "\(again.all)")
        #expect(it.docker("run", "--rm", "--network", "none", name, "/none").status == 127)
        #expect((try? FileManager.default.contentsOfDirectory(atPath: partial)) == [])
    }
}

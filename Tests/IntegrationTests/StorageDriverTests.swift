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
        func docker(_ arguments: String...) -> Outcome { drydock.docker(arguments, driver: `case`.driver) }
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
        // Nothing of how a driver works comes out, and what it makes to mount on is no change.
        let tar = drydock.home + "/export.tar"
        #expect(docker("export", "-o", tar, "one").status == 0)
        let marks = Bench.run(["sh", "-c", "tar -tf \(tar) | grep -c -e '\\.wh\\.' -e etc/passwd"])
        #expect(marks.output == "0\n", "\(marks.all)")
        #expect(docker("run", "--name", "two", "--network", "none", "busybox", "true").status == 0)
        #expect(docker("commit", "two", "same").status == 0)
        let layers = "{{len .RootFS.Layers}}"
        #expect(docker("inspect", "-f", layers, "same").output == docker("inspect", "-f", layers, "busybox").output)
        #expect(docker("rm", "two").status == 0)
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

    /// What the scripts below write an archive of an image with, as `docker load` takes it; its path is the first argument.
    private static let imageWriter = """
        import hashlib, io, json, os, sys, tarfile
        archive = tarfile.open(sys.argv[1], "w")
        names, diffs = [], []
        def put(name, data):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        def layer(fill):
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode="w") as content:
                fill(content)
            diffs.append("sha256:" + hashlib.sha256(buffer.getvalue()).hexdigest())
            names.append("%d.tar" % len(names))
            put(names[-1], buffer.getvalue())
        def busybox(content):
            content.add("/bin/busybox", "bin/busybox")
            link = tarfile.TarInfo("bin/sh")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            content.addfile(link)
        def image(tag):
            machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
            put("config.json", json.dumps({"architecture": machine, "os": "linux", "config": {}, "rootfs": {
                "type": "layers", "diff_ids": diffs}}).encode())
            put("manifest.json", json.dumps([{"Config": "config.json", "RepoTags": [tag], "Layers": names}]).encode())
            archive.close()

        """

    /// As many layers as the second argument says: busybox, and above it a file each.
    private static let tallWriter =
        imageWriter + """
            layer(busybox)
            for number in range(1, int(sys.argv[2])):
                def file(content):
                    info = tarfile.TarInfo("files/%d" % number)
                    info.size = 1
                    content.addfile(info, io.BytesIO(b"x"))
                layer(file)
            image("tall:latest")
            """

    @Test("an image of 127 layers runs, which no page of mount options could name", arguments: Actor.available)
    func tall(actor: Actor) throws {
        let drydock = try Drydock(actor, content: false)
        let archive = drydock.home + "/tall.tar"
        let made = Bench.run(Bench.prefix(actor) + ["python3", "-c", Self.tallWriter, archive, "127"])
        try #require(made.status == 0, "\(made.all)")
        let loaded = drydock.docker("load", "-q", "-i", archive)
        try #require(loaded.status == 0, "\(loaded.all)")
        let run = drydock.docker(
            "run", "--rm", "--network", "none", "tall", "sh", "-c", "ls /files | busybox wc -l")
        #expect(run.output == "126\n", "\(run.all)")
    }

    /// Two layers: busybox and a file; then one that hides all that is below, with busybox again and a file far down.
    private static let hidingWriter =
        imageWriter + """
            def below(content):
                busybox(content)
                content.addfile(tarfile.TarInfo("old/file"))
            def above(content):
                busybox(content)
                content.addfile(tarfile.TarInfo(".wh..wh..opq"))
                path = "deep"
                for depth in range(120):
                    info = tarfile.TarInfo(path)
                    info.type, info.mode = tarfile.DIRTYPE, 0o755
                    content.addfile(info)
                    path += "/d"
                content.addfile(tarfile.TarInfo(path))
                content.addfile(tarfile.TarInfo(path[:-1] + ".wh.nothing"))
            layer(below)
            layer(above)
            image("hiding:1")
            """

    @Test("a layer whose root hides all below it does so, and directories may be 120 deep", arguments: cases)
    func hiding(case: Case) throws {
        let drydock = try Drydock(`case`.actor, content: false)
        func docker(_ arguments: String...) -> Outcome { drydock.docker(arguments, driver: `case`.driver) }
        let archive = drydock.home + "/hiding.tar"
        let made = Bench.run(Bench.prefix(`case`.actor) + ["python3", "-c", Self.hidingWriter, archive])
        try #require(made.status == 0, "\(made.all)")
        let loaded = docker("load", "-q", "-i", archive)
        try #require(loaded.status == 0, "\(loaded.all)")
        let script = """
            busybox ls -d /old; busybox find /deep | busybox wc -l; path=$(busybox find /deep -type f)
            echo x > $path; busybox mkdir -p ${path}d/e; echo ${#path}
            """
        let run = docker("run", "--name", "one", "--network", "none", "hiding:1", "sh", "-c", script)
        #expect(run.output == "121\n245\n", "\(run.all)")
        let changes = docker("diff", "one").output.split(separator: "\n")
        #expect(changes.filter { $0.hasPrefix("A ") }.count == 2, "\(changes)")
        #expect(docker("commit", "one", "made").status == 0)
        let seen = docker("run", "--rm", "--network", "none", "made", "sh", "-c", "busybox find /deep | busybox wc -l")
        #expect(seen.output == "123\n", "\(seen.all)")
        let tar = drydock.home + "/again.tar"
        #expect(docker("save", "-o", tar, "hiding:1").status == 0)
        #expect(docker("rm", "one").status == 0)
        #expect(drydock.drydock(["system", "check", "--contents", "--dry-run"]).status == 0)
        #expect(docker("rmi", "-f", "made", "hiding:1").status == 0)
        let again = docker("load", "-i", tar)
        #expect(again.status == 0, "\(again.all)")
    }

    /// Whether root may mount a file with a file system that shares blocks between files.
    static let sharesBlocks: Bool = {
        guard getuid() == 0, let known = try? String(contentsOfFile: "/proc/filesystems", encoding: .utf8) else {
            return false
        }
        let tools = Bench.run(["sh", "-c", "command -v mkfs.btrfs && command -v filefrag && test -e /dev/loop-control"])
        return known.contains("btrfs") && tools.status == 0
    }()

    @Test(
        "vfs shares the blocks of its copies where the file system can, and a change stays in the container",
        .enabled(if: sharesBlocks, "needs root, loop devices, and btrfs in the kernel and as btrfs-progs"))
    func sharedBlocks() throws {
        let place = "/tmp/drydock-tests-btrfs-\(UUID().uuidString)"
        let mounted = Bench.run([
            "sh", "-c",
            """
            mkdir \(place) && truncate -s 256M \(place).img && mkfs.btrfs -q \(place).img \
            && mount -o loop \(place).img \(place)
            """,
        ])
        defer { _ = Bench.run(["sh", "-c", "umount -l \(place); rm -rf \(place).img; rmdir \(place)"]) }
        try #require(mounted.status == 0, "\(mounted.all)")
        func docker(_ arguments: String...) -> Outcome {
            Bench.run(
                [
                    "DRYDOCK_HOME=\(place)/home", "DRYDOCK_STORAGE_DRIVER=vfs", "DRYDOCK_UPSTREAM=none", Bench.binary,
                    "docker",
                ]
                    + arguments)
        }
        let tree = Bench.run([
            "sh", "-c",
            """
            mkdir -p \(place)/tree/bin && cp /bin/busybox \(place)/tree/bin/ \
            && head -c 8M /dev/urandom > \(place)/tree/large && tar -C \(place)/tree -cf \(place)/tree.tar .
            """,
        ])
        try #require(tree.status == 0, "\(tree.all)")
        try #require(docker("import", "\(place)/tree.tar", "large").status == 0)
        let run = docker(
            "run", "--name", "one", "--network", "none", "large", "/bin/busybox", "sh", "-c",
            "echo -n changed | /bin/busybox dd of=/large conv=notrunc; /bin/busybox head -c 7 /large")
        #expect(run.output == "changed", "\(run.all)")
        let files = Bench.run(["sh", "-c", "filefrag -v \(place)/home/containers/*/upper/large"])
        #expect(files.output.contains("shared"), "\(files.all)")
        let same = Bench.run(["sh", "-c", "cmp \(place)/tree/large \(place)/home/store/layers/*/diff/large"])
        #expect(same.status == 0, "\(same.all)")
        #expect(docker("rm", "one").status == 0)
    }

    @Test("a name that is none is refused with the names that there are")
    func unknown() throws {
        let drydock = try Drydock(Actor.available[0], content: false)
        let outcome = drydock.docker(["info"], driver: "zfs")
        #expect(outcome.status != 0)
        #expect(outcome.all.contains("overlay2, fuse-overlayfs, vfs"), "\(outcome.all)")
    }

    @Test("Deep directories below many layers need no more open files than a user has", arguments: Actor.available)
    func manyDirectories(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let deep = (1...20).map { "d\($0)" }.joined(separator: "/")
        var image = "alpine:3.5"
        for number in 1...8 {
            let script = "mkdir -p /\(deep) && echo \(number) > /\(deep)/\(number)"
            try #require(
                it.docker("run", "--name", "c\(number)", "--network", "none", image, "sh", "-c", script).status == 0)
            image = "deep:\(number)"
            try #require(it.docker("commit", "c\(number)", image).status == 0)
        }
        let last = it.docker(
            "run", "--name", "last", "--network", "none", image, "sh", "-c", "rm /\(deep)/3; ulimit -Sn")
        let few = ["sh", "-c", "ulimit -Sn 80 && exec \"$@\"", "sh"]
        let diff = Bench.run(few + it.command(["docker", "diff", "last"]))
        #expect(diff.status == 0 && diff.output.hasSuffix("D /\(deep)/3\n"), "\(diff.all)")
        // What a container may open is not what this process took for itself.
        let inside = Bench.run(
            few + it.command(["docker", "run", "--rm", "--network", "none", image, "sh", "-c", "ulimit -Sn"]))
        #expect(last.status == 0 && inside.output == "80\n", "\(inside.all)")
    }
}

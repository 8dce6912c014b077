import Foundation
import Testing

@Suite("Copying between a container and the host", .serialized)
struct LifeCopyTests {
    /// A folder of an actor's own, with what a test wants in it.
    private func folder(_ it: Drydock, _ actor: Actor, _ script: String) throws -> String {
        let path = "\(it.home)/cp"
        let made = Bench.run(Bench.prefix(actor) + ["sh", "-c", "mkdir -p \(path) && cd \(path) && \(script)"])
        try #require(made.status == 0, "\(made.all)")
        return path
    }

    private func list(_ path: String) -> String {
        Bench.run(["sh", "-c", "cd \(path) 2>/dev/null && find . | sort | tr '\\n' ' '"]).output
    }

    @Test(
        "What lands where follows Docker's table, for containers that run and that do not", arguments: Actor.available,
        [true, false])
    func table(actor: Actor, running: Bool) throws {
        let it = try Drydock.withAlpine(actor)
        let here = try folder(
            it, actor, "mkdir -p dir/sub out && echo a > file && echo b > dir/sub/deep && ln -s sub dir/link")
        try it.start("box", [], ["sh", "-c", "mkdir -p /have; echo old > /have/old; sync; exec sleep 600"])
        #expect(eventually { it.docker("exec", "box", "test", "-e", "/have/old").status == 0 })
        if !running { #expect(it.docker("stop", "-t", "0", "box").status == 0) }
        func put(_ from: String, _ to: String) -> Outcome {
            it.docker("cp", from == "-" ? "-" : "\(here)/\(from)", "box:\(to)")
        }
        func get(_ from: String, _ to: String) -> Outcome { it.docker("cp", "box:\(from)", "\(here)/\(to)") }

        // A file: to a new name, into a directory, onto a file; never to a directory that is not there.
        #expect(put("file", "/new").all.isEmpty)
        #expect(put("file", "/have").all.isEmpty)
        #expect(put("file", "/have/old").all.isEmpty)
        #expect(put("file", "/nowhere/").errors == "no such directory\n")
        #expect(put("file", "/nowhere/x").errors.contains("Could not find the file /nowhere in container box"))
        // A directory: becomes the target, lands in it, or gives its content.
        #expect(put("dir", "/copy").all.isEmpty)
        #expect(put("dir", "/have").all.isEmpty)
        #expect(put("dir/.", "/have").all.isEmpty)
        #expect(put("dir", "/new").errors == "cannot copy directory\n")
        #expect(put("missing", "/new").errors.contains("missing: no such file or directory"))

        #expect(get("/new", "out/plain").all.isEmpty)
        #expect(get("/new", "out").all.isEmpty)
        #expect(get("/copy", "out").all.isEmpty)
        #expect(get("/copy/.", "out/flat").all.isEmpty)
        #expect(get("/copy/link", "out").all.isEmpty)
        #expect(it.docker("cp", "-L", "box:/copy/link", "\(here)/out/followed").all.isEmpty)
        #expect(get("/gone", "out").errors.contains("Could not find the file /gone in container box"))
        #expect(get("/new", "no/such/place").errors.contains("invalid output path: directory"))
        #expect(
            list("\(here)/out")
                == ". ./copy ./copy/link ./copy/sub ./copy/sub/deep ./flat ./flat/link ./flat/sub ./flat/sub/deep "
                + "./followed ./followed/deep ./link ./new ./plain ")
        #expect(get("/have", "have").all.isEmpty)
        #expect(
            list("\(here)/have") == ". ./dir ./dir/link ./dir/sub ./dir/sub/deep ./file ./link ./old ./sub ./sub/deep ")
        #expect(Bench.run(["cat", "\(here)/have/old"]).output == "a\n")
        if !running {
            // A container that was mounted for this starts as any other.
            #expect(it.docker("start", "box").status == 0)
            #expect(it.docker("exec", "box", "cat", "/copy/sub/deep").output == "b\n")
        }
        #expect(it.docker("cp", "box:/a", "box:/b").errors == "copying between containers is not supported\n")
        #expect(it.docker("cp", "/a", "/b").errors == "must specify at least one container source\n")
    }

    @Test(
        "What is larger than a pipe comes through whole, both ways", arguments: Actor.available, [true, false])
    func large(actor: Actor, running: Bool) throws {
        let it = try Drydock.withAlpine(actor)
        let here = try folder(
            it, actor, "head -c 3000000 /dev/urandom > big && mkdir many && cd many && seq 500 | xargs touch")
        try it.start("box")
        if !running { #expect(it.docker("stop", "-t", "0", "box").status == 0) }
        for name in ["big", "many"] {
            #expect(it.docker("cp", "\(here)/\(name)", "box:/copied-\(name)").all.isEmpty)
            #expect(it.docker("cp", "box:/copied-\(name)", "\(here)/back-\(name)").all.isEmpty)
            let same = Bench.run(["diff", "-r", "\(here)/\(name)", "\(here)/back-\(name)"])
            #expect(same.status == 0, "\(same.all)")
        }
    }

    @Test("Archives go through standard streams, with owners and modes", arguments: Actor.available)
    func streams(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        try it.start("box")
        let docker = it.command(["docker"]).map { "'\($0)'" }.joined(separator: " ")
        #expect(
            it.docker(
                "exec", "box", "sh", "-c", "mkdir /src && echo x > /src/f && chown 5:6 /src/f && chmod 640 /src/f"
            ).status == 0)
        let listed = Bench.run(
            ["sh", "-c", "\(docker) cp box:/src - | tar tvf - --numeric-owner"])
        #expect(listed.output.contains("-rw-r----- 5/6"), "\(listed.all)")
        let through = Bench.run(
            ["sh", "-c", "\(docker) cp box:/src - | \(docker) cp - box:/tmp"])
        #expect(through.status == 0, "\(through.all)")
        #expect(it.docker("exec", "box", "stat", "-c", "%u %g %a", "/tmp/src/f").output == "5 6 640\n")
        #expect(it.docker("cp", "-", "box:/src/f").errors.contains("must be a directory"))
        // Packed with gzip too.
        let packed = Bench.run(
            ["sh", "-c", "cd /etc && tar czf - hostname | \(docker) cp - box:/tmp"])
        #expect(packed.status == 0)
        #expect(it.docker("exec", "box", "test", "-s", "/tmp/hostname").status == 0)
    }

    @Test("No link leads out of the container or out of the target", arguments: Actor.available)
    func escapes(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let here = try folder(it, actor, "echo secret > secret && echo mine > file && mkdir out")
        try it.start("box")
        #expect(
            it.docker(
                "exec", "box", "sh", "-c", "ln -s \(here) /way; ln -s ../../../../../../../../../../\(here)/secret /up"
            ).status == 0)
        #expect(it.docker("cp", "\(here)/file", "box:/way/secret").status == 1)
        #expect(Bench.run(["cat", "\(here)/secret"]).output == "secret\n")
        #expect(it.docker("cp", "-L", "box:/up", "\(here)/out/x").status == 1)
        // A target in the container that is a link outside is a path inside.
        #expect(it.docker("exec", "box", "sh", "-c", "mkdir -p \(here)").status == 0)
        #expect(it.docker("cp", "\(here)/file", "box:/way/").status == 0)
        #expect(it.docker("exec", "box", "cat", "\(here)/file").output == "mine\n")
        // An archive that makes a link and writes through it is refused on the host.
        let docker = it.command(["docker"]).map { "'\($0)'" }.joined(separator: " ")
        let evil = """
            import io, sys, tarfile
            t = tarfile.open(fileobj=sys.stdout.buffer, mode='w|')
            link = tarfile.TarInfo('l'); link.type = tarfile.SYMTYPE; link.linkname = '\(here)'; t.addfile(link)
            f = tarfile.TarInfo('../up'); f.size = 1; t.addfile(f, io.BytesIO(b'x')); t.close()
            """
        let refused = Bench.run(
            ["sh", "-c", "python3 -c \"$1\" | \(docker) cp - box:/tmp", "sh", evil])
        #expect(refused.status == 1 && refused.errors.contains("it leads out of the directory"), "\(refused.all)")
        #expect(it.docker("exec", "box", "test", "-e", "/up2").status == 1)
    }

    @Test(
        "What the kernel shows in a container and what is in memory is no part of its files", arguments: Actor.available
    )
    func mounted(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let here = try folder(
            it, actor,
            "echo f > file; mkdir -p out tree/proc tree/dev tree/memory; echo x > tree/dev/null; echo y > tree/memory/f"
        )
        try it.start(
            "box", ["-v", "/data", "--tmpfs", "/memory"],
            ["sh", "-c", "echo d > /data/f; echo m > /memory/f; echo r > /f; exec sleep 600"])
        #expect(eventually { it.docker("exec", "box", "test", "-e", "/f").status == 0 })
        #expect(it.docker("cp", "box:/", "\(here)/all").all.isEmpty)
        #expect(
            Bench.run(["sh", "-c", "cd \(here)/all && cat f data/f etc/hostname && ls proc sys dev memory"]).output
                == it.inspect("box", "r\nd\n{{.Config.Hostname}}\n") + "dev:\n\nmemory:\n\nproc:\n\nsys:\n")
        for path in ["/proc/version", "/dev/null", "/memory/f", "/proc/self/root/f"] {
            #expect(
                it.docker("cp", "box:\(path)", "\(here)/out").errors.contains(
                    "Could not find the file \(path) in container box"))
        }
        #expect(it.docker("cp", "\(here)/file", "box:/memory").status == 1)
        #expect(it.docker("cp", "box:/proc", "\(here)/out").all.isEmpty)
        // An archive of a whole machine leaves the container's devices alone.
        #expect(it.docker("cp", "\(here)/tree/.", "box:/").all.isEmpty)
        #expect(it.docker("exec", "box", "sh", "-c", "echo x > /dev/null && cat /memory/f").output == "m\n")
        #expect(it.docker("cp", "box:/f", "\(here)/all/f/").errors.contains("/all/f/: not a directory"))
    }

    @Test("Volumes and read-only roots are what they are", arguments: Actor.available)
    func volumes(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let here = try folder(it, actor, "mkdir shared && echo v > shared/v && echo f > file")
        #expect(
            it.docker(
                "create", "--name", "vol", "--network", "none", "-v", "\(here)/shared:/data", "-v",
                "\(here)/shared:/fixed:ro", "--read-only", "alpine:3.5", "sleep", "600"
            ).status == 0)
        #expect(it.docker("cp", "\(here)/file", "vol:/data/new").all.isEmpty)
        #expect(Bench.run(["cat", "\(here)/shared/new"]).output == "f\n")
        #expect(it.docker("cp", "vol:/data/v", "\(here)/back").all.isEmpty)
        #expect(it.docker("cp", "\(here)/file", "vol:/fixed/new").errors.contains("mounted volume is marked read-only"))
        #expect(it.docker("cp", "\(here)/file", "vol:/tmp").errors.contains("container rootfs is marked read-only"))
    }

    @Test(
        "A copy onto what it cannot replace names both places",
        arguments: Actor.available)
    func conflicts(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let here = try folder(it, actor, "mkdir -p out/passwd d/x")
        #expect(it.docker("create", "--name", "box", "--network", "none", "alpine:3.5", "true").status == 0)
        // It is the command that unpacks here, so no daemon is named.
        let words = "cannot overwrite directory \"\(here)/out/passwd\" with non-directory \"\(here)/out\""
        for target in ["out", "out/"] {
            let host = it.docker("cp", "box:/etc/passwd", "\(here)/\(target)")
            #expect(host.status == 1 && host.errors.hasPrefix(words), "\(host.all)")
        }
        let inside = it.docker("cp", "\(here)/d/x", "box:/etc/passwd")
        #expect(inside.status == 1 && inside.errors.contains("cannot copy directory"), "\(inside.all)")
    }
}

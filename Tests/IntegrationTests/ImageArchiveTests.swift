import Diagnostics
import Foundation
import Linux
import Testing

/// Archives that other programs write and read.
@Suite("Images as archives", .serialized)
struct ImageArchiveTests {
    /// A home with the image `me/web:1` of two layers, and a directory for files.
    private func prepared(_ actor: Actor) throws -> (Drydock, String) {
        let it = try Drydock(actor)
        let folder = it.home + "/archives"
        try #require(Bench.run(Bench.prefix(actor) + ["mkdir", folder]).status == 0)
        #expect(it.docker("pull", "-q", "busybox").status == 0)
        let ran = it.docker(
            "run", "--network", "none", "--name", "cc", "busybox", "sh", "-c",
            "echo hello > /hello; rm -rf /etc/passwd; mkdir -m 700 /own; ln -s /hello /own/link; ln /hello /own/hard")
        #expect(ran.status == 0, "\(ran.all)")
        #expect(it.docker("commit", "cc", "me/web:1").status == 0)
        return (it, folder)
    }

    private func shell(_ it: Drydock, _ script: String) -> Outcome {
        Bench.run(
            Bench.prefix(it.actor) + ["sh", "-c", "export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin; " + script])
    }

    @Test("skopeo reads ours in both formats, and we read its, compressed or not", arguments: Actor.available)
    func skopeo(actor: Actor) throws {
        try #require(ChildProcess.find("skopeo") != nil, "skopeo is not installed")
        let (it, folder) = try prepared(actor)
        // The configuration is written anew where skopeo changes the format; the layers are the same bytes.
        func layers(_ name: String) -> String { it.docker("inspect", "-f", "{{.RootFS.Layers}}", name).output }
        let before = layers("me/web:1")
        let saved = it.docker("save", "-o", folder + "/ours.tar", "me/web:1")
        #expect(saved.status == 0, "\(saved.all)")
        let copied = shell(
            it,
            """
            cd \(folder) && skopeo --insecure-policy copy -q docker-archive:ours.tar oci-archive:oci.tar:me/web:1 \
            && skopeo --insecure-policy copy -q oci-archive:ours.tar docker-archive:docker.tar:you/web:2 \
            && gzip -k docker.tar && xz -k -0 docker.tar && zstd -q docker.tar
            """)
        #expect(copied.status == 0, "\(copied.all)")
        #expect(it.docker("rmi", "-f", "me/web:1").status == 0)
        #expect(it.docker("load", "-i", folder + "/oci.tar").output == "Loaded image: me/web:1\n")
        #expect(layers("me/web:1") == before && before.contains("sha256:"))
        for ending in ["", ".gz", ".xz", ".zst"] {
            #expect(it.docker("rmi", "-f", "you/web:2", "me/web:1").all.contains("Untagged") || ending != "")
            let loaded = it.docker("load", "-q", "-i", folder + "/docker.tar" + ending)
            #expect(loaded.output == "Loaded image: you/web:2\n", "\(ending): \(loaded.all)")
        }
        let seen = it.docker(
            "run", "--rm", "--network", "none", "you/web:2", "sh", "-c", "cat /own/hard; ls /etc/passwd")
        #expect(seen.output == "hello\n", "\(seen.all)")
    }

    @Test("A running container stands still while it is committed, unless it is not to", arguments: Actor.available)
    func pausedCommit(actor: Actor) throws {
        let it = try Drydock(actor)
        #expect(it.docker("pull", "-q", "busybox").status == 0)
        #expect(it.docker("run", "-d", "--network", "none", "--name", "cc", "busybox", "sleep", "600").status == 0)
        func happened() -> [Substring] {
            let events = it.docker(
                "events", "--since", "10m", "--until", "0s", "--format", "{{.Action}} {{.Actor.Attributes.imageRef}}",
                "--filter", "container=cc")
            return events.output.split(separator: "\n").map { $0.prefix { $0 != "<" } }
        }
        let before = happened().count
        #expect(it.docker("commit", "-m", "hi", "-c", "ENTRYPOINT [\"/bin/true\"]", "cc", "me/paused").status == 0)
        #expect(happened().dropFirst(before) == ["pause ", "unpause ", "commit me/paused:latest"])
        #expect(it.docker("commit", "-p=false", "cc", "me/running").status == 0)
        #expect(happened().dropFirst(before + 3) == ["commit me/running:latest"])
        #expect(it.docker("pause", "cc").status == 0)
        #expect(it.docker("commit", "cc", "me/still").status == 0)
        #expect(it.inspect("cc", "{{.State.Paused}}") == "true")
        #expect(it.docker("rm", "-f", "cc").status == 0)
        #expect(it.docker("run", "--rm", "--network", "none", "me/paused").status == 0)
    }

    @Test("umoci unpacks what we saved, and what it packs is an image here", arguments: Actor.available)
    func umoci(actor: Actor) throws {
        try #require(ChildProcess.find("umoci") != nil, "umoci is not installed")
        let (it, folder) = try prepared(actor)
        #expect(it.docker("save", "-o", folder + "/ours.tar", "me/web:1").status == 0)
        let rootless = actor == .user ? "--rootless" : ""
        let worked = shell(
            it,
            """
            cd \(folder) && mkdir layout && tar -C layout -xf ours.tar && umoci unpack \(rootless) --image layout:1 bundle \
            && cat bundle/rootfs/own/hard && test ! -e bundle/rootfs/etc/passwd && echo more > bundle/rootfs/more \
            && umoci repack --image layout:2 bundle && cd layout && rm -f manifest.json repositories && tar -cf ../theirs.tar .
            """)
        #expect(worked.status == 0, "\(worked.all)")
        #expect(worked.output.hasPrefix("hello\n"), "\(worked.all)")
        let loaded = it.docker("load", "-i", folder + "/theirs.tar")
        #expect(loaded.status == 0, "\(loaded.all)")
        // umoci keeps the name that the image had, so the last one that comes has it.
        #expect(loaded.output.hasSuffix("Loaded image: me/web:1\n"), "\(loaded.all)")
        let seen = it.docker("run", "--rm", "--network", "none", "me/web:1", "cat", "/more", "/hello")
        #expect(seen.output == "more\nhello\n", "\(loaded.all) \(seen.all)")
    }

    @Test(
        "Several images go through a pipe, and a container's files through export and import",
        arguments: Actor.available)
    func pipes(actor: Actor) throws {
        let (it, folder) = try prepared(actor)
        let other = try Drydock(actor, content: false)
        let save = it.command(["docker", "save", "me/web", "busybox:latest"]).map { "'\($0)'" }.joined(separator: " ")
        let load = other.command(["docker", "load"]).map { "'\($0)'" }.joined(separator: " ")
        let piped = Bench.run(["sh", "-c", "\(save) | \(load)"])
        #expect(piped.output == "Loaded image: me/web:1\nLoaded image: busybox:latest\n", "\(piped.all)")
        let lists = [it, other].map { $0.docker("images", "-q", "--no-trunc").output.split(separator: "\n").sorted() }
        #expect(lists[0] == lists[1])

        let exported = it.docker("export", "-o", folder + "/files.tar", "cc")
        #expect(exported.status == 0, "\(exported.all)")
        let names = shell(it, "tar -tf \(folder)/files.tar").output.split(separator: "\n").map(String.init)
        #expect(names.contains("own/link"))
        #expect(!names.contains("etc/passwd"))
        let imported = it.docker(
            "import", "-c", "CMD [\"cat\", \"/own/link\"]", "-m", "flat", folder + "/files.tar", "flat")
        #expect(imported.output.hasPrefix("sha256:"), "\(imported.all)")
        #expect(it.docker("run", "--rm", "--network", "none", "flat").output == "hello\n")
        #expect(it.docker("history", "--format", "{{.Comment}}", "flat").output == "flat\n")
    }

    @Test("A damaged archive leaves nothing behind", arguments: Actor.available)
    func damaged(actor: Actor) throws {
        let (it, folder) = try prepared(actor)
        #expect(it.docker("save", "-o", folder + "/ours.tar", "me/web:1").status == 0)
        let other = try Drydock(actor, content: false)
        #expect(shell(it, "cd \(folder) && head -c 300000 ours.tar > cut.tar && chmod a+r cut.tar").status == 0)
        let loaded = other.docker("load", "-i", folder + "/cut.tar")
        #expect(loaded.status == 1)
        #expect(loaded.errors.hasPrefix("Error response from daemon: "), "\(loaded.all)")
        #expect(other.docker("images", "-aq").output == "")
    }
}

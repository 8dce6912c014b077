import Foundation
import Glibc
import Testing

@Suite("Mounts between the host and a container", .serialized)
struct RuntimeMountTests {
    @Test("A volume shares mounts only where the host's place does; Docker says so", arguments: Actor.available)
    func notShared(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let folder = it.home + "/folder"
        try #require(Bench.run(Bench.prefix(actor) + ["mkdir", folder]).status == 0)
        // Whatever the machine shares, this place does not: an own mount namespace, all of it private.
        func run(_ option: String) -> Outcome {
            Bench.run(
                (getuid() == 0 ? ["unshare", "-m", "--propagation", "private"] : [])
                    + it.command(["docker", "run", "--rm", "--network", "none", "-v", option, "alpine:3.5", "true"]))
        }
        let shared = run("\(folder):/x:rshared")
        #expect(
            shared.status == 125 && shared.errors.contains("path \(folder) is mounted on ")
                && shared.errors.contains(" but it is not a shared mount"), "\(shared.all)")
        guard getuid() == 0 else { return }
        let slave = run("\(folder):/x:slave")
        #expect(
            slave.status == 125 && slave.errors.contains(" but it is not a shared or slave mount"), "\(slave.all)")
        let apart = run("\(folder):/x:rprivate")
        #expect(apart.status == 0, "\(apart.all)")
    }

    @Test(
        "rshared brings mounts in and out, rslave only in, and the default neither",
        .enabled(if: getuid() == 0, "only root mounts something on the host"))
    func spreading() throws {
        let it = try Drydock.withAlpine(.root)
        let folder = it.home + "/folder"
        let script = """
            set -e; mkdir -p \(folder)/in \(folder)/out \(folder)/kept; mount --bind \(folder) \(folder); mount --make-shared \(folder)
            mount -t tmpfs kept \(folder)/kept
            docker() { \(it.command(["docker"]).map { "'\($0)'" }.joined(separator: " ")) "$@"; }
            for how in rshared rslave rprivate; do
              docker run -d --name it --network none --privileged -v \(folder):/x:$how alpine:3.5 sleep 600 >/dev/null
              mount -t tmpfs host \(folder)/in
              docker exec it mount -t tmpfs inner /x/out
              echo $how in $(docker exec it grep -c ' /x/in ' /proc/mounts || true) out $(grep -c ' \(folder)/out ' /proc/mounts || true)
              echo kept $(grep -c ' \(folder)/kept ' /proc/mounts || true)
              docker exec it umount /x/out
              umount \(folder)/in
              docker rm -f it >/dev/null
            done
            umount \(folder)/kept
            echo left $(grep -c \(folder)/ /proc/mounts || true)
            """
        let out = Bench.run(["unshare", "-m", "bash", "-c", script])
        #expect(
            out.output
                == "rshared in 1 out 1\nkept 1\nrslave in 1 out 0\nkept 1\nrprivate in 0 out 0\nkept 1\nleft 0\n",
            "\(out.all)")
    }

    @Test(
        "The files that Docker makes for every container are there with every driver, and no change of it",
        arguments: Actor.available, ["overlay2", "vfs"])
    func initFiles(actor: Actor, driver: String) throws {
        let it = try Drydock.withAlpine(actor)
        func docker(_ words: String...) -> Outcome { it.docker(words, driver: driver) }
        let made = docker(
            "run", "--name", "it", "--network", "none", "alpine:3.5", "sh", "-c",
            "stat -c %a%s /.dockerenv; readlink /etc/mtab")
        #expect(made.output == "7550\n/proc/mounts\n", "\(made.all)")
        #expect(docker("diff", "it").output.isEmpty)
        let archive = it.home + "/it.tar"
        try #require(docker("export", "-o", archive, "it").status == 0)
        let names = Set(Bench.run(["tar", "-tf", archive]).output.split(separator: "\n").map(String.init))
        for name in [
            ".dockerenv", "dev/console", "dev/pts/", "dev/shm/", "etc/hostname", "etc/hosts", "etc/mtab",
            "etc/resolv.conf", "proc/", "sys/",
        ] {
            #expect(names.contains(name), "\(name)")
        }
        #expect(docker("cp", "it:/.dockerenv", it.home + "/copy").status == 0)
        #expect(docker("commit", "it", "image").status == 0)
        try #require(docker("save", "-o", it.home + "/image.tar", "image").status == 0)
        let layers = Bench.run([
            "sh", "-c",
            "cd \(it.home) && mkdir s && tar -xf image.tar -C s && for f in $(find s -type f); do tar -tf $f 2>/dev/null; done",
        ])
        #expect(!layers.output.contains(".dockerenv") && !layers.output.contains("etc/mtab"))
        #expect(docker("rm", "it").status == 0)
    }
}

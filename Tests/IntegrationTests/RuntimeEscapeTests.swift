import Foundation
import Glibc
import Testing

/// What has been tried against container runtimes, and must not work here.
@Suite("Nobody gets out", .serialized)
struct RuntimeEscapeTests {
    private func prepared(_ actor: Actor) throws -> Drydock {
        let it = try Drydock(actor)
        try #require(it.docker("pull", "-q", "alpine:3.5").status == 0)
        return it
    }

    private func shell(_ it: Drydock, _ script: String, _ options: String...) -> Outcome {
        it.docker(["run", "--rm", "--network", "none"] + options + ["alpine:3.5", "sh", "-c", script])
    }

    private func commit(_ it: Drydock, _ script: String, as image: String) throws {
        let made = it.docker("run", "--name", "making-\(image)", "--network", "none", "alpine:3.5", "sh", "-c", script)
        try #require(made.status == 0, "\(made.all)")
        try #require(it.docker("commit", "making-\(image)", image).status == 0)
    }

    @Test(
        "CVE-2019-5736: the runtime's program is reached through /proc and cannot be written",
        arguments: Actor.available)
    func executable(actor: Actor) throws {
        let it = try prepared(actor)
        let folder = URL(filePath: Bench.binary(actor)).deletingLastPathComponent().path
        let program = folder + "/drydock-monitor"
        let before = try FileManager.default.attributesOfItem(atPath: program)[.modificationDate] as? Date
        // Executing it again is what made runc's own program visible as /proc/<pid>/exe of a process of the container.
        let direct = it.docker("run", "--rm", "--network", "none", "alpine:3.5", "/proc/self/exe")
        #expect(direct.status != 0)
        try commit(it, "printf '#!/proc/self/exe\\n' > /bin/evil; chmod 755 /bin/evil", as: "evil")
        #expect(it.docker("run", "--rm", "--network", "none", "evil", "evil").status != 0)
        let wait =
            "for i in $(seq 200); do for p in /proc/[0-9]*; do case $(readlink $p/exe) in *drydock*) (: >> $p/exe) 2>/dev/null && echo WROTE;; esac; done; done"
        try #require(
            it.docker("run", "-d", "--name", "watcher", "--network", "none", "evil", "sh", "-c", wait).status == 0)
        for _ in 0..<5 { _ = it.docker("exec", "watcher", "evil") }
        _ = it.docker("wait", "watcher")
        #expect(!it.docker("logs", "watcher").all.contains("WROTE"))
        #expect(try FileManager.default.attributesOfItem(atPath: program)[.modificationDate] as? Date == before)
    }

    @Test("CVE-2024-21626: no working directory leads through a leaked descriptor", arguments: Actor.available)
    func workingDirectory(actor: Actor) throws {
        let it = try prepared(actor)
        for number in 3...12 {
            let out = it.docker(
                "run", "--rm", "--network", "none", "-w", "/proc/self/fd/\(number)", "alpine:3.5", "cat",
                "../../../etc/shadow")
            #expect(out.status != 0, "descriptor \(number): \(out.all)")
        }
        try #require(
            it.docker("run", "-d", "--name", "cwd", "--network", "none", "alpine:3.5", "sleep", "600").status == 0)
        for number in 3...12 {
            // A descriptor of the container's own root is no way out.
            let out = it.docker("exec", "-w", "/proc/self/fd/\(number)", "cwd", "pwd")
            #expect(out.status != 0 || out.output == "/\n", "descriptor \(number): \(out.all)")
        }
    }

    @Test("CVE-2016-9962: what joins a container cannot be looked into from inside", arguments: Actor.available)
    func joining(actor: Actor) throws {
        let it = try prepared(actor)
        let watch = """
            for i in $(seq 400); do for p in /proc/[0-9]*; do n=${p#/proc/}; [ $n = 1 ] || [ $n = $$ ] && continue
            for f in $p/fd/*; do t=$(readlink $f) || continue; case $t in /dev/null|pipe:*|socket:*|/proc/*|'') ;; *) echo "SAW $t";; esac; done
            done; done
            """
        try #require(
            it.docker(
                "run", "-d", "--name", "spy", "--network", "none", "--cap-add", "SYS_PTRACE", "alpine:3.5", "sh", "-c",
                watch
            ).status == 0)
        for _ in 0..<5 { _ = it.docker("exec", "spy", "true") }
        _ = it.docker("wait", "spy")
        let seen = it.docker("logs", "spy").output.split(separator: "\n").filter { $0.contains(it.home) }
        #expect(seen.isEmpty, "\(seen)")
    }

    @Test("An image whose /proc or /sys is a link is refused", arguments: Actor.available)
    func linkedProc(actor: Actor) throws {
        let it = try prepared(actor)
        try commit(it, "mkdir /elsewhere; ln -s /elsewhere /proc2", as: "plain")
        let file = it.home + "/Linked.tar"
        let script = """
            mkdir -p '\(it.home)/tree/elsewhere' '\(it.home)/tree/bin' '\(it.home)/tree/etc' && cd '\(it.home)/tree' &&
            cp /bin/busybox bin/sh && ln -s elsewhere proc && tar -cf '\(file)' .
            """
        try #require(Bench.run(Bench.prefix(actor) + ["sh", "-c", script]).status == 0)
        let imported = it.docker("import", file, "linked")
        try #require(imported.status == 0, "\(imported.all)")
        let run = it.docker("run", "--rm", "--network", "none", "linked", "sh", "-c", "echo inside")
        #expect(run.status == 125 && !run.output.contains("inside"), "\(run.all)")
    }

    @Test("Links in an image lead no mount, file or directory of the engine outside", arguments: Actor.available)
    func links(actor: Actor) throws {
        let it = try prepared(actor)
        let outside = it.home + "/outside"
        try #require(Bench.run(Bench.prefix(actor) + ["mkdir", outside]).status == 0)
        try commit(
            it,
            "rm -rf /etc/hosts /dev /data; ln -s \(outside)/hosts /etc/hosts2; ln -s \(outside) /data; ln -s \(outside)/new /dangling",
            as: "linking")
        for option in ["-v/tmp:/data/x", "-v/tmp:/dangling", "--tmpfs=/data/t"] {
            let out = it.docker("run", "--rm", "--network", "none", option, "linking", "true")
            #expect([0, 125].contains(out.status), "\(out.all)")
        }
        #expect(it.docker("run", "--rm", "--network", "none", "-w", "/data/made", "linking", "true").status == 0)
        #expect(Bench.run(["ls", "-A", outside]).output.isEmpty)
    }

    @Test(
        "CVE-2021-30465: who changes a shared directory while mounts are made gets none elsewhere, and none writable",
        arguments: Actor.available)
    func race(actor: Actor) throws {
        let it = try prepared(actor)
        let folders = ["shared", "payload", "outside"].map { it.home + "/" + $0 }
        try #require(Bench.run(Bench.prefix(actor) + ["mkdir"] + folders).status == 0)
        let swapping = """
            cd /s; mkdir d; ln -s ../../../../../../../..\(folders[2]) l
            while :; do mv d x; mv x d; mv l x; mv x l; done 2>/dev/null
            """
        try #require(
            it.docker(
                "run", "-d", "--name", "swapping", "--network", "none", "-v", folders[0] + ":/s", "alpine:3.5", "sh",
                "-c", swapping
            ).status == 0)
        for _ in 0..<12 {
            let out = it.docker(
                "run", "--rm", "--network", "none", "-v", folders[0] + ":/mnt", "-v", folders[1] + ":/mnt/x:ro",
                "alpine:3.5", "touch", "/mnt/x/written", "/mnt/d/written", "/mnt/l/written")
            #expect(out.status < 128, "\(out.all)")
        }
        #expect(Bench.run(["ls", "-A", folders[1], folders[2]]).output.contains("written") == false)
        #expect(Bench.run(["ls", "-A", folders[2]]).output.isEmpty)
    }

    @Test("CVE-2019-16884: no volume, of an image or of who runs it, lies over /proc", arguments: Actor.available)
    func volumeOverProc(actor: Actor) throws {
        let it = try prepared(actor)
        let made = it.docker("create", "--name", "making", "alpine:3.5", "true")
        try #require(made.status == 0, "\(made.all)")
        try #require(it.docker("commit", "-c", "VOLUME /proc", "making", "covering").status == 0)
        for options in [
            ["covering"], ["-v", "/tmp:/proc", "alpine:3.5"], ["-v", "/tmp:/proc/self/attr", "alpine:3.5"],
        ] {
            let out = it.docker(["run", "--rm", "--network", "none"] + options + ["true"])
            #expect(out.status == 125 && out.errors.contains("operation not permitted"), "\(options): \(out.all)")
        }
    }

    @Test("What /proc and /sys offer for the whole machine cannot be written", arguments: Actor.available)
    func machine(actor: Actor) throws {
        let it = try prepared(actor)
        let script = """
            for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sysrq-trigger /proc/sys/vm/panic_on_oom \
              /sys/kernel/uevent_helper /sys/fs/cgroup/release_agent /proc/irq/default_smp_affinity /proc/bus/pci/devices; do
              (echo x > $f) 2>/dev/null && echo "WROTE $f"
            done
            mount -o remount,rw /proc/sys 2>/dev/null && echo REMOUNTED
            mount -t proc proc /mnt 2>/dev/null && echo MOUNTED
            umount /proc/sys 2>/dev/null && echo UMOUNTED; umount /proc/kcore 2>/dev/null && echo UNHID; true
            """
        let out = shell(it, script)
        #expect(out.status == 0 && out.output.isEmpty, "\(out.all)")
    }

    @Test("Mounting, new namespaces, modules, clocks and raw memory are out of reach", arguments: Actor.available)
    func rights(actor: Actor) throws {
        let it = try prepared(actor)
        for attempt in [
            "mount -t tmpfs x /mnt", "mount --bind / /mnt", "unshare -m true", "unshare -U true", "hostname other",
            "! date -s @$(date +%s) 2>&1 | grep -q permitted",
            "insmod /dev/null", "swapoff -a && false; swapon /etc/passwd",
            "chroot / umount /proc",
            "mknod /kmem c 1 2 && cat /kmem", "mknod /vda b 254 0 && head -c1 /vda",
            "mknod /sda b 8 0 && head -c1 /sda",
        ] {
            #expect(shell(it, attempt).status != 0, "\(attempt)")
        }
    }

    @Test("The keys of who starts a container are not its keys", .enabled(if: getuid() == 0, "the keyring is root's"))
    func keys() throws {
        let it = try prepared(.root)
        // With the hidden paths shown, /proc/keys lists session keyrings by name; a container's is named by its ID.
        for _ in 0..<2 {
            let out = it.docker(
                "run", "--rm", "--network", "none", "--security-opt", "systempaths=unconfined", "alpine:3.5", "sh",
                "-c", "grep -c \" _ses.$(hostname)\" /proc/keys")
            #expect(out.output == "1\n", "\(out.all)")
        }
    }

    @Test("A process of one container cannot trace one of another or of the host", arguments: Actor.available)
    func tracing(actor: Actor) throws {
        let it = try prepared(actor)
        let out = shell(
            it, "ls /proc | grep -c '^[0-9]'; kill -0 \(getpid()) 2>&1; cat /proc/\(getpid())/status 2>&1; true")
        #expect(out.output.contains("No such") || out.output.contains("no such"), "\(out.all)")
        #expect((Int(out.output.split(separator: "\n").first ?? "99") ?? 99) < 6)
    }
}

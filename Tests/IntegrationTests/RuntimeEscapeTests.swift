import Foundation
import Glibc
import Testing

/// What has been tried against container runtimes, and must not work here.
@Suite("Nobody gets out", .serialized)
struct RuntimeEscapeTests {
    private func shell(_ it: Drydock, _ script: String, _ options: String...) -> Outcome {
        it.docker(["run", "--rm", "--network", "none"] + options + ["alpine:3.5", "sh", "-c", script])
    }

    private func commit(_ it: Drydock, _ script: String, as image: String) throws {
        let made = it.docker("run", "--name", "making-\(image)", "--network", "none", "alpine:3.5", "sh", "-c", script)
        try #require(made.status == 0, "\(made.all)")
        try #require(it.docker("commit", "making-\(image)", image).status == 0)
    }

    /// What a container's first process looks for, again and again, with nothing but what its shell can do itself, so that
    /// it is quicker than the process that joins it: ways out through a process that is not its own, and the engine's
    /// program. What it finds it prints; what it may not do goes to the file /errors.
    private func spying(_ marker: String) -> String {
        """
        exec 2>/errors
        while :; do
          for p in /proc/[0-9]*; do
            [ $p = /proc/1 ] && continue
            [ -e $p/root\(marker) ] && echo "root of $p"
            [ -e $p/cwd/../../../../../../../..\(marker) ] && echo "directory of $p"
            for f in $p/fd/*; do
              [ -f $f ] && echo "file $f"
              [ -e $f/../../../../../../../..\(marker) ] && echo "out by $f"
            done
            true > $p/exe
          done
        done
        """
    }

    /// What a spy saw while programs that do not exist were to be started in it; nothing but the engine ran there.
    private func spied(
        _ it: Drydock, _ options: [String], image: String = "alpine:3.5", _ disturb: () -> Void
    ) throws -> (found: [String], errors: String) {
        let marker = it.home + "/marker"
        try #require(Bench.run(Bench.prefix(it.actor) + ["touch", marker]).status == 0)
        let started = it.docker(
            ["run", "-d", "--name", "spy", "--network", "none"] + options + [image, "sh", "-c", spying(marker)])
        try #require(started.status == 0, "\(started.all)")
        disturb()
        let errors = it.drydock(["docker", "cp", "spy:/errors", it.home + "/errors"])
        try #require(errors.status == 0, "\(errors.all)")
        let found = it.docker("logs", "spy").output.split(separator: "\n").map(String.init)
        _ = it.docker("rm", "-f", "spy")
        return (found, Bench.run(Bench.prefix(it.actor) + ["cat", it.home + "/errors"]).output)
    }

    @Test(
        "CVE-2019-5736: the runtime's program is reached through /proc and cannot be written",
        arguments: Actor.available)
    func executable(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        // Executing it again is what made runc's own program visible as /proc/<pid>/exe of a process of the container.
        let direct = it.docker("run", "--rm", "--network", "none", "alpine:3.5", "/proc/self/exe")
        #expect(direct.status != 0)
        // Whoever finds it may open it for writing only where it is not on a read-only mount: then it is merely busy, as long
        // as it runs.
        try commit(it, "printf '#!/proc/self/exe\\n' > /evil; chmod 755 /evil", as: "evil")
        for options in [[], ["--cap-add", "SYS_PTRACE"]] {
            let seen = try spied(it, options, image: "evil") {
                for _ in 0..<8 { _ = it.docker("exec", "spy", "/evil") }
            }
            #expect(!seen.errors.contains("/exe: Text file busy"), "\(options)")
            // Who may trace everybody does see it.
            if actor == .root, !options.isEmpty { #expect(seen.errors.contains("/exe: Read-only file system")) }
        }
    }

    @Test("CVE-2024-21626: no working directory leads through a leaked descriptor", arguments: Actor.available)
    func workingDirectory(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        func leaking(_ arguments: [String]) -> Outcome {
            // Descriptors of the host that whoever calls the engine left open.
            Bench.run(
                ["bash", "-c", "exec 7</ 8</etc 9</tmp; exec \"$@\"", "bash"] + it.command(["docker"] + arguments))
        }
        for number in 3...12 {
            let out = leaking([
                "run", "--rm", "--network", "none", "-w", "/proc/self/fd/\(number)", "alpine:3.5", "pwd",
            ])
            #expect(out.status != 0, "descriptor \(number): \(out.all)")
        }
        let listed = leaking(["run", "--rm", "--network", "none", "alpine:3.5", "ls", "/proc/self/fd"])
        #expect(listed.output == "0\n1\n2\n3\n", "\(listed.all)")
        try #require(
            leaking(["run", "-d", "--name", "cwd", "--network", "none", "alpine:3.5", "sleep", "600"]).status == 0)
        for number in 3...12 {
            // A descriptor of the container's own root is no way out.
            let out = leaking(["exec", "-w", "/proc/self/fd/\(number)", "cwd", "pwd"])
            #expect(out.status != 0 || out.output == "/\n", "descriptor \(number): \(out.all)")
        }
        #expect(leaking(["exec", "cwd", "ls", "/proc/self/fd"]).output == "0\n1\n2\n3\n")
    }

    @Test(
        "CVE-2016-9962: what joins a container brings no way out, not even for one that may trace it",
        arguments: Actor.available)
    func joining(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let seen = try spied(it, ["--cap-add", "SYS_PTRACE"]) {
            for _ in 0..<10 { _ = it.docker("exec", "spy", "/no/such/program") }
        }
        #expect(seen.found.isEmpty, "\(seen.found.prefix(5))")
        // Another container that shares the process ids is made in their sight.
        let sharing = try spied(it, []) {
            for _ in 0..<6 {
                _ = it.docker(
                    "run", "--rm", "--network", "none", "--pid", "container:spy", "alpine:3.5", "/no/such/program")
            }
        }
        #expect(sharing.found.isEmpty, "\(sharing.found.prefix(5))")
    }

    @Test("An image whose /proc or /sys is a link is refused", arguments: Actor.available)
    func linkedProc(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        for place in ["proc", "sys"] {
            let file = it.home + "/\(place).tar"
            let script = """
                mkdir -p '\(it.home)/\(place)/elsewhere' '\(it.home)/\(place)/bin' '\(it.home)/\(place)/etc' &&
                cd '\(it.home)/\(place)' && cp /bin/busybox bin/sh && ln -s elsewhere \(place) && tar -cf '\(file)' .
                """
            try #require(Bench.run(Bench.prefix(actor) + ["sh", "-c", script]).status == 0)
            let imported = it.docker("import", file, "linked-\(place)")
            try #require(imported.status == 0, "\(imported.all)")
            for options in [[], ["--privileged"]] {
                let run = it.docker(
                    ["run", "--rm", "--network", "none"] + options + ["linked-\(place)", "sh", "-c", "echo inside"])
                #expect(run.status == 125 && !run.output.contains("inside"), "\(place) \(options): \(run.all)")
                #expect(run.errors.contains("mount \(place == "sys" ? "sysfs" : "proc") on /\(place)"), "\(run.all)")
            }
        }
    }

    @Test("Links in an image lead no mount, file or directory of the engine outside", arguments: Actor.available)
    func links(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
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
        let it = try Drydock.withAlpine(actor)
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
        for _ in 0..<24 {
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
        let it = try Drydock.withAlpine(actor)
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

    @Test(
        "CVE-2025-31133, CVE-2025-52565: a volume whose null, console and ptmx are links uncovers nothing and leads nowhere",
        arguments: Actor.available)
    func devicesOfAVolume(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let (devices, outside) = (it.home + "/devices", it.home + "/outside")
        let made = Bench.run(
            Bench.prefix(actor) + [
                "sh", "-c",
                """
                mkdir -p '\(devices)/pts' '\(devices)/shm' '\(devices)/mqueue' && echo outside > '\(outside)' && cd '\(devices)' &&
                ln -s '\(outside)' null && ln -s ../../../../../../../..\(outside) console && ln -s '\(outside)' ptmx
                """,
            ])
        try #require(made.status == 0, "\(made.all)")
        for terminal in [[], ["-t"]] {
            let seen = it.docker(
                ["run", "--rm", "--network", "none"] + terminal + [
                    "-v", devices + ":/dev", "alpine:3.5", "sh", "-c",
                    "for file in /proc/keys /proc/timer_list; do test ! -e $file || stat -c %t:%T $file; done; grep outside /proc/mounts",
                ])
            let lines = Set(seen.output.split(whereSeparator: \.isNewline))
            #expect(lines == ["1:3"], "\(seen.all)")
        }
        #expect(Bench.run(["cat", outside]).output == "outside\n")
    }

    @Test("What /proc and /sys offer for the whole machine cannot be written", arguments: Actor.available)
    func machine(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
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
        let it = try Drydock.withAlpine(actor)
        let disk = "set -- $(grep -m1 ' [0-9]' /proc/partitions)"
        for attempt in [
            "mount -t tmpfs x /mnt", "mount --bind / /mnt", "unshare -m true", "unshare -U true", "unshare -p true",
            "hostname other", "chroot / umount /proc",
            // Each reaches no further than the question whether it may: what the kernel would say next does no harm.
            "! date -s \"$(date '+%Y-%m-%d %H:%M:%S')\" 2>&1 | grep -q permitted",
            "! insmod /etc/passwd 2>&1 | grep -q permitted", "! swapoff /etc/passwd 2>&1 | grep -q permitted",
            "mknod /memory c 1 1 && head -c1 /memory", "mknod /messages c 1 11 && head -c1 /messages",
            "\(disk); mknod /disk b $1 $2 && head -c1 /disk",
        ] {
            let out = shell(it, attempt)
            #expect(out.status != 0, "\(attempt): \(out.all)")
        }
        // The same with all that a container's root has, except for the devices.
        let device = shell(it, "\(disk); mknod /disk b $1 $2; head -c1 /disk 2>&1")
        #expect(device.all.contains("ot permitted") || device.all.contains("denied"), "\(device.all)")
    }

    @Test("A program that is root's when executed has the container's rights and no more", arguments: Actor.available)
    func setUser(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        try commit(
            it, "cp /bin/busybox /bin/su; chmod 4755 /bin/su; sed -i 's#^root:[^:]*#root:#' /etc/passwd /etc/shadow",
            as: "becoming")
        func become(_ options: String...) -> Outcome {
            it.docker(
                ["run", "--rm", "--network", "none", "-u", "1000"] + options
                    + ["becoming", "/bin/su", "-c", "id -u; grep CapEff /proc/self/status"])
        }
        // Nobody's right comes back: not one that was dropped, and none that was never there.
        let without = become("--cap-drop", "CHOWN").output
        #expect(without == "0\nCapEff:\t00000000a80425fa\n", "\(without)")
        #expect(become().output == "0\nCapEff:\t00000000a80425fb\n", "\(become().all)")
        #expect(become("--security-opt", "no-new-privileges").status != 0)
    }

    @Test(
        "CVE-2021-41091: who has no rights on the machine gets none from the files of root's containers",
        .enabled(if: getuid() == 0, "only root has containers that others must not reach"))
    func foreignFiles() throws {
        let it = try Drydock.withAlpine(.root)
        try commit(it, "cp /bin/busybox /bin/raise; chmod 4755 /bin/raise; chmod 777 / /bin", as: "open")
        let volume = it.docker(
            "run", "--rm", "--network", "none", "-v", "named:/data", "open", "cp", "-p", "/bin/raise", "/data/raise")
        try #require(volume.status == 0, "\(volume.all)")
        let found = Bench.run(Bench.prefix(.user) + ["find", it.home, "-name", "raise", "-perm", "-4000"])
        #expect(found.output.isEmpty, "\(found.output)")
        // They are there.
        #expect(!Bench.run(["find", it.home, "-name", "raise", "-perm", "-4000"]).output.isEmpty)
    }

    @Test("The keys of who starts a container are not its keys", .enabled(if: getuid() == 0, "the keyring is root's"))
    func keys() throws {
        let it = try Drydock.withAlpine(.root)
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
        let it = try Drydock.withAlpine(actor)
        let out = shell(
            it, "ls /proc | grep -c '^[0-9]'; kill -0 \(getpid()) 2>&1; cat /proc/\(getpid())/status 2>&1; true")
        #expect(out.output.contains("No such") || out.output.contains("no such"), "\(out.all)")
        #expect((Int(out.output.split(separator: "\n").first ?? "99") ?? 99) < 6)
    }
}

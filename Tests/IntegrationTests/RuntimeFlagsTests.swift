import Foundation
import Testing

@Suite("What the flags of run decide", .serialized)
struct RuntimeFlagsTests {
    private func shell(_ it: Drydock, _ script: String, _ options: String...) -> Outcome {
        it.docker(["run", "--rm", "--network", "none"] + options + ["alpine:3.5", "sh", "-c", script])
    }

    @Test("Capabilities are added and dropped as Docker does it", arguments: Actor.available)
    func capabilities(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let script = "grep CapEff /proc/self/status | cut -f2"
        #expect(shell(it, script, "--cap-drop", "ALL").output == "0000000000000000\n")
        #expect(shell(it, script, "--cap-drop", "all", "--cap-add", "NET_ADMIN").output == "0000000000001000\n")
        #expect(shell(it, script, "--cap-add", "cap_sys_time").output == "00000000aa0425fb\n")
        #expect(shell(it, script, "--cap-drop", "CHOWN").output == "00000000a80425fa\n")
        let wrong = shell(it, script, "--cap-add", "foo")
        #expect(wrong.status == 125 && wrong.errors.contains("invalid CapAdd: unknown capability: \"CAP_FOO\""))
    }

    @Test(
        "The default filter refuses what Docker's refuses; a file and 'unconfined' replace it",
        arguments: Actor.available)
    func seccomp(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        #expect(shell(it, "grep ^Seccomp: /proc/self/status").output == "Seccomp:\t2\n")
        #expect(shell(it, "unshare -m true").status != 0)
        #expect(
            shell(it, "grep ^Seccomp: /proc/self/status", "--security-opt", "seccomp=unconfined").output
                == "Seccomp:\t0\n")
        #expect(shell(it, "grep ^Seccomp: /proc/self/status", "--privileged").output == "Seccomp:\t0\n")
        let file = "/tmp/drydock-profile-\(UUID().uuidString).json"
        defer { unlink(file) }
        let profile =
            #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}"#
        try profile.write(toFile: file, atomically: true, encoding: .utf8)
        chmod(file, 0o644)
        let refused = shell(it, "mkdir /x || touch /y && ls /y", "--security-opt", "seccomp=\(file)")
        #expect(refused.output == "/y\n" && refused.errors.contains("Operation not permitted"), "\(refused.all)")
        let missing = shell(it, "true", "--security-opt", "seccomp=/no/such")
        #expect(missing.status == 125)
        #expect(
            missing.errors.contains(
                "opening seccomp profile (/no/such) failed: open /no/such: no such file or directory"))
        try #require(
            it.docker("run", "-d", "--name", "filtered", "--network", "none", "alpine:3.5", "sleep", "600").status == 0)
        #expect(it.docker("exec", "filtered", "grep", "^Seccomp:", "/proc/self/status").output == "Seccomp:\t2\n")
    }

    @Test(
        "no-new-privileges is set where it was asked for, and only there",
        arguments: Actor.available)
    func noNewPrivileges(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        func setting(_ options: String...) -> String {
            it.docker(
                ["run", "--rm", "--network", "none", "-u", "1000"] + options
                    + ["alpine:3.5", "grep", "NoNewPrivs", "/proc/self/status"]
            ).output
        }
        #expect(setting() == "NoNewPrivs:\t0\n")
        #expect(setting("--security-opt", "no-new-privileges") == "NoNewPrivs:\t1\n")
        #expect(setting("--security-opt", "no-new-privileges:false") == "NoNewPrivs:\t0\n")
    }

    @Test("Limits, sysctls, shared memory and tmpfs are as they were asked for", arguments: Actor.available)
    func values(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let out = shell(
            it,
            "ulimit -Sn; ulimit -Hn; cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax; df -k /dev/shm | tail -1 | awk '{print $2}'; grep ' /t ' /proc/mounts | cut -d' ' -f4 | cut -d, -f1-4; touch /t/x; touch /x",
            "--ulimit", "nofile=100:200", "--sysctl", "net.ipv4.ip_forward=1", "--sysctl", "kernel.msgmax=4000",
            "--shm-size", "1m", "--tmpfs", "/t:size=1m,exec", "--read-only")
        #expect(out.output == "100\n200\n1\n4000\n1024\nrw,nosuid,nodev,relatime\n", "\(out.all)")
        #expect(out.errors.contains("Read-only file system"))
        #expect(shell(it, "cat /proc/self/oom_score_adj", "--oom-score-adj", "321").output == "321\n")
    }

    @Test("What Docker sets by itself is set here, too", arguments: Actor.available)
    func customary(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let script =
            "cat /proc/sys/net/ipv4/ip_unprivileged_port_start; cut -f2 /proc/sys/net/ipv4/ping_group_range; ls -l /.dockerenv | cut -c1-10"
        // A user has no groups to give, so the range stays empty.
        let groups = actor == .root ? "2147483647" : "65534"
        #expect(shell(it, script).output == "0\n\(groups)\n-rwxr-xr-x\n")
        let other = shell(it, script, "--sysctl", "net.ipv4.ip_unprivileged_port_start=80")
        #expect(other.output.hasPrefix("80\n"), "\(other.all)")
        // The file is no change of the container's.
        #expect(it.docker("run", "--name", "unchanged", "--network", "none", "alpine:3.5", "true").status == 0)
        #expect(it.docker("diff", "unchanged").output == "")
    }

    @Test("What Docker's daemon refuses is refused in its words", arguments: Actor.available)
    func refused(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        for (options, message) in [
            (["--ipc", "host", "--sysctl", "kernel.msgmax=1"], "is not allowed in the host ipc namespace"),
            (["-w", "relative"], "the working directory 'relative' is invalid, it needs to be an absolute path"),
            (["--stop-signal", "SIGMOON"], "invalid signal: SIGMOON"),
            (["--tmpfs", "/t:moon"], "invalid tmpfs option [\"moon\"]"),
            (["--tmpfs", "/t:size=1m,lowerdir=/x"], "invalid tmpfs option [\"lowerdir=/x\"]"),
            (["-u", "-1"], "uids and gids must be in range 0-2147483647"),
            (["-u", "4294967296"], "uids and gids must be in range 0-2147483647"),
            (["-u", "0:4294967295"], "uids and gids must be in range 0-2147483647"),
            (["--group-add", "moon"], "Unable to find group moon: no matching entries in group file"),
            (["--device", "/dev/null:/dev/x:q"], "bad mode specified: q"),
        ] {
            let out = it.docker(["run", "--rm", "--network", "none"] + options + ["alpine:3.5", "true"])
            #expect(out.status == 125 && out.errors.contains(message), "\(options): \(out.all)")
        }
        let missing = shell(it, "true", "--sysctl", "net.moon=1")
        #expect(missing.status == 127 && missing.errors.contains("no such file or directory"), "\(missing.all)")
        #expect(it.docker("ps", "-aq").output == "")
    }

    @Test("Names: host, domain, more hosts, name servers", arguments: Actor.available)
    func names(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let out = shell(
            it, "hostname; cat /proc/sys/kernel/domainname; tail -1 /etc/hosts; cat /etc/resolv.conf", "-h", "box",
            "--domainname", "inside", "--add-host", "other=10.9.8.7", "--dns", "9.9.9.9", "--dns-search", "a.example",
            "--dns-option", "ndots:2")
        #expect(out.output.hasPrefix("box\ninside\n10.9.8.7\tother\nnameserver 9.9.9.9\n"), "\(out.all)")
        #expect(out.output.contains("\nsearch a.example\n") && out.output.contains("\noptions ndots:2\n"))
    }

    @Test("With --init an orphan is reaped and signals reach the program", arguments: Actor.available)
    func initProcess(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let reaped = shell(it, "(sleep 0.1 &); sleep 0.5; ps -o stat | grep -c Z; echo $$", "--init")
        #expect(reaped.output == "0\n2\n", "\(reaped.all)")
        #expect(shell(it, "exit 7", "--init").status == 7)
        #expect(shell(it, "kill -9 $$", "--init").status == 137)
        try #require(
            it.docker(
                "run", "-d", "--init", "--name", "tended", "--network", "none", "alpine:3.5", "sh", "-c",
                "trap 'exit 9' TERM; touch /ready; while :; do sleep 0.1; done"
            ).status == 0)
        let deadline = Date(timeIntervalSinceNow: 60)
        while it.docker("exec", "tended", "ls", "/ready").status != 0, Date() < deadline { usleep(20_000) }
        #expect(it.docker("stop", "-t", "60", "tended").status == 0)
        #expect(it.docker("inspect", "-f", "{{.State.ExitCode}}", "tended").output == "9\n")
    }

    @Test("Namespaces are shared with the host or another container", arguments: Actor.available)
    func shared(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        try #require(
            it.docker(
                "run", "-d", "--name", "base", "-h", "base.host", "--network", "none", "--ipc", "shareable",
                "alpine:3.5",
                "sh", "-c", "echo shared > /dev/shm/f; exec sleep 600"
            ).status == 0)
        #expect(shell(it, "ps | grep -c '[s]leep 600'", "--pid", "container:base").output == "1\n")
        let deadline = Date(timeIntervalSinceNow: 60)
        while it.docker("exec", "base", "ls", "/dev/shm/f").status != 0, Date() < deadline { usleep(20_000) }
        #expect(shell(it, "cat /dev/shm/f", "--ipc", "container:base").output == "shared\n")
        let joined = it.docker(
            "run", "--rm", "--network", "container:base", "alpine:3.5", "readlink", "/proc/self/ns/net")
        #expect(joined.output == it.docker("exec", "base", "readlink", "/proc/self/ns/net").output, "\(joined.all)")
        let named = it.docker("run", "--rm", "--network", "container:base", "alpine:3.5", "hostname")
        #expect(named.output == "base.host\n", "\(named.all)")
        #expect(it.docker("run", "-d", "--name", "own", "--network", "none", "alpine:3.5", "sleep", "600").status == 0)
        let kept = shell(it, "true", "--ipc", "container:own")
        #expect(
            kept.status == 125
                && kept.errors.contains("non-shareable IPC (hint: use IpcMode:shareable for the donor container)"),
            "\(kept.all)")
        #expect(it.docker("rm", "-f", "own").status == 0)
        for (flag, file) in [("--pid", "pid"), ("--ipc", "ipc"), ("--uts", "uts"), ("--cgroupns", "cgroup")] {
            let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(file)")
            #expect(shell(it, "readlink /proc/self/ns/\(file)", flag, "host").output == own + "\n", "\(flag)")
        }
        #expect(it.docker("rm", "-f", "base").status == 0)
        let gone = shell(it, "true", "--pid", "container:base")
        #expect(gone.status == 125 && gone.errors.contains("No such container: base"), "\(gone.all)")
    }

    @Test(
        "Devices: only what Docker allows works, and --device adds one", .enabled(if: getuid() == 0, "nodes need root"))
    func devices() throws {
        let it = try Drydock.withAlpine(.root)
        let memory = shell(it, "mknod /m c 1 1 && head -c1 /m")
        #expect(memory.status != 0 && memory.errors.contains("Operation not permitted"), "\(memory.all)")
        #expect(shell(it, "echo x > /dev/null && head -c1 /dev/zero | wc -c").output.contains("1"))
        let nodes = ["/dev/loop-control", "/dev/fuse", "/dev/rtc0", "/dev/hpet"]
        let node = try #require(nodes.first { FileManager.default.fileExists(atPath: $0) })
        #expect(shell(it, "exec 3< \(node) && echo open", "--device", node).output == "open\n")
        #expect(shell(it, "exec 3< /dev/other && echo open", "--device", "\(node):/dev/other:r").output == "open\n")
        #expect(shell(it, "exec 3> \(node)", "--device", "\(node):r").status != 0)
        let missing = shell(it, "true", "--device", "/dev/none")
        #expect(missing.status == 125)
        #expect(
            missing.errors.contains(
                "error gathering device information while adding custom device \"/dev/none\": no such file"))
        #expect(shell(it, "mount -t tmpfs x /mnt && test -e /dev/kmsg && echo all", "--privileged").output == "all\n")
    }

    @Test("Memory, processors and processes are limited where the machine lets this user", arguments: Actor.available)
    func limits(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        let out = shell(it, "cat /proc/self/cgroup", "-m", "32m", "--cpu-quota", "50000", "--pids-limit", "20")
        #expect(out.status == 0, "\(out.all)")
        let processors = shell(it, "true", "--cpus", "0.5")
        guard actor == .root else {
            // Where the machine gives this user no such limit, Docker's daemon warns about all but this one.
            if out.errors.contains("CPU period/quota discarded.") {
                #expect(processors.status == 125, "\(processors.all)")
                #expect(
                    processors.errors.contains(
                        "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted"
                    ))
                #expect(
                    out.errors.contains(
                        "WARNING: Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.\n"
                    ))
            }
            return
        }
        #expect(processors.status == 0, "\(processors.all)")
        let file =
            FileManager.default.fileExists(atPath: "/sys/fs/cgroup/cgroup.controllers")
            ? "memory.max" : "memory/memory.limit_in_bytes"
        let limit = shell(it, "cat /sys/fs/cgroup/\(file)", "-m", "32m")
        #expect(limit.output == "33554432\n", "\(limit.all)")
        let forks = shell(it, "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait", "--pids-limit", "4")
        #expect(forks.errors.contains("fork") || forks.errors.contains("Resource"), "\(forks.all)")
    }

    @Test("-w that is missing is made for run; for exec it is refused with 127", arguments: Actor.available)
    func directory(actor: Actor) throws {
        let it = try Drydock.withAlpine(actor)
        #expect(shell(it, "pwd", "-w", "/made/here").output == "/made/here\n")
        try #require(
            it.docker("run", "-d", "--name", "placed", "--network", "none", "alpine:3.5", "sleep", "600").status == 0)
        let missing = it.docker("exec", "-w", "/missing", "placed", "true")
        #expect(missing.status == 127, "\(missing.all)")
        #expect(
            missing.errors.contains("chdir to cwd (\"/missing\") set in config.json failed: no such file or directory"))
    }

    @Test("Flags that are Windows' or without effect today are taken or refused as by Docker 28")
    func foreign() throws {
        let it = try Drydock.withAlpine(Actor.available.contains(.root) ? .root : .user)
        func run(_ options: String...) -> Outcome {
            it.docker(["run", "--rm", "--network", "none"] + options + ["alpine:3.5", "true"])
        }
        let isolation = run("--isolation", "hyperv")
        #expect(
            isolation.status == 125
                && isolation.errors.contains("Invalid isolation: \"hyperv\" - linux only supports 'default'"))
        #expect(run("--isolation", "Default").all.isEmpty)
        #expect(run("--kernel-memory", "8m").all.isEmpty)
        #expect(
            run("--kernel-memory", "8q").errors.contains(
                "invalid argument \"8q\" for \"--kernel-memory\" flag: invalid size: '8q'"))
        for flag in ["cpu-count", "cpu-percent", "io-maxiops", "io-maxbandwidth"] {
            let out = run("--\(flag)=1")
            #expect(out.status == 1)
            #expect(
                out.errors
                    == "\"--\(flag)\" is only supported on a Docker daemon running on windows, but the Docker daemon is running on linux\n"
            )
        }
    }

    @Test("--platform never runs the local image of another one")
    func platform() throws {
        let it = try Drydock.withAlpine(Actor.available.contains(.root) ? .root : .user)
        let refusal =
            "image with reference alpine:3.5 was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)"
        let native = Bench.run(["uname", "-m"]).output == "x86_64\n"
        let (own, other) = native ? ("linux/amd64", "linux/arm64") : ("linux/arm64", "linux/amd64")
        #expect(it.docker("run", "--rm", "--network", "none", "--platform", own, "alpine:3.5", "true").status == 0)
        let never = it.docker("run", "--pull", "never", "--platform", other, "alpine:3.5", "true")
        #expect(never.status == 125, "\(never.all)")
        if native { #expect(never.errors.contains(refusal), "\(never.all)") }
        let missing = it.docker("run", "--platform", other, "alpine:3.5", "true")
        #expect(missing.status == 125 && missing.errors.contains("Unable to find image 'alpine:3.5' locally\n"))
        #expect(it.docker("ps", "-aq").output.isEmpty)
    }

    @Test("The container's ID goes into a file, once")
    func identityFile() throws {
        let it = try Drydock.withAlpine(Actor.available.contains(.root) ? .root : .user)
        let file = it.home + "/cid"
        let made = it.docker("create", "--cidfile", file, "alpine:3.5", "true")
        #expect(try String(contentsOfFile: file, encoding: .utf8) + "\n" == made.output)
        let again = it.docker("create", "--cidfile", file, "alpine:3.5", "true")
        #expect(
            again.status == 1
                && again.errors.contains(
                    "container ID file found, make sure the other container isn't running or delete \(file)")
        )
    }
}

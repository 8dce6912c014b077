import Foundation
import Testing

/// The properties of a `config.json`, one by one, as the program inside sees them.
@Suite("What a bundle's configuration asks for", .serialized)
struct RuntimeConfigTests {
    @Test("Capabilities are given set by set, and what cannot be given is passed over", arguments: Actor.available)
    func capabilities(actor: Actor) throws {
        let bundle = try RuntimeBundle(actor)
        let show = "grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | cut -c 17- | tr '\\n' ' '"
        let apart = try bundle.run(show) {
            $0.set(
                "process.capabilities",
                [
                    "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"], "permitted": ["CAP_CHOWN", "CAP_KILL"],
                    "effective": ["CAP_KILL"], "inheritable": ["CAP_CHOWN"], "ambient": [],
                ])
        }
        // execve makes effective for root what is permitted.
        #expect(apart.output == "00000001 00000021 00000021 00002021 00000000 ", "\(apart.all)")
        // As `runc spec` writes it: ambient without inheritable cannot be granted.
        let ambient = try bundle.run(show) {
            $0.set(
                "process.capabilities",
                [
                    "bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"],
                    "ambient": ["CAP_KILL", "CAP_MOON"],
                ])
        }
        #expect(ambient.output == "00000000 00000020 00000020 00000020 00000000 ", "\(ambient.all)")
        let none = try bundle.run(show) { $0.remove("process", "capabilities") }
        #expect(none.output == "00000000 00000000 00000000 00000000 00000000 ", "\(none.all)")
        guard actor == .root else { return }
        let user = try bundle.run(show) {
            $0.set("process.user", ["uid": 1000, "gid": 1000])
            $0.set(
                "process.capabilities",
                [
                    "bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"],
                    "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"],
                ])
        }
        #expect(user.output == "00000020 00000020 00000020 00000020 00000020 ", "\(user.all)")
    }

    @Test("What would change the host is refused", arguments: Actor.available)
    func host(actor: Actor) throws {
        let bundle = try RuntimeBundle(actor)
        func without(_ kind: String) -> (inout [String: Any]) -> Void {
            { config in
                var linux = config["linux"] as? [String: Any] ?? [:]
                linux["namespaces"] = (linux["namespaces"] as? [[String: Any]] ?? []).filter {
                    $0["type"] as? String != kind
                }
                config["linux"] = linux
            }
        }
        let before = try String(contentsOfFile: "/proc/sys/kernel/hostname", encoding: .utf8)
        let name = try bundle.run("true", without("uts"))
        #expect(name.status == 1 && name.errors.contains("without a private UTS namespace"), "\(name.all)")
        #expect(try String(contentsOfFile: "/proc/sys/kernel/hostname", encoding: .utf8) == before)
        for (value, kind) in [("kernel.panic", ""), ("net.ipv4.ip_forward", "network"), ("kernel.msgmax", "ipc")] {
            let refused = try bundle.run("true") {
                without(kind)(&$0)
                $0.set("linux.sysctl", [value: "1"])
            }
            #expect(
                refused.status == 1
                    && refused.errors.contains("sysctl \"\(value)\" is not in a separate kernel namespace"),
                "\(refused.all)")
        }
        let kept = try bundle.run("cat /proc/sys/kernel/msgmax /proc/sys/fs/mqueue/msg_max") {
            $0.set("linux.sysctl", ["kernel.msgmax": "4096", "fs/mqueue/msg_max": "5"])
        }
        #expect(kept.output == "4096\n5\n", "\(kept.all)")
    }

    @Test("Nothing is mounted over files of proc, by whatever way they are named", arguments: Actor.available)
    func proc(actor: Actor) throws {
        let bundle = try RuntimeBundle(actor)
        let link = bundle.path + "/rootfs/harmless"
        #expect(Bench.run(Bench.prefix(actor) + ["ln", "-s", "/proc/self/attr", link]).status == 0)
        for target in ["/proc", "/proc/sys", "/proc/self/attr", "/harmless"] {
            let refused = try bundle.run("true") {
                $0.add(mount: target, "bind", bundle.path + "/data", ["bind"])
            }
            #expect(
                refused.status == 1 && refused.errors.contains("operation not permitted"), "\(target): \(refused.all)")
        }
        let uptime = try bundle.run("cat /proc/uptime") {
            $0.add(mount: "/proc/uptime", "bind", bundle.path + "/data/file", ["bind"])
        }
        #expect(uptime.output == "hello\n", "\(uptime.all)")
        let root = try bundle.run("true") { $0.add(mount: "/", "bind", bundle.path + "/data", ["bind"]) }
        #expect(root.status == 1, "\(root.all)")
    }

    @Test("Options of mounts become those of the mount", arguments: Actor.available)
    func mounts(actor: Actor) throws {
        let bundle = try RuntimeBundle(actor)
        for (type, options, shown) in [
            ("bind", ["bind", "ro", "nosuid", "nodev"], "ro,nosuid,nodev"), ("bind", ["rbind", "noexec"], "noexec"),
            ("bind", ["bind", "noatime"], "noatime"), ("bind", ["bind", "nosymfollow"], "nosymfollow"),
            ("tmpfs", ["nosymfollow", "silent", "dirsync"], "nosymfollow"), ("tmpfs", ["ro", "noexec"], "ro,noexec"),
            ("tmpfs", ["size=1m", "mode=700"], "size=1024k,mode=700"),
        ] {
            // The kernel locks the times of access of mounts that came with another user namespace.
            if actor == .user && options.contains("noatime") { continue }
            let seen = try bundle.run("grep ' /mnt/here ' /proc/self/mountinfo") {
                $0.add(mount: "/mnt/here", type, type == "bind" ? bundle.path + "/data" : "tmpfs", options)
            }
            let words = Set(seen.output.split { " ,\n".contains($0) }.map(String.init))
            #expect(
                shown.split(separator: ",").allSatisfy { words.contains(String($0)) }, "\(options): \(seen.all)")
        }
        let relative = try bundle.run("cat /mnt/deep/file; ls -d /mnt/deep/below") {
            $0.add(mount: "/mnt/deep", "", "data", ["rbind"])
        }
        #expect(relative.output == "hello\n/mnt/deep/below\n", "\(relative.all)")
    }

    @Test("A filter that allows a program little more than to begin holds it", arguments: Actor.available)
    func filter(actor: Actor) throws {
        let bundle = try RuntimeBundle(actor)
        // Neither sending nor looking for files is on the list, and what is not on it ends the process.
        let calls = [
            "execve", "write", "exit", "exit_group", "brk", "arch_prctl", "set_tid_address", "set_robust_list", "rseq",
            "prlimit64", "mprotect", "mmap", "munmap", "getrandom", "newfstatat", "fstat", "readlinkat", "readlink",
            "writev", "getuid", "setuid", "setgid", "getgid", "ioctl", "prctl",
        ]
        let held = try bundle.run(arguments: ["echo", "still", "here"]) {
            $0.set("process.noNewPrivileges", true)
            $0.set(
                "linux.seccomp",
                [
                    "defaultAction": "SCMP_ACT_KILL_PROCESS",
                    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
                    "syscalls": [["names": calls, "action": "SCMP_ACT_ALLOW"]],
                ])
        }
        #expect(held.status == 0 && held.output == "still here\n", "\(held.all)")
        let error = try bundle.run("mkdir /tmp/x; grep Seccomp: /proc/self/status") {
            $0.set(
                "linux.seccomp",
                [
                    "defaultAction": "SCMP_ACT_ALLOW",
                    "syscalls": [["names": ["mkdir", "mkdirat", "moon"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28]],
                ])
        }
        #expect(error.errors.contains("No space left on device") && error.output.contains("2"), "\(error.all)")
    }

    @Test("Home, umask, limits, scheduling, personality and clocks are the process's own", arguments: Actor.available)
    func process(actor: Actor) throws {
        let bundle = try RuntimeBundle(actor)
        let plain = try bundle.run(
            "echo $HOME; umask; ulimit -n; cut -d' ' -f41 /proc/self/stat; ionice; uname -m; cat /proc/self/oom_score_adj"
        ) {
            $0.set("process.user", ["uid": 0, "gid": 0, "umask": 0o27])
            $0.set("process.rlimits", [["type": "RLIMIT_NOFILE", "soft": 77, "hard": 99]])
            $0.set("process.scheduler", ["policy": "SCHED_BATCH", "nice": 3])
            $0.set("process.ioPriority", ["class": "IOPRIO_CLASS_IDLE", "priority": 4])
            $0.set("linux.personality", ["domain": "LINUX32"])
            $0.set("process.oomScoreAdj", 600)
        }
        #if arch(x86_64)
            let machine = "i686"
        #else
            let machine = "armv8l"
        #endif
        #expect(plain.output == "/root\n0027\n77\n3\nidle\n\(machine)\n600\n", "\(plain.all)")
        for (key, value) in [
            ("process.scheduler", ["policy": "SCHED_MOON"]), ("process.ioPriority", ["class": "MOON"]),
            ("linux.personality", ["domain": "MOON"]),
        ] {
            let wrong = try bundle.run("true") { $0.set(key, value) }
            #expect(wrong.status == 1 && wrong.errors.contains("config.json: "), "\(wrong.all)")
        }
    }

    @Test("Errors end with runc's codes, and what is not supported is said", arguments: Actor.available)
    func errors(actor: Actor) throws {
        let bundle = try RuntimeBundle(actor)
        for (words, message) in [
            (["moon"], "exec: \"moon\": executable file not found in $PATH"), (["/etc/passwd"], "permission denied"),
            (["/moon"], "no such file or directory"),
        ] {
            let failed = try bundle.run(arguments: words) { _ in }
            #expect(failed.status == 1 && failed.errors.contains(message), "\(failed.all)")
        }
        for (key, value, message) in [
            ("process.apparmorProfile", "moon", "apparmor"), ("process.selinuxLabel", "moon", "selinux"),
            ("linux.mountLabel", "moon", "selinux"), ("ociVersion", "2.0.0", "unsupported ociVersion"),
            ("linux.rootfsPropagation", "moon", "unknown rootfsPropagation"),
        ] {
            let refused = try bundle.run("true") { $0.set(key, value) }
            #expect(refused.status == 1 && refused.errors.contains(message), "\(key): \(refused.all)")
        }
        for (kind, message) in [("x", "invalid device type \"x\""), ("c", "without an absolute path")] {
            let refused = try bundle.run("true") {
                $0.set(
                    "linux.devices", [["path": kind == "x" ? "/dev/moon" : "", "type": kind, "major": 1, "minor": 5]])
            }
            #expect(refused.status == 1 && refused.errors.contains(message), "\(refused.all)")
        }
        for (action, status) in [("SCMP_ACT_NOTIFY", 1), ("SCMP_ACT_ERRNO", 0)] as [(String, Int32)] {
            // Who would answer is asked by SCMP_ACT_NOTIFY alone.
            let asked = try bundle.run("true") {
                $0.set(
                    "linux.seccomp",
                    [
                        "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/moon",
                        "syscalls": [["names": ["mkdir"], "action": action]],
                    ] as [String: Any])
            }
            #expect(asked.status == status && (status == 0) != asked.errors.contains(action), "\(asked.all)")
        }
        let mapped = try bundle.run("true") { $0.add(mount: "/mnt", "bind", bundle.path + "/data", ["bind", "idmap"]) }
        #expect(mapped.status == 1 && mapped.errors.contains("id-mapped mounts"), "\(mapped.all)")
        let maps = try bundle.run("true") {
            $0.set("linux.namespaces", ["user", "mount", "pid"].map { ["type": $0] })
            $0.set("hostname", "")
            $0.set("linux.uidMappings", [Any]())
        }
        #expect(maps.status == 1 && maps.errors.contains("no uid mappings found"), "\(maps.all)")
    }

    @Test("A hook that fails is named, with its exit code, wherever it runs", arguments: Actor.available)
    func failingHooks(actor: Actor) throws {
        let bundle = try RuntimeBundle(actor)
        let hook = bundle.path + "/rootfs/bin/sh"
        for kind in ["prestart", "createRuntime", "createContainer", "startContainer"] {
            let path = kind == "startContainer" ? "/bin/sh" : hook
            let failed = try bundle.run("echo ran") {
                $0.set("hooks", [kind: [["path": path, "args": ["sh", "-c", "exit 3"]]]])
            }
            #expect(
                failed.status == 1 && failed.errors.contains("error running hook \(path): exit status 3"),
                "\(failed.all)")
            #expect(!failed.output.contains("ran"))
            let missing = try bundle.run("echo ran") { $0.set("hooks", [kind: [["path": "/moon"]]]) }
            #expect(
                missing.status == 1 && missing.errors.contains("hook /moon: no such file or directory"),
                "\(missing.all)")
        }
    }

    @Test(
        "Cgroups of version 1 limit disks, and without a namespace of its own a container sees its own cgroup only",
        .enabled(
            if: getuid() == 0 && FileManager.default.fileExists(atPath: "/sys/fs/cgroup/blkio/cgroup.procs"),
            "root and cgroups of version 1 are needed"))
    func cgroups() throws {
        let bundle = try RuntimeBundle(.root)
        let script = "cat /sys/fs/cgroup/blkio/blkio.throttle.read_bps_device /sys/fs/cgroup/pids/pids.max"
        let seen = try bundle.run(script) {
            var linux = $0["linux"] as? [String: Any] ?? [:]
            linux["namespaces"] = (linux["namespaces"] as? [[String: Any]] ?? []).filter {
                $0["type"] as? String != "cgroup"
            }
            linux["cgroupsPath"] = "../../moon/here"
            linux["resources"] = [
                "pids": ["limit": 33], "blockIO": ["throttleReadBpsDevice": [["major": 7, "minor": 0, "rate": 4096]]],
            ]
            $0["linux"] = linux
        }
        // A disk of that number need not be there: then the kernel says so, and so do we.
        if seen.status != 0 {
            #expect(seen.errors.contains("no such device"), "\(seen.all)")
        } else {
            #expect(seen.output == "7:0 4096\n33\n", "\(seen.all)")
        }
        #expect(rmdir("/sys/fs/cgroup/pids/moon") == 0 || errno == ENOENT)
        for tree in try FileManager.default.contentsOfDirectory(atPath: "/sys/fs/cgroup") {
            rmdir("/sys/fs/cgroup/\(tree)/moon")
        }
    }
}

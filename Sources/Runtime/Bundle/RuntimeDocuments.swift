public import Diagnostics
import Glibc
import Linux

/// Documents that `drydock runtime` prints.
public enum RuntimeDocuments {
    /// What this runtime can do (OCI runtime specification, "Features Structure").
    public static var features: JSONValue {
        let capabilities = CapabilitySet.all.names.map(JSONValue.string)
        return [
            "ociVersionMin": "1.0.0", "ociVersionMax": "1.2.0",
            "hooks": ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"],
            "mountOptions": .array(mountOptions.map(JSONValue.string)),
            "linux": [
                "namespaces": .array(Namespace.allCases.map { .string($0.rawValue) }.sorted { "\($0)" < "\($1)" }),
                "capabilities": .array(capabilities),
                "cgroup": ["v1": true, "v2": true, "systemd": false, "systemdUser": false],
                "seccomp": [
                    "enabled": true,
                    "actions": .array(
                        SeccompProfile.actions.filter { $0 != "SCMP_ACT_NOTIFY" }.sorted().map(JSONValue.string)),
                    "operators": .array(SeccompProfile.comparisons.sorted().map(JSONValue.string)),
                ],
                "apparmor": ["enabled": false], "selinux": ["enabled": false],
            ],
        ]
    }

    private static let mountOptions = [
        "async", "atime", "bind", "defaults", "dev", "diratime", "exec", "noatime", "nodev", "nodiratime", "noexec",
        "norelatime", "nostrictatime", "nosuid", "private", "rbind", "relatime", "ro", "rprivate", "rro", "rshared",
        "rslave", "runbindable", "rw", "shared", "slave", "strictatime", "suid", "sync", "unbindable",
    ]

    /// A configuration to begin with (`spec`).
    public static func template(rootless: Bool) -> JSONValue {
        func strings(_ words: String...) -> JSONValue { .array(words.map(JSONValue.string)) }
        func mount(_ target: String, _ type: String, _ source: String, _ options: String...) -> JSONValue {
            [
                "destination": .string(target), "type": .string(type), "source": .string(source),
                "options": .array(options.map(JSONValue.string)),
            ]
        }
        let rights = strings("CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE")
        // On version 1 a cgroup namespace hides where a container's limits are, so runc leaves it out there.
        var unified = false
        if case .unified = Cgroups.layout() { unified = true }
        let spaces =
            ["pid", "network", "ipc", "uts", "mount"] + (unified ? ["cgroup"] : []) + (rootless ? ["user"] : [])
        var linux: [(key: String, value: JSONValue)] = []
        if rootless {
            func map(_ id: UInt32) -> JSONValue { [["containerID": 0, "hostID": .int(Int64(id)), "size": 1]] }
            linux += [("uidMappings", map(getuid())), ("gidMappings", map(getgid()))]
        } else {
            linux.append(("resources", ["devices": [["allow": false, "access": "rwm"]]]))
        }
        linux += [
            ("namespaces", .array(spaces.map { ["type": .string($0)] })),
            ("maskedPaths", .array(SystemPaths.masked.map(JSONValue.string))),
            ("readonlyPaths", .array(SystemPaths.readOnly.map(JSONValue.string))),
        ]
        return [
            "ociVersion": "1.0.2-dev",
            "process": [
                "terminal": true, "user": ["uid": 0, "gid": 0], "args": strings("sh"),
                "env": strings("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"),
                "cwd": "/", "capabilities": ["bounding": rights, "effective": rights, "permitted": rights],
                "rlimits": [["type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024]], "noNewPrivileges": true,
            ],
            "root": ["path": "rootfs", "readonly": true], "hostname": "drydock",
            "mounts": [
                mount("/proc", "proc", "proc"),
                mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
                rootless
                    ? mount(
                        "/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620")
                    : mount(
                        "/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620",
                        "gid=5"),
                mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
                mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
                mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
                mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
            ],
            "linux": .object(linux),
        ]
    }
}

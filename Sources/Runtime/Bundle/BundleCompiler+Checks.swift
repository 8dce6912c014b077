import Diagnostics
import Linux

/// What must be refused, because it would change the host instead of the container, or be passed over silently.
extension BundleCompiler {
    /// Names and values that belong to a namespace need one that is the container's.
    func checkNamespaces() throws(DrydockError) {
        let spaces = try spaces()
        func isOwn(_ kind: Namespace) -> Bool { spaces.contains { $0.kind == kind } }
        for key in ["hostname", "domainname"] where config[key]?.string?.isEmpty == false && !isOwn(.uts) {
            throw Self.wrong("unable to set \(key) without a private UTS namespace")
        }
        if spaces.contains(where: { $0.kind != .mount }), !isOwn(.mount) {
            throw Self.wrong("config.json: a container without a mount namespace is not supported")
        }
        for (name, _) in config.at("linux.sysctl")?.pairs ?? [] {
            let dotted = name.contains("/") ? String(name.map { $0 == "/" ? "." : $0 }) : name
            if dotted == "kernel.hostname" {
                throw Self.wrong("sysctl \"\(name)\" is not allowed as it conflicts with the OCI \"hostname\" field")
            }
            guard let kind = Self.namespace(ofSysctl: dotted), isOwn(kind) else {
                throw Self.wrong("sysctl \"\(name)\" is not in a separate kernel namespace")
            }
        }
    }

    /// The namespace that a value below /proc/sys belongs to; nil for the machine's own.
    static func namespace(ofSysctl name: String) -> Namespace? {
        switch name {
        case "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
            "kernel.shmmni", "kernel.shm_rmid_forced":
            .ipc
        case "kernel.domainname": .uts
        default:
            if name.hasPrefix("fs.mqueue.") {
                .ipc
            } else if name.hasPrefix("net.") {
                .network
            } else if name.hasPrefix("user.") {
                .user
            } else {
                nil
            }
        }
    }

    /// What would come to nothing, or to another device than the one that is meant.
    func checkValues() throws(DrydockError) {
        for device in config.at("linux.devices")?.array ?? [] {
            guard device["path"]?.string?.hasPrefix("/") == true else {
                throw Self.wrong("config.json: a device without an absolute path")
            }
            let kind = device["type"]?.string ?? ""
            guard ["b", "c", "u", "p"].contains(kind) else { throw Self.wrong("invalid device type \"\(kind)\"") }
        }
        if try spaces().contains(where: { $0.kind == .user && $0.path == nil }) {
            for (key, name) in [("uidMappings", "uid"), ("gidMappings", "gid")]
            where config.at("linux.\(key)")?.array?.isEmpty != false {
                throw Self.wrong("User namespaces enabled, but no \(name) mappings found.")
            }
        }
    }

    /// "If a requested property cannot be applied, the runtime must generate an error" (specification, "Create").
    func checkSupport() throws(DrydockError) {
        func refuse(_ what: String) throws(DrydockError) {
            throw DrydockError(.unsupported, what, remedy: "leave it out of config.json", exitStatus: 1)
        }
        let profile = config.at("process.apparmorProfile")?.string ?? ""
        if !profile.isEmpty && profile != "unconfined" { try refuse("apparmor profile specified, but not supported") }
        if config.at("process.selinuxLabel")?.string?.isEmpty == false
            || config.at("linux.mountLabel")?.string?.isEmpty == false
        {
            try refuse("selinux label is specified in config, but selinux is disabled or not supported")
        }
        if case .separate = cgroups, config.at("linux.resources.unified")?.pairs?.isEmpty == false {
            try refuse("invalid configuration: cannot use unified on cgroup v1")
        }
        for flag in strings("linux.seccomp.flags") where !Self.seccompFlags.contains(flag) {
            throw Self.wrong("seccomp flags: unknown flag \"\(flag)\"")
        }
        // Where nothing asks the program behind listenerPath, it need not be there.
        let actions =
            [config.at("linux.seccomp.defaultAction")]
            + (config.at("linux.seccomp.syscalls")?.array ?? []).map { $0["action"] }
        if actions.contains(where: { $0?.string == "SCMP_ACT_NOTIFY" })
            || strings("linux.seccomp.flags").contains("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")
        {
            try refuse("seccomp: programs that answer system calls (SCMP_ACT_NOTIFY) are not supported")
        }
    }

    private static let seccompFlags: Set = [
        "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
    ]
}

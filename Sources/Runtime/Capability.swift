import CLinux
import Diagnostics
import Glibc
import Linux
import SystemPackage

/// Something that the machine may be able to do for containers, as `drydock doctor` reports it.
public struct Capability: Sendable, Equatable {
    /// A text in both languages.
    public struct Text: Sendable, Equatable {
        /// English.
        public var english: String
        /// French.
        public var french: String

        /// Makes a text.
        public init(_ english: String, _ french: String) {
            self.english = english
            self.french = french
        }
    }

    /// A short name that stays the same: `user-namespaces`.
    public var name: String
    /// What it is.
    public var title: Text
    /// Whether it is there.
    public var present: Bool
    /// What was found: a version, a path, a range.
    public var detail: String
    /// What its absence costs.
    public var effect: Text
    /// How to get it.
    public var remedy: Text

    init(
        _ name: String, _ title: Text, present: Bool, detail: String = "", effect: Text, remedy: Text
    ) {
        self.name = name
        self.title = title
        self.present = present
        self.detail = detail
        self.effect = effect
        self.remedy = remedy
    }
}

extension Capability {
    /// What this machine can do for this user.
    public static func probe() -> [Capability] {
        let root = UserNamespace.current == .root
        var all = [kernel, namespaces(root), overlay(root)]
        if !root { all += [subordinateIDs] }
        all += [cgroups, root ? addressTranslation : networkHelper, seccomp]
        return all
    }

    private static var kernel: Capability {
        let release = Files.line("/proc/sys/kernel/osrelease") ?? "?"
        let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        let enough = numbers.count == 2 && (numbers[0], numbers[1]) >= (5, 11)
        return Capability(
            "kernel", Text("Linux 5.11 or later", "Linux 5.11 ou plus récent"), present: enough, detail: release,
            effect: Text(
                "ordinary users cannot mount overlays, and some mounts cannot be made read-only",
                "un utilisateur ordinaire ne peut pas monter d'overlay, et certains montages ne peuvent pas être en lecture seule"
            ),
            remedy: Text("use a newer kernel", "utilisez un noyau plus récent"))
    }

    private static func namespaces(_ root: Bool) -> Capability {
        let kinds = ["mnt", "pid", "uts", "ipc", "net", "user", "cgroup"]
        let missing = kinds.filter { !Files.exists(FilePath("/proc/self/ns/\($0)")) }
        let most = Files.line("/proc/sys/user/max_user_namespaces").flatMap { Int($0) } ?? 0
        let debian = Files.line("/proc/sys/kernel/unprivileged_userns_clone") == "0"
        let ubuntu = Files.line("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1"
        let allowed = root || (most > 0 && !debian && !ubuntu)
        let setting =
            debian
            ? "kernel.unprivileged_userns_clone=1"
            : ubuntu ? "kernel.apparmor_restrict_unprivileged_userns=0" : "user.max_user_namespaces=15000"
        return Capability(
            "namespaces", Text("namespaces", "espaces de noms (namespaces)"), present: missing.isEmpty && allowed,
            detail: missing.isEmpty ? kinds.joined(separator: ", ") : "missing: " + missing.joined(separator: ", "),
            effect: Text("no container can be started", "aucun conteneur ne peut démarrer"),
            remedy: missing.isEmpty
                ? Text("as root: sysctl \(setting)", "en tant que root : sysctl \(setting)")
                : Text("use a kernel with these namespaces", "utilisez un noyau qui a ces espaces de noms"))
    }

    private static func overlay(_ root: Bool) -> Capability {
        let systems = (try? Files.read("/proc/filesystems")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let known = systems.split(separator: "\n").contains { $0.hasSuffix("\toverlay") }
        let release = Files.line("/proc/sys/kernel/osrelease") ?? ""
        let loadable = Files.exists(FilePath("/lib/modules/\(release)/kernel/fs/overlayfs"))
        return Capability(
            "overlay", Text("overlay file system", "système de fichiers overlay"), present: known || (root && loadable),
            detail: root ? "" : "userxattr",
            effect: Text(
                "containers use fuse-overlayfs or, without it, a copy of their whole image (vfs): slower and larger",
                "les conteneurs utilisent fuse-overlayfs ou, à défaut, une copie de toute leur image (vfs) : plus lent et plus gros"
            ),
            remedy: Text("as root: modprobe overlay", "en tant que root : modprobe overlay"))
    }

    private static var subordinateIDs: Capability {
        let (uids, gids) = SubordinateIDs.ofUser(uid: getuid())
        let programs = ChildProcess.find("newuidmap") != nil && ChildProcess.find("newgidmap") != nil
        let count = min(uids.reduce(0) { $0 + Int($1.count) }, gids.reduce(0) { $0 + Int($1.count) })
        let name = AccountNames.user(getuid()) ?? "\(getuid())"
        return Capability(
            "id-maps", Text("a range of user ids for containers", "une plage d'identifiants pour les conteneurs"),
            present: UserNamespace.current != .ordinary
                ? UserNamespace.current != .single : programs && count > 0, detail: programs ? "\(count) ids" : "",
            effect: Text(
                "every file in a container belongs to root, and no other user can run programs (-u, USER)",
                "tous les fichiers d'un conteneur appartiennent à root, et aucun autre utilisateur n'y existe (-u, USER)"
            ),
            remedy: programs
                ? Text(
                    "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \(name)",
                    "en tant que root : usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \(name)")
                : Text("as root: apt install uidmap", "en tant que root : apt install uidmap"))
    }

    private static var cgroups: Capability {
        let layout = Cgroups.layout()
        let controllers = Cgroups.controllers()
        let version =
            switch layout {
            case .unified: "version 2"
            case .separate: "version 1"
            case .absent: "not mounted"
            }
        let root = UserNamespace.current == .root
        let usable: Bool =
            switch layout {
            case .absent: false
            case .separate: root
            case .unified: root || controllers.contains("memory")
            }
        return Capability(
            "cgroups", Text("control groups", "groupes de contrôle (cgroups)"), present: usable,
            detail: ([version] + controllers).joined(separator: " "),
            effect: Text(
                "containers run, but their memory and their number of processes cannot be limited",
                "les conteneurs fonctionnent, mais leur mémoire et leur nombre de processus ne peuvent pas être limités"
            ),
            remedy: root
                ? Text("mount cgroup2 on /sys/fs/cgroup", "montez cgroup2 sur /sys/fs/cgroup")
                : Text(
                    "use a systemd user session with cgroups version 2 (Delegate=yes)",
                    "utilisez une session systemd avec les cgroups version 2 (Delegate=yes)"))
    }

    private static var addressTranslation: Capability {
        let program = AddressTranslation.programs.first { ChildProcess.find($0) != nil }
        return Capability(
            "nat", Text("address translation for the bridge", "traduction d'adresses pour le pont"),
            present: program != nil, detail: program ?? "",
            effect: Text(
                "containers reach each other and the practice hub, not the internet",
                "les conteneurs se joignent entre eux et joignent le hub local, pas Internet"),
            remedy: Text("apt install iptables", "apt install iptables"))
    }

    private static var networkHelper: Capability {
        let program = ["pasta", "slirp4netns"].first { ChildProcess.find($0) != nil }
        let tun = Files.isWritable("/dev/net/tun")
        return Capability(
            "network-helper", Text("network helper (pasta or slirp4netns)", "aide réseau (pasta ou slirp4netns)"),
            present: program != nil && tun, detail: program ?? "",
            effect: Text(
                "containers reach the practice hub and nothing else; use --network host for more",
                "les conteneurs ne joignent que le hub local ; --network host donne davantage"),
            remedy: program == nil
                ? Text("as root: apt install passt", "en tant que root : apt install passt")
                : Text("as root: chmod 666 /dev/net/tun", "en tant que root : chmod 666 /dev/net/tun"))
    }

    private static var seccomp: Capability {
        Capability(
            "seccomp", Text("filters of system calls (seccomp)", "filtres d'appels système (seccomp)"),
            present: cl_errno_of_seccomp_probe() == EFAULT,
            effect: Text(
                "the system calls of containers cannot be filtered",
                "les appels système des conteneurs ne peuvent pas être filtrés"),
            remedy: Text("use a kernel with CONFIG_SECCOMP_FILTER", "utilisez un noyau avec CONFIG_SECCOMP_FILTER"))
    }
}

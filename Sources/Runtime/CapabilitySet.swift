/// A set of the rights that Linux divides root's power into; see capabilities(7).
public struct CapabilitySet: Sendable, Hashable {
    /// Bit n is capability number n.
    public var bits: UInt64

    /// Makes a set from its bits.
    public init(bits: UInt64) { self.bits = bits }

    /// Makes a set from names, with or without `CAP_`, in any case; nil when a name is unknown.
    public init?(names: [String]) {
        var bits: UInt64 = 0
        for name in names {
            if name.uppercased() == "ALL" {
                bits = Self.all.bits
                continue
            }
            let upper = name.uppercased()
            let bare = upper.hasPrefix("CAP_") ? String(upper.dropFirst(4)) : upper
            guard let number = Self.table.firstIndex(of: bare) else { return nil }
            bits |= 1 << UInt64(number)
        }
        self.bits = bits
    }

    /// The names of the set's members, `CAP_CHOWN` and so on, by number.
    public var names: [String] {
        Self.table.indices.filter { bits & (1 << UInt64($0)) != 0 }.map { "CAP_" + Self.table[$0] }
    }

    /// No right at all.
    public static let none = CapabilitySet(bits: 0)
    /// Every right that this program knows.
    public static let all = CapabilitySet(bits: (1 << UInt64(table.count)) - 1)
    /// What Docker leaves to a container by default (its reference, "Runtime privilege and Linux capabilities").
    public static let docker = CapabilitySet(bits: 0xa804_25fb)

    /// The names by number, linux/capability.h.
    static let table = [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
        "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
        "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
        "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
        "CHECKPOINT_RESTORE",
    ]
}

/// A file system that is mounted in the root.
public struct FileSystemMount: Sendable, Hashable {
    /// The kind: `tmpfs`.
    public var type: String
    /// What is mounted; only a name for most.
    public var source: String
    /// Where, in the root.
    public var target: String
    /// The flags of mount(2).
    public var flags: MountFlags
    /// The options of the file system itself.
    public var data: String
    /// Whether a container starts without it.
    public var optional = false
    /// How mounts below it spread; nil as the parent's.
    public var propagation: Propagation?
}

/// A file or a directory of the host that is visible in the root.
public struct BindMount: Sendable, Hashable {
    /// The path outside.
    public var source: String
    /// Where, in the root.
    public var target: String
    /// Whether what is mounted below the source comes along.
    public var recursive = true
    /// The attributes that it gets; `recursiveAttributes` also below.
    public var attributes: MountAttributes = []
    /// The attributes that it loses.
    public var cleared: MountAttributes = []
    /// Whether attributes change below it too.
    public var recursiveAttributes = true
    /// How mounts below it spread; nil as the source's parent.
    public var propagation: Propagation?
    /// Whether a container starts without it.
    public var optional = false

    /// The files of proc that may be covered, as runc has them: what programs such as lxcfs show instead.
    private static let insideProc: Set = [
        "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
        "/proc/loadavg", "/proc/slabinfo", "/proc/net/dev", "/proc/sys/kernel/ns_last_pid",
        "/proc/sys/crypto/fips_enabled",
    ]

    /// Whether it covers a file of proc and may.
    var isInsideProc: Bool { Self.insideProc.contains(target) }
}

/// Attributes of a mount (mount_setattr(2)).
public struct MountAttributes: OptionSet, Sendable, Hashable {
    /// The kernel's number.
    public let rawValue: Int64
    /// Makes attributes from the kernel's number.
    public init(rawValue: Int64) { self.rawValue = rawValue }
    /// Cannot be written.
    public static let readOnly = MountAttributes(rawValue: 1)
    /// Set-user-id bits have no effect.
    public static let noSetuid = MountAttributes(rawValue: 2)
    /// Device files do not work.
    public static let noDevices = MountAttributes(rawValue: 4)
    /// Programs cannot be executed.
    public static let noExecute = MountAttributes(rawValue: 8)
    /// Times of access are not kept.
    public static let noAccessTime = MountAttributes(rawValue: 0x10)
    /// Times of access are always kept.
    public static let strictAccessTime = MountAttributes(rawValue: 0x20)
    /// Times of access of directories are not kept.
    public static let noDirectoryAccessTime = MountAttributes(rawValue: 0x80)
    /// Symbolic links are not followed.
    public static let noSymlinks = MountAttributes(rawValue: 0x20_0000)
}

/// How mounts spread between namespaces (mount_namespaces(7)).
public struct Propagation: Sendable, Hashable {
    /// The flags of mount(2).
    let flags: Int64

    /// `private`, `rslave` and the like.
    public let word: String

    /// Reads `private`, `rslave` and the like; nil for another word.
    public init?(_ word: String) {
        self.word = word
        let recursive = word.hasPrefix("r")
        let flag: Int64
        switch recursive ? String(word.dropFirst()) : word {
        case "private": flag = 1 << 18
        case "slave": flag = 1 << 19
        case "shared": flag = 1 << 20
        case "unbindable": flag = 1 << 17
        default: return nil
        }
        flags = flag | (recursive ? 1 << 14 : 0)
    }
}

/// The options of a mount as one list of words, as fstab(5), Docker and the OCI runtime specification write them.
struct MountOptions {
    var flags: MountFlags = []
    var cleared: MountFlags = []
    var data: [String] = []
    var propagation: Propagation?
    var isBind = false
    var isRecursive = false
    /// `rro` and its like: the attribute goes for everything below, too.
    var recursiveAttributes = false

    private static let words: [String: (flag: MountFlags, set: Bool)] = [
        "ro": (.readOnly, true), "rw": (.readOnly, false), "nosuid": (.noSetuid, true), "suid": (.noSetuid, false),
        "nodev": (.noDevices, true), "dev": (.noDevices, false), "noexec": (.noExecute, true),
        "exec": (.noExecute, false), "sync": (.synchronous, true), "async": (.synchronous, false),
        "noatime": (.noAccessTime, true), "atime": (.noAccessTime, false),
        "nodiratime": (.noDirectoryAccessTime, true), "diratime": (.noDirectoryAccessTime, false),
        "relatime": (.relativeAccessTime, true), "norelatime": (.relativeAccessTime, false),
        "strictatime": (.strictAccessTime, true), "nostrictatime": (.strictAccessTime, false),
        "nosymfollow": (.noSymlinks, true), "symfollow": (.noSymlinks, false),
        "dirsync": (.synchronousDirectories, true), "iversion": (.countsChanges, true),
        "noiversion": (.countsChanges, false), "mand": (.mandatoryLocks, true), "nomand": (.mandatoryLocks, false),
        "silent": (.silent, true), "loud": (.silent, false), "lazytime": (.lazyTimes, true),
        "nolazytime": (.lazyTimes, false),
    ]

    init(_ options: [String]) {
        for word in options {
            if let known = Self.words[word] {
                take(known)
            } else if word.hasPrefix("r"), let known = Self.words[String(word.dropFirst())], known.flag.isAttribute {
                take(known)
                recursiveAttributes = true
            } else if let propagation = Propagation(word) {
                self.propagation = propagation
            } else {
                switch word {
                case "bind": isBind = true
                case "rbind": (isBind, isRecursive) = (true, true)
                case "defaults", "", "tmpcopyup", "copy-symlink": break
                default: data.append(word)
                }
            }
        }
    }

    private mutating func take(_ known: (flag: MountFlags, set: Bool)) {
        if known.set {
            flags.insert(known.flag)
            cleared.remove(known.flag)
        } else {
            flags.remove(known.flag)
            cleared.insert(known.flag)
        }
    }
}

extension MountFlags {
    fileprivate var isAttribute: Bool {
        !isDisjoint(with: [
            .readOnly, .noSetuid, .noDevices, .noExecute, .noAccessTime, .noDirectoryAccessTime, .relativeAccessTime,
            .strictAccessTime, .noSymlinks,
        ])
    }

    /// The same as attributes of one mount.
    var attributes: MountAttributes {
        var result = MountAttributes(rawValue: rawValue & 15)
        if contains(.noAccessTime) { result.insert(.noAccessTime) }
        if contains(.strictAccessTime) { result.insert(.strictAccessTime) }
        if contains(.noDirectoryAccessTime) { result.insert(.noDirectoryAccessTime) }
        if contains(.noSymlinks) { result.insert(.noSymlinks) }
        return result
    }
}

import CLinux
public import Diagnostics
import Glibc
import Synchronization
public import SystemPackage

/// The user namespace in which an ordinary user is root.
public enum UserNamespace {
    /// What this process is allowed to do with ids, mounts and namespaces.
    public enum Privilege: Sendable, Equatable {
        /// Root of the machine.
        case root
        /// Root of a user namespace with a range of ids: unpacking keeps owners.
        case ranged
        /// Root of a user namespace with one id only: every file belongs to it.
        case single
        /// An ordinary user; `enter` changes that.
        case ordinary
    }

    /// What this process is now.
    public static var current: Privilege {
        guard geteuid() == 0 else { return .ordinary }
        return known.withLock { known in
            let found = known ?? read()
            known = found
            return found
        }
    }

    /// Who is root here stays that: only who is not can enter another namespace.
    private static let known = Mutex<Privilege?>(nil)

    private static func read() -> Privilege {
        let map = idMap("/proc/self/uid_map")
        if map.contains(where: { $0.inside == 0 && $0.outside == 0 && $0.count == 4_294_967_295 }) { return .root }
        return map.reduce(0, { $0 + $1.count }) > 1 ? .ranged : .single
    }

    /// Makes this process root of a user namespace of its own, with a mount namespace of its own, where it is not root
    /// already.
    ///
    /// Must be called before the process has a second thread. The ids of /etc/subuid and /etc/subgid are mapped by
    /// `newuidmap` and `newgidmap`; where these are missing only the user's own id exists, as 0.
    ///
    /// Containers of one user that share a namespace have to lie in the same user namespace, so a living one is entered
    /// instead of a new one being made; that is also quicker.
    /// - Parameter keepers: processes that may be in such a namespace: the monitors of this user's containers.
    /// - Returns: what the process is now.
    @discardableResult
    public static func enter(joining keepers: () -> [Int32] = { [] }) throws(DrydockError) -> Privilege {
        let before = current
        guard before == .ordinary else { return before }
        for pid in keepers() where isRootHere(pid) && cl_join_user_namespace(pid) == 0 { return current }
        let uid = geteuid()
        let gid = getegid()
        let helpers = SubordinateIDs.helpers(uid: uid, gid: gid)
        var stage: Int32 = 0
        let result: Int32
        if let helpers {
            result = withCStrings(helpers.uid) { uids in
                withCStrings(helpers.gid) { gids in cl_enter_user_namespace(uids, gids, nil, nil, &stage) }
            }
        } else {
            result = cl_enter_user_namespace(nil, nil, "0 \(uid) 1\n", "0 \(gid) 1\n", &stage)
        }
        guard result == 0 else {
            switch stage {
            case 2 where helpers != nil:
                throw DrydockError(
                    .denied, "the id maps of the user namespace could not be written",
                    reason: "newuidmap or newgidmap refused the ranges of /etc/subuid and /etc/subgid",
                    remedy: "check that newuidmap is setuid root and that this user's lines in /etc/subuid and "
                        + "/etc/subgid are right")
            default: throw .system("unshare a user namespace", errno: -result)
            }
        }
        return current
    }

    /// Whether a process is in a user namespace in which this user is root and has ids besides its own.
    private static func isRootHere(_ pid: Int32) -> Bool {
        let map = idMap(FilePath("/proc/\(pid)/uid_map"))
        return map.contains { $0.inside == 0 && $0.outside == UInt64(geteuid()) } && map.count > 1
    }

    /// A line of an id map.
    public struct IDRange: Sendable, Equatable {
        /// The first id inside.
        public var inside: UInt64
        /// The first id outside.
        public var outside: UInt64
        /// How many.
        public var count: UInt64

        /// Makes a line.
        public init(inside: UInt64, outside: UInt64, count: UInt64) {
            self.inside = inside
            self.outside = outside
            self.count = count
        }
    }

    /// The lines of an id map such as `/proc/self/uid_map`; empty where it cannot be read.
    public static func idMap(_ path: FilePath) -> [IDRange] {
        guard let bytes = try? Files.read(path) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            let numbers = line.split(separator: " ").compactMap { UInt64($0) }
            guard numbers.count == 3 else { return nil }
            return IDRange(inside: numbers[0], outside: numbers[1], count: numbers[2])
        }
    }
}

/// The ranges of ids that an administrator gave to a user (subuid(5)).
public enum SubordinateIDs {
    /// A range of ids.
    public struct Range: Sendable, Equatable {
        /// The first id.
        public var first: UInt32
        /// How many.
        public var count: UInt32

        /// Makes a range.
        public init(first: UInt32, count: UInt32) {
            self.first = first
            self.count = count
        }
    }

    /// The ranges of a user in the text of /etc/subuid or /etc/subgid; lines may name the user or its number.
    public static func ranges(in text: String, name: String?, uid: UInt32) -> [Range] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count == 3, name.map({ $0 == fields[0] }) == true || fields[0] == String(uid),
                let first = UInt32(fields[1]), let count = UInt32(fields[2]), count > 0
            else { return nil }
            return Range(first: first, count: count)
        }
    }

    /// The ranges that this machine gives to a user for user ids and for group ids.
    public static func ofUser(uid: UInt32) -> (uids: [Range], gids: [Range]) {
        let name = AccountNames.user(uid)
        func read(_ path: FilePath) -> [Range] {
            guard let bytes = try? Files.read(path) else { return [] }
            return ranges(in: String(decoding: bytes, as: UTF8.self), name: name, uid: uid)
        }
        return (read("/etc/subuid"), read("/etc/subgid"))
    }

    /// The command lines of the two helpers with a gap for the pid, or nil where there are no helpers or no ranges.
    static func helpers(uid: UInt32, gid: UInt32) -> (uid: [String], gid: [String])? {
        guard let uidmap = ChildProcess.find("newuidmap"), let gidmap = ChildProcess.find("newgidmap") else {
            return nil
        }
        let (uids, gids) = ofUser(uid: uid)
        guard !uids.isEmpty, !gids.isEmpty else { return nil }
        func line(_ program: String, _ own: UInt32, _ ranges: [Range]) -> [String] {
            var words = [program, "", "0", String(own), "1"]
            var next: UInt64 = 1
            for range in ranges {
                words += [String(next), String(range.first), String(range.count)]
                next += UInt64(range.count)
            }
            return words
        }
        return (line(uidmap, uid, uids), line(gidmap, gid, gids))
    }
}

/// Names of accounts, read from files: no library is asked, so a static program can do it too.
public enum AccountNames {
    /// The name of a user of this machine, from /etc/passwd, else from USER.
    public static func user(_ uid: UInt32) -> String? {
        let bytes = (try? Files.read("/etc/passwd")) ?? []
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 2, fields[2] == String(uid) { return String(fields[0]) }
        }
        return getenv("USER").map { String(cString: $0) }
    }
}

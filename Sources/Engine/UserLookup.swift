import Diagnostics
import Layers
import Runtime
import SystemPackage

/// Finds the numbers of a user as an image's own `/etc/passwd` and `/etc/group` have them (`docker run -u`).
struct UserLookup {
    /// The numbers, and the home directory for `HOME`.
    struct Result {
        var user: ProcessUser
        var home: String
    }

    private let passwd: [[Substring]]
    private let group: [[Substring]]

    init(_ files: LayerStack) {
        func table(_ bytes: [UInt8]?) -> [[Substring]] {
            String(decoding: bytes ?? [], as: UTF8.self).split(separator: "\n").map {
                $0.split(separator: ":", omittingEmptySubsequences: false)
            }
        }
        passwd = table((try? files.read("/etc/passwd")) ?? nil)
        group = table((try? files.read("/etc/group")) ?? nil)
    }

    /// The kernel would take more, Docker does not.
    private static func checkRange(_ text: String, _ isNumber: Bool) throws(DrydockError) {
        guard isNumber, let number = Int64(text), !(0...Int64(Int32.max)).contains(number) else { return }
        throw DrydockError(.invalidArgument, "uids and gids must be in range 0-2147483647", exitStatus: 125)
    }

    /// - Parameters:
    ///   - text: `user`, `uid`, `user:group`, `uid:gid` in any mixture; empty for root.
    ///   - added: more groups, by name or number (`--group-add`).
    func find(_ text: String, groups added: [String] = []) throws(DrydockError) -> Result {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let name = parts.first ?? ""
        let wanted = name.isEmpty ? "0" : name
        let entry =
            passwd.first { $0.count > 3 && $0[0] == wanted } ?? passwd.first { $0.count > 3 && $0[2] == wanted }
        try Self.checkRange(wanted, entry == nil)
        guard let uid = entry.flatMap({ UInt32($0[2]) }) ?? UInt32(wanted) else {
            throw DrydockError(
                .invalidArgument, "unable to find user \(name): no matching entries in passwd file",
                remedy: "Use a number (-u 1000), or a name that the image's /etc/passwd has.", exitStatus: 125)
        }
        var gid = entry.flatMap { UInt32($0[3]) } ?? 0
        var groups: [UInt32] = []
        if parts.count > 1, !parts[1].isEmpty {
            let line = group.first { $0.count > 2 && $0[0] == parts[1] }
            try Self.checkRange(parts[1], line == nil)
            guard let number = line.flatMap({ UInt32($0[2]) }) ?? UInt32(parts[1]) else {
                throw DrydockError(
                    .invalidArgument, "unable to find group \(parts[1]): no matching entries in group file",
                    remedy: "Use a number, or a name that the image's /etc/group has.", exitStatus: 125)
            }
            gid = number
        } else if let user = entry?[0] {
            groups = group.filter { $0.count > 3 && $0[3].split(separator: ",").contains(user) }
                .compactMap { UInt32($0[2]) }
        }
        for name in added {
            guard
                let number = group.first(where: { $0.count > 2 && $0[0] == name }).flatMap({ UInt32($0[2]) })
                    ?? UInt32(name)
            else {
                throw DrydockError(
                    .invalidArgument, "Unable to find group \(name): no matching entries in group file",
                    remedy: "Use a number, or a name that the image's /etc/group has.", exitStatus: 125)
            }
            groups.append(number)
        }
        var all = [gid]
        for extra in groups where !all.contains(extra) { all.append(extra) }
        let home = entry.flatMap { $0.count > 5 ? String($0[5]) : nil } ?? "/"
        return Result(
            user: ProcessUser(uid: uid, gid: gid, groups: all), home: home.isEmpty ? "/" : home)
    }
}

internal import Glibc

/// What this process may do with owners and overlay attributes.
struct ProcessPrivileges: Sendable {
    /// Whether this is root of the machine's own user namespace.
    var isMachineRoot: Bool
    /// Whether owners other than the caller's can be set.
    var mapsManyIDs: Bool

    static var current: ProcessPrivileges {
        ProcessPrivileges(isMachineRoot: geteuid() == 0, mapsManyIDs: geteuid() == 0)
    }

    var applyOptions: ApplyOptions {
        ApplyOptions(
            whiteouts: .overlay(isMachineRoot ? .trusted : .user), ownership: mapsManyIDs ? .set : .record)
    }
}

internal import Linux
internal import SystemPackage

/// The extended attributes that belong to overlayfs and to Drydock; archives never contain them.
enum PrivateAttributes {
    /// Owner and mode that could not be set: `uid:gid:mode`, the mode in octal.
    static let owner = "user.drydock.owner"
    /// A device that could not be made: `c:major:minor` or `b:major:minor`, on an empty file.
    static let node = "user.drydock.node"
    /// An attribute that could not be set, by its own name after this prefix.
    static let attribute = "user.drydock.xattr."
    /// On a directory: the owner of a link in it, by the link's name after this prefix.
    static let childOwner = "user.drydock.child."

    /// On the root of a flat tree: when it was whole, `seconds.nanoseconds`.
    static let copied = "user.drydock.copied"

    private static let prefixes = [
        "trusted.overlay.", "user.overlay.", "user.drydock.", "user.fuseoverlayfs.", "trusted.fuseoverlayfs.",
    ]

    static func isPrivate(_ name: String) -> Bool { prefixes.contains { name.hasPrefix($0) } }

    /// Whether an attribute belongs in a layer: what a machine's own security module keeps there does not.
    static func isPortable(_ name: String) -> Bool {
        if isPrivate(name) { return false }
        if name.hasPrefix("security.") { return name == "security.capability" }
        return name.hasPrefix("user.") || name.hasPrefix("trusted.") || name.hasPrefix("system.posix_acl_")
    }

    /// A file capability in the form without a namespace's root id, which is how images carry it
    /// (capabilities(7), "File capability extended attribute versioning").
    static func portableCapability(_ value: [UInt8]) -> [UInt8] {
        guard value.count == 24, value[3] == 3 else { return value }
        return [value[0], value[1], value[2], 2] + value[4..<20]
    }
}

/// An owner and a mode that were kept in an attribute.
struct RecordedOwner: Equatable {
    var uid: UInt32
    var gid: UInt32
    var mode: UInt32

    var text: String { "\(uid):\(gid):\(String(mode, radix: 8))" }

    init(uid: UInt32, gid: UInt32, mode: UInt32) {
        self.uid = uid
        self.gid = gid
        self.mode = mode
    }

    init?(_ bytes: [UInt8]) {
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: ":")
        guard parts.count == 3, let uid = UInt32(parts[0]), let gid = UInt32(parts[1]),
            let mode = UInt32(parts[2], radix: 8)
        else { return nil }
        self.init(uid: uid, gid: gid, mode: mode)
    }
}

/// What the overlay attributes of a directory in a layer say.
struct OverlayDirectory {
    /// It hides what the layers below have in it.
    var isOpaque = false
    /// Files in it may be whiteouts in the form of an attribute (Linux 6.7 and later).
    var hasAttributeWhiteouts = false

    init(_ fd: Int32) throws(Errno) {
        for flavor in [OverlayFlavor.trusted, .user] {
            let value: [UInt8]?
            do {
                value = try ExtendedAttributes.get(fd, flavor.prefix + "opaque")
            } catch {
                // Without privileges `trusted.` attributes cannot be seen, and such a layer is not ours.
                if error == .notPermitted || error == .permissionDenied { continue }
                throw error
            }
            if value == [0x79] { isOpaque = true }
            if value == [0x78] { hasAttributeWhiteouts = true }
        }
        // fuse-overlayfs marks opaque directories as archives do, by a file in them, where it may set no attribute.
        if !isOpaque { isOpaque = try FileAt.statusIfPresent(fd, WhiteoutName.opaque) != nil }
    }

    /// Whether a name in this directory says that the name is removed.
    func isWhiteout(_ directory: Int32, _ name: [CChar], _ status: FileStatus) throws(Errno) -> Bool {
        if status.isWhiteout { return true }
        guard hasAttributeWhiteouts, status.isRegular, status.size == 0 else { return false }
        let path = ExtendedAttributes.path(directory, displayed(name))
        for flavor in [OverlayFlavor.trusted, .user] {
            if let value = try? ExtendedAttributes.get(path: path, flavor.prefix + "whiteout"), !value.isEmpty {
                return true
            }
            if (try? ExtendedAttributes.names(path: path))?.contains(flavor.prefix + "whiteout") == true { return true }
        }
        return false
    }
}

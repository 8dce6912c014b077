/// What an entry of a tar archive says, apart from its content.
struct TarItem {
    var path: [CChar] = []
    /// The target of a hard link.
    var hardLink: [CChar]?
    /// The target of a symbolic link.
    var symbolicLink: [CChar]?
    /// `S_IFREG` and so on; 0 for a hard link.
    var type: UInt32 = 0
    var mode: UInt32 = 0
    var uid: Int64 = 0
    var gid: Int64 = 0
    var size: Int64 = 0
    var mtime = Timestamp(seconds: 0)
    var major: UInt32 = 0
    var minor: UInt32 = 0
    var attributes: [(name: String, value: [UInt8])] = []

    /// The size that a file system gives for a symbolic link.
    var linkBytes: Int64 { Int64(symbolicLink?.prefix { $0 != 0 }.count ?? 0) }
}

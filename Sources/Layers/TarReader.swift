internal import CArchive
internal import Diagnostics
internal import Glibc

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
}

/// Reads the entries of a tar archive (ustar, PAX, GNU, sparse forms) through libarchive.
final class TarReader {
    private let archive: OpaquePointer
    private let input: ArchiveInput

    init(_ source: any ByteSource) throws(DrydockError) {
        guard let archive = archive_read_new() else { throw DrydockError(.exhausted, "out of memory") }
        self.archive = archive
        input = ArchiveInput(source)
        archive_read_support_format_tar(archive)
        archive_read_support_format_empty(archive)
        if input.open(archive) != ARCHIVE_OK { throw failure() }
    }

    deinit { archive_read_free(archive) }

    /// The next entry, or nil at the end of the archive.
    func next() throws(DrydockError) -> TarItem? {
        var found: OpaquePointer?
        let outcome = archive_read_next_header(archive, &found)
        if outcome == ARCHIVE_EOF { return nil }
        guard outcome >= ARCHIVE_WARN, let entry = found else { throw failure() }
        guard let path = archive_entry_pathname(entry) else {
            throw archiveFailure("invalid tar header", "an entry has no readable name")
        }
        var item = TarItem()
        item.path = bytes(path)
        item.hardLink = archive_entry_hardlink(entry).map(bytes)
        item.symbolicLink = archive_entry_symlink(entry).map(bytes)
        item.type = item.hardLink == nil ? archive_entry_filetype(entry) : 0
        item.mode = archive_entry_perm(entry) & 0o7777
        item.uid = archive_entry_uid(entry)
        item.gid = archive_entry_gid(entry)
        item.size = archive_entry_size(entry)
        let nanoseconds = archive_entry_mtime_nsec(entry)
        item.mtime = Timestamp(
            seconds: Int64(archive_entry_mtime(entry)), nanoseconds: UInt32(clamping: min(nanoseconds, 999_999_999)))
        item.major = UInt32(truncatingIfNeeded: archive_entry_rdevmajor(entry))
        item.minor = UInt32(truncatingIfNeeded: archive_entry_rdevminor(entry))
        if archive_entry_xattr_reset(entry) > 0 { item.attributes = attributes(entry) }
        return item
    }

    /// Passes the content of the present entry on, block by block, each with its offset; holes are left out.
    func content(_ body: (UnsafeRawBufferPointer, Int64) throws(DrydockError) -> Void) throws(DrydockError) {
        while true {
            var start: UnsafeRawPointer?
            var count = 0
            var offset: la_int64_t = 0
            let outcome = archive_read_data_block(archive, &start, &count, &offset)
            if outcome == ARCHIVE_EOF { return }
            if outcome < ARCHIVE_WARN { throw failure() }
            if count > 0 { try body(UnsafeRawBufferPointer(start: start, count: count), offset) }
        }
    }

    private func attributes(_ entry: OpaquePointer) -> [(name: String, value: [UInt8])] {
        var list: [(name: String, value: [UInt8])] = []
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK {
            guard let name else { continue }
            list.append((String(cString: name), Array(UnsafeRawBufferPointer(start: value, count: size))))
        }
        // Both LIBARCHIVE.xattr and SCHILY.xattr may name the same attribute: the later one counts.
        var last: [String: [UInt8]] = [:]
        for (name, value) in list { last[name] = value }
        return last.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    }

    private func bytes(_ text: UnsafePointer<CChar>) -> [CChar] {
        Array(UnsafeBufferPointer(start: text, count: strlen(text) + 1))
    }

    private func failure() -> DrydockError {
        input.failure ?? archiveFailure("cannot read layer: \(archiveMessage(archive))")
    }
}

internal import CArchive
internal import Diagnostics

/// Compresses bytes, through libdeflate or libarchive (zstd), and passes them on; the same bytes always give the same output.
final class Compressor {
    private let gzip: GzipCompressor?
    private let archive: OpaquePointer?
    private let entry: OpaquePointer?
    private let sink: ByteSink
    private var failure: DrydockError?

    init(_ compression: LayerCompression, to sink: @escaping ByteSink) throws(DrydockError) {
        self.sink = sink
        if case .gzip(let level) = compression { gzip = GzipCompressor(level: level, to: sink) } else { gzip = nil }
        guard case .zstd(let level) = compression else {
            archive = nil
            entry = nil
            return
        }
        archive = archive_write_new()
        entry = archive_entry_new()
        guard let archive, let entry else { throw DrydockError(.exhausted, "out of memory") }
        archive_write_set_format_raw(archive)
        archive_write_add_filter_zstd(archive)
        try check(archive_write_set_filter_option(archive, "zstd", "compression-level", String(level)))
        archive_write_set_bytes_per_block(archive, 64 << 10)
        archive_write_set_bytes_in_last_block(archive, 1)
        let context = Unmanaged.passUnretained(self).toOpaque()
        try check(
            archive_write_open(
                archive, context, nil,
                { _, context, bytes, count in
                    guard let context else { return -1 }
                    let compressor = Unmanaged<Compressor>.fromOpaque(context).takeUnretainedValue()
                    return compressor.pass(UnsafeRawBufferPointer(start: bytes, count: count)) ? count : -1
                }, nil))
        archive_entry_set_filetype(entry, UInt32(regularFileType))
        archive_entry_set_pathname(entry, "layer")
        try check(archive_write_header(archive, entry))
    }

    deinit {
        if let entry { archive_entry_free(entry) }
        if let archive {
            archive_write_fail(archive)
            archive_write_free(archive)
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(DrydockError) {
        if let gzip { return try gzip.write(bytes) }
        guard let archive else { return try sink(bytes) }
        guard bytes.count > 0 else { return }
        let count = archive_write_data(archive, bytes.baseAddress, bytes.count)
        if count != bytes.count { throw error() }
    }

    /// Passes on what is left.
    func finish() throws(DrydockError) {
        if let gzip { return try gzip.finish() }
        guard let archive else { return }
        try check(archive_write_close(archive))
    }

    private func pass(_ bytes: UnsafeRawBufferPointer) -> Bool {
        do throws(DrydockError) {
            try sink(bytes)
            return true
        } catch {
            failure = error
            return false
        }
    }

    private func check(_ outcome: Int32) throws(DrydockError) {
        if outcome < ARCHIVE_WARN { throw error() }
    }

    private func error() -> DrydockError {
        failure ?? DrydockError(.system, "cannot compress layer: \(archive.map(archiveMessage) ?? "out of memory")")
    }
}

/// `AE_IFREG`, whose macro Swift cannot see.
private let regularFileType = 0o100000

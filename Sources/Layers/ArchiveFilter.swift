internal import CArchive
internal import Diagnostics

/// Feeds libarchive from a `ByteSource`, and keeps the error that the source threw.
final class ArchiveInput {
    private let source: any ByteSource
    private var current: [UInt8] = []
    private var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    private(set) var failure: DrydockError?

    init(_ source: any ByteSource) { self.source = source }

    deinit { buffer.deallocate() }

    /// libarchive keeps the pointer until the next call, so the bytes are kept in a buffer of our own.
    fileprivate func read(_ place: UnsafeMutablePointer<UnsafeRawPointer?>?) -> Int {
        do throws(DrydockError) {
            guard let chunk = try source.next() else {
                return 0
            }
            if chunk.count > buffer.count {
                buffer.deallocate()
                buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk.count, alignment: 16)
            }
            buffer.copyBytes(from: chunk)
            place?.pointee = UnsafeRawPointer(buffer.baseAddress)
            return chunk.count
        } catch {
            failure = error
            return -1
        }
    }

    /// Opens an archive that reads from here; the input must outlive it.
    func open(_ archive: OpaquePointer) -> Int32 {
        archive_read_open(
            archive, Unmanaged.passUnretained(self).toOpaque(), nil,
            { _, context, place in
                guard let context else { return -1 }
                return Unmanaged<ArchiveInput>.fromOpaque(context).takeUnretainedValue().read(place)
            }, nil)
    }
}

/// The text of libarchive's last error.
func archiveMessage(_ archive: OpaquePointer) -> String {
    archive_error_string(archive).map { String(cString: $0) } ?? "unknown error"
}

/// Decompresses through libarchive's filters: zstd, bzip2 and xz.
final class ArchiveFilter: ByteSource {
    private let archive: OpaquePointer
    private let input: ArchiveInput
    private var isOpen = false
    private var isFinished = false
    private let blockSize = 256 << 10

    init(_ source: any ByteSource) throws(DrydockError) {
        guard let archive = archive_read_new() else { throw DrydockError(.exhausted, "out of memory") }
        self.archive = archive
        input = ArchiveInput(source)
        archive_read_support_filter_zstd(archive)
        archive_read_support_filter_bzip2(archive)
        archive_read_support_filter_xz(archive)
        archive_read_support_format_raw(archive)
        archive_read_support_format_empty(archive)
    }

    deinit { archive_read_free(archive) }

    func next() throws(DrydockError) -> [UInt8]? {
        if isFinished { return nil }
        if !isOpen {
            isOpen = true
            if input.open(archive) != ARCHIVE_OK { throw failure() }
            var entry: OpaquePointer?
            let outcome = archive_read_next_header(archive, &entry)
            if outcome == ARCHIVE_EOF {
                isFinished = true
                return nil
            }
            if outcome < ARCHIVE_WARN { throw failure() }
        }
        var block: [UInt8] = []
        block.reserveCapacity(blockSize)
        while block.count < blockSize {
            var start: UnsafeRawPointer?
            var count = 0
            var offset: la_int64_t = 0
            let outcome = archive_read_data_block(archive, &start, &count, &offset)
            if outcome == ARCHIVE_EOF {
                isFinished = true
                break
            }
            if outcome < ARCHIVE_WARN { throw failure() }
            block.append(contentsOf: UnsafeRawBufferPointer(start: start, count: count))
        }
        return block.isEmpty ? nil : block
    }

    private func failure() -> DrydockError {
        input.failure ?? archiveFailure("cannot decompress layer: \(archiveMessage(archive))")
    }
}

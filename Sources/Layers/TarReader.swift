internal import Diagnostics
internal import Glibc

/// Reads the entries of a tar archive: ustar, PAX, GNU's and older formats, with every form of sparse files.
///
/// Names and values are bytes and pass through unchanged, whatever their encoding. An archive whose writer left out
/// the blocks at its end, or the filling of its last one, is read; one that ends inside an entry is refused.
final class TarReader {
    /// The longest extended header: a program that writes more wants to do harm.
    private static let longestHeader: Int64 = 1 << 20

    private let source: any ByteSource
    private let header = UnsafeMutableRawBufferPointer.allocate(byteCount: TarBlock.size, alignment: 16)
    private var chunk: [UInt8] = []
    private var position = 0
    /// What the archive still has of the present entry, and how much filling follows.
    private var rest: Int64 = 0
    private var filling = 0
    private var sparse: SparseMap?
    private var globals = PaxRecords()
    private var hasEnded = false

    init(_ source: any ByteSource) { self.source = source }

    deinit { header.deallocate() }

    /// The next entry, or nil at the end of the archive.
    func next() throws(DrydockError) -> TarItem? {
        try skipRest()
        var records: PaxRecords?
        var longName: [CChar]?
        var longLink: [CChar]?
        while let block = try nextBlock() {
            let type = block.type
            switch type {
            case UInt8(ascii: "x"), UInt8(ascii: "X"):
                var found = records ?? globals
                try found.add(try extended(block))
                records = found
            case UInt8(ascii: "g"): try globals.add(try extended(block))
            case UInt8(ascii: "L"): longName = try longText(block)
            case UInt8(ascii: "K"): longLink = try longText(block)
            case UInt8(ascii: "V"), UInt8(ascii: "A"):
                // A volume's label; Solaris's own access control lists.
                try begin(try size(block))
                try skipRest()
            default:
                return try item(block, records ?? globals, longName, longLink)
            }
        }
        guard records == nil, longName == nil, longLink == nil else { throw truncated() }
        return nil
    }

    /// Passes the content of the present entry on, piece by piece, each with its offset; holes are left out.
    func content(_ body: (UnsafeRawBufferPointer, Int64) throws(DrydockError) -> Void) throws(DrydockError) {
        guard let map = sparse else {
            var offset: Int64 = 0
            return try take(rest) { bytes throws(DrydockError) in
                try body(bytes, offset)
                offset += Int64(bytes.count)
            }
        }
        sparse = nil
        for segment in map.segments {
            var offset = segment.offset
            try take(segment.length) { bytes throws(DrydockError) in
                try body(bytes, offset)
                offset += Int64(bytes.count)
            }
        }
    }

    // MARK: Entries

    private func item(
        _ block: TarBlock, _ records: PaxRecords, _ longName: [CChar]?, _ longLink: [CChar]?
    ) throws(DrydockError) -> TarItem {
        var item = TarItem()
        item.path = records.path.map(Self.signed) ?? longName ?? block.name
        let link = records.linkPath.map(Self.signed) ?? longLink ?? block.linkName
        item.mode = UInt32(truncatingIfNeeded: try block.number(100, 8, "mode")) & 0o7777
        if let uid = records.uid { item.uid = uid } else { item.uid = try block.number(108, 8, "owner") }
        if let gid = records.gid { item.gid = gid } else { item.gid = try block.number(116, 8, "group") }
        item.mtime = Timestamp(seconds: 0)
        if let time = records.mtime {
            item.mtime = time
        } else {
            item.mtime.seconds = try block.number(136, 12, "time")
        }
        if !records.attributes.isEmpty {
            item.attributes = records.attributes.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
        }
        var stored: Int64 = 0
        switch block.type {
        case UInt8(ascii: "0"), 0, UInt8(ascii: "7"), UInt8(ascii: "S"):
            // The oldest archives mark a directory by its name alone.
            let isDirectory = item.path.dropLast().last == 0x2f
            item.type = isDirectory ? S_IFDIR : S_IFREG
            if let size = records.size { stored = size } else { stored = try size(block) }
        case UInt8(ascii: "1"): item.hardLink = link
        case UInt8(ascii: "2"):
            item.type = S_IFLNK
            item.symbolicLink = link
        case UInt8(ascii: "3"), UInt8(ascii: "4"):
            item.type = block.type == UInt8(ascii: "3") ? S_IFCHR : S_IFBLK
            item.major = UInt32(truncatingIfNeeded: try block.number(329, 8, "device"))
            item.minor = UInt32(truncatingIfNeeded: try block.number(337, 8, "device"))
        case UInt8(ascii: "5"): item.type = S_IFDIR
        case UInt8(ascii: "6"): item.type = S_IFIFO
        case UInt8(ascii: "D"):
            item.type = S_IFDIR
            stored = try size(block)
        default:
            let kind = String(decoding: [block.type], as: UTF8.self)
            throw archiveFailure(
                "invalid tar entry \"\(displayed(item.path))\"", reason: "its type '\(kind)' is unknown")
        }
        if item.path.count <= 1 { throw archiveFailure("invalid tar header", reason: "an entry has no name") }
        try begin(stored)
        item.size = stored
        if item.type == S_IFREG { try readMap(block, records, &item) }
        return item
    }

    /// Reads where the data of a sparse file lies.
    private func readMap(
        _ block: TarBlock, _ records: PaxRecords, _ item: inout TarItem
    ) throws(DrydockError) {
        var found: SparseMap?
        if block.type == UInt8(ascii: "S") {
            var map = SparseMap(size: try block.number(483, 12, "size"))
            try map.add(block, at: 386, count: 4)
            var goesOn = block.bytes[482] != 0
            while goesOn {
                guard try fillHeader() else { throw truncated() }
                let more = TarBlock(bytes: UnsafeRawBufferPointer(header))
                try map.add(more, at: 0, count: 21)
                goesOn = more.bytes[504] != 0
            }
            found = map
        } else if !records.sparse.isEmpty {
            if let name = records.sparseValue("name"), !name.isEmpty, !name.contains(0) {
                item.path = Self.signed(name)
            }
            if records.sparseValue("major") == [0x31] {
                guard let size = records.sparseValue("realsize").flatMap({ PaxRecords.integer($0) }), size >= 0 else {
                    throw SparseMap.malformed
                }
                found = try mapInContent(size)
            } else {
                found = try SparseMap(records)
            }
        }
        guard let found else { return }
        try found.check(stored: rest)
        item.size = found.size
        sparse = found
    }

    /// PAX version 1.0: the map comes before the data, as lines of decimal numbers that fill whole blocks.
    private func mapInContent(_ size: Int64) throws(DrydockError) -> SparseMap {
        var map = SparseMap(size: size)
        var numbers: [Int64] = []
        var digits: [UInt8] = []
        var wanted: Int64 = 1
        while Int64(numbers.count) < wanted {
            var block: [UInt8] = []
            guard rest >= Int64(TarBlock.size) else { throw SparseMap.malformed }
            try take(Int64(TarBlock.size)) { bytes throws(DrydockError) in block.append(contentsOf: bytes) }
            for byte in block where Int64(numbers.count) < wanted {
                guard byte == 0x0a else {
                    digits.append(byte)
                    continue
                }
                guard let number = PaxRecords.integer(digits) else { throw SparseMap.malformed }
                if numbers.isEmpty {
                    guard (0...Int64(SparseMap.mostSegments)).contains(number) else { throw SparseMap.malformed }
                    wanted = 1 + 2 * number
                }
                numbers.append(number)
                digits.removeAll(keepingCapacity: true)
            }
            guard digits.count < 32 else { throw SparseMap.malformed }
        }
        for index in stride(from: 1, to: numbers.count, by: 2) {
            try map.add(SparseMap.Segment(offset: numbers[index], length: numbers[index + 1]))
        }
        return map
    }

    private func extended(_ block: TarBlock) throws(DrydockError) -> [UInt8] {
        try begin(try size(block))
        guard rest <= Self.longestHeader else {
            throw archiveFailure("invalid tar header", reason: "its extended records are longer than 1 MiB")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(rest))
        try take(rest) { piece throws(DrydockError) in bytes.append(contentsOf: piece) }
        try skipRest()
        return bytes
    }

    private func longText(_ block: TarBlock) throws(DrydockError) -> [CChar] {
        Self.signed(try extended(block).prefix { $0 != 0 })
    }

    private func size(_ block: TarBlock) throws(DrydockError) -> Int64 {
        let size = try block.number(124, 12, "size")
        guard size >= 0 else { throw archiveFailure("invalid tar header", reason: "its size is negative") }
        return size
    }

    // MARK: Blocks

    private func nextBlock() throws(DrydockError) -> TarBlock? {
        guard !hasEnded, try fillHeader() else { return nil }
        let block = TarBlock(bytes: UnsafeRawBufferPointer(header))
        if block.isZero {
            hasEnded = true
            guard try !fillHeader() || TarBlock(bytes: UnsafeRawBufferPointer(header)).isZero else {
                throw archiveFailure("invalid tar archive", reason: "there is a block of zeros between its entries")
            }
            return nil
        }
        guard block.hasRightSum else {
            throw archiveFailure(
                "invalid tar header", reason: "its checksum is wrong: this is no tar archive, or it is damaged")
        }
        return block
    }

    /// Reads the next block; false at the end of the archive.
    private func fillHeader() throws(DrydockError) -> Bool {
        var filled = 0
        while filled < TarBlock.size {
            if position == chunk.count, try !nextChunk() { break }
            let count = min(TarBlock.size - filled, chunk.count - position)
            chunk.withUnsafeBytes { bytes in
                UnsafeMutableRawBufferPointer(rebasing: header[filled..<filled + count])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[position..<position + count]))
            }
            filled += count
            position += count
        }
        if filled == TarBlock.size { return true }
        // Less than a block of zeros is what is left of the end.
        guard header[..<filled].allSatisfy({ $0 == 0 }) else { throw truncated() }
        return false
    }

    private func nextChunk() throws(DrydockError) -> Bool {
        guard let next = try source.next() else { return false }
        chunk = next
        position = 0
        return true
    }

    private func begin(_ size: Int64) throws(DrydockError) {
        guard size <= Int64.max - 512 else {
            throw archiveFailure("invalid tar header", reason: "its size is too large")
        }
        rest = size
        filling = Int((512 - size % 512) % 512)
        sparse = nil
    }

    /// Passes on the next bytes of the present entry.
    private func take(
        _ count: Int64, _ body: (UnsafeRawBufferPointer) throws(DrydockError) -> Void
    ) throws(DrydockError) {
        var wanted = min(count, rest)
        while wanted > 0 {
            if position == chunk.count, try !nextChunk() { throw truncated() }
            let size = Int(min(wanted, Int64(chunk.count - position)))
            let start = position
            position += size
            wanted -= Int64(size)
            rest -= Int64(size)
            let outcome: Result<Void, DrydockError> = chunk.withUnsafeBytes { bytes in
                do throws(DrydockError) {
                    return .success(try body(UnsafeRawBufferPointer(rebasing: bytes[start..<start + size])))
                } catch {
                    return .failure(error)
                }
            }
            try outcome.get()
        }
    }

    /// Passes over what was not read of the present entry. Filling that is missing at the very end is no loss.
    private func skipRest() throws(DrydockError) {
        try take(rest) { _ in }
        while filling > 0 {
            if position == chunk.count, try !nextChunk() { break }
            let count = min(filling, chunk.count - position)
            position += count
            filling -= count
        }
        filling = 0
    }

    private func truncated() -> DrydockError {
        archiveFailure("cannot read layer: unexpected end of the archive", reason: "it ends inside an entry")
    }

    private static func signed(_ bytes: some Sequence<UInt8>) -> [CChar] {
        bytes.map { CChar(bitPattern: $0) } + [0]
    }
}

internal import Diagnostics

/// Where the data of a sparse file lies (GNU tar manual, "Storing Sparse Files").
struct SparseMap {
    struct Segment {
        var offset: Int64
        var length: Int64
    }

    /// More pieces than any file has; an archive with more wants to do harm.
    static let mostSegments = 1 << 20

    var segments: [Segment] = []
    /// The size of the file with its holes.
    var size: Int64

    /// Checks that the pieces are in order, inside the file, and as long together as what the archive holds.
    func check(stored: Int64) throws(DrydockError) {
        var end: Int64 = 0
        var total: Int64 = 0
        for segment in segments {
            let (next, overflow) = segment.offset.addingReportingOverflow(segment.length)
            guard segment.offset >= end, segment.length >= 0, !overflow, next <= size else { throw Self.malformed }
            end = next
            total += segment.length
        }
        guard total == stored else { throw Self.malformed }
    }

    static var malformed: DrydockError { archiveFailure("invalid tar header", reason: "its map of holes is malformed") }

    /// Adds the pieces that a header block of GNU's old format names.
    mutating func add(_ block: TarBlock, at start: Int, count: Int) throws(DrydockError) {
        for index in 0..<count {
            let place = start + 24 * index
            // An empty field ends the list.
            if block.bytes[place] == 0, block.bytes[place + 12] == 0 { return }
            try add(
                Segment(
                    offset: block.number(place, 12, "map of holes"),
                    length: block.number(place + 12, 12, "map of holes")))
        }
    }

    mutating func add(_ segment: Segment) throws(DrydockError) {
        guard segments.count < Self.mostSegments else { throw Self.malformed }
        segments.append(segment)
    }

    /// The map of PAX versions 0.0 and 0.1, nil where the records have none.
    init?(_ records: PaxRecords) throws(DrydockError) {
        guard
            let size = (records.sparseValue("realsize") ?? records.sparseValue("size")).flatMap({
                PaxRecords.integer($0)
            }), size >= 0
        else { return nil }
        self.size = size
        var numbers: [Int64] = []
        if let map = records.sparseValue("map") {
            for part in map.split(separator: 0x2c) {
                guard let number = PaxRecords.integer(part) else { throw Self.malformed }
                numbers.append(number)
            }
        } else {
            for (key, value) in records.sparse where key == "offset" || key == "numbytes" {
                // Offsets and lengths take turns.
                guard let number = PaxRecords.integer(value), (key == "offset") == numbers.count.isMultiple(of: 2)
                else { throw Self.malformed }
                numbers.append(number)
            }
        }
        guard numbers.count.isMultiple(of: 2) else { throw Self.malformed }
        for index in stride(from: 0, to: numbers.count, by: 2) {
            try add(Segment(offset: numbers[index], length: numbers[index + 1]))
        }
    }

    init(size: Int64) { self.size = size }
}

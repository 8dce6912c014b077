import CLinux
import Glibc
import Linux
import SystemPackage

/// Keeps the monitor small.
final class Footprint {
    /// The program's own mappings, which stay as they are: code, constants, and data of which little is ever changed.
    private lazy var mappings: [(start: UInt, length: UInt, isCode: Bool)] = {
        guard let maps = try? Files.read("/proc/self/maps") else { return [] }
        return String(decoding: maps, as: UTF8.self).split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count > 5, fields[5].hasPrefix("/"), fields[1].hasSuffix("p") else { return nil }
            let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard ends.count == 2 else { return nil }
            return (ends[0], ends[1] - ends[0], fields[1].hasPrefix("r-x"))
        }
    }()

    /// Gives back the memory of code and data that was needed only for a moment: what was never changed can be read again
    /// from the file.
    func trim() {
        for mapping in mappings { cl_trim_clean(mapping.start, mapping.length) }
    }

    /// For a monitor that does the same again and again: what it needs of its code lies far apart, and the kernel maps
    /// 64 KiB for each place that is touched.
    func divideCode() {
        for mapping in mappings where mapping.isCode { cl_divide_mapping(mapping.start, mapping.length, 16384) }
    }
}

import CLinux
import Glibc
import Linux
import SystemPackage

/// Keeps the monitor small.
enum Footprint {
    /// Gives back the memory of code and constants that only the start needed: what was never changed can be read
    /// again from the file.
    static func trim() {
        guard let maps = try? Files.read("/proc/self/smaps") else { return }
        var mapping: (start: UInt, length: UInt)?
        for line in String(decoding: maps, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            if fields.count >= 6, fields[1].hasPrefix("r-"), fields[5].hasPrefix("/") {
                let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
                mapping = ends.count == 2 ? (ends[0], ends[1] - ends[0]) : nil
            } else if let known = mapping, fields.first == "Anonymous:" {
                if fields[1] == "0" { _ = cl_trim_text(known.start, known.length) }
                mapping = nil
            } else if fields.count >= 5, !fields[0].hasSuffix(":") {
                mapping = nil
            }
        }
    }
}

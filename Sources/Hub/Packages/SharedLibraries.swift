import Diagnostics
import SystemPackage

/// What an ELF file says about shared libraries: which it needs, what it is called, which loader starts it.
struct SharedLibraries: Equatable, Sendable {
    /// The names of the libraries it needs (`DT_NEEDED`): `libz.so.1`.
    var needed: [String] = []
    /// Its own name (`DT_SONAME`), of a library.
    var name: String?
    /// The path of the dynamic loader (`PT_INTERP`), of a program.
    var loader: String?

    /// Reads a file; nil where it is no 64-bit little-endian ELF file, or one without dynamic linking.
    /// (Source: elf(5).)
    init?(elf bytes: [UInt8]) {
        func number(_ offset: UInt64, _ width: Int) -> UInt64? {
            guard offset <= UInt64(bytes.count), UInt64(bytes.count) - offset >= UInt64(width) else { return nil }
            return (0..<width).reversed().reduce(0) { $0 << 8 | UInt64(bytes[Int(offset) + $1]) }
        }
        func text(_ offset: UInt64) -> String? {
            guard offset < UInt64(bytes.count) else { return nil }
            return String(decoding: bytes[Int(offset)...].prefix(256).prefix { $0 != 0 }, as: UTF8.self)
        }
        guard bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1]), let table = number(32, 8),
            let entrySize = number(54, 2),
            let count = number(56, 2), entrySize >= 56
        else { return nil }
        var segments: [(address: UInt64, offset: UInt64, size: UInt64)] = []
        var dynamic: (offset: UInt64, size: UInt64)?
        for index in 0..<count {
            let (entry, overflow) = table.addingReportingOverflow(index * entrySize)
            guard !overflow, let type = number(entry, 4), entry < UInt64(bytes.count),
                let offset = number(entry + 8, 8),
                let address = number(entry + 16, 8), let size = number(entry + 32, 8)
            else { return nil }
            switch type {
            case 1: segments.append((address, offset, size))
            case 2: dynamic = (offset, size)
            case 3: loader = text(offset)
            default: break
            }
        }
        guard let dynamic, dynamic.offset < UInt64(bytes.count) else { return nil }
        var tags: [(tag: UInt64, value: UInt64)] = []
        for entry in stride(from: dynamic.offset, to: dynamic.offset &+ min(dynamic.size, 1 << 16), by: 16) {
            guard let tag = number(entry, 8), let value = number(entry + 8, 8), tag != 0 else { break }
            tags.append((tag, value))
        }
        guard let strings = tags.first(where: { $0.tag == 5 })?.value,
            let segment = segments.first(where: { $0.address <= strings && strings - $0.address < $0.size })
        else { return nil }
        let base = strings - segment.address &+ segment.offset
        needed = tags.filter { $0.tag == 1 }.compactMap { text(base &+ $0.value) }
        name = tags.first { $0.tag == 14 }.flatMap { text(base &+ $0.value) }
    }

    /// Reads a file of the host; nil where it is not a dynamically linked ELF file.
    init?(file: FilePath) throws(DrydockError) {
        var isELF: Bool?
        var bytes: [UInt8] = []
        // A program's dynamic section may lie anywhere, but most files are no ELF files: look at the start first.
        do {
            try HostFiles.stream(file) { (chunk) throws(DrydockError) in
                if isELF == nil { isELF = chunk.starts(with: [0x7f, 0x45, 0x4c, 0x46]) }
                guard isELF == true else { throw DrydockError(.cancelled, "not an ELF file") }
                bytes.append(contentsOf: chunk)
            }
        } catch {
            guard error.code == .cancelled else { throw error }
            return nil
        }
        self.init(elf: bytes)
    }
}

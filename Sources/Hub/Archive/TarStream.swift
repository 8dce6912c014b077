import Diagnostics
import Glibc
import Linux
import SystemPackage

/// Writes a tar archive of plain files (POSIX.1-2017, "pax"), streaming.
struct TarStreamWriter {
    private let target: OwnedDescriptor

    init(_ target: OwnedDescriptor) { self.target = target }

    func file(_ path: String, _ content: [UInt8]) throws(DrydockError) {
        try header(path, size: Int64(content.count), type: 0x30)
        try write(content)
        try pad(Int64(content.count))
    }

    /// Copies a file whose size is known.
    func file(_ path: String, from source: OwnedDescriptor, size: Int64) throws(DrydockError) {
        try header(path, size: size, type: 0x30)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var rest = size
        while rest > 0 {
            let area = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(rest, Int64(buffer.count)))])
            do throws(Errno) {
                let count = try FileAt.read(source.number, area)
                guard count > 0 else {
                    throw Errno.ioError
                }
                try FileAt.writeAll(target.number, UnsafeRawBufferPointer(rebasing: area[..<count]))
                rest -= Int64(count)
            } catch {
                throw .hub("copy \(path) into the archive", error)
            }
        }
        try pad(size)
    }

    func end() throws(DrydockError) { try write([UInt8](repeating: 0, count: 1024)) }

    private func write(_ bytes: [UInt8]) throws(DrydockError) {
        let failure = bytes.withUnsafeBytes { bytes -> Errno? in
            do throws(Errno) { try FileAt.writeAll(target.number, bytes) } catch { return error }
            return nil
        }
        if let failure { throw .hub("write the archive", failure) }
    }

    private func pad(_ size: Int64) throws(DrydockError) {
        let over = Int(size % 512)
        if over > 0 { try write([UInt8](repeating: 0, count: 512 - over)) }
    }

    private func header(_ path: String, size: Int64, type: UInt8) throws(DrydockError) {
        if path.utf8.count > 100 || size >= 1 << 33 {
            let records = Self.record("path", path) + Self.record("size", "\(size)")
            try block("PaxHeaders/entry", size: Int64(records.utf8.count), type: 0x78)
            try write(Array(records.utf8))
            try pad(Int64(records.utf8.count))
        }
        try block(String(decoding: path.utf8.suffix(100), as: UTF8.self), size: size < 1 << 33 ? size : 0, type: type)
    }

    /// `LENGTH KEY=VALUE\n`, where the length counts itself.
    private static func record(_ key: String, _ value: String) -> String {
        let rest = " \(key)=\(value)\n"
        var length = rest.utf8.count + 1
        while "\(length)\(rest)".utf8.count != length { length += 1 }
        return "\(length)\(rest)"
    }

    private func block(_ name: String, size: Int64, type: UInt8) throws(DrydockError) {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, _ offset: Int) {
            for (index, byte) in text.utf8.enumerated() { block[offset + index] = byte }
        }
        func octal(_ value: Int64, _ width: Int, _ offset: Int) {
            let digits = String(value, radix: 8)
            put(String(repeating: "0", count: max(width - digits.count, 0)) + digits, offset)
        }
        put(name, 0)
        octal(0o644, 7, 100)
        octal(0, 7, 108)
        octal(0, 7, 116)
        octal(size, 11, 124)
        octal(0, 11, 136)
        block[156] = type
        put("ustar", 257)
        put("00", 263)
        put("        ", 148)
        octal(Int64(block.reduce(0) { $0 + Int($1) }), 6, 148)
        block[154] = 0
        try write(block)
    }
}

/// Reads a tar archive from its beginning to its end: ustar, pax and GNU's long names.
struct TarStreamReader {
    /// A file in the archive.
    struct Entry {
        var path: String
        var size: Int64
        var isFile: Bool
    }

    private let source: OwnedDescriptor
    private var rest: Int64 = 0
    private var padding: Int64 = 0

    init(_ source: OwnedDescriptor) { self.source = source }

    /// The next entry; nil at the end.
    /// - Throws: `.corrupt` where this is no archive, or ends too early.
    mutating func next() throws(DrydockError) -> Entry? {
        var path: String?
        var size: Int64?
        while true {
            try skip()
            let block = try bytes(512)
            if block.allSatisfy({ $0 == 0 }) { return nil }
            guard Self.isSound(block), let length = Self.number(block[124..<136]) else {
                throw DrydockError(.corrupt, "this is not a tar archive", reason: "a header has a wrong checksum")
            }
            let type = block[156]
            guard type == 0x78 || type == 0x67 || type == 0x4c || type == 0x4b else {
                let prefix =
                    block[257..<262].elementsEqual("ustar".utf8) && block[262] == 0 ? Self.text(block[345..<500]) : ""
                let name = Self.text(block[0..<100])
                let actual = size ?? length
                rest = actual
                padding = (512 - actual % 512) % 512
                let full = path ?? (prefix.isEmpty ? name : "\(prefix)/\(name)")
                return Entry(
                    path: full.hasPrefix("./") ? String(full.dropFirst(2)) : full, size: actual,
                    isFile: type == 0x30 || type == 0 || type == 0x37)
            }
            guard length <= 1 << 20 else { throw DrydockError(.corrupt, "an archive's header is too large") }
            let content = try bytes(Int(length))
            padding = (512 - length % 512) % 512
            if type == 0x4c { path = Self.text(content[...]) }
            if type == 0x78 {
                for (key, value) in Self.records(content) {
                    if key == "path" { path = value }
                    if key == "size" { size = Int64(value).flatMap { $0 >= 0 ? $0 : nil } }
                }
            }
        }
    }

    /// Passes the content of the present entry on, in blocks.
    mutating func content(
        _ body: (UnsafeRawBufferPointer) throws(DrydockError) -> Void
    ) throws(DrydockError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while rest > 0 {
            let count = try read(UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(rest, 1 << 20))]))
            rest -= Int64(count)
            try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// The content of the present entry, where it has at most `limit` bytes.
    mutating func content(limit: Int) throws(DrydockError) -> [UInt8] {
        guard rest <= Int64(limit) else { throw DrydockError(.corrupt, "a document in the archive is too large") }
        var all: [UInt8] = []
        try content { block throws(DrydockError) in all.append(contentsOf: block) }
        return all
    }

    private mutating func skip() throws(DrydockError) {
        try content { _ in }
        if padding > 0 { _ = try bytes(Int(padding)) }
        padding = 0
    }

    private func bytes(_ count: Int) throws(DrydockError) -> [UInt8] {
        var all = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let outcome = all.withUnsafeMutableBytes { area -> Result<Int, DrydockError> in
                do throws(DrydockError) {
                    return .success(try read(UnsafeMutableRawBufferPointer(rebasing: area[done...])))
                } catch {
                    return .failure(error)
                }
            }
            done += try outcome.get()
        }
        return all
    }

    private func read(_ area: UnsafeMutableRawBufferPointer) throws(DrydockError) -> Int {
        let count: Int
        do throws(Errno) { count = try FileAt.read(source.number, area) } catch {
            throw .hub("read the archive", error)
        }
        guard count > 0 || area.isEmpty else {
            throw DrydockError(.corrupt, "the archive ends too early", remedy: "Copy it again; it is not whole.")
        }
        return count
    }

    private static func isSound(_ block: [UInt8]) -> Bool {
        var sum = 0
        for (index, byte) in block.enumerated() { sum += (148..<156).contains(index) ? 0x20 : Int(byte) }
        return number(block[148..<156]).map { $0 == Int64(sum) } ?? false
    }

    private static func number(_ field: ArraySlice<UInt8>) -> Int64? {
        if let first = field.first, first & 0x80 != 0 {
            guard first == 0x80 else { return nil }
            var value: Int64 = 0
            for byte in field.dropFirst() {
                guard value < 1 << 54 else { return nil }
                value = value << 8 | Int64(byte)
            }
            return value
        }
        let digits = String(decoding: field, as: UTF8.self).filter { $0 != "\0" && $0 != " " }
        return digits.isEmpty ? 0 : Int64(digits, radix: 8).flatMap { $0 >= 0 ? $0 : nil }
    }

    private static func text(_ field: ArraySlice<UInt8>) -> String {
        String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
    }

    private static func records(_ bytes: [UInt8]) -> [(String, String)] {
        var found: [(String, String)] = []
        var rest = bytes[...]
        while let space = rest.firstIndex(of: 0x20),
            let length = Int(String(decoding: rest[rest.startIndex..<space], as: UTF8.self)), length > 0,
            length <= rest.count, space < rest.startIndex + length
        {
            let record = rest[(space + 1)..<(rest.startIndex + length)].dropLast()
            if let equals = record.firstIndex(of: 0x3d) {
                found.append(
                    (
                        String(decoding: record[record.startIndex..<equals], as: UTF8.self),
                        String(decoding: record[(equals + 1)...], as: UTF8.self)
                    ))
            }
            rest = rest.dropFirst(length)
        }
        return found
    }
}

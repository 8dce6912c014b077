import Diagnostics
import SystemPackage

/// A file, directory or link in a package or an image that is made from programs' own content.
struct TreeEntry: Sendable {
    /// What an entry is.
    enum Kind: Sendable {
        case directory
        case bytes([UInt8])
        case file(FilePath)
        case symbolicLink(String)
    }

    /// The path without a leading slash: `usr/bin/node`.
    var path: String
    var kind: Kind
    var mode: UInt32

    init(_ path: String, _ kind: Kind, mode: UInt32? = nil) {
        self.path = path
        self.kind = kind
        switch kind {
        case .directory: self.mode = mode ?? 0o755
        case .symbolicLink: self.mode = 0o777
        case .bytes, .file: self.mode = mode ?? 0o644
        }
    }

    init(_ path: String, text: String, mode: UInt32 = 0o644) { self.init(path, .bytes(Array(text.utf8)), mode: mode) }

    /// The entries sorted so that a directory stands before what is in it, with the directories that they lack.
    static func complete(_ entries: [TreeEntry]) -> [TreeEntry] {
        var byPath: [String: TreeEntry] = [:]
        for entry in entries { byPath[entry.path] = entry }
        for entry in entries {
            var path = entry.path[...]
            while let slash = path.lastIndex(of: "/") {
                path = path[..<slash]
                if byPath[String(path)] == nil { byPath[String(path)] = TreeEntry(String(path), .directory) }
            }
        }
        return byPath.values.sorted {
            $0.path.split(separator: "/").lexicographicallyPrecedes($1.path.split(separator: "/"))
        }
    }
}

/// Writes a piece of a tar archive (POSIX ustar with PAX headers), as the streams of an `.apk` are.
///
/// `Layers` writes whole archives; an `.apk` needs pieces without an end, and PAX headers of its own.
struct TarSegment {
    private let write: ([UInt8]) throws(DrydockError) -> Void
    private let time: Int64

    /// - Parameters:
    ///   - time: the modification time of every entry, in seconds since 1970.
    ///   - write: takes the bytes in order.
    init(time: Int64, write: @escaping ([UInt8]) throws(DrydockError) -> Void) {
        self.time = time
        self.write = write
    }

    /// Writes an entry whose content is in memory.
    func entry(_ path: String, _ content: [UInt8], mode: UInt32 = 0o644, pax: [(String, String)] = [])
        throws(DrydockError)
    {
        try header(path, type: "0", size: Int64(content.count), mode: mode, pax: pax)
        try write(content + padding(Int64(content.count)))
    }

    /// Writes a directory.
    func directory(_ path: String, mode: UInt32) throws(DrydockError) {
        try header(path + "/", type: "5", size: 0, mode: mode)
    }

    /// Writes a symbolic link.
    func symbolicLink(_ path: String, to target: String, pax: [(String, String)] = []) throws(DrydockError) {
        try header(path, type: "2", size: 0, mode: 0o777, link: target, pax: pax)
    }

    /// Writes an entry whose content is that of a file.
    func file(
        _ path: String, from source: FilePath, size: Int64, mode: UInt32, pax: [(String, String)] = []
    ) throws(DrydockError) {
        try header(path, type: "0", size: size, mode: mode, pax: pax)
        var seen: Int64 = 0
        try HostFiles.stream(source) { (chunk) throws(DrydockError) in
            seen += Int64(chunk.count)
            try write(Array(chunk))
        }
        guard seen == size else { throw DrydockError(.conflict, "\(source) changed while it was packed") }
        try write(padding(size))
    }

    /// Writes the two empty blocks at the end of an archive.
    func end() throws(DrydockError) { try write([UInt8](repeating: 0, count: 1024)) }

    private func padding(_ size: Int64) -> [UInt8] { [UInt8](repeating: 0, count: Int((512 - size % 512) % 512)) }

    private func header(
        _ path: String, type: Character, size: Int64, mode: UInt32, link: String = "", pax: [(String, String)] = []
    ) throws(DrydockError) {
        var pax = pax
        if path.utf8.count > 100 { pax.append(("path", path)) }
        if link.utf8.count > 100 { pax.append(("linkpath", link)) }
        if !pax.isEmpty {
            let records = pax.map(Self.record).joined()
            try write(block("PaxHeaders/" + path, type: "x", size: Int64(records.utf8.count), mode: 0o644, link: ""))
            try write(Array(records.utf8) + padding(Int64(records.utf8.count)))
        }
        try write(block(path, type: type, size: size, mode: mode, link: link))
    }

    /// `30 name=value\n`: the number counts the whole record, itself included (pax(1)).
    private static func record(_ name: String, _ value: String) -> String {
        let rest = " \(name)=\(value)\n"
        var length = rest.utf8.count + 1
        while String(length).utf8.count + rest.utf8.count != length { length += 1 }
        return "\(length)\(rest)"
    }

    private func block(_ path: String, type: Character, size: Int64, mode: UInt32, link: String) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int, limit: Int) {
            for (index, byte) in text.utf8.prefix(limit).enumerated() { block[offset + index] = byte }
        }
        func put(_ number: Int64, at offset: Int, digits: Int) {
            let octal = String(number, radix: 8)
            put(String(repeating: "0", count: max(0, digits - octal.count)) + octal, at: offset, limit: digits)
        }
        put(path, at: 0, limit: 100)
        put(Int64(mode), at: 100, digits: 7)
        put(0, at: 108, digits: 7)
        put(0, at: 116, digits: 7)
        put(size, at: 124, digits: 11)
        put(time, at: 136, digits: 11)
        put("        ", at: 148, limit: 8)
        put(String(type), at: 156, limit: 1)
        put(link, at: 157, limit: 100)
        put("ustar\u{0}00", at: 257, limit: 8)
        put("root", at: 265, limit: 32)
        put("root", at: 297, limit: 32)
        put(block.reduce(0) { $0 + Int64($1) }, at: 148, digits: 6)
        block[154] = 0
        return block
    }
}

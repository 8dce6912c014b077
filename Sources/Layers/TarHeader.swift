internal import Diagnostics
internal import Glibc

/// Writes tar entries in the ustar form with PAX records where ustar's fields are too small (POSIX.1-2017, pax,
/// "ustar Interchange Format"). Nothing in the bytes depends on the machine.
struct TarEncoder {
    static let blockSize = 512

    /// Header blocks for an entry; the content, padded to whole blocks, follows.
    static func header(_ item: TarItem) -> [UInt8] {
        var records: [(key: String, value: [UInt8])] = []
        var path = item.path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        if item.type == S_IFDIR { path.append(0x2f) }
        let link = (item.hardLink ?? item.symbolicLink ?? []).prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let hasContent = item.type == S_IFREG && item.hardLink == nil
        let size = hasContent ? item.size : 0
        for (name, value) in item.attributes { records.append(("SCHILY.xattr.\(name)", value)) }
        if item.gid > 0o7777777 { records.append(("gid", Array(String(item.gid).utf8))) }
        if link.count > 100 { records.append(("linkpath", link)) }
        if item.mtime.nanoseconds != 0 || item.mtime.seconds < 0 || item.mtime.seconds > 0o77777777777 {
            records.append(("mtime", Array(time(item.mtime).utf8)))
        }
        if path.count > 100 { records.append(("path", path)) }
        if size > 0o77777777777 { records.append(("size", Array(String(size).utf8))) }
        if item.uid > 0o7777777 { records.append(("uid", Array(String(item.uid).utf8))) }
        var bytes: [UInt8] = []
        if !records.isEmpty {
            let body = records.sorted { $0.key < $1.key }.flatMap { record($0.key, $0.value) }
            var extended = TarItem()
            extended.mode = 0o644
            extended.size = Int64(body.count)
            bytes = block(extended, name: Array("PaxHeaders/".utf8) + path.suffix(80), link: [], type: "x")
            bytes += body + padding(after: Int64(body.count))
        }
        var plain = item
        plain.size = size
        if size > 0o77777777777 { plain.size = 0 }
        return bytes + block(plain, name: Array(path.prefix(100)), link: Array(link.prefix(100)), type: flag(item))
    }

    /// The zeros that fill the last block of some content.
    static func padding(after size: Int64) -> [UInt8] {
        [UInt8](repeating: 0, count: Int((512 - size % 512) % 512))
    }

    /// What ends an archive.
    static let end = [UInt8](repeating: 0, count: 1024)

    private static func flag(_ item: TarItem) -> Unicode.Scalar {
        if item.hardLink != nil { return "1" }
        switch item.type {
        case S_IFLNK: return "2"
        case S_IFCHR: return "3"
        case S_IFBLK: return "4"
        case S_IFDIR: return "5"
        case S_IFIFO: return "6"
        default: return "0"
        }
    }

    private static func block(
        _ item: TarItem, name: [UInt8], link: [UInt8], type: Unicode.Scalar
    ) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: blockSize)
        func put(_ bytes: some Collection<UInt8>, at offset: Int) {
            block.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        }
        func octal(_ value: Int64, digits: Int, at offset: Int) {
            let text = String(max(value, 0), radix: 8)
            let fitting = text.utf8.count <= digits ? text : "0"
            put((String(repeating: "0", count: digits - fitting.utf8.count) + fitting).utf8, at: offset)
        }
        put(name, at: 0)
        octal(Int64(item.mode & 0o7777), digits: 7, at: 100)
        octal(item.uid, digits: 7, at: 108)
        octal(item.gid, digits: 7, at: 116)
        octal(item.size, digits: 11, at: 124)
        octal(item.mtime.seconds, digits: 11, at: 136)
        put([UInt8](repeating: 0x20, count: 8), at: 148)
        block[156] = UInt8(ascii: type)
        put(link, at: 157)
        put("ustar".utf8, at: 257)
        put("00".utf8, at: 263)
        octal(Int64(item.major), digits: 7, at: 329)
        octal(Int64(item.minor), digits: 7, at: 337)
        let sum = block.reduce(Int64(0)) { $0 + Int64($1) }
        octal(sum, digits: 6, at: 148)
        block[154] = 0
        return block
    }

    /// `length key=value\n`, where the length counts itself.
    private static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
        let rest = key.utf8.count + value.count + 3
        var length = rest + String(rest).utf8.count
        if String(length).utf8.count > String(rest).utf8.count { length = rest + String(length).utf8.count }
        return Array("\(length) \(key)=".utf8) + value + [0x0a]
    }

    private static func time(_ moment: Timestamp) -> String {
        var seconds = moment.seconds
        var nanoseconds = Int64(moment.nanoseconds)
        var sign = ""
        if seconds < 0 {
            sign = "-"
            seconds = -seconds
            if nanoseconds > 0 {
                seconds -= 1
                nanoseconds = 1_000_000_000 - nanoseconds
            }
        }
        guard nanoseconds != 0 else { return "\(sign)\(seconds)" }
        let digits = String(nanoseconds)
        var fraction = String(repeating: "0", count: 9 - digits.utf8.count) + digits
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return "\(sign)\(seconds).\(fraction)"
    }
}

internal import Diagnostics

/// The records of a PAX extended header: `length key=value\n` (POSIX.1-2017, pax, "pax Extended Header").
struct PaxRecords {
    var path: [UInt8]?
    var linkPath: [UInt8]?
    var size: Int64?
    var uid: Int64?
    var gid: Int64?
    var mtime: Timestamp?
    /// By name; a later record counts more than an earlier one.
    var attributes: [String: [UInt8]] = [:]
    /// GNU's records about holes, in their order: `offset` and `numbytes` repeat.
    var sparse: [(key: String, value: [UInt8])] = []

    /// Adds the records of one more header.
    mutating func add(_ bytes: [UInt8]) throws(DrydockError) {
        var rest = bytes[...]
        while let first = rest.first, first != 0 {
            guard let space = rest.firstIndex(of: 0x20), let length = Self.integer(rest[..<space]), length > 0,
                Int64(rest.count) >= length, rest[rest.startIndex + Int(length) - 1] == 0x0a,
                space < rest.startIndex + Int(length),
                let equals = rest[space..<rest.startIndex + Int(length)].firstIndex(of: 0x3d)
            else { throw archiveFailure("invalid tar header", reason: "its extended records are malformed") }
            let end = rest.startIndex + Int(length) - 1
            try set(String(decoding: rest[(space + 1)..<equals], as: UTF8.self), Array(rest[(equals + 1)..<end]))
            rest = rest[(end + 1)...]
        }
    }

    private mutating func set(_ key: String, _ value: [UInt8]) throws(DrydockError) {
        switch key {
        case "path": path = try text(value, key)
        case "linkpath": linkPath = try text(value, key)
        case "size": size = try number(value, key)
        case "uid": uid = try number(value, key)
        case "gid": gid = try number(value, key)
        case "mtime":
            guard !value.isEmpty else {
                mtime = nil
                return
            }
            guard let time = Self.time(value) else { throw malformed(key) }
            mtime = time
        default:
            if key.hasPrefix("SCHILY.xattr.") {
                attributes[String(key.dropFirst(13))] = value
            } else if key.hasPrefix("LIBARCHIVE.xattr.") {
                let name = Self.percentDecoded(String(key.dropFirst(17)))
                // Where both forms name an attribute they say the same.
                if attributes[name] == nil { attributes[name] = Self.base64(value) }
            } else if key.hasPrefix("GNU.sparse.") {
                sparse.append((String(key.dropFirst(11)), value))
            }
        }
    }

    /// The last value of one of GNU's records about holes.
    func sparseValue(_ key: String) -> [UInt8]? { sparse.last { $0.key == key }?.value }

    /// An empty value takes back what an earlier header said.
    private func text(_ value: [UInt8], _ key: String) throws(DrydockError) -> [UInt8]? {
        guard !value.contains(0) else { throw malformed(key) }
        return value.isEmpty ? nil : value
    }

    private func number(_ value: [UInt8], _ key: String) throws(DrydockError) -> Int64? {
        if value.isEmpty { return nil }
        guard let number = Self.integer(value[...]), number >= 0 else { throw malformed(key) }
        return number
    }

    private func malformed(_ key: String) -> DrydockError {
        archiveFailure("invalid tar header", reason: "its record \"\(key)\" is malformed")
    }

    /// A decimal number, nil where it is none or too large.
    static func integer(_ digits: some Collection<UInt8>) -> Int64? {
        guard !digits.isEmpty, digits.count < 20 else { return nil }
        return Int64(String(decoding: digits, as: UTF8.self))
    }

    /// Seconds with a sign and a fraction.
    private static func time(_ value: [UInt8]) -> Timestamp? {
        let isNegative = value.first == 0x2d
        let parts = value.dropFirst(isNegative ? 1 : 0).split(
            separator: 0x2e, maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, let seconds = integer(whole), seconds >= 0 else { return nil }
        var nanoseconds: UInt32 = 0
        if parts.count > 1 {
            guard parts[1].allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            for place in 0..<9 {
                let index = parts[1].startIndex + place
                let digit = index < parts[1].endIndex ? parts[1][index] & 15 : 0
                nanoseconds = nanoseconds * 10 + UInt32(digit)
            }
        }
        guard isNegative else { return Timestamp(seconds: seconds, nanoseconds: nanoseconds) }
        return nanoseconds == 0
            ? Timestamp(seconds: -seconds)
            : Timestamp(seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds)
    }

    private static func percentDecoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == 0x25, rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func base64(_ text: [UInt8]) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for character in text {
            guard let value = alphabet.firstIndex(of: character) else { continue }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bytes
    }
}

internal import Diagnostics

/// One header block of a tar archive (POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar
/// Format").
struct TarBlock {
    static let size = 512

    let bytes: UnsafeRawBufferPointer

    /// Whether every byte is zero: the end of an archive.
    var isZero: Bool {
        for offset in stride(from: 0, to: Self.size, by: 8)
        where bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) != 0 { return false }
        return true
    }

    /// Whether the sum of the bytes is the one that the header states; old writers summed signed bytes.
    var hasRightSum: Bool {
        guard let stated = try? number(148, 8, "checksum") else { return false }
        var unsigned: Int64 = 0
        var signed: Int64 = 0
        for (offset, byte) in bytes.enumerated() {
            let counted = (148..<156).contains(offset) ? 0x20 : byte
            unsigned += Int64(counted)
            signed += Int64(Int8(bitPattern: counted))
        }
        return stated == unsigned || stated == signed
    }

    var type: UInt8 { bytes[156] }
    /// `ustar` with its zero: POSIX. GNU has a space there, older formats nothing.
    var isPOSIX: Bool { matches([0x75, 0x73, 0x74, 0x61, 0x72, 0], at: 257) }
    /// An older kind of ustar by Schily's tar, whose prefix is shorter.
    var isStar: Bool { isPOSIX && matches([0x74, 0x61, 0x72, 0], at: 508) }

    /// The name, put together from its two fields.
    var name: [CChar] {
        let name = text(0, 100)
        guard isPOSIX else { return name + [0] }
        let prefix = text(345, isStar ? 131 : 155)
        return prefix.isEmpty ? name + [0] : prefix + [0x2f] + name + [0]
    }

    var linkName: [CChar] { text(157, 100) + [0] }

    /// A number in octal digits, or as a big-endian integer where the first bit is set.
    func number(_ offset: Int, _ length: Int, _ what: String) throws(DrydockError) -> Int64 {
        let field = bytes[offset..<offset + length]
        if bytes[offset] & 0x80 != 0 {
            let isNegative = bytes[offset] & 0x40 != 0
            var value: Int64 = isNegative ? -1 : 0
            for (index, byte) in field.enumerated() {
                let digit = index == 0 ? (isNegative ? byte | 0x80 : byte & 0x7f) : byte
                if index < length - 8 {
                    guard digit == (isNegative ? 0xff : 0) else { throw badNumber(what) }
                } else {
                    value = value << 8 | Int64(digit)
                }
            }
            guard (value < 0) == isNegative else { throw badNumber(what) }
            return value
        }
        var value: Int64 = 0
        var hasEnded = false
        for byte in field {
            if byte == 0x20 || byte == 0 {
                // Spaces may come first; what follows the digits is filling.
                if value != 0 || byte == 0 { hasEnded = true }
                continue
            }
            guard !hasEnded, (0x30...0x37).contains(byte), value < 1 << 60 else {
                if hasEnded, byte != 0x20 { continue }
                throw badNumber(what)
            }
            value = value << 3 | Int64(byte & 7)
        }
        return value
    }

    private func badNumber(_ what: String) -> DrydockError {
        archiveFailure("invalid tar header", reason: "its \(what) is not a number")
    }

    private func text(_ offset: Int, _ length: Int) -> [CChar] {
        bytes[offset..<offset + length].prefix { $0 != 0 }.map { CChar(bitPattern: $0) }
    }

    private func matches(_ expected: [UInt8], at offset: Int) -> Bool {
        bytes[offset..<offset + expected.count].elementsEqual(expected)
    }
}

internal import Diagnostics
internal import Glibc
internal import SystemPackage

/// A path inside an archive or a layer, split into names; names end in zero so that system calls can take them.
struct ArchivePath: Hashable, Comparable, Sendable {
    /// The names, outermost first; empty for the root itself.
    var names: [[CChar]]

    init(names: [[CChar]]) { self.names = names }

    /// Splits and cleans a path: empty names and `.` vanish, `..` removes the name before it. Nil where it leaves the
    /// root.
    init?(_ bytes: some Sequence<CChar>) {
        names = []
        var name: [CChar] = []
        func finish(_ names: inout [[CChar]]) -> Bool {
            defer { name.removeAll(keepingCapacity: true) }
            if name.isEmpty || name == [0x2e] { return true }
            if name == [0x2e, 0x2e] { return names.popLast() != nil }
            names.append(name + [0])
            return true
        }
        for byte in bytes {
            if byte == 0 { break }
            if byte == 0x2f {
                guard finish(&names) else { return nil }
            } else {
                name.append(byte)
            }
        }
        guard finish(&names) else { return nil }
    }

    init?(_ path: FilePath) {
        let bytes: [CChar] = path.withPlatformString { pointer in
            var bytes: [CChar] = []
            var next = pointer
            while next.pointee != 0 {
                bytes.append(next.pointee)
                next += 1
            }
            return bytes
        }
        self.init(bytes)
    }

    /// The names joined by `/`, with a final zero.
    var joined: [CChar] { Self.join(names[...]) }

    static func join(_ names: ArraySlice<[CChar]>) -> [CChar] {
        var path: [CChar] = []
        for name in names {
            if !path.isEmpty { path.append(0x2f) }
            path.append(contentsOf: name.dropLast())
        }
        path.append(0)
        return path
    }

    /// The order of a walk with sorted names: a directory before what is in it, and that before its next sibling.
    static func < (left: ArchivePath, right: ArchivePath) -> Bool {
        for (a, b) in zip(left.names, right.names) where a != b { return isBefore(a, b) }
        return left.names.count < right.names.count
    }

    /// Whether a name is before another, byte by byte.
    static func isBefore(_ left: [CChar], _ right: [CChar]) -> Bool {
        let common = min(left.count, right.count)
        let order = left.withUnsafeBytes { left in
            right.withUnsafeBytes { right in
                left.baseAddress.flatMap { left in right.baseAddress.map { memcmp(left, $0, common) } } ?? 0
            }
        }
        return order == 0 ? left.count < right.count : order < 0
    }

    var text: String { displayed(joined) }

    /// As a path from the root, for results.
    var filePath: FilePath {
        var path: [CChar] = [0x2f]
        path.reserveCapacity(names.reduce(2) { $0 + $1.count })
        for name in names {
            if path.count > 1 { path.append(0x2f) }
            path.append(contentsOf: name.dropLast())
        }
        path.append(0)
        return FilePath(platformString: path)
    }
}

/// The names by which OCI layers say what is removed (OCI image-spec, layer.md, "Whiteouts").
enum WhiteoutName {
    static let prefix: [CChar] = Array(".wh.".utf8CString.dropLast())
    static let opaque: [CChar] = Array(".wh..wh..opq".utf8CString)

    static func isWhiteout(_ name: [CChar]) -> Bool { name.starts(with: prefix) }
    static func isReserved(_ name: [CChar]) -> Bool { name.starts(with: prefix + prefix) }
    /// The name that is removed; nil where that is not a name.
    static func target(_ name: [CChar]) -> [CChar]? {
        let rest = Array(name.dropFirst(prefix.count))
        return rest == [0] || rest == [0x2e, 0] || rest == [0x2e, 0x2e, 0] ? nil : rest
    }
}

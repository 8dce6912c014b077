import HTTPTypes
import Hummingbird

/// What the headers of a request want of some content (RFC 9110, section 14.2).
enum WantedRange: Equatable {
    case whole
    case part(Range<Int64>)
    /// A range was asked for, and none of its bytes exist.
    case nothing

    /// - Parameters:
    ///   - size: of the content, in bytes.
    ///   - tag: its entity tag; a range that is wanted of another content (`If-Range`) is no range of this one.
    init(_ headers: HTTPFields, of size: Int64, tag: String?) {
        self = .whole
        // Who asks for a range of nothing gets all of nothing: some clients always ask for one.
        guard size > 0, let text = headers[.range], let equals = text.firstIndex(of: "="),
            text[..<equals].lowercased() == "bytes"
        else { return }
        if let condition = headers[.ifRange], condition != tag { return }
        var found: [Range<Int64>] = []
        for part in text[text.index(after: equals)...].split(separator: ",", omittingEmptySubsequences: false) {
            guard let range = Self.bounds(part.trimming { $0 == " " || $0 == "\t" }, of: size) else {
                self = .nothing
                return
            }
            if !range.isEmpty { found.append(range) }
        }
        // Several parts would need a multipart answer; the whole is allowed instead.
        if found.count == 1 { self = .part(found[0]) } else if found.isEmpty { self = .nothing }
    }

    /// The bytes that `first-last`, `first-` or `-count` means, empty where none of them exist; nil where it means nothing.
    private static func bounds(_ text: Substring, of size: Int64) -> Range<Int64>? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        if parts[0].isEmpty {
            guard let count = number(parts[1]) else { return nil }
            return max(0, size - count)..<size
        }
        guard let first = number(parts[0]) else { return nil }
        let last: Int64
        if parts[1].isEmpty {
            last = size - 1
        } else {
            guard let given = number(parts[1]), given >= first else { return nil }
            last = min(given, size - 1)
        }
        return first < size ? first..<(last + 1) : size..<size
    }

    /// A number of decimal digits; one that is too large for any content counts as the largest.
    private static func number(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text) ?? .max
    }
}

extension Request {
    /// Whether the client says that it has the content with this entity tag (`If-None-Match`, RFC 9110, section 13.1.2).
    func has(_ tag: @autoclosure () -> String) -> Bool {
        guard let text = headers[.ifNoneMatch] else { return false }
        let tag = tag()
        return text.split(separator: ",").contains { part in
            var part = part.trimming { $0 == " " || $0 == "\t" }
            if part.hasPrefix("W/") { part = part.dropFirst(2) }
            return part == "*" || part == tag || "\"\(part)\"" == tag
        }
    }
}

extension Substring {
    /// Without the characters at both ends that fit.
    fileprivate func trimming(_ fits: (Character) -> Bool) -> Substring {
        var text = drop(while: fits)
        while let last = text.last, fits(last) { text.removeLast() }
        return text
    }
}

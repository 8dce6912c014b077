import Diagnostics

/// A pattern with `*`, `?`, `[…]` and `\`, where `*` and `?` stop at a slash (Go's `path.Match`).
struct PathPattern {
    private enum Part {
        case any
        case one
        case character(Character)
        case set([ClosedRange<Character>], isNegated: Bool)
    }

    private let parts: [Part]

    /// Reads a pattern.
    /// - Throws: code `.invalidArgument`, in Go's words, for a set that is not closed or empty.
    init(_ text: String) throws(DrydockError) {
        var rest = text[...]
        var parts: [Part] = []
        while let character = rest.popFirst() {
            switch character {
            case "*": parts.append(.any)
            case "?": parts.append(.one)
            case "[": parts.append(try Self.set(&rest))
            case "\\":
                guard let next = rest.popFirst() else { throw Self.malformed }
                parts.append(.character(next))
            default: parts.append(.character(character))
            }
        }
        self.parts = parts
    }

    private static var malformed: DrydockError { DrydockError(.invalidArgument, "syntax error in pattern") }

    private static func set(_ rest: inout Substring) throws(DrydockError) -> Part {
        func member(_ rest: inout Substring) throws(DrydockError) -> Character {
            guard var character = rest.popFirst(), character != "-", character != "]" else { throw malformed }
            if character == "\\" {
                guard let next = rest.popFirst() else { throw malformed }
                character = next
            }
            return character
        }
        let isNegated = rest.first == "^"
        if isNegated { rest.removeFirst() }
        var ranges: [ClosedRange<Character>] = []
        repeat {
            let low = try member(&rest)
            var high = low
            if rest.first == "-" {
                rest.removeFirst()
                high = try member(&rest)
            }
            // A range that runs backwards has nothing in it.
            if low <= high { ranges.append(low...high) }
            if rest.isEmpty { throw malformed }
        } while rest.first != "]"
        rest.removeFirst()
        return .set(ranges, isNegated: isNegated)
    }

    /// Whether the whole text fits.
    func matches(_ text: String) -> Bool {
        let text = Array(text)
        var (part, place) = (0, 0)
        // The last `*`, and where what it stands for ends: only that one needs to give way.
        var star: (part: Int, place: Int)?
        while true {
            if part < parts.count, case .any = parts[part] {
                star = (part, place)
                part += 1
            } else if place < text.count, part < parts.count, fits(parts[part], text[place]) {
                part += 1
                place += 1
            } else if part == parts.count, place == text.count {
                return true
            } else if let last = star, last.place < text.count, text[last.place] != "/" {
                star = (last.part, last.place + 1)
                (part, place) = (last.part + 1, last.place + 1)
            } else {
                return false
            }
        }
    }

    private func fits(_ part: Part, _ character: Character) -> Bool {
        switch part {
        case .any: false
        case .one: character != "/"
        case .character(let wanted): wanted == character
        case .set(let ranges, let isNegated): ranges.contains { $0.contains(character) } != isNegated
        }
    }
}

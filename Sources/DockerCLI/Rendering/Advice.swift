/// The language of what Drydock adds below Docker's own words, which stay as Docker writes them.
struct Advice {
    private let speaksFrench: Bool

    /// Reads `DRYDOCK_LANG`, which the prompt sets, else the locale (locale(7)).
    init(environment: [String: String]) {
        let names = ["DRYDOCK_LANG", "LC_ALL", "LC_MESSAGES", "LANG"]
        let named = names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        speaksFrench = named.lowercased().hasPrefix("fr")
    }

    /// A reason or a remedy in that language; as it is where the catalogue does not have it.
    func translated(_ text: String) -> String {
        guard speaksFrench else { return text }
        for entry in Self.french {
            if let gaps = Self.gaps(of: text, in: entry.english) { return Self.fill(entry.french, gaps) }
        }
        return text
    }

    /// A phrase as the source has it, `{}` for what it is filled with, and the same in French, with the gaps in the same
    /// order.
    struct Entry {
        let english: String
        let french: String

        init(_ english: String, _ french: String) {
            self.english = english
            self.french = french
        }
    }

    /// What fills the gaps of a phrase; nil where the text is another phrase.
    static func gaps(of text: String, in phrase: String) -> [String]? {
        let parts = pieces(of: phrase)
        guard let first = parts.first, text.hasPrefix(first) else { return nil }
        var rest = text.dropFirst(first.count)
        guard parts.count > 1 else { return rest.isEmpty ? [] : nil }
        var gaps: [String] = []
        for (index, part) in parts.enumerated().dropFirst() {
            if index == parts.count - 1 {
                guard rest.hasSuffix(part) else { return nil }
                gaps.append(String(rest.dropLast(part.count)))
            } else {
                guard let range = rest.firstRange(of: part) else { return nil }
                gaps.append(String(rest[..<range.lowerBound]))
                rest = rest[range.upperBound...]
            }
        }
        return gaps
    }

    /// The text between the gaps.
    static func pieces(of phrase: String) -> [Substring] {
        var pieces: [Substring] = []
        var rest = phrase[...]
        while let gap = rest.firstRange(of: "{}") {
            pieces.append(rest[..<gap.lowerBound])
            rest = rest[gap.upperBound...]
        }
        return pieces + [rest]
    }

    private static func fill(_ phrase: String, _ gaps: [String]) -> String {
        let parts = pieces(of: phrase)
        var text = String(parts[0])
        for (gap, part) in zip(gaps, parts.dropFirst()) { text += gap + part }
        return text
    }
}

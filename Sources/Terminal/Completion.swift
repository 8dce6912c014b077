/// What the Tab key can put in place of the word before the cursor.
public struct Completion: Sendable, Equatable {
    /// One thing that the word could become.
    public struct Candidate: Sendable, Equatable {
        /// What replaces the word.
        public var text: String
        /// Whether the word is complete with it, so that a space follows.
        public var isWhole: Bool

        /// Makes a candidate.
        public init(_ text: String, isWhole: Bool = true) {
            self.text = text
            self.isWhole = isWhole
        }
    }

    /// The word before the cursor that is replaced; the line up to the cursor must end with it.
    public var word: String
    /// What it could become.
    public var candidates: [Candidate]

    /// Makes a completion.
    public init(word: String, candidates: [Candidate]) {
        self.word = word
        self.candidates = candidates
    }

    /// Nothing to offer.
    public static let none = Completion(word: "", candidates: [])

    /// What all candidates begin with.
    var commonPrefix: String {
        guard var prefix = candidates.first?.text else { return "" }
        for candidate in candidates.dropFirst() {
            let same = zip(prefix, candidate.text).prefix { $0 == $1 }.count
            prefix = String(prefix.prefix(same))
        }
        return prefix
    }

    /// The candidates in columns, sorted downwards as `ls` does.
    func columns(width: Int) -> String {
        let names = candidates.map(\.text).sorted()
        let widest = (names.map(TextLayout.width).max() ?? 0) + 2
        let count = max(1, width / widest)
        let rows = (names.count + count - 1) / count
        return (0..<rows).map { row in
            var line = stride(from: row, to: names.count, by: max(1, rows))
                .map { TextLayout.pad(names[$0], to: widest) }.joined()
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }
}

/// Finds what a misspelt word was probably meant to be.
enum Spelling {
    /// The word that needs the fewest changes: at most one in three letters, and at most two.
    static func nearest(to word: String, among words: [String]) -> String? {
        let limit = min(2, max(1, word.count / 3))
        let ranked = words.map { (word: $0, distance: distance(word, $0)) }.min { $0.distance < $1.distance }
        guard let ranked, ranked.distance <= limit else { return nil }
        return ranked.word
    }

    /// The number of letters to insert, delete, replace or swap with their neighbour.
    static func distance(_ left: String, _ right: String) -> Int {
        let (a, b) = (Array(left), Array(right))
        if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
        var before: [Int] = []
        var last = Array(0...b.count)
        for i in 1...a.count {
            var row = [i]
            for j in 1...b.count {
                var best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { best = min(best, before[j - 2] + 1) }
                row.append(best)
            }
            before = last
            last = row
        }
        return last[b.count]
    }
}

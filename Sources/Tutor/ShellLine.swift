/// What a line for the shell is, as far as the session has to know.
enum ShellLine: Equatable {
    /// `cd`, with the directory as it was typed; nil for the exercise's folder.
    case changeDirectory(String?)
    /// `export NAME=value`
    case export(name: String, value: String)
    /// `fg`
    case foreground
    /// A docker command without anything that a shell would have to do: its words without `docker`.
    case docker([String])
    /// Anything else.
    case shell(String)

    /// Looks at a line.
    init(_ line: String) {
        guard let words = Self.words(of: line) else {
            // `~` is the one thing that is more than itself and simple enough.
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            guard words.first == "cd", words.count == 2,
                words[1].unicodeScalars.allSatisfy({ Self.isPlain($0) || $0 == "~" })
            else {
                self = .shell(line)
                return
            }
            self = .changeDirectory(words[1])
            return
        }
        switch words.first {
        case "docker": self = .docker(Array(words.dropFirst()))
        case "fg" where words.count == 1: self = .foreground
        case "cd" where words.count == 1: self = .changeDirectory(nil)
        case "cd" where words.count == 2: self = .changeDirectory(words[1])
        case "export" where words.count == 2 && words[1].contains("="):
            let parts = words[1].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            self = .export(name: String(parts[0]), value: String(parts[1]))
        default: self = .shell(line)
        }
    }

    /// The words of a line in which nothing but quotes means anything to a shell; nil where something does.
    private static func words(of line: String) -> [String]? {
        var words: [String] = []
        var word: String?
        var quote: Unicode.Scalar?
        for scalar in line.unicodeScalars {
            if let open = quote {
                if scalar == open {
                    quote = nil
                } else if open == "'" || !["$", "`", "\\", "!"].contains(scalar) {
                    word?.unicodeScalars.append(scalar)
                } else {
                    return nil
                }
                continue
            }
            switch scalar {
            case "'", "\"":
                quote = scalar
                word = word ?? ""
            case " ", "\t":
                if let word { words.append(word) }
                word = nil
            case _ where isPlain(scalar): word = (word ?? "") + String(scalar)
            default: return nil
            }
        }
        guard quote == nil else { return nil }
        return words + (word.map { [$0] } ?? [])
    }

    /// Whether a character means itself to every shell, wherever it stands.
    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".", "/", ":", "@", ",", "+", "=", "%": true
        default: false
        }
    }
}

/// How many single changes (a letter more, less, other, or two swapped) make one word of another.
func editDistance(_ left: String, _ right: String) -> Int {
    let a = Array(left)
    let b = Array(right)
    var rows = [Array(0...b.count)]
    for i in 1...max(1, a.count) where !a.isEmpty {
        var row = [i]
        for j in b.indices {
            var best = min(rows[i - 1][j] + (a[i - 1] == b[j] ? 0 : 1), rows[i - 1][j + 1] + 1, row[j] + 1)
            if i > 1, j > 0, a[i - 1] == b[j - 1], a[i - 2] == b[j] { best = min(best, rows[i - 2][j - 1] + 1) }
            row.append(best)
        }
        rows.append(row)
    }
    return rows[a.count][b.count]
}

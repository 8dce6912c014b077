import Diagnostics

/// Words of a Dockerfile instruction: quotes, escapes and variables (Docker's reference, "Environment replacement").
struct ShellWords {
    /// The value of a variable; nil where it is not set.
    let value: (String) -> String?

    /// Splits at spaces that are neither quoted nor escaped; quotes and escapes stay in the words.
    static func split(_ text: String) -> [String] {
        var result: [String] = []
        var word = ""
        var quote: Character?
        var isEscaped = false
        for character in text {
            if character.isWhitespace, quote == nil, !isEscaped {
                if !word.isEmpty { result.append(word) }
                word = ""
                continue
            }
            word.append(character)
            if isEscaped {
                isEscaped = false
            } else if character == "\\", quote != "'" {
                isEscaped = true
            } else if let open = quote {
                if character == open { quote = nil }
            } else if character == "\"" || character == "'" {
                quote = character
            }
        }
        if !word.isEmpty { result.append(word) }
        return result
    }

    /// A word without its quotes and escapes, with variables replaced.
    /// - Throws: code `.invalidArgument` for a quote or brace that is not closed and for unknown modifiers.
    func expanded(_ word: String) throws(DrydockError) -> String {
        var scanner = Scanner(rest: word[...], value: value)
        return try scanner.text(until: nil)
    }

    private struct Scanner {
        var rest: Substring
        let value: (String) -> String?

        mutating func text(until end: Character?) throws(DrydockError) -> String {
            var result = ""
            while let character = rest.first {
                if character == end { return result }
                rest.removeFirst()
                switch character {
                case "'": result += try literal()
                case "\"": result += try quoted()
                case "$": result += try variable()
                case "\\": if let next = rest.popFirst() { result.append(next) }
                default: result.append(character)
                }
            }
            return result
        }

        private mutating func literal() throws(DrydockError) -> String {
            var result = ""
            while let character = rest.popFirst() {
                if character == "'" { return result }
                result.append(character)
            }
            throw unfinished("single-quote")
        }

        private mutating func quoted() throws(DrydockError) -> String {
            var result = ""
            while let character = rest.popFirst() {
                switch character {
                case "\"": return result
                case "$": result += try variable()
                case "\\":
                    guard let next = rest.popFirst() else { throw unfinished("double-quote") }
                    if next != "\"", next != "$", next != "\\" { result.append("\\") }
                    result.append(next)
                default: result.append(character)
                }
            }
            throw unfinished("double-quote")
        }

        /// What follows a `$`.
        private mutating func variable() throws(DrydockError) -> String {
            guard rest.first == "{" else {
                let name = self.name()
                return name.isEmpty ? "$" : value(name) ?? ""
            }
            rest.removeFirst()
            let name = self.name()
            guard !name.isEmpty else {
                throw DrydockError(
                    .invalidArgument, rest.isEmpty ? "syntax error: missing '}'" : "syntax error: bad substitution")
            }
            if rest.first == "}" {
                rest.removeFirst()
                return value(name) ?? ""
            }
            let countsEmpty = rest.first == ":"
            if countsEmpty { rest.removeFirst() }
            guard let modifier = rest.popFirst() else { throw missingBrace }
            let word = try text(until: "}")
            guard rest.popFirst() != nil else { throw missingBrace }
            let found = value(name).flatMap { countsEmpty && $0.isEmpty ? nil : $0 }
            switch modifier {
            case "-": return found ?? word
            case "+": return found == nil ? "" : word
            case "?":
                guard let found else {
                    let why = word.isEmpty ? "is not allowed to be unset" : word
                    throw DrydockError(.invalidArgument, "\(name): \(why)")
                }
                return found
            default:
                throw DrydockError(
                    .invalidArgument, "unsupported modifier (\(countsEmpty ? ":" : "")\(modifier)) in substitution")
            }
        }

        private mutating func name() -> String {
            guard let first = rest.first, first.isASCII else { return "" }
            let name: Substring
            if first.isNumber {
                name = rest.prefix { $0.isASCII && $0.isNumber }
            } else if "@*#?-$!".contains(first) {
                name = rest.prefix(1)
            } else {
                name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
            }
            rest = rest.dropFirst(name.count)
            return String(name)
        }

        private var missingBrace: DrydockError {
            DrydockError(.invalidArgument, "syntax error: missing '}'")
        }

        private func unfinished(_ what: String) -> DrydockError {
            DrydockError(.invalidArgument, "unexpected end of statement while looking for matching \(what)")
        }
    }
}

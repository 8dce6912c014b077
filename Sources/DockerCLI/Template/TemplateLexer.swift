/// Cuts a template into text and the tokens of its actions.
struct TemplateLexer {
    /// A token of an action.
    enum Token: Sendable, Equatable {
        case field(String)
        case dot
        case variable(String)
        case word(String)
        case string(String)
        case number(String)
        case pipe, open, close, declare, assign, comma
        /// White space between words; it matters before a field: `(x).A` and `x .A` differ.
        case space

        /// The token as Go's messages name it.
        var shown: String {
            let keywords = [
                "block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with",
            ]
            switch self {
            case .dot: return "<.>"
            case .word(let name) where keywords.contains(name): return "<\(name)>"
            case .field(let name): return Units.quoted("." + name)
            case .variable(let name): return Units.quoted("$" + name)
            case .word(let text), .number(let text): return Units.quoted(text)
            case .string(let text): return Units.quoted(Units.quoted(text))
            case .pipe: return "\"|\""
            case .open: return "\"(\""
            case .close: return "\")\""
            case .declare: return "\":=\""
            case .assign: return "\"=\""
            case .comma: return "\",\""
            case .space: return "\" \""
            }
        }
    }

    /// A piece of a template.
    enum Piece {
        case text(String)
        case action([(token: Token, place: TemplatePlace)], TemplatePlace)
    }

    private let characters: [Character]
    private var position = 0
    private var line = 1
    private var lineStart = 0

    init(_ text: String) { characters = Array(text) }

    private var place: TemplatePlace { TemplatePlace(line: line, column: position - lineStart) }

    private func looking(at text: String) -> Bool { characters[position...].starts(with: text) }

    private mutating func step() -> Character {
        let character = characters[position]
        position += 1
        if character == "\n" {
            line += 1
            lineStart = position
        }
        return character
    }

    private func failure(_ text: String) -> TemplateError { TemplateError(message: ":\(line): \(text)") }

    /// All pieces, with the text trimmed where `{{-` and `-}}` say so.
    mutating func pieces() throws(TemplateError) -> [Piece] {
        var pieces: [Piece] = []
        var text = ""
        var trimNext = false
        func finish(_ text: String, trimEnd: Bool) -> String {
            var part = Substring(text)
            if trimNext { while part.first?.isWhitespace == true { part.removeFirst() } }
            if trimEnd { while part.last?.isWhitespace == true { part.removeLast() } }
            return String(part)
        }
        while position < characters.count {
            guard looking(at: "{{") else {
                text.append(step())
                continue
            }
            position += 2
            let trimsBefore = trimMarker(after: true)
            let before = finish(text, trimEnd: trimsBefore)
            if !before.isEmpty { pieces.append(.text(before)) }
            text = ""
            trimNext = false
            if looking(at: "/*") {
                trimNext = try comment()
                continue
            }
            let start = place
            let (tokens, trimsAfter) = try action()
            pieces.append(.action(tokens, start))
            trimNext = trimsAfter
        }
        let last = finish(text, trimEnd: false)
        if !last.isEmpty { pieces.append(.text(last)) }
        return pieces
    }

    private mutating func trimMarker(after: Bool) -> Bool {
        guard position + 1 < characters.count, characters[position] == "-", characters[position + 1].isWhitespace else {
            return false
        }
        position += 2
        return true
    }

    private mutating func comment() throws(TemplateError) -> Bool {
        while position < characters.count {
            if looking(at: "*/}}") {
                position += 4
                return false
            }
            if looking(at: "*/ -}}") {
                position += 6
                return true
            }
            _ = step()
        }
        throw failure("unclosed comment")
    }

    private mutating func action() throws(TemplateError) -> ([(token: Token, place: TemplatePlace)], Bool) {
        var tokens: [(token: Token, place: TemplatePlace)] = []
        while position < characters.count {
            if looking(at: "}}") {
                position += 2
                return (tokens, false)
            }
            if looking(at: " -}}") {
                position += 4
                return (tokens, true)
            }
            let start = place
            if let token = try token() { tokens.append((token, start)) }
        }
        throw failure("unclosed action")
    }

    private mutating func token() throws(TemplateError) -> Token? {
        let character = characters[position]
        if character.isWhitespace {
            while position < characters.count, characters[position].isWhitespace, !looking(at: " -}}") { _ = step() }
            return .space
        }
        switch character {
        case "|": return single(.pipe)
        case "(": return single(.open)
        case ")": return single(.close)
        case ",": return single(.comma)
        case "=": return single(.assign)
        case ":" where looking(at: ":="):
            position += 2
            return .declare
        case "\"": return .string(try quoted())
        case "`": return .string(try raw())
        case "'": return .number(try characterConstant())
        case "$":
            position += 1
            return .variable(name())
        case ".":
            if position + 1 < characters.count, characters[position + 1].isNumber { return .number(number()) }
            position += 1
            let field = name()
            return field.isEmpty ? .dot : .field(field)
        case _ where character.isNumber || character == "-" || character == "+": return .number(number())
        case _ where character.isLetter || character == "_": return .word(name())
        default: throw failure("unexpected \"\(character)\" in operand")
        }
    }

    private mutating func single(_ token: Token) -> Token {
        position += 1
        return token
    }

    private mutating func name() -> String {
        var name = ""
        while position < characters.count,
            characters[position].isLetter || characters[position].isNumber || characters[position] == "_"
        { name.append(step()) }
        return name
    }

    private mutating func number() -> String {
        var digits = String(step())
        while position < characters.count,
            characters[position].isHexDigit || ".xob_".contains(characters[position])
        { digits.append(step()) }
        return digits
    }

    private mutating func raw() throws(TemplateError) -> String {
        position += 1
        var text = ""
        while position < characters.count {
            let character = step()
            if character == "`" { return text }
            text.append(character)
        }
        throw failure("unterminated raw quoted string")
    }

    private mutating func characterConstant() throws(TemplateError) -> String {
        position += 1
        guard position + 1 < characters.count, let scalar = characters[position].unicodeScalars.first,
            characters[position + 1] == "'"
        else { throw failure("unterminated character constant") }
        position += 2
        return String(scalar.value)
    }

    private mutating func quoted() throws(TemplateError) -> String {
        position += 1
        var text = ""
        while position < characters.count {
            let character = step()
            switch character {
            case "\"": return text
            case "\n": throw failure("unterminated quoted string")
            case "\\":
                guard position < characters.count else { throw failure("unterminated quoted string") }
                let escaped = step()
                let meanings: [Character: Character] = ["n": "\n", "t": "\t", "r": "\r", "\\": "\\", "\"": "\""]
                guard let meaning = meanings[escaped] else { throw failure("invalid syntax") }
                text.append(meaning)
            default: text.append(character)
            }
        }
        throw failure("unterminated quoted string")
    }
}

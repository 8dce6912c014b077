/// Reads the Markdown of the lessons: headings, paragraphs, fenced and indented code, lists, quotes, rules and tables;
/// in running text strong, emphasis, code and links (the parts of CommonMark that the lessons use).
public enum Markdown {
    /// Reads a text. There is no wrong Markdown: what is not understood is running text.
    public static func parse(_ text: String) -> Document {
        var parser = BlockParser(lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
        return Document(parser.parse())
    }

    /// Reads running text.
    public static func inlines(_ text: String) -> [Inline] {
        var parser = InlineParser(text)
        return parser.parse()
    }
}

private struct BlockParser {
    private let lines: [String]
    private var index = 0
    private var blocks: [Block] = []
    private var paragraph: [String] = []

    init(lines: [String]) { self.lines = lines }

    mutating func parse() -> [Block] {
        while index < lines.count {
            let line = lines[index]
            let trimmed = trim(line)
            if trimmed.isEmpty {
                flush()
                index += 1
            } else if trimmed.hasPrefix("```") || trimmed.hasPrefix("~~~") {
                flush()
                fence(String(trimmed.prefix(3)), indent: line.prefix { $0 == " " }.count)
            } else if let level = headingLevel(trimmed) {
                flush()
                blocks.append(.heading(level: level, Markdown.inlines(headingText(trimmed, level))))
                index += 1
            } else if paragraph.isEmpty, line.hasPrefix("    ") {
                indentedCode()
            } else if isRule(trimmed) {
                flush()
                blocks.append(.rule)
                index += 1
            } else if trimmed.hasPrefix(">") {
                flush()
                quote()
            } else if trimmed.hasPrefix("|"), trimmed.dropFirst().contains("|") {
                flush()
                table()
            } else if let marker = ListMarker(line) {
                flush()
                list(marker)
            } else {
                paragraph.append(trimmed)
                index += 1
            }
        }
        flush()
        return blocks
    }

    private mutating func flush() {
        guard !paragraph.isEmpty else { return }
        blocks.append(.paragraph(Markdown.inlines(paragraph.joined(separator: " "))))
        paragraph = []
    }

    private mutating func fence(_ fence: String, indent: Int) {
        var code: [String] = []
        index += 1
        while index < lines.count, !trim(lines[index]).hasPrefix(fence) {
            let line = lines[index]
            code.append(String(line.dropFirst(min(indent, line.prefix { $0 == " " }.count))))
            index += 1
        }
        index += 1
        blocks.append(.code(code))
    }

    private mutating func indentedCode() {
        var code: [String] = []
        while index < lines.count, lines[index].hasPrefix("    ") || trim(lines[index]).isEmpty {
            code.append(String(lines[index].dropFirst(4)))
            index += 1
        }
        while code.last.map({ trim($0).isEmpty }) == true { code.removeLast() }
        blocks.append(.code(code))
    }

    private mutating func quote() {
        var inner: [String] = []
        while index < lines.count, trim(lines[index]).hasPrefix(">") {
            let rest = trim(lines[index]).dropFirst()
            inner.append(String(rest.first == " " ? rest.dropFirst() : rest))
            index += 1
        }
        var parser = BlockParser(lines: inner)
        blocks.append(.quote(Document(parser.parse())))
    }

    private mutating func table() {
        var rows: [[String]] = []
        while index < lines.count, trim(lines[index]).hasPrefix("|") {
            var cells = trim(lines[index]).dropFirst().split(separator: "|", omittingEmptySubsequences: false)
                .map { trim(String($0)) }
            if cells.last == "" { cells.removeLast() }
            if !cells.allSatisfy({ !$0.isEmpty && $0.allSatisfy { "-: ".contains($0) } }) { rows.append(cells) }
            index += 1
        }
        let plain = rows.map { $0.map { Markdown.inlines($0).map(\.plain).joined() } }
        blocks.append(.table(headings: plain.first ?? [], rows: Array(plain.dropFirst())))
    }

    private mutating func list(_ first: ListMarker) {
        var items: [Document] = []
        while index < lines.count, let marker = ListMarker(lines[index]), marker.isNumbered == first.isNumbered,
            marker.indent <= first.indent + 1
        {
            var inner = [marker.rest]
            index += 1
            while index < lines.count {
                let line = lines[index]
                let indent = line.prefix { $0 == " " }.count
                if trim(line).isEmpty {
                    guard index + 1 < lines.count, lines[index + 1].hasPrefix("  "),
                        !trim(lines[index + 1]).isEmpty
                    else { break }
                    inner.append("")
                } else if indent > marker.indent {
                    inner.append(String(line.dropFirst(min(indent, marker.width))))
                } else if ListMarker(line) == nil, headingLevel(line) == nil, inner.last?.isEmpty == false {
                    inner.append(line)
                } else {
                    break
                }
                index += 1
            }
            var parser = BlockParser(lines: inner)
            items.append(Document(parser.parse()))
        }
        blocks.append(.list(items, start: first.number))
    }

    private func headingLevel(_ line: String) -> Int? {
        let marks = line.prefix { $0 == "#" }.count
        return (1...6).contains(marks) && line.dropFirst(marks).first == " " ? marks : nil
    }

    /// The text of a heading without its marks and without the name in braces that addresses it.
    private func headingText(_ line: String, _ level: Int) -> String {
        var text = trim(String(line.dropFirst(level)))
        if text.hasSuffix("}"), let open = text.lastIndex(of: "{"), text[open...].hasPrefix("{#") {
            text = trim(String(text[..<open]))
        }
        return text
    }

    private func isRule(_ line: String) -> Bool {
        let marks = line.filter { $0 != " " }
        return marks.count >= 3 && ["-", "*", "_"].contains { mark in marks.allSatisfy { String($0) == mark } }
    }
}

/// The beginning of an item of a list.
private struct ListMarker {
    let indent: Int
    /// The columns before the item's text.
    let width: Int
    let number: Int?
    let rest: String
    var isNumbered: Bool { number != nil }

    init?(_ line: String) {
        indent = line.prefix { $0 == " " }.count
        let text = line.dropFirst(indent)
        if let mark = text.first, "-*+".contains(mark), text.dropFirst().first == " " {
            number = nil
            width = indent + 2
            rest = String(text.dropFirst(2))
        } else {
            let digits = text.prefix { $0.isNumber }
            let after = text.dropFirst(digits.count)
            guard let value = Int(digits), after.hasPrefix(". ") || after.hasPrefix(") ") else { return nil }
            number = value
            width = indent + digits.count + 2
            rest = String(after.dropFirst(2))
        }
    }
}

private struct InlineParser {
    private let text: [Character]
    private var index = 0
    private var result: [Inline] = []
    private var plain = ""

    init(_ text: String) { self.text = Array(text) }

    mutating func parse() -> [Inline] {
        while index < text.count {
            let character = text[index]
            if character == "\\", index + 1 < text.count, text[index + 1].isPunctuation || text[index + 1].isSymbol {
                plain.append(text[index + 1])
                index += 2
            } else if character == "`", let found = delimited(by: run("`")) {
                add(.code(found))
            } else if character == "*" || character == "_", canOpen(character) {
                let count = run(character).count
                if let found = delimited(by: String(repeating: character, count: min(2, count))) {
                    add(count >= 2 ? .strong(unmarked(found)) : .emphasis(unmarked(found)))
                } else {
                    plain.append(character)
                    index += 1
                }
            } else if character == "[", let link = link() {
                add(link)
            } else {
                plain.append(character)
                index += 1
            }
        }
        flush()
        return result
    }

    private mutating func flush() {
        if !plain.isEmpty { result.append(.text(plain)) }
        plain = ""
    }

    private mutating func add(_ inline: Inline) {
        flush()
        result.append(inline)
    }

    private func run(_ mark: Character) -> String {
        String(text[index...].prefix { $0 == mark })
    }

    /// `_` within a word (node_ctn) is a character like any other.
    private func canOpen(_ mark: Character) -> Bool {
        let before = index > 0 ? text[index - 1] : " "
        let after = index + run(mark).count < text.count ? text[index + run(mark).count] : " "
        return !after.isWhitespace && (mark == "*" || !(before.isLetter || before.isNumber))
    }

    /// The text up to the closing mark; moves behind it.
    private mutating func delimited(by mark: String) -> String? {
        let marks = Array(mark)
        var position = index + marks.count
        while position + marks.count <= text.count {
            if Array(text[position..<position + marks.count]) == marks, position > index + marks.count {
                let found = String(text[(index + marks.count)..<position])
                index = position + marks.count
                return found
            }
            position += 1
        }
        return nil
    }

    private mutating func link() -> Inline? {
        guard let close = text[index...].firstIndex(of: "]"), close + 1 < text.count, text[close + 1] == "(",
            let end = text[close...].firstIndex(of: ")")
        else { return nil }
        let title = String(text[(index + 1)..<close])
        let address = String(text[(close + 2)..<end])
        index = end + 1
        return .link(unmarked(title), address: address)
    }

    private func unmarked(_ text: String) -> String { text.filter { $0 != "`" && $0 != "*" } }
}

extension Inline {
    /// The words without their meaning.
    public var plain: String {
        switch self {
        case .text(let text), .strong(let text), .emphasis(let text), .code(let text), .link(let text, _): text
        }
    }
}

private func trim(_ text: String) -> String {
    guard let first = text.firstIndex(where: { !$0.isWhitespace }),
        let last = text.lastIndex(where: { !$0.isWhitespace })
    else { return "" }
    return String(text[first...last])
}

extension Look {
    /// A frame around lines, with a title. In words: the title, then the lines.
    public func box(title: String, lines: [String]) -> String {
        if drawing == .words {
            return ([title].filter { !$0.isEmpty } + lines).joined(separator: "\n")
        }
        let unicode = drawing == .unicode
        let inner = max(
            lines.map(TextLayout.width).max() ?? 0, title.isEmpty ? 0 : TextLayout.width(title) + 2)
        let bar = unicode ? "─" : "-"
        let side = paint(unicode ? "│" : "|", .faint)
        let head = title.isEmpty ? "" : " \(title) "
        let top =
            paint((unicode ? "╭" : "+") + bar, .faint) + paint(head, .heading)
            + paint(
                String(repeating: bar, count: inner + 1 - TextLayout.width(head)) + (unicode ? "╮" : "+"), .faint)
        let bottom = paint(
            (unicode ? "╰" : "+") + String(repeating: bar, count: inner + 2) + (unicode ? "╯" : "+"), .faint)
        let middle = lines.map { "\(side) \(TextLayout.pad($0, to: inner)) \(side)" }
        return ([top] + middle + [bottom]).joined(separator: "\n")
    }

    /// Columns under headings. In words: one line for each row, each value after its heading.
    public func table(_ headings: [String], _ rows: [[String]]) -> String {
        if drawing == .words, isTerminal || headings.contains(where: { !$0.isEmpty }) {
            return rows.map { row in
                zip(headings, row).filter { !$1.isEmpty }.map { $0.isEmpty ? $1 : "\($0): \($1)" }
                    .joined(separator: ", ")
            }.joined(separator: "\n")
        }
        let widths = headings.indices.map { column in
            ([headings] + rows).map { $0.indices.contains(column) ? TextLayout.width($0[column]) : 0 }.max() ?? 0
        }
        let format = { (row: [String]) in
            var text = zip(row, widths).map { TextLayout.pad($0, to: $1) }.joined(separator: "   ")
            while text.last == " " { text.removeLast() }
            return text
        }
        let head = headings.contains { !$0.isEmpty } ? [paint(format(headings), .faint)] : []
        return (head + rows.map(format)).joined(separator: "\n")
    }

    /// How much of something is done: a bar with numbers. In words: the numbers.
    public func bar(_ done: Int, of total: Int, columns: Int = 20) -> String {
        let numbers = "\(done)/\(total)"
        let filled = total > 0 ? min(columns, max(0, done * columns / total)) : 0
        switch drawing {
        case .words: return numbers
        case .ascii:
            return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: columns - filled)
                + "] \(numbers)"
        case .unicode:
            return paint(String(repeating: "█", count: filled), .good)
                + paint(String(repeating: "░", count: columns - filled), .faint) + " \(numbers)"
        }
    }

    /// A mark before a line: a tick, a cross, an arrow, a dot; ASCII or words where drawings are not possible.
    public func mark(_ mark: Mark) -> String {
        let unicode = drawing == .unicode
        switch mark {
        case .done: return paint(unicode ? "✓" : "[x]", .good)
        case .missing: return paint(unicode ? "·" : "[ ]", .warning)
        case .wrong: return paint(unicode ? "✗" : "[!]", .bad)
        case .next: return paint(unicode ? "▶" : ">", .strong)
        case .bullet: return unicode ? "•" : "-"
        }
    }
}

/// What a mark before a line says.
public enum Mark: Sendable {
    /// It holds, it is done.
    case done
    /// It does not hold yet.
    case missing
    /// Something is wrong.
    case wrong
    /// This is where the reader is.
    case next
    /// An item of a list.
    case bullet
}

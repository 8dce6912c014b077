import Explain
import Terminal

/// Draws an explanation on a terminal: with colours and frames, with ASCII, or in words.
struct DocumentRenderer {
    private let look: Look

    init(_ look: Look) { self.look = look }

    /// The text of a document, without a line break at its end.
    func text(_ document: Document) -> String { lines(document.blocks, indent: "").joined(separator: "\n") }

    /// Markdown, drawn.
    func markdown(_ text: String) -> String { self.text(Markdown.parse(text)) }

    /// Running text of Markdown on one line.
    func inline(_ text: String) -> String { Markdown.inlines(text).map(paint).joined() }

    private func lines(_ blocks: [Block], indent: String) -> [String] {
        var result: [String] = []
        for (index, block) in blocks.enumerated() {
            if index > 0 { result.append("") }
            result += lines(block, indent: indent)
        }
        return result
    }

    private func lines(_ block: Block, indent: String) -> [String] {
        switch block {
        case .heading(_, let inlines):
            return wrapped(look.paint(inlines.map(\.plain).joined(), .heading), indent)
        case .paragraph(let inlines):
            return wrapped(inlines.map(paint).joined(), indent)
        case .code(let code):
            return code.map { indent + "    " + look.paint($0, .code) }
        case .list(let items, let start):
            return items.enumerated().flatMap { index, item -> [String] in
                let mark = start.map { "\($0 + index)." } ?? look.mark(.bullet)
                let inner = indent + String(repeating: " ", count: TextLayout.width(mark) + 1)
                var lines = self.lines(item.blocks, indent: inner)
                if let first = lines.first { lines[0] = indent + mark + " " + String(first.dropFirst(inner.count)) }
                return lines
            }
        case .quote(let document):
            let bar = look.drawing == .words ? "  " : look.paint(look.drawing == .unicode ? "│ " : "| ", .faint)
            return lines(document.blocks, indent: indent + bar)
        case .rule:
            return look.drawing == .words
                ? [] : [indent + look.paint(String(repeating: look.drawing == .unicode ? "─" : "-", count: 40), .faint)]
        case .table(let headings, let rows):
            return look.table(headings, rows).split(separator: "\n").map { indent + "  " + $0 }
        case .tree(let nodes):
            return nodes.flatMap { tree($0, lead: indent, branch: "", depth: 0) }
        case .stack(let title, let tiers):
            return stack(title, tiers).map { indent + $0 }
        }
    }

    private func wrapped(_ text: String, _ indent: String) -> [String] {
        TextLayout.wrap(text, width: look.textWidth, indent: indent)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// Code in running text stands between backquotes where there is no colour to tell it apart.
    private func paint(_ inline: Inline) -> String {
        switch inline {
        case .text(let text): text
        case .strong(let text): painted(text, .strong)
        case .emphasis(let text): painted(text, .emphasis)
        case .code(let text): look.color ? painted(text, .code) : "`\(text)`"
        case .link(let text, let address): address.hasPrefix("http") ? "\(text) <\(address)>" : text
        }
    }

    /// Every word in its style, so that a line break between two words leaves no colour open.
    private func painted(_ text: String, _ style: Style) -> String {
        text.split(separator: " ", omittingEmptySubsequences: false).map { look.paint(String($0), style) }
            .joined(separator: " ")
    }

    private func tree(_ node: TreeNode, lead: String, branch: String, depth: Int) -> [String] {
        let state =
            switch node.state {
            case .done: ""
            case .failed: " " + look.mark(.wrong)
            case .open: " …"
            }
        let facts = node.facts.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
        var line = lead + branch + look.paint(node.title, depth == 0 ? .strong : .label) + state
        if !node.duration.isEmpty { line += look.paint("  \(node.duration)", .good) }
        let below: String
        switch look.drawing {
        case .words: below = lead + "  "
        case .ascii: below = lead + (branch.isEmpty ? "" : branch.hasPrefix("|") ? "|   " : "    ")
        case .unicode: below = lead + (branch.isEmpty ? "" : branch.hasPrefix("├") ? "│   " : "    ")
        }
        var lines = [line]
        if !facts.isEmpty {
            if TextLayout.width(line) + TextLayout.width(facts) + 2 <= look.textWidth {
                lines[0] += "  " + look.paint(facts, .faint)
            } else {
                let more = look.drawing != .words && !node.children.isEmpty
                let indent = below + (more ? (look.drawing == .unicode ? "│   " : "|   ") : "    ")
                lines += TextLayout.wrap(facts, width: look.textWidth, indent: indent).split(separator: "\n").map {
                    look.paint(String($0), .faint)
                }
            }
        }
        for (index, child) in node.children.enumerated() {
            let isLast = index == node.children.count - 1
            let branch =
                switch look.drawing {
                case .words: ""
                case .ascii: isLast ? "`-- " : "|-- "
                case .unicode: isLast ? "└── " : "├── "
                }
            lines += tree(child, lead: below, branch: branch, depth: depth + 1)
        }
        return lines
    }

    private func stack(_ title: String, _ tiers: [Tier]) -> [String] {
        let cells = tiers.map { tier in
            let size = tier.size.isEmpty ? "" : "  " + tier.size
            return (text: tier.title + size, remark: tier.remark, isWritable: tier.kind == .writable)
        }
        if look.drawing == .words {
            return [title]
                + cells.enumerated().map { index, cell in
                    "  \(index + 1). \(cell.text)" + (cell.remark.isEmpty ? "" : ", \(cell.remark)")
                }
        }
        let unicode = look.drawing == .unicode
        let width = cells.map { TextLayout.width($0.text) }.max() ?? 0
        let (bar, side) = unicode ? ("─", "│") : ("-", "|")
        let rule = String(repeating: bar, count: width + 2)
        var lines = [look.paint(title, .heading)]
        for (index, cell) in cells.enumerated() {
            let edge = unicode ? (index == 0 ? ("┌", "┐") : ("├", "┤")) : ("+", "+")
            lines.append("  " + look.paint(edge.0 + rule + edge.1, .faint))
            let text = TextLayout.pad(cell.text, to: width)
            lines.append(
                "  " + look.paint(side, .faint) + " " + look.paint(text, cell.isWritable ? .good : .label) + " "
                    + look.paint(side, .faint) + (cell.remark.isEmpty ? "" : "  " + look.paint(cell.remark, .faint)))
        }
        let edge = unicode ? ("└", "┘") : ("+", "+")
        return lines + ["  " + look.paint(edge.0 + rule + edge.1, .faint)]
    }
}

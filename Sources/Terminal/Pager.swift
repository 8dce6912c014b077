import Glibc

/// Shows long text a screen at a time.
public struct Pager: Sendable {
    private let console: Console
    private let input: Int32
    private let more: String

    /// Makes a pager.
    /// - Parameter more: what is asked at the end of a screen: Space goes on, Enter adds a line, `q` ends.
    public init(_ console: Console, input: Int32 = 0, more: String) {
        self.console = console
        self.input = input
        self.more = more
    }

    /// Shows text; all at once where the output is no terminal or the text fits.
    public func show(_ text: String) {
        let look = console.look
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        let rows = lines.map { max(1, (TextLayout.width($0) + look.width - 1) / max(1, look.width)) }
        guard look.isTerminal, look.color, isatty(input) == 1, rows.reduce(0, +) >= look.height else {
            for line in lines { console.line(line) }
            return
        }
        var room = look.height - 1
        for (line, needed) in zip(lines, rows) {
            if room < needed {
                console.write(look.paint(more, .faint))
                let key = PlainInput(descriptor: input).readKey()
                console.write("\r\u{1B}[K")
                switch key {
                case "q", "Q", "\u{3}", "\u{4}", nil: return
                case "\n", "\r": room = needed
                default: room = look.height - 1
                }
            }
            console.line(line)
            room -= needed
        }
    }
}

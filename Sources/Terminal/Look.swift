import Glibc

/// What a terminal can show, found out once for each use: colour, drawing characters, width.
public struct Look: Sendable, Equatable {
    /// What pictures, boxes and bars are made of.
    public enum Drawing: String, Sendable {
        /// Box-drawing and block characters.
        case unicode
        /// `+`, `-`, `|` and `#`.
        case ascii
        /// Words only: for a screen reader, a dumb terminal, a pipe.
        case words
    }

    /// Whether the output is a terminal.
    public var isTerminal: Bool
    /// Whether text may be coloured and the line rewritten.
    public var color: Bool
    /// What pictures are made of.
    public var drawing: Drawing
    /// The number of columns.
    public var width: Int
    /// The number of rows.
    public var height: Int

    /// Makes a look from its parts.
    public init(
        isTerminal: Bool = false, color: Bool = false, drawing: Drawing = .words, width: Int = 80, height: Int = 24
    ) {
        self.isTerminal = isTerminal
        self.color = color
        self.drawing = drawing
        self.width = width
        self.height = height
    }

    /// Plain text, 80 columns.
    public static let plain = Look()

    /// The columns that running text is wrapped at: never more than 80, however wide the terminal is.
    public var textWidth: Int { max(20, min(width, 80)) }

    /// Finds out what a file descriptor and an environment allow.
    ///
    /// `NO_COLOR` (no-color.org) takes colour away; `TERM=dumb` and an output that is no terminal take colour and
    /// drawings away; `DRYDOCK_PLAIN` takes drawings away; a locale that is not UTF-8 leaves ASCII drawings.
    public static func detect(descriptor: Int32, environment: [String: String]) -> Look {
        let isTerminal = isatty(descriptor) == 1
        let term = environment["TERM"] ?? ""
        let capable = isTerminal && term != "dumb" && !term.isEmpty
        let noColor = !(environment["NO_COLOR"] ?? "").isEmpty
        let plain = !(environment["DRYDOCK_PLAIN"] ?? "").isEmpty
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        let utf8 = locale.lowercased().hasSuffix("utf-8") || locale.lowercased().hasSuffix("utf8")
        var size = winsize()
        var width = 80
        var height = 24
        if isTerminal, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 {
            width = Int(size.ws_col)
            height = max(2, Int(size.ws_row))
        }
        return Look(
            isTerminal: isTerminal, color: capable && !noColor,
            drawing: plain || !capable ? .words : utf8 ? .unicode : .ascii, width: width, height: height)
    }

    /// Text in a style; unchanged where there is no colour.
    public func paint(_ text: String, _ style: Style) -> String {
        guard color, !text.isEmpty else { return text }
        return "\u{1B}[\(style.code)m\(text)\u{1B}[0m"
    }
}

/// What a piece of text means; the colours follow from that.
public enum Style: String, Sendable, CaseIterable {
    /// A title.
    case heading
    /// Something to look at.
    case strong
    /// Emphasis within a sentence.
    case emphasis
    /// Something less important.
    case faint
    /// Something that holds, that is done.
    case good
    /// Something that is wrong.
    case bad
    /// Something to be careful about.
    case warning
    /// What is typed: commands, names, paths.
    case code
    /// The name of a thing in a picture.
    case label

    /// The parameters of the SGR sequence (ECMA-48).
    var code: String {
        switch self {
        case .heading: "1;36"
        case .strong: "1"
        case .emphasis: "3"
        case .faint: "2"
        case .good: "32"
        case .bad: "31"
        case .warning: "33"
        case .code: "36"
        case .label: "35"
        }
    }
}

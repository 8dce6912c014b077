import Lessons

/// A command for the tutor itself.
struct TutorCommand: Equatable {
    /// The commands, in the order in which help shows them.
    enum Name: String, CaseIterable {
        case help, goal, check, hint, why, explain, solution, skip, reset, lessons, start, progress, account, lang, quit

        /// How it is written.
        func usage(_ language: Language) -> String {
            switch self {
            case .start: language == .fr ? "start EXERCICE" : "start EXERCISE"
            case .explain:
                language == .fr ? "explain [SUJET|last|plan|NOM]" : "explain [TOPIC|last|plan|NAME]"
            case .reset: "reset [exercise]"
            case .lang: "lang en|fr"
            default: rawValue
            }
        }

        /// How many arguments it can have.
        var arguments: ClosedRange<Int> {
            switch self {
            case .start, .lang: 0...1
            case .explain: 0...8
            case .reset, .help: 0...1
            default: 0...0
            }
        }
    }

    /// Which one.
    var name: Name
    /// The words after it.
    var arguments: [String]

    /// Recognises a line; nil where it is not for the tutor but for the shell. `reset` and `start` with options, or a
    /// line with shell characters, are the shell's.
    init?(_ line: String) {
        let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
        guard let first = words.first, !line.contains(where: { "|&;<>$`\"'\\(){}*".contains($0) }) else { return nil }
        guard let name = first == "exit" ? .quit : first == "?" ? .help : Name(rawValue: first) else { return nil }
        arguments = Array(words.dropFirst())
        guard !arguments.contains(where: { $0.hasPrefix("-") }) else { return nil }
        self.name = name
    }

    /// Whether the number of arguments is right.
    var isWellFormed: Bool { name.arguments.contains(arguments.count) }
}

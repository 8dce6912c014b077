import Diagnostics
import Linux
import Terminal

/// Somebody at the prompt: reads its terminal, and types when something waits for it.
final class PromptTerminal {
    private let job: TerminalJob
    private var screen = PromptScreen()
    private var end: JobEnd?
    private let patience: Patience

    /// How long to wait for what has to come; it is never waited longer than necessary.
    struct Patience {
        /// For the prompt to come back.
        var command = Duration.seconds(180)
        /// For a program that shows a question when there is nothing more to type.
        var question = Duration.seconds(60)
    }

    /// Starts the prompt on a terminal of its own.
    init(_ request: JobRequest, patience: Patience = Patience()) throws(DrydockError) {
        // So high that nothing is shown page by page.
        job = try TerminalJob(request, rows: 1000, columns: 100)
        self.patience = patience
    }

    deinit {
        if end == nil { job.killNow() }
    }

    /// What was shown since the last line that was entered at the prompt.
    var shown: String { screen.shown }

    /// Waits for a question of the prompt and answers it.
    /// - Parameter isHidden: whether it is one that is answered without echo.
    func answer(_ question: String, _ answer: String, isHidden: Bool = false) throws(DrydockError) {
        try wait("the question “\(question)”") { screen in
            screen.line.hasSuffix(question) && self.job.takesSingleKeys && (!isHidden || !self.job.echoes)
        }
        enter(answer)
    }

    /// Waits for the prompt after the start.
    func waitForPrompt() throws(DrydockError) {
        try wait("the prompt") { self.isAtPrompt($0) }
    }

    /// Enters a line at the prompt, then the lines that the command asks for, and waits for the prompt.
    /// - Returns: the command's exit status.
    func run(_ line: String, input: [String] = []) throws(DrydockError) -> Int32 {
        try waitForPrompt()
        screen.startOver()
        enter(line)
        for line in input {
            try wait("a question that “\(line)” answers") { (screen) throws(DrydockError) in
                if screen.status != nil {
                    throw DrydockError(
                        .conflict, "the command ended before “\(line)” was typed", reason: self.reason)
                }
                return screen.asksForSomething && !(screen.line.contains("assword") && self.job.echoes)
            }
            enter(line)
        }
        var stillness = ContinuousClock.now
        var shown = screen.count
        try wait("the prompt") { (screen) throws(DrydockError) in
            if screen.count != shown || !screen.asksForSomething || screen.status != nil {
                stillness = .now
                shown = screen.count
            } else if stillness.duration(to: .now) > self.patience.question {
                throw DrydockError(
                    .conflict, "the command waits for more than the transcript types", reason: self.reason)
            }
            return screen.status != nil && self.isAtPrompt(screen)
        }
        return screen.status ?? 0
    }

    /// Ends the session and waits for its process.
    func close() {
        if end == nil { job.type([4]) }
        let begin = ContinuousClock.now
        while end == nil {
            let passed = begin.duration(to: .now)
            if passed > .seconds(5) { job.killNow() } else if passed > .seconds(1) { job.hangUp() }
            look(within: 20)
        }
    }

    private func isAtPrompt(_ screen: PromptScreen) -> Bool {
        screen.line.hasSuffix("drydock> ") && job.takesSingleKeys
    }

    private func enter(_ line: String) {
        screen.forgetLine()
        job.type(keys(of: line))
    }

    /// Waits until something is so; looks again whenever the terminal shows something, and now and then.
    private func wait(
        _ what: String, until isSo: (PromptScreen) throws(DrydockError) -> Bool
    ) throws(DrydockError) {
        let deadline = ContinuousClock.now + patience.command
        while try !isSo(screen) {
            if let end {
                throw DrydockError(.unavailable, "the session ended (\(end)) before \(what)", reason: reason)
            }
            if ContinuousClock.now > deadline || Task.isCancelled {
                throw DrydockError(.unavailable, "\(what) did not come", reason: reason)
            }
            look(within: 5)
        }
    }

    private func look(within milliseconds: Int32) {
        switch job.next(within: milliseconds) {
        case .output(let bytes): screen.take(bytes)
        case .quiet: break
        case .ended(let end): self.end = end
        }
    }

    /// The end of what was shown, for whoever looks for what went wrong.
    private var reason: String {
        let lines = screen.shown.split(separator: "\n").suffix(12)
        return "the terminal shows: " + lines.joined(separator: " | ")
    }
}

/// What is typed for a line of a transcript: the line and Enter; `^C`, `^D` and `^Z` alone are those keys.
func keys(of line: String) -> [UInt8] {
    switch line {
    case "^C": [3]
    case "^D": [4]
    case "^Z": [26]
    default: Array(line.utf8) + [0x0D]
    }
}

/// Follows what the prompt and its commands show: text without escape sequences, and the marks at which commands end.
struct PromptScreen {
    private enum Place { case text, escape, control, command, commandEscape }
    private var place = Place.text
    private var command: [UInt8] = []
    private var text: [UInt8] = []
    private var lineStart = 0

    /// The exit status of the command that ended since the start.
    private(set) var status: Int32?
    /// How many bytes were taken in all.
    private(set) var count = 0

    /// What was shown since the start.
    var shown: String { String(decoding: text, as: UTF8.self) }
    /// The line that the cursor is on.
    var line: String { String(decoding: text[lineStart...], as: UTF8.self) }

    /// Whether that line looks like a question: text that ends in a mark and a space.
    var asksForSomething: Bool {
        text.count >= lineStart + 2 && text.last == UInt8(ascii: " ")
            && "#$>%:?)]".utf8.contains(text[text.count - 2])
    }

    /// Forgets everything that was shown.
    mutating func startOver() {
        text = []
        lineStart = 0
        status = nil
    }

    /// What is on the line now is no question any more.
    mutating func forgetLine() {
        text.append(0x0A)
        lineStart = text.count
    }

    /// Takes what was shown.
    mutating func take(_ bytes: [UInt8]) {
        count += bytes.count
        for byte in bytes { take(byte) }
    }

    private mutating func take(_ byte: UInt8) {
        switch (place, byte) {
        case (.text, 0x1B): place = .escape
        case (.text, 0x0A):
            text.append(byte)
            lineStart = text.count
        case (.text, 0x0D), (.text, 0x07): break
        case (.text, 0x08): if text.count > lineStart { text.removeLast() }
        case (.text, _): text.append(byte)
        case (.escape, UInt8(ascii: "[")): place = .control
        case (.escape, UInt8(ascii: "]")):
            place = .command
            command = []
        case (.escape, 0x20...0x2F): break
        case (.escape, _): place = .text
        case (.control, 0x40...0x7E): place = .text
        case (.control, _): break
        case (.command, 0x07), (.commandEscape, UInt8(ascii: "\\")): endOfCommand()
        case (.command, 0x1B): place = .commandEscape
        case (.command, _): command.append(byte)
        case (.commandEscape, _): place = .command
        }
    }

    private mutating func endOfCommand() {
        place = .text
        let words = String(decoding: command, as: UTF8.self).split(separator: ";")
        if words.starts(with: ["133", "D"]), words.count == 3 { status = Int32(words[2]) }
    }
}

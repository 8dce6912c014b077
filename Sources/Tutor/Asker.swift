import Lessons
import Terminal

/// Asks the learner.
protocol Asker: AnyObject {
    /// Whether somebody is there to answer.
    var isSomebodyThere: Bool { get }
    /// Asks for a line; nil when the learner does not want to answer, or there is no more input.
    func line(_ question: String) -> String?
    /// Asks for something that is not shown while it is typed.
    func secret(_ question: String) -> String?
}

extension Asker {
    /// Asks for a yes; where nobody is there the answer is yes.
    func confirms(_ question: String) -> Bool {
        guard isSomebodyThere else { return true }
        let answer = line(question)?.lowercased() ?? ""
        return ["y", "yes", "o", "oui"].contains(answer)
    }
}

/// Asks at the terminal.
final class TerminalAsker: Asker {
    private let editor: LineEditor
    private let console: Console

    init(editor: LineEditor, console: Console) {
        self.editor = editor
        self.console = console
    }

    var isSomebodyThere: Bool { editor.isInteractive }

    func line(_ question: String) -> String? {
        guard case .text(let text) = editor.readLine(prompt: question, keep: false) else { return nil }
        return text.trimmingSpaces
    }

    func secret(_ question: String) -> String? {
        guard case .text(let text) = PlainInput(descriptor: 0).readSecret(prompt: question, on: console) else {
            return nil
        }
        return text
    }
}

/// Nobody is there.
final class NobodyThere: Asker {
    var isSomebodyThere: Bool { false }
    func line(_ question: String) -> String? { nil }
    func secret(_ question: String) -> String? { nil }
}

extension String {
    /// Without white space at both ends.
    var trimmingSpaces: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}

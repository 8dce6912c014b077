import CEdit
public import Diagnostics
import Glibc

/// Asks for lines at a prompt: edited by libedit where input and output are a terminal, else read plainly.
///
/// Editing follows emacs keys and the user's `~/.editrc`. Ctrl-C gives the line up, Ctrl-D on an empty line ends the
/// input, Tab completes, the arrow keys walk through the history. Must be used by one thread at a time.
///
/// libedit needs the process's character type locale to be UTF-8; making an editor on a terminal sets it.
public final class LineEditor {
    private let input: Int32
    private let output: Int32
    private let history: HistoryFile?
    private let editor: EditLineHandle?

    /// Makes an editor on two file descriptors, which stay open.
    /// - Parameters:
    ///   - program: the name by which `~/.editrc` can address this program.
    ///   - history: where lines are kept between runs.
    ///   - complete: what the text before the cursor can be completed to; called on the thread that reads.
    /// - Throws: code `.system` where libedit cannot be started.
    public init(
        program: String, input: Int32 = 0, output: Int32 = 1, history: HistoryFile? = nil,
        complete: @escaping (String) -> Completion = { _ in .none }
    ) throws(DrydockError) {
        self.input = input
        self.output = output
        self.history = history
        if isatty(input) == 1, isatty(output) == 1 {
            editor = try EditLineHandle(program: program, input: input, output: output, complete: complete)
            for line in history?.load() ?? [] { editor?.remember(line) }
        } else {
            editor = nil
        }
    }

    /// Whether lines are edited, which is so on a terminal.
    public var isInteractive: Bool { editor != nil }

    /// Asks for a line.
    /// - Parameters:
    ///   - prompt: what is shown before it; may hold SGR sequences.
    ///   - keep: whether the line goes into the history.
    public func readLine(prompt: String, keep: Bool = true) -> InputLine {
        guard let editor else {
            writeAll(output, Array(prompt.utf8))
            return PlainInput(descriptor: input).readLine()
        }
        let line = editor.readLine(prompt: prompt)
        if keep, case .text(let text) = line, HistoryFile.keeps(text) {
            editor.remember(text)
            history?.append(text)
        }
        return line
    }
}

import Diagnostics

/// What is printed where a command fails: Docker's lines, and below them what Drydock knows more.
struct ErrorText {
    /// Whether the additions are dimmed.
    let usesColour: Bool
    /// The language of the additions.
    var advice = Advice(environment: [:])
    /// The columns of the terminal; nil where there is none, and lines stay whole for programs that search them.
    var columns: Int?

    /// The lines of a failure, each ended by a newline.
    func text(_ failure: Failure) -> String {
        switch failure {
        case .printed: return ""
        case .usage(let wrong):
            let command = (["docker"] + wrong.path).joined(separator: " ")
            let usage = wrong.synopsis.isEmpty ? "" : "\nUsage:  \(wrong.synopsis)\n"
            let more = DrydockError(.invalidArgument, wrong.message, reason: wrong.reason, remedy: wrong.remedy)
            return "\(wrong.message)\n\(usage)\n\(wrong.hint) '\(command) --help' for more information\n"
                + additions(more)
        case .daemon(let error), .client(let error):
            if error.code == .cancelled { return "" }
            // After the ^C that the terminal shows, and from nobody's daemon.
            if error.code == .interrupted { return "\n\(error.message)\n" + additions(error) }
            return failure.line + "\n" + additions(error)
        }
    }

    /// The lines of a failure of `docker run`, which names itself and its help.
    func runText(_ failure: Failure, command: String) -> String {
        guard let error = failure.error, error.code != .cancelled else { return text(failure) }
        if error.code == .interrupted { return text(failure) }
        // The help cannot say more where the command line was right and the container began.
        if error.code == .unattended { return "docker: " + text(failure) }
        return "docker: \(failure.line)\n\nRun '\(command) --help' for more information\n" + additions(error)
    }

    /// The reason and the remedy, where there are any.
    func additions(_ error: DrydockError) -> String {
        var text = ""
        if let reason = error.reason, !error.message.contains(reason) {
            text += dimmed("  " + wrapped(advice.translated(reason), indent: 2))
        }
        if let remedy = error.remedy { text += dimmed("  → " + wrapped(advice.translated(remedy), indent: 4)) }
        return text
    }

    private func wrapped(_ text: String, indent: Int) -> String {
        guard let columns else { return text }
        // French has a space before these, which is no place to begin a line at.
        var whole = text
        for mark in [";", ":", "!", "?", "»"] { whole = whole.replacing(" \(mark)", with: "\u{a0}\(mark)") }
        return HelpText.wrap(whole, indent: indent, width: columns).replacing("\u{a0}", with: " ")
    }

    private func dimmed(_ line: String) -> String {
        usesColour ? "\u{1b}[2m\(line)\u{1b}[0m\n" : line + "\n"
    }
}

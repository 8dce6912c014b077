import Synchronization

/// One line that tells how work goes on: rewritten in place on a terminal, else printed when its phase changes.
public final class ProgressLine: Sendable {
    private let console: Console
    private let last = Mutex<(phase: String, isOpen: Bool)>(("", false))

    /// Makes a line that shows nothing yet.
    public init(_ console: Console) { self.console = console }

    /// Shows what is being done.
    /// - Parameters:
    ///   - phase: what is being done; printed once where lines cannot be rewritten.
    ///   - detail: how far it is; only shown where lines can be rewritten.
    public func show(_ phase: String, detail: String = "") {
        let look = console.look
        last.withLock { last in
            if look.color {
                let text = detail.isEmpty ? phase : "\(phase)  \(detail)"
                console.write("\r" + TextLayout.clip(text, to: look.width - 1) + "\u{1B}[K")
                last.isOpen = true
            } else if phase != last.phase {
                console.line(phase)
            }
            last.phase = phase
        }
    }

    /// Takes the line away, where it was rewritten in place, and prints what it came to.
    public func finish(_ text: String? = nil) {
        last.withLock { last in
            if last.isOpen { console.write("\r\u{1B}[K") }
            last = ("", false)
            if let text { console.line(text) }
        }
    }
}

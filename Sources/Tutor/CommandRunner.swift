import Diagnostics
import Glibc
import Linux
import Terminal

/// Runs the commands of a session.
protocol CommandRunner: AnyObject {
    /// Runs a command to its end.
    /// - Parameter input: lines that are typed into its terminal; only scripts have them.
    func run(_ request: JobRequest, input: [String]) throws(DrydockError) -> JobEnd

    /// Continues the command that was stopped last; nil where there is none.
    func resume() -> JobEnd?

    /// Gets ready for a docker command; nobody waits for anything at this moment.
    /// - Parameter request: the program that stands by for one.
    func prepare(_ request: JobRequest)

    /// Makes sure that what a command leaves behind is there.
    func settle()
}

extension CommandRunner {
    func prepare(_ request: JobRequest) {}
    func settle() {}
}

/// Runs each command on a terminal of its own, shows what it prints, and types lines into it when it waits for them.
final class ScriptedRunner: CommandRunner {
    private let console: Console
    private let patience: Patience
    private let isDirect: Bool

    /// How long the runner waits for things that a person would just see; in milliseconds.
    struct Patience {
        /// How long a prompt has to stand before it is answered.
        var prompt = 60
        /// How long a silent program may be waited for before it is typed into.
        var silence = 3000
        /// How long a program that waits for more than the script has may stay before it is told that there is no more.
        var surplus = 1500
        /// How long a program may print nothing at all.
        var limit = 900_000
    }

    /// - Parameter isDirect: whether the console is this process's standard output and no terminal: a command that
    ///   needs no terminal then prints there itself, without the movements that it would make on one.
    init(console: Console, isDirect: Bool, patience: Patience = Patience()) {
        self.console = console
        self.isDirect = isDirect
        self.patience = patience
    }

    func resume() -> JobEnd? { nil }

    func run(_ request: JobRequest, input: [String]) throws(DrydockError) -> JobEnd {
        if isDirect, input.isEmpty, !Self.asksForTerminal(request.arguments) {
            return try ForegroundJob(request, terminal: nil).wait()
        }
        let job = try TerminalJob(request, rows: 24, columns: 80)
        var screen = ScreenWatch(raw: console.look.isTerminal)
        var lines = input[...]
        var quiet = 0
        var goodbyes = 0
        while true {
            switch job.next(within: 20) {
            case .output(let bytes):
                quiet = 0
                console.write(screen.take(bytes))
            case .quiet:
                quiet += 20
                let isReady = screen.showsPrompt && quiet >= patience.prompt
                if !lines.isEmpty {
                    guard isReady || quiet >= patience.silence, let line = lines.popFirst() else { continue }
                    screen.forget()
                    job.type(keys(of: line))
                    quiet = 0
                } else if (screen.showsPrompt && quiet >= patience.surplus) || quiet >= patience.limit {
                    goodbyes += 1
                    quiet = 0
                    if goodbyes <= 2 { job.type([4]) } else if goodbyes == 3 { job.hangUp() } else { job.killNow() }
                }
            case .ended(let end):
                if !screen.isAtLineStart { console.line() }
                return end
            }
        }
    }

    /// Whether a command line has an option like `-it`, `-t` or `--tty` in it.
    static func asksForTerminal(_ arguments: [String]) -> Bool {
        arguments.flatMap { $0.split(whereSeparator: \.isWhitespace) }.contains { word in
            word == "--tty"
                || (word.hasPrefix("-") && !word.hasPrefix("--") && word.count <= 4
                    && word.dropFirst().allSatisfy { "itd".contains($0) } && word.contains("t"))
        }
    }
}

/// Follows what a program prints, to know when it waits for something to be typed.
struct ScreenWatch {
    private var filter = EscapeFilter()
    private var tail: [UInt8] = []
    private let raw: Bool
    private var incomplete: [UInt8] = []
    private(set) var isAtLineStart = true

    /// - Parameter raw: whether what is handed on keeps its escape sequences and carriage returns.
    init(raw: Bool) { self.raw = raw }

    /// Takes output. - Returns: what to show of it.
    mutating func take(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for byte in bytes where filter.keeps(byte: byte) {
            switch byte {
            case 0x0A:
                tail = []
                text.append(byte)
                isAtLineStart = true
            case 0x0D: continue
            case 0x08: _ = tail.popLast()
            default:
                tail.append(byte)
                text.append(byte)
                isAtLineStart = false
            }
        }
        return decode(raw ? bytes : text)
    }

    /// Text of bytes; a character that is cut off at the end is kept for the next time.
    private mutating func decode(_ bytes: [UInt8]) -> String {
        let all = incomplete + bytes
        var end = all.count
        if let lead = all.suffix(4).lastIndex(where: { $0 & 0xC0 != 0x80 }) {
            let length = all[lead] >= 0xF0 ? 4 : all[lead] >= 0xE0 ? 3 : all[lead] >= 0xC0 ? 2 : 1
            if lead + length > all.count { end = lead }
        }
        incomplete = Array(all[end...])
        return String(decoding: all[..<end], as: UTF8.self)
    }

    /// What is on the line now does not count as a prompt any more.
    mutating func forget() { tail = [] }

    /// Whether the line that the cursor is on looks like a question: text that ends in a mark and a space.
    var showsPrompt: Bool {
        guard tail.count >= 2, tail.last == UInt8(ascii: " ") else { return false }
        return "#$>%:?)]".utf8.contains(tail[tail.count - 2])
    }
}

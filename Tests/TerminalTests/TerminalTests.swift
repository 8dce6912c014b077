import Glibc
import Synchronization
import Testing

@testable import Terminal

struct TextLayoutTests {
    @Test("Escape sequences and combining marks take no column, wide characters take two")
    func widths() {
        #expect(TextLayout.width("\u{1B}[1;36mété\u{1B}[0m") == 3)
        #expect(TextLayout.width("e\u{301}") == 1)
        #expect(TextLayout.width("容器") == 4)
        #expect(TextLayout.width("\u{1B}]0;title\u{07}x") == 1)
    }

    @Test("Text is wrapped at spaces, keeps its line breaks, and leaves a long word whole")
    func wrapping() {
        #expect(TextLayout.wrap("one two three", width: 8, indent: "  ", first: "- ") == "- one\n  two\n  three")
        #expect(TextLayout.wrap("a\n\nb", width: 10) == "a\n\nb")
        #expect(TextLayout.wrap("il est là : ainsi", width: 10) == "il est\nlà : ainsi")
        #expect(TextLayout.wrap("dire « oui » ici", width: 9) == "dire\n« oui »\nici")
        #expect(TextLayout.wrap("x sha256:0123456789abcdef y", width: 10) == "x\nsha256:0123456789abcdef\ny")
    }

    @Test("No wrapped line is wider than asked for")
    func wrappedWidth() {
        let text = String(repeating: "été \u{1B}[1mdocker\u{1B}[0m run ", count: 40)
        for width in [20, 40, 80] {
            let lines = TextLayout.wrap(text, width: width).split(separator: "\n")
            #expect(lines.allSatisfy { TextLayout.width(String($0)) <= width })
        }
    }

    @Test("Clipped text says that something is missing")
    func clipping() {
        #expect(TextLayout.clip("container", to: 6) == "conta…")
        #expect(TextLayout.clip("short", to: 6) == "short")
    }

    @Test("An escape sequence that is cut in two is still filtered")
    func cutSequence() {
        var filter = EscapeFilter()
        let first = Array("a\u{1B}[".utf8).filter { filter.keeps(byte: $0) }
        let second = Array("6nb".utf8).filter { filter.keeps(byte: $0) }
        #expect(first + second == Array("ab".utf8))
    }
}

struct LookTests {
    private let unicode = Look(isTerminal: true, color: false, drawing: .unicode)
    private let ascii = Look(isTerminal: true, color: false, drawing: .ascii)

    @Test("A pipe gets neither colours nor drawings")
    func pipe() throws {
        var ends: [Int32] = [0, 0]
        #expect(Glibc.pipe(&ends) == 0)
        let look = Look.detect(descriptor: ends[1], environment: ["TERM": "xterm", "LANG": "C.UTF-8"])
        #expect(look == .plain)
        #expect(look.paint("x", .good) == "x")
        for end in ends { close(end) }
    }

    @Test("NO_COLOR, a dumb terminal, DRYDOCK_PLAIN and the locale decide what a terminal gets")
    func environment() throws {
        let terminal = try #require(TestTerminal())
        let detect = { Look.detect(descriptor: terminal.terminal, environment: $0) }
        let full = detect(["TERM": "xterm", "LANG": "fr_FR.UTF-8"])
        #expect(full.color && full.drawing == .unicode && full.width == 80)
        #expect(!detect(["TERM": "xterm", "LANG": "C.UTF-8", "NO_COLOR": "1"]).color)
        #expect(detect(["TERM": "dumb", "LANG": "C.UTF-8"]) == Look(isTerminal: true))
        #expect(detect(["TERM": "xterm", "LANG": "C"]).drawing == .ascii)
        #expect(detect(["TERM": "xterm", "LC_ALL": "en_US.UTF-8", "DRYDOCK_PLAIN": "1"]).drawing == .words)
    }

    @Test("A frame has its title on top, and is only words where there are no drawings")
    func boxes() {
        #expect(
            unicode.box(title: "Goal", lines: ["one", "été 2"]) == "╭─ Goal ─╮\n│ one    │\n│ été 2  │\n╰────────╯")
        #expect(ascii.box(title: "", lines: ["x"]) == "+---+\n| x |\n+---+")
        #expect(Look.plain.box(title: "Goal", lines: ["one"]) == "Goal\none")
    }

    @Test("A bar always tells its numbers")
    func bars() {
        #expect(unicode.bar(1, of: 2, columns: 4) == "██░░ 1/2")
        #expect(ascii.bar(2, of: 2, columns: 4) == "[####] 2/2")
        #expect(Look.plain.bar(0, of: 0) == "0/0")
    }

    @Test("A table is aligned, and in words every value follows its heading")
    func tables() {
        #expect(ascii.table(["NAME", "SIZE"], [["a", "1"], ["long", "22"]]) == "NAME   SIZE\na      1\nlong   22")
        #expect(Look.plain.table(["name", ""], [["a", "1"]]) == "name: a, 1")
    }
}

struct HistoryFileTests {
    @Test("What was typed is in the file at once, and odd lines are not kept")
    func append() throws {
        let folder = try #require(mkdtemp(strdup("/tmp/drydock-history-XXXXXX")).map { String(cString: $0) })
        let file = HistoryFile(path: folder + "/history", limit: 3)
        for line in ["one", " hidden", "", "two\nthree", "été"] { file.append(line) }
        #expect(file.load() == ["one", "été"])
        var status = stat()
        #expect(stat(file.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        for number in 0..<8 { file.append("line \(number)") }
        #expect(file.load() == ["line 5", "line 6", "line 7"])
        #expect(file.load().count == 3)
        unlink(file.path)
        rmdir(folder)
    }

    @Test("A history that cannot be read is empty")
    func missing() { #expect(HistoryFile(path: "/nonexistent/history").load().isEmpty) }
}

struct ProgressLineTests {
    @Test("Where lines cannot be rewritten, each phase is printed once")
    func plain() {
        let shown = Shown()
        let line = ProgressLine(Console(look: { .plain }, write: shown.add))
        line.show("Pulling", detail: "1 MB")
        line.show("Pulling", detail: "2 MB")
        line.show("Unpacking")
        line.finish("Done")
        #expect(shown.text == "Pulling\nUnpacking\nDone\n")
    }

    @Test("On a terminal the line is rewritten and taken away")
    func rewritten() {
        let shown = Shown()
        let look = Look(isTerminal: true, color: true, drawing: .unicode)
        let line = ProgressLine(Console(look: { look }, write: shown.add))
        line.show("Pulling", detail: "1 MB")
        line.finish("Done")
        #expect(shown.text == "\rPulling  1 MB\u{1B}[K\r\u{1B}[KDone\n")
    }
}

/// What was written to a console.
final class Shown: Sendable {
    private let kept = Mutex("")
    var text: String { kept.withLock { $0 } }
    func add(_ text: String) { kept.withLock { $0 += text } }
}

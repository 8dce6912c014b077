import Glibc
import Synchronization
import Testing

@testable import Terminal

/// What a person does at a prompt, on a pty. libedit keeps some state for the whole process, so one test at a time.
@Suite(.serialized)
struct LineEditorTests {
    private func edit(
        _ terminal: TestTerminal, lines: Int, history: HistoryFile? = nil, prompt: String = "drydock> ",
        complete: @escaping @Sendable (String) -> Completion = { _ in .none }
    ) -> Background<[InputLine]> {
        Background {
            guard
                let editor = try? LineEditor(
                    program: "test", input: terminal.terminal, output: terminal.terminal, history: history,
                    complete: complete)
            else { return [] }
            return (0..<lines).map { _ in editor.readLine(prompt: prompt) }
        }
    }

    @Test("A line can be edited before it is entered")
    func editing() throws {
        let terminal = try #require(TestTerminal())
        let lines = edit(terminal, lines: 1)
        #expect(terminal.waitFor("drydock> ") && terminal.waitForSingleKeys())
        terminal.type("docer ps\u{1}")
        terminal.type("\u{1B}[C\u{1B}[C\u{1B}[Ck\u{5}x\u{7F} -a\r")
        #expect(lines.result() == [.text("docker ps -a")])
    }

    @Test("Ctrl-C gives the line up wherever the cursor is, and the next line is a new one")
    func cancel() throws {
        let terminal = try #require(TestTerminal())
        let lines = edit(terminal, lines: 2)
        #expect(terminal.waitFor("drydock> ") && terminal.waitForSingleKeys())
        terminal.type("rm -rf éè\u{1B}[D\u{1B}[D\u{3}")
        #expect(terminal.waitFor("^C"))
        #expect(terminal.waitFor("drydock> ") && terminal.waitForSingleKeys())
        terminal.type("ls\r")
        #expect(lines.result() == [.cancelled, .text("ls")])
    }

    @Test("Ctrl-D on an empty line ends the input")
    func end() throws {
        let terminal = try #require(TestTerminal())
        let lines = edit(terminal, lines: 1)
        #expect(terminal.waitFor("drydock> ") && terminal.waitForSingleKeys())
        terminal.type("\u{4}")
        #expect(lines.result() == [.end])
    }

    @Test("The arrow keys bring back lines of this run and of the runs before")
    func history() throws {
        let folder = try #require(mkdtemp(strdup("/tmp/drydock-history-XXXXXX")).map { String(cString: $0) })
        let file = HistoryFile(path: folder + "/history")
        file.append("docker image ls")
        let terminal = try #require(TestTerminal())
        let lines = edit(terminal, lines: 2, history: file)
        #expect(terminal.waitFor("drydock> ") && terminal.waitForSingleKeys())
        terminal.type("\u{1B}[A -a\r")
        #expect(terminal.waitFor("drydock> ") && terminal.waitForSingleKeys())
        terminal.type("\u{1B}[A\u{1B}[A\u{1B}[B\r")
        #expect(lines.result() == [.text("docker image ls -a"), .text("docker image ls -a")])
        #expect(file.load() == ["docker image ls", "docker image ls -a", "docker image ls -a"])
        unlink(file.path)
        rmdir(folder)
    }

    @Test("Tab completes a word, and shows what fits where several do")
    func completion() throws {
        let terminal = try #require(TestTerminal())
        let lines = edit(terminal, lines: 1) { line in
            let word = line.split(separator: " ", omittingEmptySubsequences: false).last.map(String.init) ?? ""
            let all = ["image", "images", "info"]
            return Completion(word: word, candidates: all.filter { $0.hasPrefix(word) }.map { .init($0) })
        }
        #expect(terminal.waitFor("drydock> ") && terminal.waitForSingleKeys())
        terminal.type("docker im\t")
        #expect(terminal.waitFor("age"))
        terminal.type("\t")
        #expect(terminal.waitFor("image   images"))
        terminal.type("\u{7F}\u{7F}\u{7F}\u{7F}nf\t\r")
        #expect(lines.result() == [.text("docker info ")])
    }

    @Test("Letters of several bytes count as one")
    func multibyte() throws {
        let terminal = try #require(TestTerminal())
        let lines = edit(terminal, lines: 1)
        #expect(terminal.waitFor("drydock> ") && terminal.waitForSingleKeys())
        terminal.type("été à\u{7F}où\u{1}\u{4}\r")
        #expect(lines.result() == [.text("té où")])
    }

    @Test("A coloured prompt still ends in its words, and takes no extra columns")
    func colouredPrompt() throws {
        let terminal = try #require(TestTerminal())
        let lines = edit(terminal, lines: 1, prompt: "\u{1B}[1mdrydock> \u{1B}[0m")
        #expect(terminal.waitFor("drydock> ") && terminal.waitForSingleKeys())
        terminal.type("x\r")
        #expect(lines.result() == [.text("x")])
    }

    @Test("Without a terminal, lines are read plainly and the prompt is printed")
    func plain() throws {
        var input: [Int32] = [0, 0]
        var output: [Int32] = [0, 0]
        #expect(pipe(&input) == 0 && pipe(&output) == 0)
        let text = Array("docker ps\r\n\nété".utf8)
        _ = text.withUnsafeBytes { write(input[1], $0.baseAddress, $0.count) }
        close(input[1])
        let editor = try LineEditor(program: "test", input: input[0], output: output[1])
        let lines = (0..<4).map { _ in editor.readLine(prompt: "drydock> ") }
        #expect(lines == [.text("docker ps"), .text(""), .text("été"), .end])
        #expect(!editor.isInteractive)
        var buffer = [UInt8](repeating: 0, count: 100)
        let count = read(output[0], &buffer, buffer.count)
        #expect(String(decoding: buffer[..<max(0, count)], as: UTF8.self) == "drydock> drydock> drydock> drydock> ")
        for descriptor in [input[0], output[0], output[1]] { close(descriptor) }
    }

    @Test("A secret is not shown, can be corrected, and the terminal is as before afterwards")
    func secret() throws {
        let terminal = try #require(TestTerminal())
        var before = termios()
        tcgetattr(terminal.terminal, &before)
        let secret = Background {
            PlainInput(descriptor: terminal.terminal).readSecret(
                prompt: "Password: ", on: Console(descriptor: terminal.terminal, environment: [:]))
        }
        #expect(terminal.waitFor("Password: "))
        #expect(terminal.waitForSingleKeys())
        terminal.type("hunter3é\u{7F}\u{7F}2\r")
        #expect(secret.result() == .text("hunter2"))
        #expect(!terminal.rest.contains("h"))
        var after = termios()
        tcgetattr(terminal.terminal, &after)
        #expect(after.c_lflag == before.c_lflag)
    }

    @Test("Ctrl-C while a secret is typed gives it up and puts the terminal back")
    func cancelledSecret() throws {
        let terminal = try #require(TestTerminal())
        let secret = Background {
            PlainInput(descriptor: terminal.terminal).readSecret(
                prompt: "Password: ", on: Console(descriptor: terminal.terminal, environment: [:]))
        }
        #expect(terminal.waitForSingleKeys())
        terminal.type("abc\u{3}")
        #expect(secret.result() == .cancelled)
        var after = termios()
        tcgetattr(terminal.terminal, &after)
        #expect(after.c_lflag & tcflag_t(ECHO) != 0)
    }
}

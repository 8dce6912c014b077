import CLinux
import Diagnostics
import Glibc
import Linux
import SystemPackage
import Testing

@Suite("Processes")
struct ProcessTests {
    @Test("A program gets its arguments, its environment and its input, and its output comes back")
    func run() throws {
        let ended = try ChildProcess.run(
            "/bin/sh", ["sh", "-c", "echo \"$1-$NAME\"; cat; echo oops >&2; exit 3", "sh", "a b"],
            environment: ["NAME=value", "PATH=/usr/bin:/bin"], input: Array("in\n".utf8))
        #expect(ended.status == 3)
        #expect(ended.text == "a b-value\nin\n")
        #expect(String(decoding: ended.error, as: UTF8.self) == "oops\n")
    }

    @Test("What a child said before it ended is heard, also where it did not read all its answers")
    func lastWords() throws {
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
        defer { close(ends[0]) }
        #expect(write(ends[0], "answer", 6) == 6)
        #expect(write(ends[1], "why", 3) == 3)
        close(ends[1])
        var buffer = [UInt8](repeating: 0, count: 16)
        var descriptor: Int32 = -1
        #expect(cl_receive(ends[0], &buffer, buffer.count, &descriptor) == 3)
        #expect(buffer.prefix(3) == Array("why".utf8)[...])
        #expect(cl_receive(ends[0], &buffer, buffer.count, &descriptor) == 0)
    }

    @Test("A program that a signal ended has the status 128 and the signal")
    func signalled() throws {
        #expect(try ChildProcess.run("/bin/sh", ["sh", "-c", "kill -9 $$"]).status == 137)
    }

    @Test("A program that does not exist is an error that names it")
    func missing() {
        let error = #expect(throws: DrydockError.self) {
            try ChildProcess.spawn("no-such-program-here", ["no-such-program-here"])
        }
        #expect(error?.errno == ENOENT)
        #expect(error?.message.contains("no-such-program-here") == true)
        #expect(throws: DrydockError.self) { try ChildProcess.spawn("/etc/passwd", ["passwd"]) }
    }

    @Test("No descriptor leaks into a program but those it was given")
    func descriptors() throws {
        let leak = dup(0)
        defer { close(leak) }
        let given = try MemoryFile.make("given", Array("gift".utf8))
        let output = try MemoryFile.make("output", [])
        let child = try ChildProcess.spawn(
            "/bin/sh", ["sh", "-c", "cat <&5; ls /proc/self/fd"], descriptors: [1: output.number, 5: given.number])
        #expect(try child.wait() == 0)
        let text = String(decoding: try MemoryFile.content(output), as: UTF8.self)
        #expect(
            text == "gift0\n1\n2\n3\n5\n" || text == "gift0\n1\n2\n5\n6\n" || text == "gift0\n1\n2\n4\n5\n", "\(text)")
    }

    @Test("Descriptors may be exchanged with each other")
    func exchange() throws {
        let one = try MemoryFile.make("one", Array("1".utf8))
        let two = try MemoryFile.make("two", Array("2".utf8))
        let output = try MemoryFile.make("output", [])
        let child = try ChildProcess.spawn(
            "/bin/sh", ["sh", "-c", "cat <&3; cat <&4"], descriptors: [1: output.number, 3: two.number, 4: one.number])
        #expect(try child.wait() == 0)
        #expect(try MemoryFile.content(output) == Array("21".utf8))
    }

    @Test("A detached program is not a child of this process and has a session of its own")
    func detached() throws {
        let (read, write) = try UnixSocket.pair()
        let child = try ChildProcess.spawn(
            "/bin/sh", ["sh", "-c", "read l <&3; echo $$ >&3"], descriptors: [3: write.number], detached: true)
        write.close()
        #expect(getsid(child.pid) == child.pid)
        try Files.write(Array("go\n".utf8), to: read.number)
        var buffer = [UInt8](repeating: 0, count: 32)
        let count = Glibc.read(read.number, &buffer, 32)
        #expect(String(decoding: buffer[..<count], as: UTF8.self) == "\(child.pid)\n")
        #expect(throws: DrydockError.self) { try child.wait() }
    }

    @Test("A process handle signals its process and nobody else once it has ended")
    func handle() throws {
        let child = try ChildProcess.spawn("/bin/sleep", ["sleep", "100"])
        let handle = try ProcessHandle(child.pid)
        #expect(handle.exitStatus(block: false) == nil)
        #expect(ProcessHandle.startTime(child.pid) != nil)
        try handle.signal(SIGKILL)
        #expect(handle.exitStatus(block: true) == 137)
        #expect(throws: DrydockError.self) { try handle.signal(SIGKILL) }
    }

    @Test("A pseudo terminal has the size that it is given, and raw mode ends as it began")
    func terminal() throws {
        let pty = try TerminalDevice.open()
        TerminalDevice.setSize(pty.master.number, rows: 12, columns: 34)
        let size = try #require(TerminalDevice.size(pty.terminal.number))
        #expect(size == (12, 34))
        var before = termios()
        tcgetattr(pty.terminal.number, &before)
        let raw = try RawTerminal(pty.terminal.number)
        var during = termios()
        tcgetattr(pty.terminal.number, &during)
        #expect(during.c_lflag & tcflag_t(ECHO | ICANON) == 0)
        raw.restore()
        var after = termios()
        tcgetattr(pty.terminal.number, &after)
        #expect(after.c_lflag == before.c_lflag)
    }

    @Test("A socket works at a path that is longer than a socket's address")
    func longPath() throws {
        let scratch = try Scratch()
        let directory = scratch.path.appending(String(repeating: "d", count: 120))
        try Files.makeDirectories(directory)
        let path = directory.appending("monitor.sock")
        let listener = try UnixSocket.listen(path)
        let client = try UnixSocket.connect(path)
        #expect(listener.number >= 0 && client.number >= 0)
        #expect(throws: DrydockError.self) { try UnixSocket.connect(directory.appending("other.sock")) }
    }
}

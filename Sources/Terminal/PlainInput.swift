import Glibc

/// What came of asking for a line.
public enum InputLine: Sendable, Equatable {
    /// A line, without its line break.
    case text(String)
    /// The line was given up with Ctrl-C.
    case cancelled
    /// There is no more input (Ctrl-D, or the end of the file).
    case end
}

/// Lines and secrets from an input that is not edited.
public struct PlainInput: Sendable {
    private let descriptor: Int32

    /// Reads from a file descriptor, which stays open.
    public init(descriptor: Int32) { self.descriptor = descriptor }

    /// The next line. Reads byte by byte, so that what follows the line is left for the command that the line starts.
    public func readLine() -> InputLine {
        var bytes: [UInt8] = []
        while let byte = readByte() {
            if byte == UInt8(ascii: "\n") { return .text(text(bytes)) }
            bytes.append(byte)
        }
        return bytes.isEmpty ? .end : .text(text(bytes))
    }

    /// Asks for something that must not be shown.
    ///
    /// On a terminal nothing that is typed appears; Backspace, Ctrl-U, Ctrl-C and Ctrl-D work. The terminal is as
    /// before afterwards, also when a signal ends the process.
    public func readSecret(prompt: String, on console: Console) -> InputLine {
        console.write(prompt)
        guard isatty(descriptor) == 1, let mode = TerminalMode(of: descriptor) else { return readLine() }
        let result = mode.withSingleKeys { readHidden() }
        console.line(result == .cancelled ? "^C" : "")
        return result
    }

    /// Waits for a single key. - Returns: nil at the end of the input.
    public func readKey() -> Character? {
        guard let mode = TerminalMode(of: descriptor) else { return nil }
        return mode.withSingleKeys { readByte() }.map { Character(Unicode.Scalar($0)) }
    }

    private func readHidden() -> InputLine {
        var bytes: [UInt8] = []
        while let byte = readByte() {
            switch byte {
            case 0x0A, 0x0D: return .text(text(bytes))
            case 0x03: return .cancelled
            case 0x04: return bytes.isEmpty ? .end : .text(text(bytes))
            case 0x15: bytes = []
            case 0x08, 0x7F:
                while let last = bytes.popLast(), last & 0xC0 == 0x80 {}
            default: bytes.append(byte)
            }
        }
        return .end
    }

    private func readByte() -> UInt8? {
        var byte: UInt8 = 0
        while true {
            let count = read(descriptor, &byte, 1)
            if count == 1 { return byte }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                poll(&wait, 1, -1)
                continue
            }
            return nil
        }
    }

    private func text(_ bytes: [UInt8]) -> String {
        var text = String(decoding: bytes, as: UTF8.self)
        if text.unicodeScalars.last == "\r" { text.unicodeScalars.removeLast() }
        return text
    }
}

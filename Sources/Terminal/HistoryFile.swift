import Glibc

/// The lines that were typed, kept in a file: one line each, appended the moment it is typed, so that nothing is lost
/// when the process is killed.
public struct HistoryFile: Sendable {
    /// The path of the file.
    public let path: String
    /// How many lines are kept.
    public let limit: Int

    /// Names a history file; it need not exist.
    public init(path: String, limit: Int = 2000) {
        self.path = path
        self.limit = limit
    }

    /// The lines, oldest first; none where the file cannot be read. A file that has grown to twice the limit is
    /// replaced by its newest lines.
    public func load() -> [String] {
        guard let bytes = read() else { return [] }
        let lines = bytes.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
        guard lines.count > 2 * limit else { return Array(lines.suffix(limit)) }
        let kept = Array(lines.suffix(limit))
        replace(with: kept)
        return kept
    }

    /// Adds a line. A line that is empty, that begins with a space, or that holds a line break is not kept.
    public func append(_ line: String) {
        guard Self.keeps(line) else { return }
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        writeAll(file, Array((line + "\n").utf8))
    }

    /// Whether a line is one that history keeps.
    static func keeps(_ line: String) -> Bool {
        guard let first = line.unicodeScalars.first else { return false }
        return first != " " && !line.unicodeScalars.contains { $0 == "\n" || $0 == "\r" || $0 == "\0" }
    }

    private func read() -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(file, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return bytes }
            bytes += buffer[..<count]
        }
    }

    private func replace(with lines: [String]) {
        let temporary = "\(path).\(getpid())"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }
        writeAll(file, Array((lines.joined(separator: "\n") + "\n").utf8))
        fsync(file)
        close(file)
        rename(temporary, path)
    }
}

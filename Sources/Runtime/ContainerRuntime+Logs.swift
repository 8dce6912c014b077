import Diagnostics
import Glibc
import Linux
import SystemPackage

extension ContainerRuntime {
    /// Reads a container's log and calls `line` for every entry, in order; with `follow`, until the container ends.
    ///
    /// With `timestamps` an entry begins with its time and a space, as Docker prints it.
    /// - Parameter line: takes an entry with its newline; returns false to stop.
    public func logs(
        _ id: String, _ options: LogOptions, _ line: (OutputStream, [UInt8]) throws -> Bool
    ) throws {
        var file = LogFile(logPath(id))
        // Asked for before the first look, so that nothing falls between.
        let watch = options.follow ? FileWatch(logPath(id)) : nil
        let waiting = options.follow ? try? connect(id) : nil
        try waiting?.send(Frame(.wait))
        var entries = try file.read()
        if let tail = options.tail, entries.count > tail { entries.removeFirst(entries.count - tail) }
        while true {
            for entry in entries {
                guard let (stream, bytes) = try LogEntry(entry)?.shown(options) else { continue }
                if try !line(stream, bytes) { return }
            }
            guard let watch, let waiting else { return }
            var polled = [
                pollfd(fd: watch.descriptor.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: waiting.socket.number, events: Int16(POLLIN), revents: 0),
            ]
            if poll(&polled, 2, -1) < 0 { continue }
            watch.drain()
            entries = try file.read()
            if polled[1].revents != 0 {
                for entry in entries {
                    guard let (stream, bytes) = try LogEntry(entry)?.shown(options) else { continue }
                    if try !line(stream, bytes) { return }
                }
                return
            }
        }
    }
}

/// A log that grows.
private struct LogFile {
    private let path: FilePath
    private var file: OwnedDescriptor?
    private var rest: [UInt8] = []

    init(_ path: FilePath) { self.path = path }

    /// The whole lines that have been added since the last time.
    mutating func read() throws(DrydockError) -> [ArraySlice<UInt8>] {
        if file == nil { file = try? OwnedDescriptor.open(path, .readOnly) }
        guard let file else { return [] }
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(file.number, &block, block.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .system("read \(path)", errno: errno) }
            if count == 0 { break }
            rest.append(contentsOf: block[..<count])
        }
        guard let end = rest.lastIndex(of: 0x0a) else { return [] }
        let lines = rest[...end].split(separator: 0x0a)
        rest.removeFirst(end + 1)
        return lines
    }
}

/// One entry of a log.
private struct LogEntry {
    let text: String
    let stream: OutputStream
    let time: String

    init?(_ line: ArraySlice<UInt8>) throws {
        // A crash of the machine may leave half a line; the rest of the log is still good.
        guard let json = try? JSONValue(parsing: line), let text = json["log"]?.string else { return nil }
        self.text = text
        stream = json["stream"]?.string == "stderr" ? .stderr : .stdout
        time = json["time"]?.string ?? ""
    }

    /// What is printed of it, nil where it was not asked for.
    func shown(_ options: LogOptions) -> (OutputStream, [UInt8])? {
        guard stream == .stdout ? options.output : options.error else { return nil }
        if options.since != nil || options.until != nil {
            guard let moment = WallClock.parse(time) else { return nil }
            if let since = options.since, moment < since { return nil }
            if let until = options.until, moment >= until { return nil }
        }
        return (stream, Array((options.timestamps ? "\(time) \(text)" : text).utf8))
    }
}

import Diagnostics
import Glibc
import Linux
import SystemPackage

extension ContainerRuntime {
    /// Reads a container's log and calls `line` for every entry, in order; with `follow`, until the container ends and is
    /// not started again by its policy.
    ///
    /// With `timestamps` an entry begins with its time and a space, as Docker prints it.
    /// - Parameter line: takes an entry with its newline; returns false to stop.
    public func logs(
        _ id: String, _ options: LogOptions, _ line: (OutputStream, [UInt8]) throws -> Bool
    ) throws {
        var files = LogFiles(logPath(id))
        // Asked for before the first look, so that nothing falls between.
        let watch = options.follow ? FileWatch(directory: directory(id)) : nil
        var waiting = options.follow ? try? connect(id) : nil
        try waiting?.send(Frame(.wait))
        var past = false
        func show(_ entries: [ArraySlice<UInt8>]) throws -> Bool {
            for entry in entries {
                guard let entry = LogEntry(entry) else { continue }
                switch entry.place(options) {
                case .before: continue
                case .after:
                    past = true
                    return false
                case .inside: if try !line(entry.stream, entry.shown(options)) { return false }
                }
            }
            return true
        }
        if options.tail != 0, try !show(files.begin(tail: options.tail)) { return }
        if options.tail == 0 { files.skipToEnd() }
        while let watch, let connection = waiting, !past {
            if let until = options.until, WallClock.now >= until { return }
            let rest = options.until.map { Int32(clamping: ($0 - WallClock.now) / 1_000_000 + 1) } ?? -1
            var polled = [
                pollfd(fd: watch.descriptor.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: connection.socket.number, events: Int16(POLLIN), revents: 0),
            ]
            if poll(&polled, 2, rest) < 0 { continue }
            watch.drain()
            let ended = polled[1].revents != 0
            if ended {
                // Its monitor starts it again, or has gone.
                waiting = try state(id).isRunning ? try? connect(id) : nil
                try waiting?.send(Frame(.wait))
            }
            if try !show(files.more()) { return }
        }
        if options.follow, !past, try state(id).running?.monitor == 0 { throw Self.unattended(id) }
    }
}

/// A log in several files, which grows and whose files are put away meanwhile.
private struct LogFiles {
    private let path: FilePath
    private var file: OwnedDescriptor?
    private var position: Int64 = 0
    private var rest: [UInt8] = []

    init(_ path: FilePath) { self.path = path }

    /// The whole lines that are there, only the last so many where `tail` says so.
    mutating func begin(tail: Int?) throws(DrydockError) -> [ArraySlice<UInt8>] {
        file = try? OwnedDescriptor.open(path, .readOnly)
        if let tail, let file, let start = Self.start(ofLast: tail, file.number) {
            position = start
            return try more()
        }
        var lines: [ArraySlice<UInt8>] = []
        for old in older() { lines += old.split(separator: 0x0a) }
        lines += try more()
        if let tail, lines.count > tail { lines.removeFirst(lines.count - tail) }
        return lines
    }

    /// Only what is added from now on counts.
    mutating func skipToEnd() {
        file = try? OwnedDescriptor.open(path, .readOnly)
        if let file { position = (try? FileAt.status(file.number))?.size ?? 0 }
    }

    /// What the files that were put away contain, oldest first.
    private func older() -> [[UInt8]] {
        var result: [[UInt8]] = []
        for number in 1..<1000 {
            let plain = FilePath("\(path.string).\(number)")
            let packed = FilePath("\(path.string).\(number).gz")
            if let bytes = try? Files.readIfPresent(plain) {
                result.append(bytes)
            } else if Files.exists(packed),
                let unpacked = try? ChildProcess.run("gzip", ["gzip", "-dc", packed.string])
            {
                result.append(unpacked.output)
            } else {
                break
            }
        }
        return result.reversed()
    }

    /// Where the last so many lines of a file begin; nil where it has fewer.
    private static func start(ofLast count: Int, _ file: Int32) -> Int64? {
        guard var end = (try? FileAt.status(file))?.size else { return nil }
        var missing = count + 1
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while end > 0 {
            let size = min(Int64(block.count), end)
            guard pread(file, &block, Int(size), off_t(end - size)) == Int(size) else { return nil }
            for index in stride(from: Int(size) - 1, through: 0, by: -1) where block[index] == 0x0a {
                missing -= 1
                if missing == 0 { return end - size + Int64(index) + 1 }
            }
            end -= size
        }
        return nil
    }

    /// The whole lines that have been added since the last time.
    mutating func more() throws(DrydockError) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        while true {
            if file == nil {
                file = try? OwnedDescriptor.open(path, .readOnly)
                position = 0
            }
            guard let present = file else { return lines }
            let own = try? FileAt.status(present.number)
            let now = try? FileAt.statusIfPresent(FileAt.workingDirectory, path.string)
            // A file that may only exist once is emptied instead of put away.
            if let own, own.size < position { position = 0 }
            lines += try read(present.number)
            guard let own, let now, own.inode != now.inode else { return lines }
            file = nil
        }
    }

    private mutating func read(_ number: Int32) throws(DrydockError) -> [ArraySlice<UInt8>] {
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = pread(number, &block, block.count, off_t(position))
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .system("read \(path)", errno: errno) }
            if count == 0 { break }
            position += Int64(count)
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
    let attributes: JSONValue?

    init?(_ line: ArraySlice<UInt8>) {
        // A crash of the machine may leave half a line; the rest of the log is still good.
        guard let json = try? JSONValue(parsing: line), let text = json["log"]?.string else { return nil }
        self.text = text
        stream = json["stream"]?.string == "stderr" ? .stderr : .stdout
        time = json["time"]?.string ?? ""
        attributes = json["attrs"]
    }

    enum Place {
        case before
        case inside
        case after
    }

    /// Where it lies with respect to what was asked for.
    func place(_ options: LogOptions) -> Place {
        guard stream == .stdout ? options.output : options.error else { return .before }
        guard options.since != nil || options.until != nil else { return .inside }
        guard let moment = WallClock.parse(time) else { return .before }
        if let since = options.since, moment < since { return .before }
        if let until = options.until, moment > until { return .after }
        return .inside
    }

    /// What is printed of it.
    func shown(_ options: LogOptions) -> [UInt8] {
        var line = options.timestamps ? "\(time) " : ""
        if options.details {
            let pairs = (attributes?.pairs ?? []).map { "\($0.key)=\($0.value.string ?? "")" }
            line += pairs.joined(separator: ",") + " "
        }
        return Array((line + text).utf8)
    }
}

public import Diagnostics
private import Glibc
public import SystemPackage

/// The trace of one docker command as it is kept in `HOME/traces`, for `explain last`.
public struct TraceFile: Sendable {
    /// The words of the command, without `docker`.
    public var command: [String]
    /// Its exit status.
    public var status: Int32
    /// What it did.
    public var events: [TraceEvent]

    /// Makes a trace.
    public init(command: [String], status: Int32, events: [TraceEvent]) {
        self.command = command
        self.status = status
        self.events = events
    }

    /// How many traces are kept.
    public static let kept = 20

    /// Writes the trace into a directory under a name that sorts by time, and removes the oldest.
    ///
    /// Nothing depends on a trace, so it is not synced, and failing to write it is not an error.
    public func write(to directory: FilePath) {
        mkdir(directory.string, 0o700)
        var lines = [
            JSONValue.object([
                (key: "command", value: .array(command.map(JSONValue.string))),
                (key: "status", value: .int(Int64(status))),
            ]).compact
        ]
        lines += events.map(\.json.compact)
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let stamp = String(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)
        let temporary = directory.appending(".\(stamp)-\(getpid())")
        do {
            let file = try FileDescriptor.open(
                temporary, .writeOnly, options: [.create, .exclusiveCreate], permissions: [.ownerReadWrite])
            try file.closeAfter { _ = try file.writeAll(Array((lines.joined(separator: "\n") + "\n").utf8)) }
        } catch { return }
        rename(temporary.string, directory.appending("\(stamp).jsonl").string)
        for old in Self.list(directory).dropLast(Self.kept) { unlink(directory.appending(old).string) }
    }

    /// The newest trace of a directory, or nil.
    public static func newest(in directory: FilePath) -> TraceFile? {
        guard let name = list(directory).last else { return nil }
        return read(directory.appending(name))
    }

    /// The name of the newest trace of a directory, to be compared with later ones; nil where there is none.
    public static func latest(in directory: FilePath) -> String? { list(directory).last }

    /// The kind of error (`DrydockError.Code`) that the last docker command ended with, where it left a trace since.
    /// - Parameter name: what `latest` said before it began.
    public static func error(in directory: FilePath, since name: String?) -> String? {
        guard let latest = latest(in: directory), latest != name, let trace = read(directory.appending(latest))
        else { return nil }
        let end = trace.events.last { $0.kind == .failed && $0.parent == 0 }
        for case .text(let code) in (end?.facts ?? []).filter({ $0.name == "code" }).map(\.value) { return code }
        return nil
    }

    /// Reads one trace; nil where the file is not one.
    public static func read(_ path: FilePath) -> TraceFile? {
        guard let file = fopen(path.string, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        var lines = bytes.split(separator: 0x0a)[...]
        guard let first = lines.popFirst(), let header = try? JSONValue(parsing: first) else { return nil }
        return TraceFile(
            command: (header["command"]?.array ?? []).compactMap(\.string),
            status: Int32(truncatingIfNeeded: header["status"]?.int ?? 0),
            events: lines.compactMap { line in (try? JSONValue(parsing: line)).flatMap(TraceEvent.init(json:)) })
    }

    private static func list(_ directory: FilePath) -> [String] {
        guard let handle = opendir(directory.string) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".jsonl"), !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }
}

/// What is kept of a trace while a command works: every event, but of each span's progress only the last, so that a large
/// image costs no more memory than a small one.
public struct TraceRecord: Sendable {
    /// The events so far.
    public private(set) var events: [TraceEvent] = []
    /// Where in `events` the progress of a span is.
    private var progress: [UInt64: Int] = [:]

    /// Makes an empty record.
    public init() {}

    /// Adds an event.
    public mutating func add(_ event: TraceEvent) {
        if event.kind == .progress {
            if let place = progress[event.span] {
                events[place] = event
                return
            }
            progress[event.span] = events.count
        }
        events.append(event)
    }
}

extension TraceEvent {
    /// The event as a line of a trace file.
    public var json: JSONValue {
        [
            "kind": .string(kind.rawValue), "span": .int(Int64(span)), "parent": .int(Int64(parent)),
            "name": .string(name), "time": .int(Int64(time)), "facts": .array(facts.map(\.json)),
        ]
    }

    /// Reads a line of a trace file.
    public init?(json: JSONValue) {
        guard let kind = json["kind"]?.string.flatMap(Kind.init(rawValue:)), let span = json["span"]?.int,
            let parent = json["parent"]?.int, let name = json["name"]?.string, let time = json["time"]?.int
        else { return nil }
        self.init(
            kind: kind, span: UInt64(max(0, span)), parent: UInt64(max(0, parent)), name: name,
            time: UInt64(max(0, time)), facts: (json["facts"]?.array ?? []).compactMap(TraceFact.init(json:)))
    }
}

extension TraceFact {
    fileprivate var json: JSONValue {
        let (unit, value): (JSONValue, JSONValue) =
            switch self.value {
            case .text(let text): ("text", .string(text))
            case .count(let count): ("count", .int(count))
            case .bytes(let bytes): ("bytes", .int(bytes))
            case .nanoseconds(let time): ("ns", .int(Int64(clamping: time)))
            case .digest(let digest): ("digest", .string(digest))
            }
        return [.string(name), unit, value]
    }

    fileprivate init?(json: JSONValue) {
        guard let parts = json.array, parts.count == 3, let name = parts[0].string, let unit = parts[1].string else {
            return nil
        }
        switch (unit, parts[2]) {
        case ("text", .string(let text)): self.init(name, .text(text))
        case ("digest", .string(let text)): self.init(name, .digest(text))
        case ("count", .int(let number)): self.init(name, .count(number))
        case ("bytes", .int(let number)): self.init(name, .bytes(number))
        case ("ns", .int(let number)): self.init(name, .nanoseconds(UInt64(max(0, number))))
        default: return nil
        }
    }
}

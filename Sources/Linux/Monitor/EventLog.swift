import CLinux
public import Diagnostics
import Glibc
public import SystemPackage

/// What happened in one home: a file of JSON objects, one per line, that whoever acts adds to.
///
/// The objects are those of the Engine API's `/events`. Nothing depends on them, so they are not synced, and an event
/// that cannot be written is lost without an error.
public struct EventLog: Sendable {
    /// The directory with the present file and the one before it; watch it to hear of new events.
    public let directory: FilePath

    /// The present file is put away when it is longer than so many bytes; the one before it goes.
    public static let limit: Int64 = 4 << 20

    /// The events of a home, in its directory `events`.
    public init(directory: FilePath) { self.directory = directory }

    /// The present file.
    public var path: FilePath { directory.appending("log") }
    /// The file before it.
    public var older: FilePath { directory.appending("log.1") }

    /// Writes an event.
    /// - Parameters:
    ///   - type: `container`, `image`, `network`, `volume`.
    ///   - action: `start`, `health_status: healthy`.
    ///   - attributes: what is known of the object, in the order in which it is printed; keys are sorted.
    ///   - time: when it happened: nanoseconds since 1970.
    public func append(
        type: String, action: String, id: String, attributes: [String: String], time: Int64 = WallClock.now
    ) {
        var pairs: [(key: String, value: JSONValue)] = []
        if type == "container" || type == "image" {
            pairs = [("status", .string(action)), ("id", .string(id))]
            if let image = attributes["image"], type == "container" { pairs.append(("from", .string(image))) }
        }
        let known = attributes.sorted { $0.key < $1.key }.map { (key: $0.key, value: JSONValue.string($0.value)) }
        pairs += [
            ("Type", .string(type)), ("Action", .string(action)),
            ("Actor", ["ID": .string(id), "Attributes": .object(known)]), ("scope", "local"),
            ("time", .int(time / 1_000_000_000)), ("timeNano", .int(time)),
        ]
        append(Array((JSONValue.object(pairs).compact + "\n").utf8))
    }

    private func append(_ line: [UInt8]) {
        mkdir(directory.string, 0o700)
        // A file that was put away between opening and locking is not written to: a reader may be done with it.
        for _ in 0..<16 {
            guard
                let file = try? OwnedDescriptor.open(
                    path, .writeOnly, options: [.create, .append], permissions: [.ownerReadWrite])
            else { return }
            guard cl_flock(file.number, 0, 1) == 0 else { return }
            guard isPresent(file.number) else { continue }
            try? Files.write(line, to: file.number)
            if let size = try? FileAt.status(file.number).size, size > Self.limit { putAway(file.number) }
            return
        }
    }

    private func isPresent(_ file: Int32) -> Bool {
        guard let own = try? FileAt.status(file),
            let now = try? FileAt.statusIfPresent(FileAt.workingDirectory, path.string)
        else { return false }
        return own.inode == now.inode && own.device == now.device
    }

    private func putAway(_ file: Int32) {
        // Others may write at this moment: then the next one does it.
        guard cl_flock(file, 1, 0) == 0, isPresent(file) else { return }
        rename(path.string, older.string)
    }
}

/// Reads events as they are added, across the change from one file to the next.
public struct EventReader: ~Copyable {
    private let log: EventLog
    private var file: OwnedDescriptor?
    private var rest: [UInt8] = []

    /// A reader that begins with the oldest event that is kept.
    public init(_ log: EventLog) {
        self.log = log
        file = try? OwnedDescriptor.open(log.older, .readOnly)
    }

    /// The events that were added since the last time, in the order in which they were written.
    public mutating func next() -> [JSONValue] {
        var events: [JSONValue] = []
        while true {
            guard let present = file else {
                file = try? OwnedDescriptor.open(log.path, .readOnly)
                if file == nil { return events }
                continue
            }
            let moved = isPutAway(present.number)
            read(present.number, &events)
            // What was written before it was put away has been read; nothing is written to it after that.
            guard moved else { return events }
            file = nil
            if (try? FileAt.statusIfPresent(FileAt.workingDirectory, log.path.string)) == .some(nil) { return events }
        }
    }

    private func isPutAway(_ number: Int32) -> Bool {
        guard let own = try? FileAt.status(number) else { return true }
        guard let now = try? FileAt.statusIfPresent(FileAt.workingDirectory, log.path.string) else {
            // Between two files, or before the first.
            return own.links > 0
                && (try? FileAt.status(FileAt.workingDirectory, log.older.string))?.inode == own.inode
        }
        return own.inode != now.inode
    }

    private mutating func read(_ number: Int32, _ events: inout [JSONValue]) {
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(number, &block, block.count)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { break }
            rest.append(contentsOf: block[..<count])
        }
        guard let end = rest.lastIndex(of: 0x0a) else { return }
        for line in rest[...end].split(separator: 0x0a) {
            if let event = try? JSONValue(parsing: line) { events.append(event) }
        }
        rest.removeFirst(end + 1)
    }
}

import Diagnostics
import Glibc
import Linux
import SystemPackage

/// Which of the two streams of a program.
enum Stream: Int {
    case output = 0
    case error = 1

    var name: String { self == .output ? "stdout" : "stderr" }
    var frame: FrameKind { self == .output ? .output : .error }
}

/// Writes what a program says into a file, one JSON object per line, as Docker's json-file driver does. A file that has
/// become too long is put away: `log.json.1` is the youngest of those.
final class JSONLog {
    private let path: FilePath
    private let settings: LogSettings
    private let attributes: [UInt8]
    private var file: OwnedDescriptor
    private var size: Int64
    private var compressing: ChildProcess?
    private var pending: [[UInt8]] = [[], []]
    /// Longer lines are written in parts, as Docker does.
    private static let longest = 16384

    init?(_ path: FilePath, _ settings: LogSettings) {
        guard let file = Self.open(path) else { return nil }
        self.path = path
        self.settings = settings
        self.file = file
        size = (try? FileAt.status(file.number))?.size ?? 0
        let named = settings.attributes.sorted { $0.key < $1.key }.map {
            (key: $0.key, value: JSONValue.string($0.value))
        }
        attributes = named.isEmpty ? [] : Array(",\"attrs\":\(JSONValue.object(named).compact)".utf8)
    }

    private static func open(_ path: FilePath) -> OwnedDescriptor? {
        try? OwnedDescriptor.open(
            path, .writeOnly, options: [.create, .append], permissions: [.ownerReadWrite, .groupRead])
    }

    func append(_ stream: Stream, _ bytes: ArraySlice<UInt8>) {
        let time = WallClock.bytes(WallClock.now)
        var entries: [UInt8] = []
        var rest = bytes
        while let end = rest.firstIndex(of: 0x0a) {
            pending[stream.rawValue].append(contentsOf: rest[...end])
            take(stream, time, &entries)
            rest = rest[(end + 1)...]
        }
        pending[stream.rawValue].append(contentsOf: rest)
        if pending[stream.rawValue].count >= Self.longest { take(stream, time, &entries) }
        write(&entries)
    }

    /// Writes a last line that has no end.
    func finish() {
        var entries: [UInt8] = []
        let time = WallClock.bytes(WallClock.now)
        for stream in [Stream.output, .error] where !pending[stream.rawValue].isEmpty { take(stream, time, &entries) }
        write(&entries)
        awaitCompression()
    }

    private func write(_ entries: inout [UInt8]) {
        guard !entries.isEmpty else { return }
        try? Files.write(entries, to: file.number)
        size += Int64(entries.count)
        entries.removeAll(keepingCapacity: true)
    }

    private func name(_ number: Int, compressed: Bool = false) -> String {
        number == 0 ? path.string : "\(path.string).\(number)\(compressed ? ".gz" : "")"
    }

    private func putAway() {
        awaitCompression()
        if settings.maximumFiles < 2 {
            ftruncate(file.number, 0)
        } else {
            for number in stride(from: settings.maximumFiles - 1, through: 1, by: -1) {
                for compressed in [false, true] where number > 1 {
                    rename(name(number - 1, compressed: compressed), name(number, compressed: compressed))
                }
            }
            rename(path.string, name(1))
            guard let next = Self.open(path) else { return }
            file = next
            if settings.compresses { compress() }
        }
        size = 0
    }

    /// A file is compressed by another program, so that this one stays small.
    private func compress() {
        compressing = try? ChildProcess.spawn("gzip", ["gzip", "-q", "-f", name(1)], directory: "/")
    }

    private func awaitCompression() {
        _ = try? compressing?.wait()
        compressing = nil
    }

    private func take(_ stream: Stream, _ time: [UInt8], _ entries: inout [UInt8]) {
        if let limit = settings.maximumSize, size + Int64(entries.count) >= limit {
            write(&entries)
            putAway()
        }
        entries.append(contentsOf: "{\"log\":\"".utf8)
        escape(pending[stream.rawValue], into: &entries)
        entries.append(
            contentsOf: stream == .output ? "\",\"stream\":\"stdout\"".utf8 : "\",\"stream\":\"stderr\"".utf8)
        entries.append(contentsOf: attributes)
        entries.append(contentsOf: ",\"time\":\"".utf8)
        entries.append(contentsOf: time)
        entries.append(contentsOf: "\"}\n".utf8)
        pending[stream.rawValue].removeAll(keepingCapacity: true)
    }

    private func escape(_ line: [UInt8], into entries: inout [UInt8]) {
        let bytes = line.allSatisfy { $0 < 0x80 } ? line : Array(String(decoding: line, as: UTF8.self).utf8)
        for byte in bytes {
            switch byte {
            case 0x22, 0x5c: entries.append(contentsOf: [0x5c, byte])
            case 0x0a: entries.append(contentsOf: [0x5c, 0x6e])
            case 0x0d: entries.append(contentsOf: [0x5c, 0x72])
            case 0x09: entries.append(contentsOf: [0x5c, 0x74])
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                entries.append(contentsOf: "\\u00".utf8)
                entries.append(digits[Int(byte >> 4)])
                entries.append(digits[Int(byte & 15)])
            default: entries.append(byte)
            }
        }
    }
}

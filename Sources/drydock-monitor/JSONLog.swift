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

/// Writes what a program says into a file, one JSON object per line, as Docker's json-file driver does.
final class JSONLog {
    private let file: OwnedDescriptor
    private var pending: [[UInt8]] = [[], []]
    /// Longer lines are written in parts, as Docker does.
    private static let longest = 16384

    init?(_ path: FilePath) {
        guard
            let file = try? OwnedDescriptor.open(
                path, .writeOnly, options: [.create, .append], permissions: [.ownerReadWrite, .groupRead])
        else { return nil }
        self.file = file
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
        if !entries.isEmpty { try? Files.write(entries, to: file.number) }
    }

    /// Writes a last line that has no end.
    func finish() {
        var entries: [UInt8] = []
        let time = WallClock.bytes(WallClock.now)
        for stream in [Stream.output, .error] where !pending[stream.rawValue].isEmpty { take(stream, time, &entries) }
        if !entries.isEmpty { try? Files.write(entries, to: file.number) }
    }

    private func take(_ stream: Stream, _ time: [UInt8], _ entries: inout [UInt8]) {
        entries.append(contentsOf: "{\"log\":\"".utf8)
        escape(pending[stream.rawValue], into: &entries)
        entries.append(
            contentsOf: stream == .output
                ? "\",\"stream\":\"stdout\",\"time\":\"".utf8 : "\",\"stream\":\"stderr\",\"time\":\"".utf8)
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

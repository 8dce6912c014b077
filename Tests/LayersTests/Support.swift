import Diagnostics
import Glibc
import Layers
import Linux
import SystemPackage
import Testing

/// A directory that is removed with everything in it when the test is over.
final class Scratch: Sendable {
    let path: FilePath

    init() throws {
        var template = Array("/tmp/drydock-layers-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        path = FilePath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    deinit { try? LayerApplier.remove(path) }

    /// Makes and names a directory.
    func directory(_ name: String) throws -> FilePath {
        let inner = path.appending(name)
        guard mkdir(inner.string, 0o755) == 0 else { throw Errno(rawValue: errno) }
        return inner
    }
}

/// Collects what a writer writes.
final class Bytes {
    var all: [UInt8] = []
    var sink: ByteSink { { [self] bytes throws(DrydockError) in all.append(contentsOf: bytes) } }
}

let isRoot = geteuid() == 0

extension Trait where Self == ConditionTrait {
    /// Skips where the process is not root.
    static var needsRoot: Self { .enabled(if: isRoot, "needs root: owners, devices and trusted attributes") }
}

/// Everything about a tree that a layer must keep, one line for each file.
func snapshot(_ root: FilePath, _ inner: FilePath = "") throws -> [String] {
    var lines: [String] = []
    let names = try FileManagerLite.names(root.pushing(inner))
    var firstNames: [UInt64: String] = [:]
    for name in names {
        let path = inner.appending(name)
        let full = root.pushing(path).string
        let status = try FileAt.status(FileAt.workingDirectory, full)
        var line = "\(path) mode=\(String(status.mode, radix: 8)) owner=\(status.uid):\(status.gid)"
        line += " mtime=\(status.mtimeSeconds).\(status.mtimeNanoseconds)"
        if status.isSymbolicLink {
            line += " -> " + String(decoding: try FileAt.readLink(FileAt.workingDirectory, full), as: UTF8.self)
        }
        if status.isRegular {
            line +=
                " size=\(status.size) sum=\(try FileManagerLite.read(full).reduce(UInt64(7)) { $0 &* 31 &+ UInt64($1) })"
            line += " links=\(status.links)"
            if let first = firstNames[status.inode] { line += " same=\(first)" }
            firstNames[status.inode] = path.string
        }
        if status.isCharacterDevice { line += " device=\(status.major):\(status.minor)" }
        if !status.isSymbolicLink {
            for attribute in try ExtendedAttributes.names(path: full).sorted() where attribute.hasPrefix("user.") {
                line += " \(attribute)=\(try ExtendedAttributes.get(path: full, attribute) ?? [])"
            }
        }
        lines.append(line)
        if status.isDirectory { lines += try snapshot(root, path) }
    }
    return lines
}

/// The few file operations that tests need.
enum FileManagerLite {
    static func names(_ path: FilePath) throws -> [String] {
        guard let stream = opendir(path.string) else { throw Errno(rawValue: errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func read(_ path: String) throws -> [UInt8] {
        let fd = try FileAt.open(FileAt.workingDirectory, path, O_RDONLY)
        defer { FileAt.close(fd) }
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(fd, &buffer, buffer.count)
            guard count >= 0 else { throw Errno(rawValue: errno) }
            if count == 0 { return all }
            all += buffer[..<count]
        }
    }

    static func write(_ path: FilePath, _ text: String, mode: UInt32 = 0o644) throws {
        let fd = try FileAt.open(FileAt.workingDirectory, path.string, O_CREAT | O_TRUNC | O_WRONLY, mode: 0o644)
        defer { FileAt.close(fd) }
        try Array(text.utf8).withUnsafeBytes { try FileAt.writeAll(fd, $0) }
        try FileAt.setMode(fd, mode)
    }
}

/// Unpacks bytes into a fresh directory.
func unpack(
    _ bytes: [UInt8], into directory: FilePath, options: ApplyOptions = .forThisProcess(), chunk: Int = 1000
) throws -> AppliedLayer {
    var options = options
    options.sync = false
    let applier = try LayerApplier(into: directory, options: options)
    do {
        for start in stride(from: 0, to: bytes.count, by: chunk) {
            try applier.write(Array(bytes[start..<min(start + chunk, bytes.count)]))
        }
    } catch {
        applier.cancel()
        throw error
    }
    return try applier.finish()
}

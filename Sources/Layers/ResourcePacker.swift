public import Diagnostics
internal import Glibc
internal import Linux
internal import OCI
internal import SystemPackage

/// Writes a file, or a directory with everything below it, as a tar archive (`docker cp`): names, owners, modes, times,
/// links and devices as they are. Nothing is followed, so what changes meanwhile cannot lead out of the tree.
public struct ResourcePacker {
    private let sink: ByteSink
    private let devices: Set<UInt64>?
    private var buffer: [UInt8] = []
    private var linked: [FileID: [CChar]] = [:]

    private static let limit = 256 << 10

    private init(_ devices: Set<UInt64>?, _ sink: @escaping ByteSink) {
        self.devices = devices
        self.sink = sink
    }

    /// Writes an archive.
    /// - Parameters:
    ///   - name: what is packed: a name in `directory`, or `.` for the directory itself.
    ///   - base: the name that it has in the archive; empty for the root of a file system.
    ///   - devices: the file systems that are read; directories of others are empty in the archive. Nil for all.
    public static func pack(
        _ name: String, in directory: Int32, as base: String, devices: Set<UInt64>? = nil, to sink: @escaping ByteSink
    ) throws(DrydockError) {
        var packer = ResourcePacker(devices, sink)
        let path = Array(base.utf8CString)
        let status: FileStatus
        do { status = try FileAt.status(directory, name) } catch { throw systemFailure(error, "lstat", text: name) }
        try packer.pack(directory, Array(name.utf8CString), path, status)
        try packer.put(TarEncoder.end)
        try packer.flush()
    }

    private mutating func pack(
        _ parent: Int32, _ name: [CChar], _ path: [CChar], _ status: FileStatus
    ) throws(DrydockError) {
        var item = TarItem()
        item.path = path
        item.type = status.mode & S_IFMT
        item.mode = status.permissions
        (item.uid, item.gid) = (Int64(status.uid), Int64(status.gid))
        item.mtime = Timestamp(seconds: status.mtimeSeconds)
        item.size = status.size
        guard item.type != S_IFSOCK else { return }
        if status.links > 1, !status.isDirectory {
            let id = FileID(status)
            if let first = linked[id] {
                item.hardLink = first
                return try put(TarEncoder.header(item))
            }
            linked[id] = path
        }
        switch item.type {
        case S_IFDIR: try packDirectory(parent, name, item)
        case S_IFREG: try packFile(parent, name, item)
        case S_IFLNK:
            do throws(Errno) {
                item.symbolicLink = try FileAt.readLink(parent, name).map { CChar(bitPattern: $0) } + [0]
            } catch {
                throw systemFailure(error, "readlink", path)
            }
            try put(TarEncoder.header(item))
        default:
            (item.major, item.minor) = (status.major, status.minor)
            try put(TarEncoder.header(item))
        }
    }

    private mutating func packDirectory(_ parent: Int32, _ name: [CChar], _ item: TarItem) throws(DrydockError) {
        guard let fd = try open(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, item.path) else { return }
        defer { FileAt.close(fd) }
        try put(TarEncoder.header(item))
        if let devices, let device = (try? FileAt.status(fd))?.device, !devices.contains(device) { return }
        let names: [[CChar]]
        do { names = try sortedNames(fd) } catch { throw systemFailure(error, "read directory", item.path) }
        for child in names {
            let below = Array(item.path.dropLast()) + [0x2f] + child
            let found: FileStatus?
            do { found = try FileAt.statusIfPresent(fd, child) } catch { throw systemFailure(error, "lstat", below) }
            // What a running program removed meanwhile is not there.
            if let found { try pack(fd, child, below, found) }
        }
    }

    private mutating func packFile(_ parent: Int32, _ name: [CChar], _ item: TarItem) throws(DrydockError) {
        var item = item
        guard let fd = try open(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, item.path) else { return }
        defer { FileAt.close(fd) }
        if let value = try? ExtendedAttributes.get(fd, "security.capability") {
            item.attributes.append(("security.capability", PrivateAttributes.portableCapability(value)))
        }
        try put(TarEncoder.header(item))
        var rest = item.size
        while rest > 0 {
            var problem: Errno?
            var block = [UInt8](unsafeUninitializedCapacity: Int(min(Int64(Self.limit), rest))) { area, count in
                do throws(Errno) {
                    count = try FileAt.read(fd, UnsafeMutableRawBufferPointer(area))
                } catch {
                    (problem, count) = (error, 0)
                }
            }
            if let problem { throw systemFailure(problem, "read", item.path) }
            // A file that shrinks meanwhile is filled up with zeros.
            if block.isEmpty { block = [UInt8](repeating: 0, count: Int(min(Int64(Self.limit), rest))) }
            rest -= Int64(block.count)
            try put(block)
        }
        try put(TarEncoder.padding(after: item.size))
    }

    /// Nil where it has gone, or has become something else.
    private func open(
        _ parent: Int32, _ name: [CChar], _ flags: Int32, _ path: [CChar]
    ) throws(DrydockError) -> Int32? {
        do throws(Errno) {
            return try FileAt.open(parent, name, flags)
        } catch {
            switch error {
            case .noSuchFileOrDirectory, .tooManySymbolicLinkLevels, .notDirectory: return nil
            default: throw systemFailure(error, "open", path)
            }
        }
    }

    private mutating func put(_ bytes: [UInt8]) throws(DrydockError) {
        buffer += bytes
        if buffer.count >= Self.limit { try flush() }
    }

    private mutating func flush() throws(DrydockError) {
        var problem: DrydockError?
        buffer.withUnsafeBytes { area in
            do throws(DrydockError) { try sink(area) } catch { problem = error }
        }
        buffer.removeAll(keepingCapacity: true)
        if let problem { throw problem }
    }
}

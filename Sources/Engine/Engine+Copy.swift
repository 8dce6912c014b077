public import Diagnostics
import Glibc
import ImageStore
import Layers
import Linux
import OCI
import Runtime
import SystemPackage

extension Engine {
    /// See `EngineOperations`.
    public func pathStatus(_ name: String, _ path: String) throws(DrydockError) -> PathStatus {
        try withRoot(of: name) { root, _, document throws(DrydockError) in
            let devices = Self.devices(of: root, document)
            let place = try ContainerPath(path, in: root.directory.number, devices, container: name)
            defer { place.close() }
            var status = PathStatus(
                name: place.base, isDirectory: place.status.isDirectory, size: place.status.size)
            status.isRegular = place.status.isRegular
            if place.status.isSymbolicLink { status.linkTarget = place.target(in: root.directory.number) }
            return status
        }
    }

    /// See `EngineOperations`.
    public func archive(
        _ name: String, _ path: String, as base: String?, _ emit: ([UInt8]) throws(DrydockError) -> Void
    ) throws(DrydockError) {
        try withRoot(of: name) { root, record, document throws(DrydockError) in
            let devices = Self.devices(of: root, document)
            let place = try ContainerPath(path, in: root.directory.number, devices, container: name)
            defer { place.close() }
            try withoutActuallyEscaping(emit) { emit throws(DrydockError) in
                try ResourcePacker.pack(
                    place.name, in: place.directory, as: base ?? place.base, devices: devices
                ) { bytes throws(DrydockError) in try emit(Array(bytes)) }
            }
            self.record("archive-path", record, document, ["path": path])
        }
    }

    /// See `EngineOperations`.
    public func extract(
        _ name: String, _ path: String, from archive: Int32, chowns: Bool
    ) throws(DrydockError) {
        try withRoot(of: name) { root, record, document throws(DrydockError) in
            let whole = ContainerPath.absolute(path)
            let place: Int32
            do throws(Errno) {
                place = try FileAt.openInRoot(root.directory.number, whole, FileAt.path)
            } catch {
                throw ContainerPath.failure(error, path, name)
            }
            defer { FileAt.close(place) }
            let devices = Self.devices(of: root, document)
            let status = try? FileAt.status(place)
            guard status?.isDirectory == true else {
                throw DrydockError(.invalidArgument, "extraction point is not a directory")
            }
            guard let device = status?.device, devices.contains(device) else {
                throw ContainerPath.failure(.noSuchFileOrDirectory, path, name)
            }
            try Self.checkWritable(whole, document)
            var owner = ResourceExtractor.Owner.archive
            if chowns, !document.config.user.isEmpty {
                var lowers: [FilePath] = []
                if let chain = record.chain { lowers = try store.layerMounts(chain: chain) }
                let found = try UserLookup(LayerStack([upper(record.id)] + lowers)).find(document.config.user)
                owner = .user(uid: found.user.uid, gid: found.user.gid)
            }
            var extractor = ResourceExtractor(
                root: root.directory.number, base: whole, followsLinks: true, owner: owner, devices: devices)
            try extractor.extract(from: Self.reader(archive))
            self.record("extract-to-dir", record, document, ["path": path])
        }
    }

    static func reader(_ descriptor: Int32) -> ByteReader {
        { () throws(DrydockError) in
            var failure: Errno?
            let block = [UInt8](unsafeUninitializedCapacity: 256 << 10) { area, count in
                do throws(Errno) {
                    count = try FileAt.read(descriptor, UnsafeMutableRawBufferPointer(area))
                } catch {
                    (failure, count) = (error, 0)
                }
            }
            if let failure { throw .system("read the archive", errno: failure.rawValue) }
            return block.isEmpty ? nil : block
        }
    }

    /// The file systems of a container that are copied from and to: its root and its volumes. What the kernel shows in
    /// `/proc` and `/sys`, devices, and what is in memory is no part of its files, as with Docker.
    private static func devices(of root: ContainerRoot, _ document: ContainerDocument) -> Set<UInt64> {
        var devices: Set<UInt64> = []
        for target in ["/", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts"] + document.mounts.map(\.target) {
            guard let place = try? FileAt.openInRoot(root.directory.number, target, FileAt.path) else { continue }
            if let status = try? FileAt.status(place) { devices.insert(status.device) }
            FileAt.close(place)
        }
        return devices
    }

    private static func checkWritable(_ path: String, _ document: ContainerDocument) throws(DrydockError) {
        let mount = document.mounts.filter { path == $0.target || path.hasPrefix($0.target + "/") }
            .max { $0.target.count < $1.target.count }
        if mount?.readOnly == true {
            throw DrydockError(.denied, "mounted volume is marked read-only")
        }
        if mount == nil, document.readOnlyRootfs {
            throw DrydockError(.denied, "container rootfs is marked read-only")
        }
    }

    private func withRoot<Value>(
        of name: String,
        _ body: (ContainerRoot, ContainerRecord, ContainerDocument) throws(DrydockError) -> Value
    ) throws(DrydockError) -> Value {
        let (record, document) = try find(name)
        // One that runs is reached through its process; the other one is mounted, for which the runtime needs to know
        // what it consists of.
        let spec = try specification(record, document, starting: false)
        let root = try runtime.root(record.id, spec)
        defer { root.close() }
        return try body(root, record, document)
    }
}

/// A path in a container, with the directory that it is in held open.
private struct ContainerPath {
    let directory: Int32
    /// The name in that directory; `.` for the directory itself.
    let name: String
    /// The last part of the path as it was given.
    let base: String
    let status: FileStatus
    private let parent: String

    /// - Throws: code `.notFound` with Docker's words.
    init(_ path: String, in root: Int32, _ devices: Set<UInt64>, container: String) throws(DrydockError) {
        let whole = Self.absolute(path)
        let isPlace = whole == "/" || path.hasSuffix("/") || path.hasSuffix("/.") || path == "."
        let parts = whole.split(separator: "/").map(String.init)
        base = path.hasSuffix("/.") || path == "." ? "." : parts.last ?? ""
        parent = isPlace ? whole : "/" + parts.dropLast().joined(separator: "/")
        name = isPlace ? "." : parts.last ?? "."
        do throws(Errno) {
            directory = try FileAt.openInRoot(root, parent, O_RDONLY | O_DIRECTORY)
        } catch {
            throw Self.failure(error, path, container)
        }
        do throws(Errno) {
            status = try FileAt.status(directory, name)
        } catch {
            FileAt.close(directory)
            throw Self.failure(error, path, container)
        }
        // Of what is mounted and not copied there is the empty directory that it is mounted on.
        let above = isPlace ? "/" + parts.dropLast().joined(separator: "/") : parent
        guard let place = try? FileAt.openInRoot(root, above, FileAt.path) else { return }
        defer { FileAt.close(place) }
        if let device = (try? FileAt.status(place))?.device, !devices.contains(device),
            !devices.contains(status.device)
        {
            FileAt.close(directory)
            throw Self.failure(.noSuchFileOrDirectory, path, container)
        }
    }

    func close() { FileAt.close(directory) }

    /// The path from the root, without `.` and `..`.
    static func absolute(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    static func failure(_ error: Errno, _ path: String, _ container: String) -> DrydockError {
        if error == .noSuchFileOrDirectory {
            return DrydockError(.notFound, "Could not find the file \(path) in container \(container)")
        }
        return .system("lstat \(path)", errno: error.rawValue)
    }

    /// Where a link leads in the end: an absolute path in the container. Where it leads nowhere, what it says.
    func target(in root: Int32) -> String {
        if let fd = try? FileAt.openInRoot(root, parent == "/" ? "/" + name : parent + "/" + name, FileAt.path) {
            defer { FileAt.close(fd) }
            // The kernel names files below the root from there on.
            if let own = try? FileAt.readLink(FileAt.workingDirectory, "/proc/self/fd/\(fd)"),
                let above = try? FileAt.readLink(FileAt.workingDirectory, "/proc/self/fd/\(root)")
            {
                let (own, above) = (String(decoding: own, as: UTF8.self), String(decoding: above, as: UTF8.self))
                if above == "/" { return own }
                if own.hasPrefix(above + "/") { return String(own.dropFirst(above.count)) }
                if own == above { return "/" }
            }
        }
        let text = (try? FileAt.readLink(directory, name)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return Self.absolute(text.hasPrefix("/") ? text : parent + "/" + text)
    }
}

public import Diagnostics
import Glibc
import Layers
import Linux
import SystemPackage

/// Files of the host as tar archives: the other end of `docker cp`.
public enum HostArchive {
    /// What a path is; a final link is not followed. Nil where there is nothing.
    public static func status(_ path: String) -> PathStatus? {
        guard let found = try? FileAt.statusIfPresent(FileAt.workingDirectory, path) else { return nil }
        var status = PathStatus(
            name: path.split(separator: "/").last.map(String.init) ?? "/", isDirectory: found.isDirectory,
            size: found.size)
        status.isRegular = found.isRegular
        if found.isSymbolicLink {
            status.linkTarget =
                (try? FileAt.readLink(FileAt.workingDirectory, path)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        }
        return status
    }

    /// A path without links; nil where it leads nowhere.
    public static func resolved(_ path: String) -> String? {
        guard let found = realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(cString: found)
    }

    /// Hands out a file or a directory with all below it.
    /// - Parameters:
    ///   - name: a name in `directory`, or `.` for the directory itself.
    ///   - base: the name that it has in the archive.
    public static func pack(
        _ name: String, in directory: String, as base: String, _ emit: ([UInt8]) throws(DrydockError) -> Void
    ) throws(DrydockError) {
        let place = try OwnedDescriptor.open(FilePath(directory), .readOnly)
        defer { place.close() }
        try withoutActuallyEscaping(emit) { emit throws(DrydockError) in
            try ResourcePacker.pack(name, in: place.number, as: base) { bytes throws(DrydockError) in
                try emit(Array(bytes))
            }
        }
    }

    /// Unpacks an archive below a directory; everything belongs to the one who does it.
    public static func unpack(into directory: String, from archive: Int32) throws(DrydockError) {
        let place = try OwnedDescriptor.open(FilePath(directory), .readOnly)
        defer { place.close() }
        var extractor = ResourceExtractor(
            root: place.number, base: "", shown: directory, followsLinks: false, owner: .caller)
        try extractor.extract(from: Engine.reader(archive))
    }
}

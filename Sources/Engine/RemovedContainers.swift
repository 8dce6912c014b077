import Diagnostics
private import Glibc
import Linux
import SystemPackage

/// The last documents of containers that were removed, in `HOME/removed`: a container that ran with `--rm` leaves
/// nothing else to look at.
///
/// Nothing depends on them, so they are not synced, and failing to keep one is not an error.
struct RemovedContainers {
    /// How many are kept.
    static let kept = 50

    let directory: FilePath

    /// Keeps a document, and forgets the oldest.
    func keep(_ document: JSONValue) {
        mkdir(directory.string, 0o700)
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let stamp = String(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)
        let temporary = directory.appending(".\(stamp)-\(getpid())")
        do {
            let file = try FileDescriptor.open(
                temporary, .writeOnly, options: [.create, .exclusiveCreate], permissions: [.ownerReadWrite])
            try file.closeAfter { _ = try file.writeAll(Array(document.compact.utf8)) }
        } catch { return }
        rename(temporary.string, directory.appending("\(stamp).json").string)
        for old in names.dropLast(Self.kept) { unlink(directory.appending(old).string) }
    }

    /// The documents, newest first.
    var documents: [JSONValue] { names.reversed().compactMap(read) }

    /// The one that was removed last.
    var newest: JSONValue? { names.last.flatMap(read) }

    private func read(_ name: String) -> JSONValue? {
        guard let bytes = try? Files.read(directory.appending(name)) else { return nil }
        return try? JSONValue(parsing: bytes)
    }

    /// The names of the files, oldest first.
    private var names: [String] {
        ((try? Files.names(in: directory)) ?? []).filter { $0.hasSuffix(".json") }.sorted()
    }
}

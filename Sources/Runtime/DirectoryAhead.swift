import Diagnostics
import Glibc
import Linux
import SystemPackage

/// Directories of containers that may come: making files takes longer than all the rest where a file system has just
/// lost many. A file beside each, named after the process that made it, tells it from a container's.
extension ContainerRuntime {
    private static let mark = ".ahead-"

    private func mark(_ id: String) -> FilePath { containers.appending("\(Self.mark)\(getpid())-\(id)") }

    /// Makes the directory for a container like this one. Failing is not an error: it is then made with the container.
    func makeDirectoryAhead(_ spec: ContainerSpec, _ networkKind: String, _ facts: LaunchFacts) {
        let directory = directory(spec.id)
        do throws(DrydockError) {
            try Files.makeDirectories(containers, mode: 0o700)
            _ = try FileLock.ifFree(mark(spec.id))
            try Files.makeDirectories(directory, mode: 0o700)
            for part in ["upper", "work", "root"] { try Files.makeDirectories(directory.appending(part)) }
            try ContainerFiles(spec: spec, directory: directory, networkKind: networkKind).write()
            try facts.write(to: directory)
            _ = try FileLock.ifFree(directory.appending("monitor.lock"))
        } catch {
            discardDirectoryAhead(spec.id)
        }
    }

    /// Whether the directory was made ahead; from now on it is the container's.
    public func takeDirectoryAhead(_ id: String) -> Bool { unlink(mark(id).string) == 0 }

    /// Removes what was made ahead and is not wanted.
    public func discardDirectoryAhead(_ id: String) {
        discard(DirectoryAhead(id: id, mark: mark(id), isAbandoned: true))
    }

    /// Removes what was made ahead for a container that does not come.
    public func discard(_ directory: DirectoryAhead) {
        CgroupLimits.remove(name: directory.id)
        try? Files.removeTree(self.directory(directory.id))
        unlink(directory.mark.string)
    }

    /// The directories that were made ahead.
    public func directoriesAhead() -> [DirectoryAhead] {
        ((try? Files.names(in: containers)) ?? []).compactMap { name in
            guard name.hasPrefix(Self.mark) else { return nil }
            let parts = name.dropFirst(Self.mark.count).split(separator: "-", maxSplits: 1)
            guard parts.count == 2, let maker = Int32(parts[0]) else { return nil }
            return DirectoryAhead(
                id: String(parts[1]), mark: containers.appending(name),
                isAbandoned: Glibc.kill(maker, 0) != 0 && errno == ESRCH)
        }
    }
}

/// A directory that was made for a container that may come.
public struct DirectoryAhead: Sendable {
    /// The container's identifier.
    public let id: String
    /// The file that tells it from a container's.
    let mark: FilePath
    /// Whether the process that made it has gone.
    public let isAbandoned: Bool
}

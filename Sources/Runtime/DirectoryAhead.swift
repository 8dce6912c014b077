import Diagnostics
import Glibc
import Linux
import SystemPackage

/// The directory of a container that may come: making files takes longer than all the rest where a file system has just
/// lost many. A file beside it, named after the process that made it, tells it from a container's.
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
        CgroupLimits.remove(name: id)
        try? Files.removeTree(directory(id))
        unlink(mark(id).string)
    }

    /// Directories that were made ahead: whose process has gone, and those that may still be wanted.
    public func directoriesAhead() -> (abandoned: [String], waiting: [String]) {
        var result: (abandoned: [String], waiting: [String]) = ([], [])
        for name in (try? Files.names(in: containers)) ?? [] where name.hasPrefix(Self.mark) {
            let parts = name.dropFirst(Self.mark.count).split(separator: "-", maxSplits: 1)
            guard parts.count == 2, let maker = Int32(parts[0]) else { continue }
            let isGone = Glibc.kill(maker, 0) != 0 && errno == ESRCH
            if isGone { result.abandoned.append(String(parts[1])) } else { result.waiting.append(String(parts[1])) }
        }
        return result
    }

    /// Removes what a process that has gone made ahead.
    public func removeAbandoned(_ id: String) {
        for name in (try? Files.names(in: containers)) ?? []
        where name.hasPrefix(Self.mark) && name.hasSuffix("-" + id) {
            CgroupLimits.remove(name: id)
            try? Files.removeTree(directory(id))
            unlink(containers.appending(name).string)
        }
    }
}

import Diagnostics
import Engine
import Lessons
import Linux
import SystemPackage

/// The folders that the learner's commands run in, and the `docker` that they find.
struct Workspace {
    private let home: Home
    private let executable: FilePath

    init(home: Home, executable: FilePath) {
        self.home = home
        self.executable = executable
    }

    /// Puts `docker` in place: a script that calls this program's docker command.
    func installShim() throws(DrydockError) {
        try Files.makeDirectories(home.bin)
        let quoted = executable.string.split(separator: "'", omittingEmptySubsequences: false).joined(
            separator: "'\\''")
        let script = Array("#!/bin/sh\nexec '\(quoted)' docker \"$@\"\n".utf8)
        let path = home.bin.appending("docker")
        if try Files.readIfPresent(path) == script { return }
        try AtomicFile.write(
            script, to: path,
            mode: [.ownerReadWriteExecute, .groupRead, .groupExecute, .otherRead, .otherExecute])
    }

    /// The environment of a command: `docker` is found first, and works on this home.
    func environment(_ base: [String: String]) -> [String: String] {
        var environment = base
        let path = base["PATH"].flatMap { $0.isEmpty ? nil : $0 } ?? "/usr/local/bin:/usr/bin:/bin"
        environment["PATH"] = "\(home.bin.string):\(path)"
        environment["DRYDOCK_HOME"] = home.path.string
        return environment
    }

    /// The folder of an exercise, with the files that it starts with; what is already there stays as it is.
    /// - Parameter fresh: whether what is there is thrown away first.
    func open(_ exercise: Exercise?, fresh: Bool = false) throws(DrydockError) -> FilePath {
        let folder = exercise.map { home.workspaces.appending($0.id) } ?? home.workspaces
        if fresh, exercise != nil { try Files.removeTree(folder) }
        try Files.makeDirectories(folder)
        for file in exercise?.files ?? [] {
            guard let exercise, let name = FilePath(file).lexicallyNormalizedInside else { continue }
            let target = folder.pushing(name)
            if Files.exists(target) { continue }
            try Files.makeDirectories(target.removingLastComponent())
            let source = exercise.directory.appending("files").pushing(name)
            let mode: FilePermissions = Files.isExecutable(source) ? [.ownerReadWriteExecute] : [.ownerReadWrite]
            try AtomicFile.write(
                try Files.read(source), to: target, mode: mode.union([.groupRead, .otherRead]), durable: false)
        }
        return folder
    }
}

extension FilePath {
    /// The path without `.` and `..`; nil where it would lead out of the folder that it is relative to.
    fileprivate var lexicallyNormalizedInside: FilePath? {
        let normal = lexicallyNormalized()
        return normal.isRelative && normal.components.first?.kind != .parentDirectory && !normal.isEmpty ? normal : nil
    }
}

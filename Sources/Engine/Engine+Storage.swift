import Diagnostics
import Glibc
import ImageStore
import Layers
import Linux
import Runtime
import SystemPackage

/// How containers get their roots: see `StorageDriver`.
extension Engine {
    /// The driver for new containers, and why.
    func storageDriver() throws(DrydockError) -> StorageDriver.Choice {
        try StorageDriver.choose(for: home.store)
    }

    /// Makes the container's own directory, and for `vfs` the copy of its image.
    func prepareRoot(_ id: String, _ driver: StorageDriver, lowers: [FilePath]) throws(DrydockError) {
        // A program that is root's when executed must not be there for those who have no rights on this machine
        // (CVE-2021-41091).
        try Files.makeDirectories(runtime.directory(id), mode: 0o700)
        try Files.makeDirectories(upper(id))
        if driver == .vfs {
            try FlatTree.copy(lowers + initLayer(), to: upper(id))
        } else {
            try Files.makeDirectories(work(id))
        }
    }

    /// The root that the runtime gives to the container. With `fuse-overlayfs` it is mounted now.
    func root(_ id: String, lowers: [FilePath], driver: StorageDriver) throws(DrydockError) -> RootFileSystem {
        switch driver {
        case .overlay: return .overlay(lower: try lowers + initLayer(), upper: upper(id), work: work(id))
        case .vfs: return .directory(upper(id))
        case .fuse:
            return .directory(try FuseOverlay(runtime.directory(id)).mount(lowers + initLayer(), upper(id), work(id)))
        }
    }

    /// A layer below those of the image: the file by which programs know that they are in a container of Docker's, and
    /// the places that a runtime mounts something on, where the image has none. Docker makes the same at `create`. They are
    /// no change of the container's, so neither `diff` nor `commit` knows them; `export` and `cp` do.
    func initLayer() throws(DrydockError) -> [FilePath] {
        let directory = home.path.appending("init-layer")
        let last = directory.appending("etc/mtab")
        if !Files.exists(last) {
            for name in ["dev/pts", "dev/shm", "etc", "proc", "sys"] {
                try Files.makeDirectories(directory.appending(name))
            }
            for name in [".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf"] {
                try AtomicFile.write(
                    [], to: directory.appending(name),
                    mode: [
                        .ownerReadWriteExecute, .groupReadExecute, .otherReadExecute,
                    ], durable: false)
            }
            guard symlink("/proc/mounts", last.string) == 0 || errno == EEXIST else {
                throw .system("make \(last)", errno: errno)
            }
        }
        return [directory]
    }

    /// Ends what serves a container's root, after it has ended.
    func releaseRoot(_ id: String) { FuseOverlay(runtime.directory(id)).unmount() }
}

/// The process that serves a container's root through FUSE. It runs as long as the container, and is ended when that is
/// started again or removed, or when the command that waited for it ends.
private struct FuseOverlay {
    let directory: FilePath

    init(_ directory: FilePath) { self.directory = directory }

    private var merged: FilePath { directory.appending("merged") }
    private var record: FilePath { directory.appending("fuse-overlayfs.pid") }

    /// Mounts, and waits until it is there.
    func mount(_ lowers: [FilePath], _ upper: FilePath, _ work: FilePath) throws(DrydockError) -> FilePath {
        unmount()
        try Files.makeDirectories(merged)
        try Files.makeDirectories(work, mode: 0o700)
        let before = try? FileAt.status(FileAt.workingDirectory, merged.string).device
        let options = "lowerdir=\(lowers.map(\.string).joined(separator: ":")),upperdir=\(upper),workdir=\(work)"
        let child = try ChildProcess.spawn(
            "fuse-overlayfs", ["fuse-overlayfs", "-f", "-o", options, merged.string], detached: true, directory: "/")
        let file = try OwnedDescriptor.open(
            record, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
        try Files.write(Array("\(child.pid) \(ProcessHandle.startTime(child.pid) ?? 0)".utf8), to: file.number)
        let deadline = WallClock.now + 20_000_000_000
        var patience = Patience()
        while true {
            let device = try? FileAt.status(FileAt.workingDirectory, merged.string).device
            if let device, device != before { return merged }
            guard WallClock.now < deadline, isServing != nil else {
                throw DrydockError(
                    .unsupported, "fuse-overlayfs could not mount the container's root",
                    reason: access("/dev/fuse", R_OK | W_OK) == 0 ? nil : "this user may not open /dev/fuse",
                    remedy: "Choose another driver: \(StorageDriver.variable)=vfs", exitStatus: 125)
            }
            patience.pause()
        }
    }

    /// The process where it is still the one that was started.
    private var isServing: Int32? {
        let words = (Files.line(record) ?? "").split(separator: " ")
        guard words.count == 2, let pid = Int32(words[0]), let time = UInt64(words[1]),
            ProcessHandle.startTime(pid) == time
        else { return nil }
        return pid
    }

    func unmount() {
        guard Files.exists(record) else { return }
        umount2(merged.string, Int32(MNT_DETACH))
        if let pid = isServing { kill(pid, SIGTERM) }
        unlink(record.string)
    }
}

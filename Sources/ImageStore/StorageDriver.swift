public import Diagnostics
internal import Glibc
internal import Layers
internal import Linux
public import SystemPackage

/// How a container's root comes from the layers of its image. The layers on the disk are the same for all drivers.
public enum StorageDriver: String, Sendable, CaseIterable {
    /// The kernel's overlay file system.
    case overlay = "overlay2"
    /// The same as a program (FUSE), where the kernel refuses.
    case fuse = "fuse-overlayfs"
    /// A copy of the whole image for each container: slow and large, and works everywhere.
    case vfs

    /// Reads a name as a user writes it: `overlay` means `overlay2`.
    public init?(name: String) {
        guard let driver = Self(rawValue: name == "overlay" ? "overlay2" : name) else { return nil }
        self = driver
    }

    /// A driver, and why it is used.
    public struct Choice: Sendable, Hashable {
        /// The driver.
        public var driver: StorageDriver
        /// The reason, in one line.
        public var reason: String

        /// Makes a choice.
        public init(_ driver: StorageDriver, _ reason: String) {
            self.driver = driver
            self.reason = reason
        }
    }

    /// The variable by which a user chooses.
    public static let variable = "DRYDOCK_STORAGE_DRIVER"

    /// The driver for new containers: the one that `DRYDOCK_STORAGE_DRIVER` names, else the first that works here.
    ///
    /// What works is tried once for each boot of the machine and kept in `store/driver`.
    /// - Parameter store: the store's directory; containers must be on the same file system.
    /// - Throws: code `.invalidArgument` where the variable names no driver.
    public static func choose(for store: FilePath) throws(DrydockError) -> Choice {
        if let name = getenv(variable).map({ String(cString: $0) }), !name.isEmpty {
            guard let driver = StorageDriver(name: name) else {
                throw DrydockError(
                    .invalidArgument, "\(variable): there is no storage driver \"\(name)\"",
                    remedy: "The drivers are \(allCases.map(\.rawValue).joined(separator: ", ")).", exitStatus: 125)
            }
            return Choice(driver, "\(variable) says so")
        }
        let file = store.appending("driver")
        let boot = Files.line("/proc/sys/kernel/random/boot_id") ?? ""
        let privilege = UserNamespace.current
        let key = "\(boot) \(privilege == .root ? "root" : "user")"
        if let known = Files.line(file) {
            let lines = known.split(separator: "\n", maxSplits: 2).map(String.init)
            if lines.count == 3, lines[0] == key, let driver = StorageDriver(rawValue: lines[1]) {
                return Choice(driver, lines[2])
            }
        }
        guard privilege != .ordinary else { return expected }
        let choice = probe(store)
        keep("\(key)\n\(choice.driver.rawValue)\n\(choice.reason)\n", in: file)
        return choice
    }

    /// What an ordinary user will find: commands that start nothing do not enter a user namespace to try.
    private static var expected: Choice {
        let systems = (Files.line("/proc/filesystems") ?? "").split(separator: "\n")
        if systems.contains(where: { $0.hasSuffix("\toverlay") }) {
            return Choice(.overlay, "the kernel has overlay; the first container tries it")
        }
        return Choice(fuseIsMissing == nil ? .fuse : .vfs, "the kernel has no overlay; the first container tries it")
    }

    private static func probe(_ store: FilePath) -> Choice {
        let refusal: String
        do throws(DrydockError) {
            try tryOverlay(store)
            return Choice(.overlay, "the kernel mounts overlay here")
        } catch {
            refusal = error.message
        }
        if let missing = fuseIsMissing {
            return Choice(.vfs, "overlay: \(refusal); fuse-overlayfs: \(missing)")
        }
        return Choice(.fuse, "overlay: \(refusal)")
    }

    /// Why fuse-overlayfs cannot be used, nil where it can.
    static var fuseIsMissing: String? {
        if ChildProcess.find("fuse-overlayfs") == nil { return "not installed" }
        return Files.isWritable("/dev/fuse") ? nil : "/dev/fuse cannot be opened"
    }

    /// Mounts an overlay, deletes a file of its lower layer in it, and sees the whiteout in the upper one.
    private static func tryOverlay(_ store: FilePath) throws(DrydockError) {
        let place = store.appending("tmp").appending("probe-\(getpid())")
        defer { try? LayerApplier.remove(place) }
        for name in ["lower", "upper", "work", "merged"] { try Files.makeDirectories(place.appending(name)) }
        let file = place.appending("lower").appending("file")
        _ = try OwnedDescriptor.open(file, .writeOnly, options: [.create], permissions: [.ownerReadWrite])
        let merged = place.appending("merged").string
        var options =
            "lowerdir=\(place.appending("lower")),upperdir=\(place.appending("upper")),"
            + "workdir=\(place.appending("work"))"
        if UserNamespace.current != .root { options += ",userxattr" }
        guard mount("overlay", merged, "overlay", 0, options) == 0 else {
            throw DrydockError.system("mount", errno: errno)
        }
        defer { umount2(merged, Int32(MNT_DETACH)) }
        guard unlink(merged + "/file") == 0 else { throw DrydockError.system("delete a file", errno: errno) }
        let left = try? FileAt.status(FileAt.workingDirectory, place.appending("upper").appending("file").string)
        guard left?.isWhiteout == true else {
            throw DrydockError(.unsupported, "its whiteouts are not those of this kernel")
        }
    }

    private static func keep(_ text: String, in file: FilePath) {
        let temporary = FilePath(file.string + ".\(getpid())")
        guard
            let descriptor = try? OwnedDescriptor.open(
                temporary, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite]),
            (try? Files.write(Array(text.utf8), to: descriptor.number)) != nil
        else { return }
        rename(temporary.string, file.string)
    }
}

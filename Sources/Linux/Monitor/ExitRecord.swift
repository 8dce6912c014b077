public import Diagnostics
import Glibc
public import SystemPackage

/// The file that says how a container ended, `exit.json`. A container may end because, or while, the disk is full: so its
/// room is taken when the container starts, and its end is written into that.
public enum ExitRecord {
    /// The file's name in the container's directory.
    public static let name = "exit.json"

    private static let reserved = "exit.room"

    /// More than the record ever needs, in bytes.
    private static let room = 512

    /// Takes the room.
    /// - Throws: code `.exhausted` where the disk is full already.
    public static func reserve(in directory: FilePath) throws(DrydockError) {
        let file = directory.appending(reserved)
        do throws(DrydockError) {
            let descriptor = try OwnedDescriptor.open(
                file, .writeOnly, options: [.create], permissions: [.ownerReadWrite, .groupRead, .otherRead])
            try Files.write([UInt8](repeating: 0x20, count: room), to: descriptor.number)
        } catch {
            unlink(file.string)
            throw error
        }
    }

    /// Gives the room back of a container that was not started after all.
    public static func cancel(in directory: FilePath) { unlink(directory.appending(reserved).string) }

    /// Writes the record, at once for whoever reads it.
    public static func write(_ record: JSONValue, in directory: FilePath) {
        let bytes = Array(record.compact.utf8)
        let file = directory.appending(reserved)
        let path = directory.appending(name)
        if let descriptor = try? OwnedDescriptor.open(file, .writeOnly),
            (try? Files.write(bytes, to: descriptor.number)) != nil,
            ftruncate(descriptor.number, off_t(bytes.count)) == 0, rename(file.string, path.string) == 0
        {
            return
        }
        // A container that an older Drydock started has no room.
        try? AtomicFile.write(bytes, to: path, durable: false)
    }
}

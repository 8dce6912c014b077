internal import Diagnostics
internal import Glibc
internal import Linux
internal import SystemPackage

/// One directory of a merged tree: the directories of the layers that are merged there, top first, all open.
final class LayerDirectories {
    struct Member {
        let layer: Int
        let fd: Int32
        let overlay: OverlayDirectory
    }

    /// What is at a name.
    enum Entry {
        case absent
        case directory(LayerDirectories, layer: Int, FileStatus)
        case other(layer: Int, FileStatus, parent: Int32)
    }

    let members: [Member]
    /// Held by the roots: a deep tree of many layers keeps thousands of directories open.
    private let limit: DescriptorLimit?

    private init(members: [Member], limit: DescriptorLimit? = nil) {
        self.members = members
        self.limit = limit
    }

    deinit { for member in members { FileAt.close(member.fd) } }

    /// Opens the roots of layers; those below an opaque one are hidden.
    static func roots(_ layers: [FilePath]) throws(DrydockError) -> LayerDirectories {
        let limit = DescriptorLimit()
        var members: [Member] = []
        for (number, layer) in layers.enumerated() {
            do throws(Errno) {
                let fd = try FileAt.open(FileAt.workingDirectory, layer.string, O_RDONLY | O_DIRECTORY)
                let overlay = try OverlayDirectory(fd)
                members.append(Member(layer: number, fd: fd, overlay: overlay))
                if overlay.isOpaque { break }
            } catch {
                for member in members { FileAt.close(member.fd) }
                throw systemFailure(error, "open layer", text: layer.string)
            }
        }
        return LayerDirectories(members: members, limit: limit)
    }

    /// What overlayfs would show at a name.
    func entry(_ name: [CChar]) throws(Errno) -> Entry {
        var merged: [Member] = []
        var top: (layer: Int, status: FileStatus)?
        do throws(Errno) {
            for member in members {
                guard let status = try FileAt.statusIfPresent(member.fd, name) else { continue }
                if try member.overlay.isWhiteout(member.fd, name, status) { break }
                guard status.isDirectory else {
                    if top == nil { return .other(layer: member.layer, status, parent: member.fd) }
                    break
                }
                let fd = try FileAt.open(member.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                let overlay = try OverlayDirectory(fd)
                merged.append(Member(layer: member.layer, fd: fd, overlay: overlay))
                if top == nil { top = (member.layer, status) }
                if overlay.isOpaque { break }
            }
        } catch {
            for member in merged { FileAt.close(member.fd) }
            throw error
        }
        guard let top else { return .absent }
        return .directory(LayerDirectories(members: merged), layer: top.layer, top.status)
    }

    /// The names that overlayfs would show, sorted.
    func names() throws(Errno) -> [[CChar]] {
        var shown: Set<[CChar]> = []
        var hidden: Set<[CChar]> = []
        for member in members {
            var removed: [[CChar]] = []
            for name in try sortedNames(member.fd) where !hidden.contains(name) && !shown.contains(name) {
                // A mark of fuse-overlayfs, which it does not show either.
                if WhiteoutName.isWhiteout(name) { continue }
                let status = try FileAt.statusIfPresent(member.fd, name)
                if let status, try member.overlay.isWhiteout(member.fd, name, status) {
                    removed.append(name)
                } else {
                    shown.insert(name)
                }
            }
            hidden.formUnion(removed)
        }
        return shown.sorted(by: ArchivePath.isBefore)
    }
}

internal import Diagnostics
internal import Glibc
internal import Linux
internal import SystemPackage

/// Opens the directories of a tree one after the other, keeping the way to the present one open, so that the next
/// path, which is mostly near, costs no walk from the root. Links are followed inside the root only.
struct DirectoryCursor: ~Copyable {
    /// How many directories are kept open on the way down; deeper ones are opened each time.
    private static let keptDepth = 48

    let root: Int32
    private var names: [[CChar]] = []
    private var open: [Int32] = []
    private var deep: Int32 = -1

    init(root: Int32) { self.root = root }

    deinit {
        for fd in open { FileAt.close(fd) }
        if deep >= 0 { FileAt.close(deep) }
    }

    /// Forgets what is open below a path, because the path is being replaced. The directory that was opened last stays
    /// open: it is the one that the path is being replaced in.
    mutating func forget(_ path: ArraySlice<[CChar]>) {
        if names.count >= path.count, names[..<path.count].elementsEqual(path) { cut(to: path.count - 1) }
    }

    /// Opens a directory (`O_PATH`); the descriptor is good until the next call.
    /// - Parameter missing: called with a directory and a name where that name is missing or is not a directory; makes
    ///   it and returns true, or returns false to refuse.
    mutating func directory(
        _ path: ArraySlice<[CChar]>,
        missing: (_ parent: Int32, _ name: [CChar], _ path: ArraySlice<[CChar]>) throws(DrydockError) -> Bool
    ) throws(DrydockError) -> Int32? {
        closeDeep()
        var common = 0
        for (have, want) in zip(names, path) {
            if have != want { break }
            common += 1
        }
        cut(to: common)
        var current = open.last ?? root
        for index in path.indices.dropFirst(common) {
            let walked = path[path.startIndex...index]
            guard let next = try descend(current, path[index], walked, missing) else { return nil }
            if open.count < Self.keptDepth {
                open.append(next)
                names.append(path[index])
            } else {
                closeDeep()
                deep = next
            }
            current = next
        }
        return current
    }

    private func descend(
        _ parent: Int32, _ name: [CChar], _ path: ArraySlice<[CChar]>,
        _ missing: (Int32, [CChar], ArraySlice<[CChar]>) throws(DrydockError) -> Bool
    ) throws(DrydockError) -> Int32? {
        var hasMade = false
        while true {
            let failure: Errno
            do throws(Errno) {
                return try FileAt.open(parent, name, FileAt.path | O_DIRECTORY | O_NOFOLLOW)
            } catch { failure = error }
            switch failure {
            case .notDirectory, .tooManySymbolicLinkLevels:
                if let inside = throughLink(parent, name, path) { return inside }
                fallthrough
            case .noSuchFileOrDirectory:
                guard !hasMade, try missing(parent, name, path) else { return nil }
                hasMade = true
            default: throw systemFailure(failure, "open", ArchivePath.join(path))
            }
        }
    }

    /// Follows a link to a directory inside the root, or gives nil.
    private func throughLink(_ parent: Int32, _ name: [CChar], _ path: ArraySlice<[CChar]>) -> Int32? {
        guard let status = try? FileAt.status(parent, name), status.isSymbolicLink else { return nil }
        return try? FileAt.openInRoot(root, ArchivePath.join(path), FileAt.path | O_DIRECTORY)
    }

    private mutating func cut(to count: Int) {
        while open.count > max(count, 0) {
            FileAt.close(open.removeLast())
            names.removeLast()
        }
    }

    private mutating func closeDeep() {
        if deep >= 0 { FileAt.close(deep) }
        deep = -1
    }
}

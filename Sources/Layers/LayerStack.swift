public import Diagnostics
public import Linux
public import SystemPackage

/// Looks things up in a stack of layer directories as overlayfs would show them, without mounting anything.
public struct LayerStack: Sendable {
    /// What was found at a path.
    public struct Found: Sendable, Hashable {
        /// The number of the layer that the file comes from; 0 is the top.
        public var layer: Int
        /// The path within the root after all links: absolute.
        public var path: FilePath
        /// The file's status in its layer.
        public var status: FileStatus
    }

    /// One layer's version of a path.
    public struct Version: Sendable, Hashable {
        /// What a layer says about a path.
        public enum Kind: Sendable, Hashable {
            /// It has a file, a directory or something else there.
            case present(FileStatus)
            /// It has a directory there that hides what is in the layers below.
            case opaque(FileStatus)
            /// It says that the path is removed.
            case whiteout
        }

        /// The number of the layer; 0 is the top.
        public var layer: Int
        /// What it says.
        public var kind: Kind
        /// Whether a layer above hides it.
        public var hidden: Bool
    }

    /// The layer directories, top first.
    public let layers: [FilePath]

    /// Makes a stack of layer directories, top first (a container's upper directory may be the first).
    public init(_ layers: [FilePath]) { self.layers = layers }

    /// Finds what is at a path; symbolic links are followed inside the root, the last one only where asked.
    /// - Returns: nil where there is nothing.
    /// - Throws: code `.system` with `ELOOP` after 40 links.
    public func lookUp(_ path: FilePath, followingLast: Bool = true) throws(DrydockError) -> Found? { nil }

    /// Reads a regular file (`/etc/passwd`); nil where there is none.
    /// - Throws: code `.exhausted` where it is longer than `limit` bytes.
    public func read(_ path: FilePath, limit: Int = 1 << 20) throws(DrydockError) -> [UInt8]? { nil }

    /// Every layer's version of a path, top first; symbolic links in the directories above it are followed.
    public func versions(of path: FilePath) throws(DrydockError) -> [Version] { [] }

    /// The names in a directory, merged and sorted, with the layer that each comes from; nil where there is no directory.
    public func list(_ path: FilePath) throws(DrydockError) -> [(name: String, found: Found)]? { nil }
}

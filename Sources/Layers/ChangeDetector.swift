public import Diagnostics
public import SystemPackage

/// A difference between a container's file system and its image, as `docker diff` prints it.
public struct Change: Sendable, Hashable {
    /// What happened to a path.
    public enum Kind: String, Sendable, Hashable {
        /// It is new.
        case added = "A"
        /// It was there and is different, or something below it is.
        case changed = "C"
        /// It is gone.
        case deleted = "D"
    }

    /// What happened.
    public var kind: Kind
    /// The path, absolute in the container.
    public var path: FilePath

    /// Makes a change.
    public init(_ kind: Kind, _ path: FilePath) {
        self.kind = kind
        self.path = path
    }
}

/// Finds what a container changed, from its upper directory alone, so that the cost follows the change and not the
/// image.
public enum ChangeDetector {
    /// The changes, in the order of a walk with sorted names: a directory comes before what is in it.
    /// - Parameters:
    ///   - upper: the overlay upper directory.
    ///   - lower: the image's layers.
    public static func changes(upper: FilePath, lower: LayerStack) throws(DrydockError) -> [Change] {
        throw DrydockError(.internal, "not ready")
    }
}

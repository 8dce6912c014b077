public import Diagnostics
internal import Linux
public import OCI
public import SystemPackage

/// Where overlayfs keeps its private extended attributes.
public enum OverlayFlavor: Sendable, Hashable {
    /// `trusted.overlay.…`: overlay mounted by root of the machine.
    case trusted
    /// `user.overlay.…`: overlay mounted with `userxattr`, from a user namespace.
    case user

    /// The prefix of the names of the attributes.
    public var prefix: String { self == .trusted ? "trusted.overlay." : "user.overlay." }
}

/// Bounds for what an archive may unpack to; beyond them it is refused.
public struct LayerLimits: Sendable, Hashable {
    /// The greatest number of entries.
    public var entries: Int64
    /// The greatest size of the uncompressed archive, in bytes.
    public var bytes: Int64
    /// The greatest length of a path in bytes.
    public var pathLength: Int

    /// Makes limits; the defaults are far above every image in use.
    public init(entries: Int64 = 10_000_000, bytes: Int64 = 256 << 30, pathLength: Int = 4096) {
        self.entries = entries
        self.bytes = bytes
        self.pathLength = pathLength
    }
}

/// How a change set is applied to a directory.
public struct ApplyOptions: Sendable {
    /// What becomes of whiteouts and opaque directories.
    public enum Whiteouts: Sendable, Hashable {
        /// They are kept in overlayfs's form: the directory is a layer.
        case overlay(OverlayFlavor)
        /// They remove what they name: the directory is a whole file system.
        case remove
    }

    /// What becomes of owners, devices and attributes that this process may not set.
    public enum Ownership: Sendable, Hashable {
        /// They are set; ids that the user namespace does not map are recorded.
        case set
        /// They are kept in extended attributes `user.drydock.…`, and written again by `LayerWriter`.
        case record
    }

    /// What becomes of whiteouts.
    public var whiteouts: Whiteouts
    /// What becomes of owners.
    public var ownership: Ownership
    /// Bounds.
    public var limits: LayerLimits
    /// The layers below, top first: needed only for hard links whose target is in a layer below.
    public var lower: [FilePath]
    /// Whether everything is on the disk when the work is done (one `syncfs`).
    public var sync: Bool

    /// Makes options.
    public init(
        whiteouts: Whiteouts, ownership: Ownership = .set, limits: LayerLimits = LayerLimits(), lower: [FilePath] = [],
        sync: Bool = true
    ) {
        self.whiteouts = whiteouts
        self.ownership = ownership
        self.limits = limits
        self.lower = lower
        self.sync = sync
    }

    /// What this process can do: root of the machine uses `trusted.` attributes and sets owners; root of a user
    /// namespace uses `user.` attributes and sets owners where more than one id is mapped; anyone else records.
    public static func forThisProcess() -> ApplyOptions { ProcessPrivileges.current.applyOptions }
}

/// What was found out while a change set was applied.
public struct AppliedLayer: Sendable, Hashable {
    /// The digest of the uncompressed tar.
    public var diffID: Digest
    /// The digest of the bytes as they came.
    public var digest: Digest
    /// The number of bytes as they came.
    public var compressedSize: Int64
    /// The size of the uncompressed tar, in bytes.
    public var tarSize: Int64
    /// The sum of the sizes of the regular files and symbolic links, in bytes; hard links count once.
    public var fileBytes: Int64
    /// The number of entries.
    public var entries: Int64
}

/// A moment, exact to the nanosecond.
public struct Timestamp: Sendable, Hashable, Comparable {
    /// Seconds since 1970-01-01 00:00 UTC; may be negative.
    public var seconds: Int64
    /// Nanoseconds within the second, 0..<1_000_000_000.
    public var nanoseconds: UInt32

    /// Makes a moment.
    public init(seconds: Int64, nanoseconds: UInt32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// Whether one moment is before another.
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }
}

/// One entry of a layer that is made in memory.
public struct LayerEntry: Sendable {
    /// The content of a regular file.
    public enum Content: Sendable {
        /// These bytes.
        case bytes([UInt8])
        /// The content that this file has when the layer is written.
        case file(FilePath)
    }

    /// What the entry is.
    public enum Kind: Sendable {
        /// A directory.
        case directory
        /// A regular file.
        case file(Content)
        /// A symbolic link with its target.
        case symbolicLink(String)
        /// Another name for a file of this layer: its path.
        case hardLink(FilePath)
        /// A character device.
        case characterDevice(major: UInt32, minor: UInt32)
        /// A block device.
        case blockDevice(major: UInt32, minor: UInt32)
        /// A named pipe.
        case fifo
        /// Says that the path is removed from the layers below.
        case whiteout
    }

    /// The path in the image; a leading `/` does not matter.
    public var path: FilePath
    /// What it is.
    public var kind: Kind
    /// Permission bits with set-uid, set-gid and sticky.
    public var mode: UInt32
    /// The owner.
    public var uid: UInt32
    /// The group.
    public var gid: UInt32
    /// The time of the last change.
    public var mtime: Timestamp
    /// Extended attributes, by their full names.
    public var attributes: [String: [UInt8]]
    /// For a directory: whether it hides what the layers below have in it.
    public var opaque: Bool

    /// Makes an entry; without `mode`, directories get 0755, links 0777 and everything else 0644.
    public init(
        _ path: FilePath, _ kind: Kind, mode: UInt32? = nil, uid: UInt32 = 0, gid: UInt32 = 0,
        mtime: Timestamp = Timestamp(seconds: 0), attributes: [String: [UInt8]] = [:], opaque: Bool = false
    ) {
        self.path = path
        self.kind = kind
        let usual: UInt32 =
            switch kind {
            case .directory: 0o755
            case .symbolicLink: 0o777
            default: 0o644
            }
        self.mode = mode ?? usual
        self.uid = uid
        self.gid = gid
        self.mtime = mtime
        self.attributes = attributes
        self.opaque = opaque
    }
}

/// How a layer is compressed when it is written.
public enum LayerCompression: Sendable, Hashable {
    /// Not at all.
    case none
    /// gzip at a level from 1 (fast) to 9 (small).
    case gzip(level: Int)
    /// Zstandard at a level from 1 to 19.
    case zstd(level: Int)

    /// The media type of such a layer.
    public var mediaType: MediaType {
        switch self {
        case .none: .ociLayer
        case .gzip: .ociLayerGzip
        case .zstd: .ociLayerZstd
        }
    }
}

/// What was found out while a layer was written.
public struct WrittenLayer: Sendable, Hashable {
    /// The digest of the uncompressed tar.
    public var diffID: Digest
    /// The digest of the bytes that came out.
    public var digest: Digest
    /// The number of bytes that came out.
    public var size: Int64
    /// The size of the uncompressed tar, in bytes.
    public var tarSize: Int64
    /// The sum of the sizes of the regular files and symbolic links, in bytes; hard links count once.
    public var fileBytes: Int64
    /// The number of entries.
    public var entries: Int64
    /// The compression, as a media type.
    public var mediaType: MediaType

    /// The layer's descriptor in a manifest.
    public var descriptor: Descriptor { Descriptor(mediaType: mediaType, digest: digest, size: size) }
}

/// Takes bytes in order; an error that it throws ends the work.
public typealias ByteSink = (UnsafeRawBufferPointer) throws(DrydockError) -> Void

/// The root directory of a layer.
public enum LayerRoot {
    /// The layers of which something is seen, top first: those above, and including, the first whose root is opaque (an
    /// archive with `.wh..wh..opq` at its root). Kernels do not look for that mark on the root of a lower directory.
    public static func seen(_ layers: [FilePath]) -> [FilePath] {
        for (number, layer) in layers.dropLast().enumerated() {
            for flavor in [OverlayFlavor.trusted, .user]
            where (try? ExtendedAttributes.get(path: layer.string, flavor.prefix + "opaque")) == [0x79] {
                return Array(layers[...number])
            }
        }
        return layers
    }
}

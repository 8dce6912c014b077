public import Diagnostics
public import SystemPackage

/// Applies a tar change set, compressed or not, to a directory (OCI image-spec, layer.md).
///
/// Nothing outside the directory is ever touched, whatever the archive says. The directory appears under the caller's
/// name for it at once: give a temporary one and rename it. An instance takes bytes as they come (`write`), unpacks
/// them on threads of its own, and must be finished or cancelled.
public final class LayerApplier: Sendable {
    /// Begins to apply a change set to an existing directory.
    /// - Throws: code `.system` where the directory cannot be opened.
    public init(into directory: FilePath, options: ApplyOptions) throws(DrydockError) {
    }

    /// Takes the next bytes of the archive. Blocks while too many bytes wait to be unpacked, so do not call it on the
    /// cooperative pool.
    /// - Throws: what made the unpacking fail, as soon as that is known.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(DrydockError) {
    }

    /// Says that all bytes have been given, and waits until they are unpacked.
    /// - Throws: code `.corrupt` for an archive that is damaged or hostile, `.exhausted` where a limit is passed or the
    ///   disk is full, `.system` for other failures.
    public func finish() throws(DrydockError) -> AppliedLayer {
        throw DrydockError(.internal, "not ready")
    }

    /// Ends the work early; what has been unpacked stays for the caller to remove.
    public func cancel() {
    }

    /// Applies everything that can be read from a file or a pipe, on the calling thread and helpers.
    public static func apply(
        from source: FileDescriptor, into directory: FilePath, options: ApplyOptions
    ) throws(DrydockError) -> AppliedLayer {
        throw DrydockError(.internal, "not ready")
    }
}

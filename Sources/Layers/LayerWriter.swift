public import Diagnostics
public import SystemPackage

/// Writes layers: tar in the PAX form, sorted, with nothing in it that depends on the machine or the moment, so that
/// the same tree always gives the same digest.
public enum LayerWriter {
    /// Writes a layer from entries; missing parent directories are not added.
    ///
    /// The entries are written sorted by path; of several with the same path the last counts.
    /// - Throws: code `.invalidArgument` for a path that leaves the root, `.system` where a file cannot be read, and
    ///   whatever `sink` throws.
    public static func write(
        entries: [LayerEntry], compression: LayerCompression = .gzip(level: 6), to sink: ByteSink
    ) throws(DrydockError) -> WrittenLayer {
        throw DrydockError(.internal, "not ready")
    }

    /// Writes a layer from an overlay upper directory or an unpacked layer: whiteouts (character device 0:0, or the
    /// attribute form) and opaque directories become OCI's `.wh.` names, attributes private to overlayfs and to
    /// Drydock are left out, recorded owners are put back, sockets are left out.
    public static func write(
        directory: FilePath, compression: LayerCompression = .gzip(level: 6), to sink: ByteSink
    ) throws(DrydockError) -> WrittenLayer {
        throw DrydockError(.internal, "not ready")
    }
}

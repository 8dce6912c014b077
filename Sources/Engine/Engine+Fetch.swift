public import Diagnostics
import ImageStore
import Linux
public import OCI
import RegistryClient
public import SystemPackage

extension Engine {
    /// Fetches an image into an OCI image layout without unpacking it (OCI image-spec, image-layout.md). Every blob is
    /// verified on the way, and synced.
    /// - Returns: the descriptor of the manifest.
    public func fetch(
        _ reference: Reference, into directory: FilePath, _ span: Span
    ) async throws(DrydockError) -> Descriptor {
        let client = try client()
        let resolved = try await client.resolve(reference.withDefaultTag, span: span)
        try Files.makeDirectories(directory)
        let blobs = try BlobStore(root: directory)
        let config = try await client.blob(resolved.manifest.config, of: resolved.reference, span: span)
        try blobs.put(config, expecting: resolved.manifest.config.digest)
        try blobs.put(resolved.raw.bytes, expecting: resolved.raw.digest)
        var seen: Set<Digest> = []
        let layers = resolved.manifest.layers.filter { seen.insert($0.digest).inserted && !blobs.has($0.digest) }
        try await client.fetch(layers, of: resolved.reference, span: span) { download in
            let writer = try blobs.writer(download.descriptor.digest.algorithm)
            do {
                for try await bytes in download.bytes(from: 0) { try bytes.withUnsafeBytes(writer.write) }
                try writer.commit(expecting: download.descriptor.digest, size: download.descriptor.size)
            } catch {
                writer.cancel()
                throw error
            }
        }
        let index = Index(manifests: [resolved.raw.descriptor])
        try AtomicFile.write(Array(index.json.compact.utf8), to: directory.appending("index.json"), durable: false)
        let layout: JSONValue = ["imageLayoutVersion": "1.0.0"]
        try AtomicFile.write(Array(layout.compact.utf8), to: directory.appending("oci-layout"), durable: false)
        return resolved.raw.descriptor
    }
}

import Diagnostics
import OCI

/// Reads one blob; see `BlobStream`.
struct BlobReader {
    let client: RegistryClient
    let descriptor: Descriptor
    let reference: Reference
    let span: Span
    var digester: Digester

    mutating func next() async throws(DrydockError) -> BlobBytes? { nil }
}

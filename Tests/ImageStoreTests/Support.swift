import Diagnostics
import Glibc
import ImageStore
import Layers
import OCI
import SystemPackage
import Testing

/// A store in a directory that is removed when the test is over.
final class StoreFixture: Sendable {
    let root: FilePath
    let store: ImageStore

    init() throws {
        var template = Array("/tmp/drydock-store-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        root = FilePath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
        store = try ImageStore(root: root.appending("store"))
    }

    deinit { try? LayerApplier.remove(root) }

    /// A second look at the same store, as another process has it.
    func another() throws -> ImageStore { try ImageStore(root: root.appending("store")) }

    /// Makes an image of layers that each have one file.
    @discardableResult
    func image(
        _ layers: [String], names: [String], parent: Digest? = nil, created: String = "2024-01-02T03:04:05Z",
        labels: [String: String] = [:], digest: Bool = false
    ) throws -> ImageRecord {
        let lease = try store.beginLease()
        defer { lease.end() }
        var config = ImageConfig(platform: .current)
        config.created = created
        config.config.labels = labels
        var chain: Digest?
        for layer in layers {
            let record = try lease.commit(
                entries: [LayerEntry(FilePath(layer), .file(.bytes(Array(layer.utf8))))], parent: chain)
            chain = record.chainID
            config.diffIDs.append(record.diffID)
        }
        let manifest = Array("{\"schemaVersion\":2, \"of\": \"\(names)\"}".utf8)
        var references = try names.map { try Reference(parsing: $0) }
        if digest, let first = references.first { references.append(first.pinned(to: Digest.sha256(manifest))) }
        return try lease.register(
            NewImage(
                config: Array(config.json.compact.utf8), manifest: digest ? (manifest, .ociManifest) : nil,
                references: references, parent: parent))
    }

    func container(_ number: Int, name: String, of image: ImageRecord) throws -> ContainerRecord {
        let id = String(repeating: "0", count: 62) + (number < 10 ? "0" : "") + "\(number)"
        let record = ContainerRecord(
            id: String(id.reversed()), name: name, image: image.id, chain: image.chain.last, created: Int64(number),
            document: "{}")
        try store.add(record)
        return record
    }

    /// What lies in a directory of the store.
    func names(_ directory: String) throws -> [String] {
        guard let stream = opendir(root.appending("store").appending(directory).string) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}

/// Collects what a writer writes.
final class Bytes {
    var all: [UInt8] = []
    var sink: ByteSink { { [self] bytes throws(DrydockError) in all.append(contentsOf: bytes) } }
}

/// The error that some work throws.
func failure(_ work: () throws -> Void) -> DrydockError? {
    do {
        try work()
        return nil
    } catch {
        return error as? DrydockError
    }
}

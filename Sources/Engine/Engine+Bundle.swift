public import Diagnostics
import Glibc
import ImageStore
import Layers
import Linux
import Runtime
public import SystemPackage

extension Engine {
    /// What the runtime would do to start a container, operation by operation, without doing it.
    public func launchPlan(_ name: String) throws(DrydockError) -> String {
        let (record, document) = try find(name)
        return try runtime.plan(try specification(record, document)).text
    }

    /// The container's `config.json` (OCI runtime specification).
    public func bundleConfiguration(_ name: String) throws(DrydockError) -> JSONValue {
        let (record, document) = try find(name)
        var spec = try specification(record, document)
        if spec.seccompProfile == nil, !spec.seccompFilter.isEmpty { spec.seccompProfile = .docker }
        return try runtime.bundle(spec)
    }

    /// Writes a container as an OCI bundle, `config.json` and `rootfs`, into a directory that does not exist yet. The
    /// files are a copy of the container's; those of a running container may change while they are copied.
    public func writeBundle(_ name: String, to directory: FilePath) throws(DrydockError) {
        let (record, document) = try find(name)
        let config = try bundleConfiguration(name)
        guard mkdir(directory.string, 0o755) == 0 else {
            throw errno == EEXIST
                ? DrydockError(
                    .conflict, "\(directory) exists already", remedy: "Name a directory that does not exist yet.")
                : .system("mkdir \(directory)", errno: errno)
        }
        do throws(DrydockError) {
            let spec = try specification(record, document)
            if !isRunning(record.id) { try runtime.prepareBundle(spec) }
            var layers: [FilePath] = []
            if let chain = record.chain { layers = try store.layerMounts(chain: chain) }
            try Files.makeDirectories(directory.appending("rootfs"))
            try FlatTree.copy(
                document.driver == .vfs ? [upper(record.id)] : [upper(record.id)] + layers + initLayer(),
                to: directory.appending("rootfs"))
            try AtomicFile.write(
                Array((config.pretty() + "\n").utf8), to: directory.appending("config.json"), durable: false)
        } catch {
            try? Files.removeTree(directory)
            throw error
        }
    }
}

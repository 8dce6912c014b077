import CLinux
public import Diagnostics
import Glibc
public import Linux
import SystemPackage

/// The files of a container as its programs see them, for as long as this exists.
public struct ContainerRoot: Sendable {
    /// The root directory. Open what is below it with `FileAt.openInRoot`: links in the container lead nowhere else.
    public let directory: OwnedDescriptor
    private let space: OwnedDescriptor?
    private let claim: ContainerClaim?

    init(directory: OwnedDescriptor, space: OwnedDescriptor? = nil, claim: ContainerClaim? = nil) {
        self.directory = directory
        self.space = space
        self.claim = claim
    }

    /// Lets go of it.
    public func close() {
        directory.close()
        space?.close()
        claim?.release()
    }
}

extension ContainerRuntime {
    /// The files of a container: through its first process where it runs, else mounted for this process alone. As long as
    /// the root of one that does not run is open, it is not started.
    ///
    /// An ordinary user must have called `UserNamespace.enter` in this process.
    public func root(_ id: String, _ spec: ContainerSpec) throws(DrydockError) -> ContainerRoot {
        var patience = Patience()
        for _ in 0..<5000 {
            if let info = try state(id).running {
                if info.monitor == 0 { return try rootUnattended(info, id) }
                if let root = try runningRoot(id) { return root }
            } else if let claim = try claim(id) {
                do throws(DrydockError) {
                    return try mountedRoot(spec, claim)
                } catch {
                    claim.release()
                    throw error
                }
            }
            // It is just being started, or its monitor puts things away.
            patience.pause()
        }
        throw DrydockError(.unavailable, "container \(id) is restarting, wait until the container is running")
    }

    private func runningRoot(_ id: String) throws(DrydockError) -> ContainerRoot? {
        guard let connection = try? connect(id) else { return nil }
        try connection.send(Frame(.root))
        var buffer = [UInt8](repeating: 0, count: 4096)
        var descriptor: Int32 = -1
        let count = buffer.withUnsafeMutableBytes {
            cl_receive(connection.socket.number, $0.baseAddress, $0.count, &descriptor)
        }
        guard count > 0, descriptor >= 0 else { return nil }
        return ContainerRoot(directory: OwnedDescriptor(descriptor))
    }

    private func mountedRoot(_ spec: ContainerSpec, _ claim: ContainerClaim) throws(DrydockError) -> ContainerRoot {
        guard case .overlay(let lower, let upper, let work) = spec.root else {
            guard case .directory(let path) = spec.root else { throw Self.missing(spec.id) }
            return ContainerRoot(directory: try OwnedDescriptor.place(path), claim: claim)
        }
        // Over nothing there is nothing to stack.
        if lower.isEmpty { return ContainerRoot(directory: try OwnedDescriptor.place(upper), claim: claim) }
        let target = directory(spec.id).appending("root")
        for path in [target, upper, work] { try Files.makeDirectories(path) }
        VolatileMark.clear(VolatileMark.path(work: work))
        var sources: [(source: String, target: String, readOnly: Bool)] = []
        for mount in spec.mounts {
            switch mount.source {
            case .bind(let source), .bindWith(let source, _, _):
                sources.append((source.string, mount.target, mount.readOnly))
            case .tmpfs: break
            }
        }
        // One that was never started has none yet; a volume of that place lies over them.
        for name in ["resolv.conf", "hostname", "hosts"] where !sources.contains(where: { $0.target == "/etc/\(name)" })
        {
            let file = directory(spec.id).appending(name)
            if Files.exists(file) { sources.append((file.string, "/etc/\(name)", spec.readOnlyRoot)) }
        }
        var space: Int32 = -1
        let isUser: Int32 = UserNamespace.current == .root ? 0 : 1
        let layers: [UnsafePointer<CChar>?] = (lower + [upper, work]).map { UnsafePointer(strdup($0.string)) }
        defer { for layer in layers { free(UnsafeMutableRawPointer(mutating: layer)) } }
        let number = withBinds(sources) { binds, count in
            cl_mount_root(layers, Int32(lower.count), isUser, target.string, binds, count, &space)
        }
        guard number >= 0 else { throw .system("mount overlay on \(target)", errno: -number) }
        return ContainerRoot(
            directory: OwnedDescriptor(number), space: space >= 0 ? OwnedDescriptor(space) : nil, claim: claim)
    }

    private func withBinds(
        _ binds: [(source: String, target: String, readOnly: Bool)],
        _ body: (UnsafePointer<cl_bind>?, Int32) -> Int32
    ) -> Int32 {
        let table = binds.map {
            cl_bind(source: strdup($0.source), target: strdup($0.target), read_only: $0.readOnly ? 1 : 0)
        }
        defer {
            for entry in table {
                free(UnsafeMutableRawPointer(mutating: entry.source))
                free(UnsafeMutableRawPointer(mutating: entry.target))
            }
        }
        return table.withUnsafeBufferPointer { body($0.baseAddress, Int32($0.count)) }
    }
}

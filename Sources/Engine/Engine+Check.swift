public import Diagnostics
import Glibc
import ImageStore
import Linux
import OCI
import Runtime
import SystemPackage

/// What `drydock system check` found.
public struct CheckReport: Sendable {
    /// Something that is not as it must be.
    public struct Problem: Sendable, Hashable {
        /// `leftover`, `missing`, `damaged` and so on.
        public var kind: String
        /// What has it.
        public var object: String
        /// What is wrong.
        public var detail: String
        /// Whether it has been repaired.
        public var isRepaired: Bool
    }

    /// What was found.
    public var problems: [Problem]
    /// How many images, layers and containers there are.
    public var images: Int, layers: Int, containers: Int

    /// Whether everything is in order now.
    public var isConsistent: Bool { problems.allSatisfy(\.isRepaired) }

    /// The report as `--json` prints it.
    public var json: JSONValue {
        [
            "consistent": .bool(isConsistent), "images": .int(Int64(images)), "layers": .int(Int64(layers)),
            "containers": .int(Int64(containers)),
            "problems": .array(
                problems.map {
                    [
                        "kind": .string($0.kind), "object": .string($0.object), "detail": .string($0.detail),
                        "repaired": .bool($0.isRepaired),
                    ]
                }),
        ]
    }
}

extension Engine {
    /// Looks at every invariant of the store and of the containers' directories (docs/store.md).
    /// - Parameters:
    ///   - repair: also mends what can be mended.
    ///   - contents: also compares every layer and blob with its digest.
    public func check(repair: Bool, contents: Bool) throws(DrydockError) -> CheckReport {
        var problems = try store.check(repair: repair, contents: contents).map {
            CheckReport.Problem(
                kind: $0.kind.rawValue, object: $0.object, detail: $0.detail, isRepaired: $0.isRepaired)
        }
        let records = try store.containers(reading: [])
        let known = Set(records.map(\.id))
        for record in records where !Files.exists(upper(record.id)) {
            problems.append(
                CheckReport.Problem(
                    kind: "missing", object: "container \(record.id)", detail: "its directory is missing",
                    isRepaired: false))
        }
        let removed = Set(try store.removedContainers())
        let ahead = runtime.directoriesAhead()
        let spared = known.union(ahead.map(\.id))
        for name in try Self.directories(in: home.containers) where !spared.contains(name) && !isRunning(name) {
            // A directory whose row is not there yet may belong to a container that is being made just now.
            guard isOld(name) || removed.contains(name) else { continue }
            guard repair else {
                problems.append(Self.stray(name, isRepaired: false))
                continue
            }
            releaseRoot(name)
            try runtime.remove(name)
            problems.append(Self.stray(name, isRepaired: true))
        }
        // A directory that was being removed when its command was killed.
        for name in (try? Files.names(in: home.containers)) ?? [] {
            guard let id = ContainerRuntime.condemned(name) else { continue }
            if repair { try runtime.finishRemoval(id) }
            problems.append(Self.stray(name, isRepaired: repair))
        }
        for directory in ahead where directory.isAbandoned {
            if repair { runtime.discard(directory) }
            problems.append(Self.stray(directory.id, isRepaired: repair))
        }
        return CheckReport(
            problems: problems, images: try store.images(intermediate: true).count, layers: try store.layerCount(),
            containers: records.count)
    }

    /// See `EngineOperations`.
    public func recover() throws(DrydockError) {
        _ = try check(repair: true, contents: false)
        // One that was to remove itself, and whose monitor died before.
        for record in try store.containers() where (try? document(of: record).autoRemove) == true {
            guard case .exited(let info)? = try? runtime.state(record.id), info.lost else { continue }
            try? removeContainer(record.id, force: false, volumes: true)
        }
    }

    private static func stray(_ name: String, isRepaired: Bool) -> CheckReport.Problem {
        CheckReport.Problem(
            kind: "stray", object: "containers/\(name)", detail: "no container has this directory",
            isRepaired: isRepaired)
    }

    private static func directories(in path: FilePath) throws(DrydockError) -> [String] {
        guard Files.exists(path) else { return [] }
        return try Files.names(in: path).filter { $0.utf8.count == 64 }.sorted()
    }

    /// Whether a container's directory was made a minute ago or earlier.
    private func isOld(_ id: String) -> Bool {
        guard let status = try? FileAt.status(FileAt.workingDirectory, runtime.directory(id).string) else {
            return false
        }
        return status.mtimeSeconds < WallClock.now / 1_000_000_000 - 60
    }
}

public import Diagnostics
import ImageStore
import OCI
import Runtime
import SystemPackage

extension Engine {
    /// See `EngineOperations`.
    public func containers(
        all: Bool, sizes: Bool, matching filters: Filters
    ) throws(DrydockError) -> [ContainerSummary] {
        let filter = try ContainerFilter(filters, engine: self)
        let entries = try store.containers(reading: ListedValues.paths)
        let names = try store.images(spelled: Set(entries.map { ListedValues($0.values).text(.image) }))
        let imageSizes = sizes ? try store.imageSizes() : [:]
        var lines: [ContainerSummary] = []
        for entry in entries {
            let state = try runtime.state(entry.id)
            if removesItself(entry.id, state) { continue }
            guard all || filter.impliesAll || state.isRunning else { continue }
            var line = Self.summary(entry, state)
            if let info = state.running, info.monitor != 0 { line.health = runtime.health(entry.id)?["Status"]?.string }
            if line.image != entry.image?.description {
                if let image = entry.image, names[line.image] != image { line.image = image.description }
            }
            guard filter.accepts(line, created: entry.created) else { continue }
            if sizes {
                let own = DiskUsage.bytes(below: "\(runtime.containers.string)/\(entry.id)/upper")
                line.size = (own, entry.image.flatMap { imageSizes[$0] } ?? 0)
            }
            lines.append(line)
        }
        return lines
    }

    private static func summary(_ entry: ContainerEntry, _ state: ContainerState) -> ContainerSummary {
        let values = ListedValues(entry.values)
        var line = ContainerSummary(
            id: entry.id, name: entry.name, image: values.text(.image), imageID: entry.image ?? noImage,
            command: [values.text(.path)] + values.texts(.arguments), created: entry.created / 1_000_000_000,
            status: .created)
        for (key, value) in values[.labels].pairs ?? [] { line.labels[key] = value.string ?? "" }
        line.mounts = (values[.mounts].array ?? []).compactMap { $0["Name"]?.string ?? $0["Source"]?.string }
        line.mountTargets = (values[.mounts].array ?? []).compactMap { $0["Destination"]?.string }
        let network = values.text(.network)
        line.networks = [network == "default" ? "bridge" : network]
        switch state {
        case .created:
            if let failure = values[.failure]["ExitCode"]?.int { line.exitCode = Int32(truncatingIfNeeded: failure) }
        case .running(let info):
            line.status = .running
            line.startedAt = info.startedAt / 1_000_000_000
            line.ports = info.network.ports.map {
                CreateRequest.Port(
                    hostAddress: $0.hostAddress, hostPort: $0.hostPort, containerPort: $0.containerPort,
                    transport: $0.transport.rawValue)
            }
            let published = Set(line.ports.map { "\($0.containerPort)/\($0.transport)" })
            line.exposed = (values[.exposed].pairs ?? []).map(\.key).sorted().filter { !published.contains($0) }
            if info.paused { line.status = .paused }
        case .exited(let info), .restarting(let info):
            line.status = state.isRunning ? .restarting : .exited
            line.startedAt = info.startedAt / 1_000_000_000
            line.finishedAt = info.finishedAt / 1_000_000_000
            line.exitCode = info.code
        }
        return line
    }

    /// What stands for the image of a container that has none any more.
    static let noImage = Digest.sha256([])
}

/// What a list shows of a container's document; the rest of the document is not read.
private struct ListedValues {
    enum Value: Int, CaseIterable {
        case image, path, arguments, labels, mounts, network, exposed, failure
    }

    static let paths = [
        "$.Config.Image", "$.Path", "$.Args", "$.Config.Labels", "$.Mounts", "$.HostConfig.NetworkMode",
        "$.Config.ExposedPorts", "$.\(ContainerDocument.failureKey)",
    ]

    private let values: [JSONValue]

    init(_ values: [JSONValue]) { self.values = values }

    subscript(_ value: Value) -> JSONValue {
        values.indices.contains(value.rawValue) ? values[value.rawValue] : .null
    }

    func text(_ value: Value) -> String { self[value].string ?? "" }

    func texts(_ value: Value) -> [String] { (self[value].array ?? []).compactMap(\.string) }
}

public import Diagnostics
import ImageStore
import OCI
import Runtime

extension Engine {
    /// See `EngineOperations`.
    public func inspectContainer(_ name: String, size: Bool) throws(DrydockError) -> JSONValue {
        let (record, document) = try find(name)
        return try inspect(record, document, size: size)
    }

    func inspect(
        _ record: ContainerRecord, _ document: ContainerDocument, size: Bool
    ) throws(DrydockError) -> JSONValue {
        let state = try runtime.state(record.id)
        var result: [(key: String, value: JSONValue)] = []
        for (key, value) in document.json.pairs ?? [] where key != ContainerDocument.failureKey {
            result.append((key: key, value: value))
            if key == "Args" { result.append((key: "State", value: Self.document(of: state, document))) }
        }
        var json = JSONValue.object(result)
        if case .running(let info) = state {
            json = json.setting("NetworkSettings", Self.networkSettings(info.network, record.id, document))
        }
        if size {
            let own = DiskUsage.bytes(below: upper(record.id))
            let image = try record.image.flatMap { image throws(DrydockError) in try store.image(id: image)?.size }
            json = json.setting("SizeRw", .int(own)).setting("SizeRootFs", .int(own + (image ?? 0)))
        }
        return InspectDocuments.container(json)
    }

    private static func document(of state: ContainerState, _ document: ContainerDocument) -> JSONValue {
        func time(_ nanoseconds: Int64) -> JSONValue {
            .string(
                Timestamp(
                    seconds: nanoseconds / 1_000_000_000, nanoseconds: Int32(nanoseconds % 1_000_000_000)
                ).description)
        }
        var status = "created"
        var (pid, code): (Int64, Int64) = (0, 0)
        var (started, finished): (JSONValue, JSONValue) = (.string(never), .string(never))
        var error = ""
        var outOfMemory = false
        switch state {
        case .created:
            code = Int64(document.failure?.code ?? 0)
            error = document.failure?.message ?? ""
        case .running(let info):
            (status, pid, started) = ("running", Int64(info.pid), time(info.startedAt))
        case .exited(let info):
            (status, code, outOfMemory) = ("exited", Int64(info.code), info.outOfMemory)
            (started, finished) = (time(info.startedAt), time(info.finishedAt))
        }
        return [
            "Status": .string(status), "Running": .bool(status == "running"), "Paused": false, "Restarting": false,
            "OOMKilled": .bool(outOfMemory), "Dead": false, "Pid": .int(pid), "ExitCode": .int(code),
            "Error": .string(error), "StartedAt": started, "FinishedAt": finished,
        ]
    }

    private static func networkSettings(
        _ network: NetworkInfo, _ id: String, _ document: ContainerDocument
    ) -> JSONValue {
        var ports = JSONValue.object([])
        for port in document.config.exposedPorts { ports = ports.setting(port, nil) }
        for port in network.ports {
            let key = "\(port.containerPort)/\(port.transport.rawValue)"
            let binding: JSONValue = [
                "HostIp": .string(port.hostAddress), "HostPort": .string(String(port.hostPort)),
            ]
            ports = ports.setting(key, .array((ports[key]?.array ?? []) + [binding]))
        }
        let address: [(key: String, value: JSONValue)] = [
            ("Gateway", .string(network.gateway)), ("IPAddress", .string(network.address)),
            ("IPPrefixLen", .int(Int64(network.prefix))), ("MacAddress", .string(network.hardwareAddress)),
        ]
        let name = document.networkMode == "default" ? "bridge" : document.networkMode
        return .object(
            [
                ("Bridge", ""), ("SandboxID", .string(id)), ("SandboxKey", ""), ("Ports", ports),
            ] + address + [("Networks", .object([(key: name, value: .object(address))]))])
    }
}

/// The filters of `docker ps`.
struct ContainerFilter {
    private let filters: Filters
    private let ancestors: Set<Digest>
    private let before: Int64?
    private let since: Int64?

    private static let known: Set<String> = [
        "id", "name", "status", "label", "ancestor", "exited", "before", "since", "network", "volume", "publish",
        "expose", "health", "is-task",
    ]

    init(_ filters: Filters, engine: Engine) throws(DrydockError) {
        for name in filters.keys where !Self.known.contains(name) { throw .invalidFilter(name) }
        for status in filters["status"] ?? [] where ContainerStatus(rawValue: status) == nil && status != "removing" {
            throw DrydockError(.invalidArgument, "invalid filter 'status=\(status)'")
        }
        self.filters = filters
        before = try filters["before"]?.first.map { name throws(DrydockError) in
            try engine.store.container(name).created
        }
        since = try filters["since"]?.first.map { name throws(DrydockError) in
            try engine.store.container(name).created
        }
        var ancestors: Set<Digest> = []
        for name in filters["ancestor"] ?? [] {
            guard let image = try? engine.store.image(name) else { continue }
            ancestors.insert(image.id)
            for child in try engine.store.images(intermediate: true)
            where child.chain.starts(with: image.chain) { ancestors.insert(child.id) }
        }
        self.ancestors = ancestors
    }

    /// Some filters ask about containers that do not run, as with `-a`.
    var impliesAll: Bool { ["status", "exited", "before", "since"].contains { filters[$0] != nil } }

    func accepts(_ line: ContainerSummary, created: Int64) -> Bool {
        func any(_ name: String, _ test: (String) -> Bool) -> Bool {
            filters[name].map { $0.contains(where: test) } ?? true
        }
        if let before, created >= before { return false }
        if let since, created <= since { return false }
        return any("id") { line.id.hasPrefix($0) }
            && any("name") { wanted in Self.matches(wanted, line.name) }
            && any("status") { line.status.rawValue == $0 }
            && any("exited") { line.status == .exited && line.exitCode.map(String.init) == $0 }
            && any("network") { line.networks.contains($0) }
            && any("volume") { line.mounts.contains($0) }
            && labels(line.labels, satisfy: filters["label"] ?? [])
            && (filters["ancestor"] == nil || ancestors.contains(line.imageID))
    }

    /// A name filter is a regular expression that may match anywhere; the anchors are what people use.
    private static func matches(_ pattern: String, _ name: String) -> Bool {
        if let regex = try? Regex(pattern) {
            return name.contains(regex) || "/\(name)".contains(regex)
        }
        return name.contains(pattern)
    }
}

public import Diagnostics
import ImageStore
import OCI
import Runtime
import SystemPackage

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
            if key == "Args" {
                var shown = Self.document(of: state, document)
                // Nobody asks one for its health whose monitor was killed.
                if document.config.healthcheck?.isOn == true, state != .created, state.running?.monitor != 0,
                    let health = runtime.health(record.id)
                {
                    // As with Docker, nobody vouches for one that has ended.
                    shown = shown.setting(
                        "Health", state.isRunning ? health : health.setting("Status", .string("unhealthy")))
                }
                result.append((key: "State", value: shown))
            }
        }
        var json = JSONValue.object(result).setting("RestartCount", .int(Int64(state.restarts)))
        let executions = runtime.executions(record.id)
        if !executions.isEmpty { json = json.setting("ExecIDs", .strings(executions)) }
        if case .running(let info) = state {
            json = json.setting("NetworkSettings", Self.networkSettings(info.network, record.id, document))
        }
        if size {
            let own = DiskUsage.bytes(below: upper(record.id).string)
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
            (status, pid, started) = (info.paused ? "paused" : "running", Int64(info.pid), time(info.startedAt))
        case .exited(let info), .restarting(let info):
            (status, code, outOfMemory) = (
                state.isRunning ? "restarting" : "exited", Int64(info.code), info.outOfMemory
            )
            (started, finished) = (time(info.startedAt), time(info.finishedAt))
        }
        return [
            "Status": .string(status), "Running": .bool(state.isRunning), "Paused": .bool(status == "paused"),
            "Restarting": .bool(status == "restarting"), "OOMKilled": .bool(outOfMemory), "Dead": false,
            "Pid": .int(pid), "ExitCode": .int(code), "Error": .string(error), "StartedAt": started,
            "FinishedAt": finished,
        ]
    }

    private static func networkSettings(
        _ network: NetworkInfo, _ id: String, _ document: ContainerDocument
    ) -> JSONValue {
        var ports = JSONValue.object(document.config.exposedPorts.map { (key: $0, value: nil) })
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
        for health in filters["health"] ?? [] where !["starting", "healthy", "unhealthy", "none"].contains(health) {
            throw DrydockError(.invalidArgument, "invalid filter 'health=\(health)'")
        }
        for code in filters["exited"] ?? [] where Int32(code) == nil {
            throw DrydockError(.invalidArgument, "invalid filter 'exited=\(code)'")
        }
        for name in ["publish", "expose"] {
            for port in filters[name] ?? [] where PortFilter(port) == nil {
                throw DrydockError(.invalidArgument, "invalid filter '\(name)=\(port)'")
            }
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
            ancestors.formUnion(try engine.store.descendants(of: image))
        }
        self.ancestors = ancestors
    }

    /// Who names a status asks about containers that do not run, as with `-a`; no other filter does.
    var impliesAll: Bool { filters["status"] != nil }

    func accepts(_ line: ContainerSummary, created: Int64) -> Bool {
        func any(_ name: String, _ test: (String) -> Bool) -> Bool {
            filters[name].map { $0.contains(where: test) } ?? true
        }
        if let before, created >= before { return false }
        if let since, created <= since { return false }
        guard any("id", { line.id.hasPrefix($0) }), any("name", { Self.matches($0, line.name) }),
            any("status", { line.status.rawValue == $0 }),
            any("exited", { line.status == .exited && line.exitCode.map(String.init) == $0 })
        else { return false }
        guard any("network", { line.networks.contains($0) }),
            any("volume", { line.mounts.contains($0) || line.mountTargets.contains($0) }),
            any("health", { $0 == line.health ?? "none" }), any("is-task", { $0 == "false" || $0 == "0" })
        else { return false }
        let names = line.exposed + line.ports.map { "\($0.containerPort)/\($0.transport)" }
        func isPublished(_ wanted: String) -> Bool {
            guard let filter = PortFilter(wanted) else { return false }
            return line.ports.contains { filter.accepts($0) }
        }
        func isExposed(_ wanted: String) -> Bool {
            guard let filter = PortFilter(wanted) else { return false }
            return names.contains { filter.accepts($0) }
        }
        guard any("publish", isPublished), any("expose", isExposed) else { return false }
        return labels(line.labels, satisfy: filters["label"] ?? [])
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

/// The ports of `publish=` and `expose=`: `80`, `80/udp`, `8000-8080/tcp`.
private struct PortFilter {
    private let range: ClosedRange<UInt16>
    private let transport: String

    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        transport = parts.count > 1 ? parts[1] : "tcp"
        let ends = parts[0].split(separator: "-", maxSplits: 1).map { UInt16($0) }
        guard ["tcp", "udp", "sctp"].contains(transport), let first = ends.first ?? nil else { return nil }
        guard let last = ends.count > 1 ? ends[1] : first, last >= first else { return nil }
        range = first...last
    }

    func accepts(_ port: CreateRequest.Port) -> Bool {
        transport == port.transport && range.contains(port.hostPort)
    }

    /// - Parameter name: `80/tcp`.
    func accepts(_ name: String) -> Bool {
        let parts = name.split(separator: "/")
        guard let number = parts.first.flatMap({ UInt16($0) }) else { return false }
        return range.contains(number) && (parts.count > 1 ? String(parts[1]) : "tcp") == transport
    }
}

extension ContainerState {
    /// How often it was started again since somebody started it.
    var restarts: Int {
        switch self {
        case .created: 0
        case .running(let info): info.restarts
        case .restarting(let info), .exited(let info): info.restarts
        }
    }
}

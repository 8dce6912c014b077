public import Diagnostics
import Glibc
import ImageStore
import Linux
import OCI
import SystemPackage

extension Engine {
    var eventLog: EventLog { EventLog(directory: home.events) }

    /// Notes that something happened, for `docker events`.
    /// - Parameters:
    ///   - type: what it happened to.
    ///   - action: Docker's word: `pull`, `tag`, `untag`, `delete`, `create`.
    ///   - id: the object's ID; for a pulled image the reference.
    ///   - attributes: what Docker tells with it, `name` at least.
    public func record(_ type: EventType, _ action: String, id: String, attributes: [String: String] = [:]) {
        eventLog.append(type: type.rawValue, action: action, id: id, attributes: attributes)
    }

    /// Notes that something happened to a container.
    func record(
        _ action: String, _ record: ContainerRecord, _ document: ContainerDocument, _ more: [String: String] = [:]
    ) {
        var attributes = document.config.labels
        attributes["image"] = document.imageName
        attributes["name"] = record.name
        self.record(.container, action, id: record.id, attributes: attributes.merging(more) { _, new in new })
    }

    /// Nanoseconds as Docker writes times: `1700000000.000000001`.
    private static func seconds(_ time: Int64) -> String {
        let rest = String(time % 1_000_000_000)
        return "\(time / 1_000_000_000)." + String(repeating: "0", count: 9 - rest.count) + rest
    }

    /// See `EngineOperations`.
    public func events(_ request: EventsRequest, _ emit: (JSONValue) -> Bool) throws(DrydockError) {
        let filter = try EventFilter(request.filters)
        if let since = request.since, let until = request.until, since > until {
            throw DrydockError(
                .invalidArgument,
                "`since` time (\(Self.seconds(since))) cannot be after `until` time (\(Self.seconds(until)))")
        }
        mkdir(home.events.string, 0o700)
        // Asked for before the first look, so that nothing falls between.
        let watch = FileWatch(directory: home.events)
        var reader = EventReader(eventLog)
        let begun = WallClock.now
        // Who says when to stop asks for what has happened already.
        let since = request.since ?? (request.until == nil ? begun : 0)
        let until = request.until ?? Int64.max
        while true {
            for event in reader.next() {
                let time = event["timeNano"]?.int ?? 0
                guard time >= since, time <= until, filter.accepts(event) else { continue }
                if !emit(event) { return }
            }
            let now = WallClock.now
            guard now < until, let watch else { return }
            let rest = until == .max ? -1 : Int32(clamping: (until - now) / 1_000_000 + 1)
            var entry = pollfd(fd: watch.descriptor.number, events: Int16(POLLIN), revents: 0)
            _ = poll(&entry, 1, rest)
            watch.drain()
        }
    }
}

/// The filters of `docker events`: values of one name are alternatives, names must all fit.
struct EventFilter {
    private let filters: Filters

    private static let known: Set<String> = [
        "config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope", "secret",
        "service", "type", "volume",
    ]

    init(_ filters: Filters) throws(DrydockError) {
        for name in filters.keys where !Self.known.contains(name) { throw .invalidFilter(name) }
        self.filters = filters
    }

    func accepts(_ event: JSONValue) -> Bool {
        let type = event["Type"]?.string ?? ""
        let action = event["Action"]?.string ?? ""
        let id = event.at("Actor.ID")?.string ?? ""
        let attributes = Dictionary(
            (event.at("Actor.Attributes")?.pairs ?? []).map { ($0.key, $0.value.string ?? "") },
            uniquingKeysWith: { first, _ in first })
        func fits(_ name: String, _ test: (String) -> Bool) -> Bool {
            filters[name].map { $0.contains(where: test) } ?? true
        }
        func object(_ kind: String) -> Bool {
            fits(kind) { type == kind && (id == $0 || attributes["name"] == $0 || id.hasPrefix($0)) }
        }
        func image(_ wanted: String) -> Bool {
            let names = type == "image" ? [id, attributes["name"] ?? ""] : [attributes["image"] ?? ""]
            return names.contains { $0 == wanted || Self.withoutTag($0) == wanted }
        }
        return fits("type") { type == $0 }
            && fits("event") { action == $0 || (action.hasPrefix($0 + ":") && !action.isEmpty) }
            && fits("scope") { $0 == "local" } && fits("image", image)
            && ["container", "network", "volume", "daemon", "plugin", "service", "node", "secret", "config"].allSatisfy(
                object)
            && labels(attributes, satisfy: filters["label"] ?? [])
    }

    private static func withoutTag(_ name: String) -> String {
        guard let colon = name.lastIndex(of: ":"), !name[colon...].contains("/") else { return name }
        return String(name[..<colon])
    }
}

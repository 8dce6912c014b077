import Diagnostics
import Engine

/// The list of containers.
enum ContainerListing {
    /// `docker container ls`
    static func listing(sizes: Bool) -> Listing {
        var listing = Listing(
            columns: [
                .init(field: "ID", heading: "CONTAINER ID"), .init(field: "Names", heading: "NAMES"),
                .init(field: "Image", heading: "IMAGE"), .init(field: "Command", heading: "COMMAND"),
                .init(field: "CreatedAt", heading: "CREATED AT"), .init(field: "RunningFor", heading: "CREATED"),
                .init(field: "Ports", heading: "PORTS"), .init(field: "State", heading: "STATE"),
                .init(field: "Status", heading: "STATUS"), .init(field: "Size", heading: "SIZE"),
                .init(field: "Labels", heading: "LABELS"), .init(field: "Mounts", heading: "MOUNTS"),
                .init(field: "LocalVolumes", heading: "LOCAL VOLUMES"), .init(field: "Networks", heading: "NETWORKS"),
                .init(field: "Platform", heading: "PLATFORM"),
            ],
            table: ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"] + (sizes ? ["Size"] : []),
            quiet: "ID", typeName: "*formatter.ContainerContext")
        listing.headingMethods = [
            "Label": { arguments throws(TemplateError) in
                let name = arguments.first?.string ?? ""
                let last = name.split(separator: ".").last ?? ""
                return .string(String(last.map { $0 == "-" || $0 == "_" ? " " : $0 }))
            }
        ]
        return listing
    }

    /// The rows and the list that shows them: labels can be asked for one by one.
    static func render(
        _ containers: [ContainerSummary], whole: Bool, sizes: Bool, format: String?, quiet: Bool, now: Double
    ) throws(Failure) -> String {
        var listing = listing(sizes: sizes)
        let labels = Dictionary(
            containers.map { (short($0.id, whole), $0.labels) }, uniquingKeysWith: { first, _ in first })
        listing.methods = { row in
            let own = labels[row["ID"]?.string ?? ""] ?? [:]
            return [
                "Label": { arguments throws(TemplateError) in .string(own[arguments.first?.string ?? ""] ?? "") }
            ]
        }
        return try listing.render(containers.map { row($0, whole: whole, now: now) }, format: format, quiet: quiet)
    }

    private static func short(_ id: String, _ whole: Bool) -> String { whole ? id : String(id.prefix(12)) }

    /// One container as a row.
    static func row(_ container: ContainerSummary, whole: Bool, now: Double) -> JSONValue {
        let mounts = container.mounts.map { whole ? $0 : Units.ellipsis($0, 15) }
        let size = container.size.map { size in
            Units.size(size.writable) + (size.image > 0 ? " (virtual \(Units.size(size.image + size.writable)))" : "")
        }
        return [
            "Command": .string(Units.quoted(whole ? command(container) : Units.ellipsis(command(container), 20))),
            "CreatedAt": .string(Units.moment(container.created)), "ID": .string(short(container.id, whole)),
            "Image": .string(container.image),
            "Labels": .string(container.labels.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }.joined(separator: ",")),
            "LocalVolumes": .string(String(container.mounts.count { !$0.hasPrefix("/") })),
            "Mounts": .string(mounts.joined(separator: ",")), "Names": .string(container.name),
            "Networks": .string(container.networks.joined(separator: ",")), "Platform": nil,
            "Ports": .string(PortsText.text(container)),
            "RunningFor": .string(Units.duration(max(0, now - Double(container.created))) + " ago"),
            "Size": .string(size ?? "0B"), "State": .string(container.status.rawValue),
            "Status": .string(status(container, now: now)),
        ]
    }

    /// The program with its arguments; those with spaces in single quotes.
    private static func command(_ container: ContainerSummary) -> String {
        container.command.enumerated().map {
            $0.offset > 0 && $0.element.contains(" ") ? "'\($0.element)'" : $0.element
        }
        .joined(separator: " ")
    }

    /// `Up 2 seconds`, `Exited (0) 5 seconds ago`
    static func status(_ container: ContainerSummary, now: Double) -> String {
        func since(_ moment: Int64?) -> String { Units.duration(max(0, now - Double(moment ?? container.created))) }
        switch container.status {
        case .created: return "Created"
        case .running: return "Up \(since(container.startedAt))"
        case .paused: return "Up \(since(container.startedAt)) (Paused)"
        case .restarting: return "Restarting (\(container.exitCode ?? 0)) \(since(container.finishedAt)) ago"
        case .exited: return "Exited (\(container.exitCode ?? 0)) \(since(container.finishedAt)) ago"
        case .dead: return "Dead"
        }
    }
}

/// The PORTS column.
enum PortsText {
    private struct Port {
        var address: String
        var outside: Int
        var inside: Int
        var transport: String
    }

    /// `70-71/tcp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp`
    static func text(_ container: ContainerSummary) -> String {
        guard container.status == .running || container.status == .paused else { return "" }
        var groups: [(key: String, first: Int, last: Int)] = []
        var done: [String] = []
        var mapped: [String] = []
        for port in ports(container) {
            if !port.address.isEmpty, port.outside != port.inside {
                mapped.append("\(joined(port.address, port.outside))->\(port.inside)/\(port.transport)")
                continue
            }
            let key = port.address.isEmpty ? port.transport : "\(port.address)/\(port.transport)"
            guard let place = groups.firstIndex(where: { $0.key == key }) else {
                groups.append((key, port.inside, port.inside))
                continue
            }
            if port.inside == groups[place].last + 1 {
                groups[place].last = port.inside
            } else {
                done.append(group(groups[place]))
                groups[place] = (key, port.inside, port.inside)
            }
        }
        return (done + groups.map(group) + mapped).joined(separator: ", ")
    }

    private static func ports(_ container: ContainerSummary) -> [Port] {
        var ports: [Port] = []
        for port in container.ports {
            let addresses = port.hostAddress.isEmpty ? ["0.0.0.0", "::"] : [port.hostAddress]
            for address in addresses {
                ports.append(
                    Port(
                        address: address, outside: Int(port.hostPort), inside: Int(port.containerPort),
                        transport: port.transport))
            }
        }
        for exposed in container.exposed {
            let parts = exposed.split(separator: "/")
            guard let first = parts.first, let number = Int(first) else { continue }
            ports.append(
                Port(address: "", outside: 0, inside: number, transport: parts.count > 1 ? String(parts[1]) : "tcp"))
        }
        return ports.sorted {
            ($0.inside, $0.address, $0.outside, $0.transport) < ($1.inside, $1.address, $1.outside, $1.transport)
        }
    }

    private static func joined(_ address: String, _ port: Int) -> String {
        address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }

    private static func group(_ group: (key: String, first: Int, last: Int)) -> String {
        let parts = group.key.split(separator: "/").map(String.init)
        let range = group.first == group.last ? "\(group.first)" : "\(group.first)-\(group.last)"
        guard parts.count == 2 else { return "\(range)/\(group.key)" }
        let address = parts[0].contains(":") ? "[\(parts[0])]" : parts[0]
        return "\(address):\(range)->\(range)/\(parts[1])"
    }
}

import Diagnostics
import Engine
import OCI

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
    ) throws(Failure) -> [UInt8] {
        var listing = listing(sizes: sizes)
        let labels = Dictionary(
            containers.map { (short($0.id, whole), $0.labels) }, uniquingKeysWith: { first, _ in first })
        listing.methods = { row in
            let own = labels[row["ID"]?.string ?? ""] ?? [:]
            return [
                "Label": { arguments throws(TemplateError) in .string(own[arguments.first?.string ?? ""] ?? "") }
            ]
        }
        let columns = listing.columns
        var rows = Listing.Rows(containers, columns: columns) { cell($0, $1, whole: whole, now: now) }
        rows.document = { place in row(containers[place], whole: whole, now: now) }
        return try listing.bytes(of: rows, format: format, quiet: quiet)
    }

    private static func short(_ id: String, _ whole: Bool) -> String { whole ? id : String(id.prefix(12)) }

    /// One container as a row.
    static func row(_ container: ContainerSummary, whole: Bool, now: Double) -> JSONValue {
        .object(
            listing(sizes: true).columns.map { column in
                let text = JSONValue.string(cell(container, column.field, whole: whole, now: now))
                return (column.field, column.field == "Platform" ? .null : text)
            })
    }

    /// One field of a container.
    private static func cell(_ container: ContainerSummary, _ field: String, whole: Bool, now: Double) -> String {
        switch field {
        case "ID": return short(container.id, whole)
        case "Names": return container.name
        case "Image":
            // The image whose name another one has by now is shown by its identifier.
            let isNamed = container.image != container.imageID.description
            return isNamed || whole ? container.image : container.imageID.short
        case "Command":
            let text = command(container)
            return Units.quoted(whole ? text : Units.ellipsis(text, 20))
        case "RunningFor": return Units.duration(max(0, now - Double(container.created))) + " ago"
        case "Status": return status(container, now: now)
        case "State": return container.status.rawValue
        case "Ports": return PortsText.text(container)
        case "CreatedAt": return Units.moment(container.created)
        case "Labels":
            return container.labels.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }.joined(separator: ",")
        case "LocalVolumes": return String(container.mounts.count { !$0.hasPrefix("/") })
        case "Mounts": return container.mounts.map { whole ? $0 : Units.ellipsis($0, 15) }.joined(separator: ",")
        case "Networks": return container.networks.joined(separator: ",")
        case "Size":
            guard let size = container.size else { return "0B" }
            let all = size.image > 0 ? " (virtual \(Units.size(size.image + size.writable)))" : ""
            return Units.size(size.writable) + all
        default: return ""
        }
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
        case .running:
            let health = container.health.map { $0 == "starting" ? " (health: starting)" : " (\($0))" }
            return "Up \(since(container.startedAt))" + (health ?? "")
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

import Diagnostics
import Engine
import OCI

/// What `docker system df` prints.
struct UsageListings {
    let report: DiskUsageReport
    let now: Double

    private static let summaryListing = Listing(
        columns: [
            .init(field: "Type", heading: "TYPE"), .init(field: "TotalCount", heading: "TOTAL"),
            .init(field: "Active", heading: "ACTIVE"), .init(field: "Size", heading: "SIZE"),
            .init(field: "Reclaimable", heading: "RECLAIMABLE"),
        ],
        table: ["Type", "TotalCount", "Active", "Size", "Reclaimable"], quiet: "Type",
        typeName: "*formatter.diskUsageImagesContext", words: Listing.imageWords)

    private static let imageListing: Listing = {
        var listing = ImageListings.images(digests: false)
        listing.table = [
            "Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers",
        ]
        return listing
    }()

    private static let containerListing: Listing = {
        var listing = ContainerListing.listing(sizes: true)
        listing.table = ["ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names"]
        return listing
    }()

    private static let volumeListing = Listing(
        columns: [
            .init(field: "Name", heading: "VOLUME NAME"), .init(field: "Links", heading: "LINKS"),
            .init(field: "Size", heading: "SIZE"),
        ],
        table: ["Name", "Links", "Size"], quiet: "Name", typeName: "*formatter.volumeContext")

    /// The table of four kinds.
    func summary(format: String?) throws(Failure) -> String {
        try Self.summaryListing.render(summaryRows, format: format, quiet: false)
    }

    /// `-v`: every object.
    func details(format: String?) throws(Failure) -> String {
        let images = imageRows(whole: false)
        let containers = containerRows(whole: false)
        switch format {
        case nil, "", "table":
            return "Images space usage:\n\n" + (try Self.imageListing.render(images, format: nil, quiet: false))
                + "\nContainers space usage:\n\n"
                + (try Self.containerListing.render(containers, format: nil, quiet: false))
                + "\nLocal Volumes space usage:\n\n"
                + (try Self.volumeListing.render(volumeRows, format: nil, quiet: false))
                + "\nBuild cache usage: 0B\n\n"
                + "CACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED\n"
        default:
            let document: JSONValue = [
                "Images": .array(imageRows(whole: true)), "Containers": .array(containerRows(whole: true)),
                "Volumes": .array(volumeRows), "BuildCache": [],
            ]
            if format == "json" { return TemplateRun.escapedForHTML(document.compact) }
            let template = try InspectCommands.template(format ?? "")
            return try InspectCommands.fill(template, document, typeName: "*formatter.diskUsageContext")
        }
    }

    private var summaryRows: [JSONValue] {
        let images = report.images
        let used = images.reduce(Int64(0)) { $0 + ($1.containers > 0 ? $1.size - $1.shared : 0) }
        let active = report.containers.filter { [.running, .paused, .restarting].contains($0.status) }
        func own(_ containers: [ContainerSummary]) -> Int64 { containers.reduce(0) { $0 + ($1.size?.writable ?? 0) } }
        let volumes = report.volumes
        let free = volumes.filter { $0.links == 0 }.reduce(Int64(0)) { $0 + $1.size }
        return [
            row(
                "Images", images.count, images.count { $0.containers > 0 }, report.layersSize,
                report.layersSize - used),
            row(
                "Containers", report.containers.count, active.count, own(report.containers),
                own(report.containers) - own(active)),
            row(
                "Local Volumes", volumes.count, volumes.count { $0.links > 0 }, volumes.reduce(0) { $0 + $1.size }, free
            ),
            row("Build Cache", 0, 0, 0, 0),
        ]
    }

    private func row(_ kind: String, _ total: Int, _ active: Int, _ size: Int64, _ free: Int64) -> JSONValue {
        let percent = size > 0 ? " (\(free * 100 / size)%)" : ""
        return [
            "Active": .string(String(active)), "Reclaimable": .string(Units.size(free, digits: 4) + percent),
            "Size": .string(Units.size(size, digits: 4)), "TotalCount": .string(String(total)), "Type": .string(kind),
        ]
    }

    private func imageRows(whole: Bool) -> [JSONValue] {
        report.images.flatMap { image in
            image.lines.map { line in
                ImageListings.row(line, whole: whole, now: now)
                    .setting("SharedSize", .string(Units.size(image.shared, digits: 4)))
                    .setting("UniqueSize", .string(Units.size(image.size - image.shared, digits: 4)))
                    .setting("Containers", .string(String(image.containers))).sortedByKey
            }
        }
    }

    private func containerRows(whole: Bool) -> [JSONValue] {
        report.containers.map { container in
            ContainerListing.row(container, whole: whole, now: now)
                .setting("Size", .string(Units.size(container.size?.writable ?? 0))).sortedByKey
        }
    }

    private var volumeRows: [JSONValue] {
        report.volumes.map { volume in
            [
                "Availability": "N/A", "Driver": "local", "Group": "N/A",
                "Labels": .string(
                    volume.labels.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }.joined(separator: ",")),
                "Links": .string(String(volume.links)), "Mountpoint": .string(volume.mountpoint),
                "Name": .string(volume.name), "Scope": "local",
                "Size": .string(Units.size(volume.size, digits: 4)), "Status": "N/A",
            ]
        }
    }
}

public import Diagnostics
import ImageStore
import Linux
import OCI
import Runtime
import SystemPackage

extension Engine {
    /// See `ImageArchives`.
    public func diskUsage(details: Bool) throws(DrydockError) -> DiskUsageReport {
        let (usage, layers) = try store.imageUsage()
        let containers =
            details ? try self.containers(all: true, sizes: true, matching: [:]) : try writtenByContainers()
        var images: [DiskUsageReport.Image] = []
        if details {
            let filter = try ImageFilter([:], engine: self)
            let byID = Dictionary(usage.map { ($0.id, $0) }) { first, _ in first }
            for record in try store.images() {
                guard let taken = byID[record.id] else { continue }
                images.append(DiskUsageReport.Image(taken, lines: filter.lines(of: record)))
            }
        } else {
            images = usage.filter { !$0.isIntermediate }.map { DiskUsageReport.Image($0, lines: []) }
        }
        return DiskUsageReport(
            layersSize: layers, images: images, containers: containers, volumes: try volumeUsage(containers))
    }

    /// The containers with what a sum needs of them; their documents are read only where there are volumes.
    private func writtenByContainers() throws(DrydockError) -> [ContainerSummary] {
        let volumes = home.path.appending("volumes")
        let hasVolumes = Files.exists(volumes)
        let readsMounts = hasVolumes ? try !Files.names(in: volumes).isEmpty : false
        var lines: [ContainerSummary] = []
        for entry in try store.containers(reading: readsMounts ? ["$.Mounts"] : []) {
            let state = try runtime.state(entry.id)
            if removesItself(entry.id, state) { continue }
            var line = ContainerSummary(
                id: entry.id, name: entry.name, image: "", imageID: entry.image ?? Self.noImage, command: [],
                created: entry.created / 1_000_000_000, status: state.isRunning ? .running : .exited)
            line.mounts = (entry.values.first?.array ?? []).compactMap { $0["Name"]?.string }
            line.size = (DiskUsage.bytes(below: "\(runtime.containers.string)/\(entry.id)/upper"), 0)
            lines.append(line)
        }
        return lines
    }

    private func volumeUsage(_ containers: [ContainerSummary]) throws(DrydockError) -> [DiskUsageReport.Volume] {
        let directory = home.path.appending("volumes")
        guard Files.exists(directory) else { return [] }
        var links: [String: Int] = [:]
        for container in containers { for name in Set(container.mounts) { links[name, default: 0] += 1 } }
        return try Files.names(in: directory).sorted().compactMap { name in
            let data = directory.appending(name).appending("_data")
            guard Files.exists(data) else { return nil }
            return DiskUsageReport.Volume(
                name: name, size: DiskUsage.bytes(below: data.string), links: links[name] ?? 0,
                mountpoint: data.string, labels: [:])
        }
    }
}

extension DiskUsageReport.Image {
    fileprivate init(_ usage: ImageUsage, lines: [ImageSummary]) {
        self.init(lines: lines, shared: usage.shared, size: usage.size, containers: usage.containers)
    }
}

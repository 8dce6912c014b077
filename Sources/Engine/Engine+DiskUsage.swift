public import Diagnostics
import ImageStore
import Linux
import OCI
import SystemPackage

extension Engine {
    /// See `ImageArchives`.
    public func diskUsage() throws(DrydockError) -> DiskUsageReport {
        var sizes: [Digest: Int64] = [:]
        for layer in try store.allLayers() { sizes[layer.chainID] = layer.size }
        let records = try store.images(intermediate: true)
        var users: [Digest: Int] = [:]
        for record in records { for chain in Set(record.chain) { users[chain, default: 0] += 1 } }
        let used = users.keys.reduce(Int64(0)) { $0 + (sizes[$1] ?? 0) }
        let containers = try self.containers(all: true, sizes: true, matching: [:])
        let made = Dictionary(grouping: containers, by: \.imageID).mapValues(\.count)
        let filter = try ImageFilter([:], engine: self)
        var parents = Set(records.compactMap(\.parent))
        for record in records where !record.tags.isEmpty { parents.remove(record.id) }
        let images = records.filter { !parents.contains($0.id) || !$0.digests.isEmpty }.map { record in
            DiskUsageReport.Image(
                lines: filter.lines(of: record),
                shared: record.chain.reduce(0) { $0 + ((users[$1] ?? 0) > 1 ? sizes[$1] ?? 0 : 0) }, size: record.size,
                containers: made[record.id] ?? 0)
        }
        return DiskUsageReport(
            layersSize: used, images: images, containers: containers, volumes: try volumeUsage(containers))
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

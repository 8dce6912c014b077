public import Diagnostics
import ImageStore
import Layers
public import OCI
import RegistryClient

extension Engine {
    /// See `ImageArchives`.
    public func importImage(_ request: ImportRequest, _ span: Span) async throws(DrydockError) -> Digest {
        let work = span.begin("image.import", TraceFact("source", .text(request.spelling)))
        do throws(DrydockError) {
            let config = try Self.importedConfig(request)
            let id: Digest
            switch request.source {
            case .place(let place):
                id = try await WorkerThread.run { () throws(DrydockError) in
                    try ArchiveFiles.read(place) { next, size throws(DrydockError) in
                        try self.importImage(request, config, next, size, work)
                    }
                }
            case .address(let address): id = try await download(address, request, config, work)
            }
            record(image: id, "import", name: id.description)
            work.end(TraceFact("image", .digest(id.description)))
            return id
        } catch {
            work.fail(error)
            throw error
        }
    }

    private static func importedConfig(_ request: ImportRequest) throws(DrydockError) -> ImageConfig {
        if request.reference?.digest != nil {
            throw DrydockError(.invalidArgument, "cannot import digest reference")
        }
        if let os = request.platform?.os, os != Platform.current.os {
            throw DrydockError(.invalidArgument, "operating system is not supported")
        }
        let created = Timestamp.now.description
        let comment = request.message.isEmpty ? "Imported from \(request.spelling)" : request.message
        var config = ImageConfig(
            created: created, platform: request.platform ?? .current,
            history: [ImageConfig.History(created: created, comment: comment)])
        try ConfigChanges.apply(request.changes, to: &config.config)
        config.extra["docker_version"] = dockerVersion
        return config
    }

    private func importImage(
        _ request: ImportRequest, _ config: ImageConfig, _ next: @escaping ByteReader, _ size: Int64?, _ span: Span
    ) throws(DrydockError) -> Digest {
        let lease = try store.beginLease()
        defer { lease.end() }
        let layer: LayerRecord
        do throws(DrydockError) { layer = try lease.unpack(next, size: size, parent: nil, trace: span) } catch {
            guard error.code == .corrupt else { throw error }
            throw DrydockError(
                .corrupt, "archive/tar: invalid tar header", reason: error.reason ?? error.message,
                remedy: "docker import takes a tar archive of a file system, compressed or not.")
        }
        var config = config
        config.diffIDs = [layer.diffID]
        let image = NewImage(
            config: Array(config.json.compact.utf8), references: request.reference.map { [$0.withDefaultTag] } ?? [],
            isTaggedNow: true)
        return try lease.register(image).id
    }

    /// The archive is unpacked while it arrives.
    private func download(
        _ address: String, _ request: ImportRequest, _ config: ImageConfig, _ span: Span
    ) async throws(DrydockError) -> Digest {
        let feeder = ByteFeeder()
        async let made = Self.settled { () async throws(DrydockError) in
            try await WorkerThread.run { () throws(DrydockError) in
                do throws(DrydockError) {
                    return try self.importImage(
                        request, config, { () throws(DrydockError) in try feeder.next() }, nil, span)
                } catch {
                    feeder.fail(error)
                    throw error
                }
            }
        }
        var failure: DrydockError?
        do throws(DrydockError) {
            try await client().download(address) { bytes async throws(DrydockError) in try await feeder.send(bytes) }
            feeder.close()
        } catch {
            failure = error
            feeder.fail(error)
        }
        let result = await made
        if let failure { throw failure }
        return try result.get()
    }

    private static func settled(
        _ work: @Sendable () async throws(DrydockError) -> Digest
    ) async -> Result<Digest, DrydockError> {
        do throws(DrydockError) { return .success(try await work()) } catch { return .failure(error) }
    }

    /// See `ImageArchives`.
    public func export(_ container: String, to place: ArchivePlace, _ span: Span) throws(DrydockError) {
        let (record, document) = try find(container)
        let work = span.begin("container.export", TraceFact("id", .text(String(record.id.prefix(12)))))
        do throws(DrydockError) {
            var layers = [upper(record.id)]
            // With `vfs` the container's own directory is everything.
            if document.driver != .vfs {
                if let chain = record.chain { layers += try store.layerMounts(chain: chain) }
                layers += try initLayer()
            }
            try ArchiveFiles.write(place) { sink throws(DrydockError) in
                _ = try LayerWriter.write(stack: layers, to: sink)
            }
            self.record("export", record, document)
            work.end()
        } catch {
            work.fail(error)
            throw error
        }
    }
}

import Diagnostics
import NIOHTTP1
import OCI

/// The sending of one blob (distribution-spec, "Pushing blobs").
struct Upload {
    let client: RegistryClient
    let endpoint: RegistryEndpoint
    let reference: Reference
    let blob: PushBlob
    let span: Span

    private var repository: String { reference.repository }
    private var digest: Digest { blob.descriptor.digest }
    private var transport: Transport { client.transport }

    func run() async throws(DrydockError) {
        if try await exists() {
            span.fact("phase", .text("Layer already exists"))
            return
        }
        var failures = 0
        while true {
            do {
                if let place = try await begin() { try await send(to: place) }
                return
            } catch {
                failures += 1
                let retry = client.settings.retry
                guard error.code == .unavailable, error.errno != 111, failures < retry.attempts,
                    let pause = retry.pause(after: failures, nil)
                else { throw error }
                span.fact("retry", .text(error.message))
                try await transport.sleep(pause)
            }
        }
    }

    private func request(_ method: HTTPMethod, _ url: String, extraScope: String? = nil) -> RegistryRequest {
        RegistryRequest(
            method: method, url: url, endpoint: endpoint,
            scopes: ["repository:\(repository):pull,push"] + (extraScope.map { [$0] } ?? []), span: span)
    }

    private func exists() async throws(DrydockError) -> Bool {
        let response: RegistryResponse
        do {
            response = try await transport.send(request(.HEAD, endpoint.url("\(repository)/blobs/\(digest)")))
        } catch {
            throw error.naming(endpoint)
        }
        switch response.status.code {
        case 200: return true
        case 404: return false
        default:
            // Who may not look may still be told why not when the upload begins.
            let refusal = await response.refusal()
            if refusal.isDenied { return false }
            throw refusal.pushError(reference)
        }
    }

    /// Opens an upload, and returns where its bytes go; nil where the registry took the blob from another repository.
    private func begin() async throws(DrydockError) -> String? {
        let start = endpoint.url("\(repository)/blobs/uploads/")
        for source in blob.mountFrom.prefix(3) where source != repository {
            let query = "?mount=\(digest.description.percentEncoded)&from=\(source.percentEncoded)"
            let response = try await transport.send(
                request(.POST, start + query, extraScope: "repository:\(source):pull"))
            if response.status == .created {
                _ = await response.refusal()
                span.fact("from", .text(source))
                span.fact("phase", .text("Mounted from"))
                return nil
            }
            if response.status == .accepted { return try await place(response) }
            let refusal = await response.refusal()
            guard refusal.isDenied || refusal.status == 404 else { throw refusal.pushError(reference) }
        }
        let response = try await transport.send(request(.POST, start))
        guard response.status == .accepted else { throw await response.refusal().pushError(reference) }
        return try await place(response)
    }

    private func place(_ response: RegistryResponse) async throws(DrydockError) -> String {
        let location = response.headers["location"].first
        let here = WebAddress(response.url)
        _ = await response.refusal()
        guard let location, let here else {
            throw DrydockError(.unavailable, "the registry opened an upload but does not say where")
        }
        return here.resolving(location)
    }

    // MARK: Bytes

    /// Sends the bytes. What broke off goes on behind what the registry has of it.
    private func send(to start: String) async throws(DrydockError) {
        span.fact("phase", .text("Pushing"))
        let retry = client.settings.retry
        var place = start
        var offset: Int64 = 0
        var failures = 0
        while true {
            do throws(DrydockError) {
                return try await finish(place, from: offset)
            } catch {
                failures += 1
                guard error.code == .unavailable, failures < retry.attempts,
                    let pause = retry.pause(after: failures, nil)
                else { throw error }
                span.fact("retry", .text(error.message))
                try await transport.sleep(pause)
                guard let there = try await progress(place) else { throw error }
                if there.offset > offset { failures = 1 }
                (place, offset) = (there.place, there.offset)
                span.fact("resumed-at", .bytes(offset))
            }
        }
    }

    /// How many bytes of an upload the registry has, and where it goes on (distribution-spec, "Pushing a blob in
    /// chunks"); nil where the upload is lost.
    private func progress(_ place: String) async throws(DrydockError) -> (place: String, offset: Int64)? {
        let response = try await transport.send(request(.GET, place))
        guard response.status == .noContent else {
            _ = await response.refusal()
            return nil
        }
        let range = response.headers["range"].first ?? ""
        let last = range.split(separator: "-").last.flatMap { Int64($0) } ?? 0
        let next = response.headers["location"].isEmpty ? place : try await self.place(response)
        return (next, min(last > 0 ? last + 1 : 0, blob.descriptor.size))
    }

    /// Sends the bytes from an offset to the end, and has them made a blob.
    private func finish(_ start: String, from offset: Int64) async throws(DrydockError) {
        let size = blob.descriptor.size
        var place = start
        var whole = content(offset, size)
        let chunk = client.settings.uploadChunk.map(Int64.init) ?? size
        if offset > 0 || size > chunk {
            var at = offset
            while at < size {
                let length = min(chunk, size - at)
                place = try await patch(place, content(at, at + length), at, length)
                at += length
            }
            whole = .none
        }
        var finish = request(
            .PUT, place + (place.contains("?") ? "&" : "?") + "digest=\(digest.description.percentEncoded)")
        finish.body = whole
        finish.repeats = false
        finish.headers.add(name: "content-type", value: "application/octet-stream")
        let response = try await transport.send(finish)
        let refusal = await response.refusal()
        guard response.status == .created || response.status == .noContent else {
            throw refusal.status >= 500 ? refusal.unexpected : refusal.pushError(reference)
        }
        span.fact("phase", .text("Pushed"))
    }

    private func content(_ from: Int64, _ end: Int64) -> RequestContent {
        switch blob.content {
        case .bytes(let bytes): .bytes(Array(bytes[Int(from)..<Int(end)]))
        case .file(let path): .file(path, offset: from, length: end - from, total: blob.descriptor.size)
        }
    }

    private func patch(
        _ place: String, _ content: RequestContent, _ offset: Int64, _ length: Int64
    ) async throws(DrydockError) -> String {
        var piece = request(.PATCH, place)
        piece.body = content
        piece.repeats = false
        piece.headers.add(name: "content-type", value: "application/octet-stream")
        piece.headers.add(name: "content-range", value: "\(offset)-\(offset + length - 1)")
        let response = try await transport.send(piece)
        guard response.status == .accepted || response.status == .noContent else {
            throw await response.refusal().pushError(reference)
        }
        return try await self.place(response)
    }
}

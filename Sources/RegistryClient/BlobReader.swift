import AsyncHTTPClient
import Diagnostics
import NIOCore
import NIOHTTP1
import OCI

/// Reads one blob; see `BlobStream`.
struct BlobReader {
    let client: RegistryClient
    let descriptor: Descriptor
    let reference: Reference
    let span: Span
    private var check: BlobCheck

    private var body: HTTPClientResponse.Body.AsyncIterator?
    private var toSkip: Int64 = 0
    /// How often the transfer broke since it last got on.
    private var breaks = 0
    /// How far it was at the last break.
    private var known: Int64
    private var told: Int64 = 0
    private var ended = false
    /// Who answered last.
    private var url: String?

    init(client: RegistryClient, descriptor: Descriptor, reference: Reference, span: Span, check: BlobCheck) {
        self.client = client
        self.descriptor = descriptor
        self.reference = reference
        self.span = span
        self.check = check
        known = check.count
    }

    mutating func next() async throws(DrydockError) -> BlobBytes? {
        guard !ended else { return nil }
        while true {
            // Bytes that the caller had already may be all there is.
            if body == nil, check.count == descriptor.size, check.count > 0 { return try finish() }
            do {
                if body == nil { try await open() }
                guard let buffer = try await body?.next() else {
                    guard check.count < descriptor.size else { return try finish() }
                    throw DrydockError(.unavailable, "unexpected EOF", reason: "the blob ended too early")
                }
                if let bytes = try accept(buffer) { return bytes }
            } catch let error as DrydockError where error.code != .unavailable {
                throw error
            } catch {
                try await mend(error)
            }
        }
    }

    /// Sends the request, for the bytes that are still missing.
    private mutating func open() async throws(DrydockError) {
        let (reference, descriptor, span, from) = (reference, descriptor, span, check.count)
        let response =
            if descriptor.urls.isEmpty {
                try await client.read(reference) { endpoint in
                    var request = RegistryRequest(
                        url: endpoint.url("\(reference.repository)/blobs/\(descriptor.digest)"), endpoint: endpoint,
                        scopes: ["repository:\(reference.repository):pull"], span: span)
                    if from > 0 { request.headers.add(name: "range", value: "bytes=\(from)-") }
                    return request
                }
            } else {
                try await client.readForeign(descriptor, from: from, span: span)
            }
        switch response.status.code {
        case 200: toSkip = from
        case 206:
            let range = response.headers["content-range"].first
            guard range?.hasPrefix("bytes \(from)-") ?? true else {
                throw DrydockError(.corrupt, "the registry sent another range than it was asked for", reason: range)
            }
            toSkip = 0
            span.fact("resumed-at", .bytes(from))
        case 416 where from > 0:
            // What broke off cannot go on: the registry's blob is shorter than what came of it so far.
            throw DrydockError(
                .corrupt, "filesystem layer verification failed for digest \(descriptor.digest)",
                reason: "the registry has no bytes after the first \(from) of \(descriptor.size)",
                remedy: "Nothing was kept. The image on the registry is damaged; push it again.")
        default:
            let refusal = await response.refusal()
            if refusal.status == 404 {
                throw DrydockError(
                    .notFound, "error pulling image: blob unknown: blob unknown to registry",
                    reason: "\(reference.familiarName) on \(reference.registry) lacks \(descriptor.digest)",
                    remedy: "The image on the registry is damaged; push it again.")
            }
            throw refusal.pullError(reference)
        }
        url = response.url
        body = response.body.makeAsyncIterator()
    }

    private mutating func accept(_ received: ByteBuffer) throws(DrydockError) -> BlobBytes? {
        var buffer = received
        if toSkip > 0 {
            let skipped = Int(min(toSkip, Int64(buffer.readableBytes)))
            buffer.moveReaderIndex(forwardBy: skipped)
            toSkip -= Int64(skipped)
        }
        guard buffer.readableBytes > 0 else { return nil }
        buffer.withUnsafeReadableBytes { check.update($0) }
        guard check.count <= descriptor.size else {
            throw DrydockError(
                .corrupt, "filesystem layer verification failed for digest \(descriptor.digest)",
                reason: "more bytes came than the \(descriptor.size) that the manifest promises",
                remedy: "The registry or something on the way changes content; try another network.")
        }
        if check.count - told >= 1 << 19 || check.count == descriptor.size {
            told = check.count
            span.progress(told, of: descriptor.size)
        }
        return BlobBytes(buffer: buffer)
    }

    private mutating func finish() throws(DrydockError) -> BlobBytes? {
        ended = true
        body = nil
        span.fact("phase", .text("Verifying Checksum"))
        if case .digest(let digester) = check, case let found = digester.digest(), found != descriptor.digest {
            throw DrydockError(
                .corrupt, "filesystem layer verification failed for digest \(descriptor.digest)",
                reason: "the bytes that came have the digest \(found)",
                remedy: "Nothing was kept. The registry or something on the way changes content; try again.")
        }
        span.fact("phase", .text("Download complete"))
        return nil
    }

    /// So many bytes between two breaks are worth going on for.
    private static let progress: Int64 = 64 << 10

    /// Prepares another try after a transfer broke, or gives up.
    private mutating func mend(_ error: any Error) async throws(DrydockError) {
        body = nil
        // A bad line that gets on between breaks is not given up.
        breaks = check.count - known >= Self.progress ? 1 : breaks + 1
        known = check.count
        let failure = ConnectionFailure.error(error, method: "GET", url: url ?? "blobs/\(descriptor.digest)")
        let passing = Transport.mayPass(failure) || failure.code == .unavailable && check.count > 0
        guard failure.code == .unavailable, passing, breaks < client.settings.retry.attempts,
            let pause = client.settings.retry.pause(after: breaks, nil)
        else { throw failure }
        span.fact("broken-at", .bytes(check.count))
        try await client.transport.sleep(pause)
    }
}

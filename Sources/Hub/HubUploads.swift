import Diagnostics
import FoundationEssentials
import HTTPTypes
import Hummingbird
import ImageStore
import NIOCore
import OCI
import RegistryClient
import Synchronization
import SystemPackage

/// An upload that is under way.
final class UploadSession: Sendable {
    private struct State {
        var busy = false
        var last = ContinuousClock.now
    }

    let id: String
    let repository: String
    let writer: BlobWriter
    let algorithm: Digest.Algorithm
    private let state = Mutex(State())

    init(repository: String, writer: BlobWriter, algorithm: Digest.Algorithm) {
        id = UUID().uuidString.lowercased()
        self.repository = repository
        self.writer = writer
        self.algorithm = algorithm
    }

    deinit { writer.cancel() }

    /// Makes sure that one request at a time adds bytes.
    func enter() throws {
        let wasBusy = state.withLock { state in
            defer { state.busy = true }
            return state.busy
        }
        if wasBusy { throw HubRefusal(.conflict, "BLOB_UPLOAD_INVALID", "another request writes to this upload") }
    }

    func leave() {
        state.withLock {
            $0.busy = false
            $0.last = ContinuousClock.now
        }
    }

    var idle: Duration { state.withLock { $0.busy ? .zero : ContinuousClock.now - $0.last } }
}

/// The uploads under way. Those that nobody continued for an hour are forgotten.
final class UploadSessions: Sendable {
    private let sessions = Mutex<[String: UploadSession]>([:])
    private static let patience = Duration.seconds(3600)

    func add(_ session: UploadSession) {
        sessions.withLock { sessions in
            sessions = sessions.filter { $0.value.idle < Self.patience }
            sessions[session.id] = session
        }
    }

    func session(_ id: String, of repository: String) throws -> UploadSession {
        guard let session = sessions.withLock({ $0[id] }), session.repository == repository else {
            throw HubRefusal.unknownUpload()
        }
        return session
    }

    func remove(_ id: String) { sessions.withLock { $0[id] = nil } }

    /// Whether an upload is going on, so that the hub must not end.
    var isActive: Bool { sessions.withLock { $0.values.contains { $0.idle < .seconds(60) } } }
}

extension HubResponder {
    /// `POST …/blobs/uploads/`: a mount, a whole blob, or the beginning of an upload.
    func beginUpload(_ request: Request, _ repository: String) async throws -> Response {
        guard request.method == .post else {
            throw HubRefusal(.methodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
        }
        try await authorize(request, repository, "push")
        let query = FormFields(request.uri.query ?? "")
        let registry = registry
        if let text = query.first("mount") {
            let digest = try Self.digest(text)
            let source = query.first("from")
            let mounted = try await blocking { () throws(DrydockError) in
                guard registry.blobs.has(digest) else { return false }
                let has =
                    if let source {
                        try registry.hasBlob(digest, in: source)
                    } else {
                        try registry.repository(having: digest) != nil
                    }
                if has { try registry.link(digest, to: repository) }
                return has
            }
            if mounted { return created(repository, digest) }
        }
        let promised = try query.first("digest").map(Self.digest)
        let named = query.first("digest-algorithm").flatMap(Digest.Algorithm.init(rawValue:))
        let session = try await open(repository, promised?.algorithm ?? named ?? .sha256)
        if let promised {
            try await receive(request, session)
            return try await finish(session, promised)
        }
        uploads.add(session)
        return Response(status: .accepted, headers: progress(session))
    }

    /// `PATCH`, `PUT`, `GET` and `DELETE …/blobs/uploads/<id>`.
    func upload(_ request: Request, _ repository: String, _ id: String) async throws -> Response {
        try await authorize(request, repository, "push")
        let session = try uploads.session(id, of: repository)
        switch request.method {
        case .get, .head: return Response(status: .noContent, headers: progress(session))
        case .delete:
            try session.enter()
            uploads.remove(id)
            await cancel(session)
            return Response(status: .noContent)
        case .patch:
            try session.enter()
            defer { session.leave() }
            try checkRange(request, session)
            try await receive(request, session)
            return Response(status: .accepted, headers: progress(session))
        case .put:
            guard let text = FormFields(request.uri.query ?? "").first("digest") else {
                throw HubRefusal(.badRequest, "DIGEST_INVALID", "the digest is missing")
            }
            let digest = try Self.digest(text)
            try session.enter()
            defer { session.leave() }
            try checkRange(request, session)
            if session.writer.count == 0, session.algorithm != digest.algorithm {
                let other = try await open(repository, digest.algorithm)
                uploads.remove(id)
                try await receive(request, other)
                return try await finish(other, digest)
            }
            try await receive(request, session)
            uploads.remove(id)
            return try await finish(session, digest)
        default: throw HubRefusal(.methodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
        }
    }

    private func open(_ repository: String, _ algorithm: Digest.Algorithm) async throws -> UploadSession {
        let blobs = registry.blobs
        let writer = try await blocking { () throws(DrydockError) in try blobs.writer(algorithm) }
        return UploadSession(repository: repository, writer: writer, algorithm: algorithm)
    }

    private func cancel(_ session: UploadSession) async {
        try? await blocking { session.writer.cancel() }
    }

    /// A piece must begin where the last one ended (distribution-spec, "Pushing a blob in chunks").
    private func checkRange(_ request: Request, _ session: UploadSession) throws {
        guard let text = request.headers[.contentRange] else { return }
        let numbers = (text.hasPrefix("bytes ") ? text.dropFirst(6) : text[...]).split(separator: "-").prefix(2)
        let last = numbers.last?.split(separator: "/").first.flatMap { Int64($0) }
        let first = numbers.first.flatMap { Int64($0) }
        var refusal = HubRefusal(
            .rangeNotSatisfiable, "BLOB_UPLOAD_INVALID", "the range does not continue the upload", detail: text)
        refusal.headers = progress(session)
        guard let first, let last, first == session.writer.count, last >= first - 1 else { throw refusal }
        if let length = request.headers[.contentLength].flatMap({ Int64($0) }), length != last - first + 1 {
            refusal.status = .badRequest
            refusal.code = "SIZE_INVALID"
            throw refusal
        }
    }

    /// Writes a request's body to an upload, in pieces large enough to be worth a change of thread.
    private func receive(_ request: Request, _ session: UploadSession) async throws {
        var pending: [ByteBuffer] = []
        var size = 0
        for try await buffer in request.body {
            pending.append(buffer)
            size += buffer.readableBytes
            if size >= 1 << 20 {
                try await Self.write(pending, to: session.writer)
                pending = []
                size = 0
                activity.touch()
            }
        }
        if !pending.isEmpty { try await Self.write(pending, to: session.writer) }
    }

    private static func write(_ buffers: [ByteBuffer], to writer: BlobWriter) async throws(DrydockError) {
        try await blocking { () throws(DrydockError) in
            for buffer in buffers {
                let view = buffer.readableBytesView
                var failure: DrydockError?
                view.withUnsafeBytes { bytes in
                    do throws(DrydockError) { try writer.write(bytes) } catch { failure = error }
                }
                if let failure { throw failure }
            }
        }
    }

    /// Gives the blob its name.
    private func finish(_ session: UploadSession, _ digest: Digest) async throws -> Response {
        let registry = registry
        try await blocking { () throws(DrydockError) in
            if session.algorithm == digest.algorithm {
                try session.writer.commit(expecting: digest)
            } else {
                try Self.rename(try session.writer.commit(), to: digest, in: registry)
            }
            try registry.link(digest, to: session.repository)
        }
        return created(session.repository, digest)
    }

    /// Gives a blob a name by another algorithm, where the upload did not say in time which one it would want.
    private static func rename(_ old: Digest, to new: Digest, in registry: HubRegistry) throws(DrydockError) {
        let used = try registry.repository(having: old) != nil
        let source = try registry.blobs.open(old)
        defer { try? source.close() }
        let writer = try registry.blobs.writer(new.algorithm)
        var block = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count: Int
            do {
                count = try block.withUnsafeMutableBytes { try source.read(into: $0) }
            } catch {
                writer.cancel()
                throw DrydockError(.system, "read \(old): \(error)")
            }
            guard count > 0 else { break }
            try writer.write(Array(block[..<count]))
        }
        try writer.commit(expecting: new)
        if !used { try registry.blobs.delete(old) }
    }

    private func created(_ repository: String, _ digest: Digest) -> Response {
        Response(
            status: .created,
            headers: [.location: "/v2/\(repository)/blobs/\(digest)", .contentDigest: digest.description])
    }

    private func progress(_ session: UploadSession) -> HTTPFields {
        [
            .location: "/v2/\(session.repository)/blobs/uploads/\(session.id)", .uploadID: session.id,
            .range: "0-\(max(session.writer.count - 1, 0))",
        ]
    }
}

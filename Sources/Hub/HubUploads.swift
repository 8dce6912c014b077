import Diagnostics
import HTTPTypes
import Hummingbird
import Linux
import NIOCore
import OCI
import RegistryClient

/// distribution-spec, "Pushing blobs".
extension HubResponder {
    /// `POST …/blobs/uploads/`: a mount, a whole blob, or the beginning of an upload.
    func beginUpload(_ request: Request, _ context: HubContext, _ repository: String) async throws -> Response {
        guard request.method == .post else { throw HubRefusal.unsupported(.post) }
        let principal = try await authorize(request, repository, "push")
        let query = FormFields(request.uri.query ?? "")
        if let text = query.first("mount") {
            let digest = try Self.digest(text)
            if try await mount(digest, from: query.first("from"), to: repository, for: principal) {
                return created(repository, digest)
            }
        }
        let promised = try query.first("digest").map(Self.digest)
        let named = query.first("digest-algorithm").flatMap(Digest.Algorithm.init(rawValue:))
        let uploads = uploads
        let session = try await blocking { () throws(DrydockError) in
            try uploads.begin(repository, promised?.algorithm ?? named ?? .sha256)
        }
        guard let promised else { return Response(status: .accepted, headers: progress(session)) }
        do {
            try await receive(request, context, session, expecting: nil)
            return try await finish(session, promised)
        } catch {
            await drop(session)
            throw error
        }
    }

    /// Makes a blob of another repository one of this repository too (distribution-spec, "Mounting a blob from another
    /// repository"). Without a source, any repository that the sender may read will do.
    private func mount(
        _ digest: Digest, from source: String?, to repository: String, for principal: Principal
    ) async throws -> Bool {
        let policy = try await gate.policy()
        let registry = registry
        let gate = gate
        return try await blocking { () throws(DrydockError) in
            let candidates =
                if let source {
                    try registry.hasBlob(digest, in: source) ? [source] : []
                } else {
                    try registry.repositories(having: digest)
                }
            guard candidates.contains(where: { gate.allowed(principal, $0, policy).contains("pull") }) else {
                return false
            }
            return try registry.link(digest, to: repository)
        }
    }

    /// `PATCH`, `PUT`, `GET` and `DELETE …/blobs/uploads/<id>`.
    func upload(
        _ request: Request, _ context: HubContext, _ repository: String, _ id: String
    ) async throws -> Response {
        try await authorize(request, repository, "push")
        let uploads = uploads
        let found = try await blocking { () throws(DrydockError) in try uploads.session(id, of: repository) }
        guard let session = found else { throw HubRefusal.unknownUpload() }
        switch request.method {
        case .get, .head: return Response(status: .noContent, headers: progress(session))
        case .delete:
            try enter(session)
            await drop(session)
            return Response(status: .noContent)
        case .patch:
            try enter(session)
            defer { session.leave() }
            let expected = try checkRange(request, session)
            try await receive(request, context, session, expecting: expected)
            return Response(status: .accepted, headers: progress(session))
        case .put:
            guard let text = FormFields(request.uri.query ?? "").first("digest") else {
                throw HubRefusal(.badRequest, "DIGEST_INVALID", "the digest is missing")
            }
            let digest = try Self.digest(text)
            try enter(session)
            defer { session.leave() }
            let expected = try checkRange(request, session)
            try await receive(request, context, session, expecting: expected)
            return try await finish(session, digest)
        default: throw HubRefusal.unsupported(.get, .head, .patch, .put, .delete)
        }
    }

    private func enter(_ session: UploadSession) throws {
        guard session.enter() else {
            throw HubRefusal(.conflict, "BLOB_UPLOAD_INVALID", "another request writes to this upload")
        }
    }

    private func drop(_ session: UploadSession) async {
        uploads.forget(session)
        try? await blocking { session.cancel() }
    }

    /// A piece must begin where the last one ended (distribution-spec, "Pushing a blob in chunks").
    /// - Returns: the number of bytes that the request promises in `Content-Range`, where it does.
    private func checkRange(_ request: Request, _ session: UploadSession) throws -> Int64? {
        guard let text = request.headers[.contentRange] else { return nil }
        var refusal = HubRefusal(
            .rangeNotSatisfiable, "BLOB_UPLOAD_INVALID", "the range does not continue the upload", detail: text)
        refusal.headers = progress(session)
        var range = text.hasPrefix("bytes ") ? text.dropFirst(6) : text[...]
        if let slash = range.firstIndex(of: "/") { range = range[..<slash] }
        let numbers = range.split(separator: "-", omittingEmptySubsequences: false)
        guard numbers.count == 2, let first = decimal(numbers[0]), let last = decimal(numbers[1]) else {
            refusal.status = .badRequest
            refusal.message = "the Content-Range is malformed"
            throw refusal
        }
        guard first == session.count, last >= first - 1 else { throw refusal }
        let expected = last - first + 1
        if let length = request.headers[.contentLength].flatMap({ Int64($0) }), length != expected {
            refusal.status = .badRequest
            refusal.code = "SIZE_INVALID"
            refusal.message = "Content-Length and Content-Range differ"
            throw refusal
        }
        return expected
    }

    /// Writes a request's body to an upload, in pieces large enough to be worth a change of thread. While one piece is
    /// hashed and written, the next one comes in.
    private func receive(
        _ request: Request, _ context: HubContext, _ session: UploadSession, expecting expected: Int64?
    ) async throws {
        let start = session.count
        if request.headers[.contentLength] == "0" { return }
        let file = try await blocking { () throws(DrydockError) in try session.open() }
        defer { file.close() }
        await context.goOn(request)
        var pending: [ByteBuffer] = []
        var size = 0
        var arrived: Int64 = 0
        var writing: Task<Void, any Error>?
        do {
            for try await buffer in request.body {
                arrived += Int64(buffer.readableBytes)
                if let expected, arrived > expected { break }
                pending.append(buffer)
                size += buffer.readableBytes
                if size >= 1 << 20 {
                    try await writing?.value
                    let blocks = pending
                    writing = Task { try await Self.write(blocks, to: session, file) }
                    (pending, size) = ([], 0)
                    activity.touch()
                }
            }
        } catch {
            // What arrived before a connection broke is kept: the sender may ask how far it came, and go on.
            try await writing?.value
            try await Self.write(pending, to: session, file)
            throw error
        }
        try await writing?.value
        try await Self.write(pending, to: session, file)
        if let expected, session.count - start != expected || arrived > expected {
            var refusal = HubRefusal(
                .badRequest, "SIZE_INVALID", "the body has not the length that Content-Range promises")
            refusal.headers = progress(session)
            throw refusal
        }
    }

    private static func write(
        _ buffers: [ByteBuffer], to session: UploadSession, _ file: OwnedDescriptor
    ) async throws(DrydockError) {
        guard !buffers.isEmpty else { return }
        try await blocking { () throws(DrydockError) in
            for buffer in buffers {
                let outcome = buffer.withUnsafeReadableBytes { bytes -> Result<Void, DrydockError> in
                    do throws(DrydockError) {
                        return .success(try session.write([bytes], to: file))
                    } catch {
                        return .failure(error)
                    }
                }
                try outcome.get()
            }
        }
    }

    /// Gives the blob its name.
    private func finish(_ session: UploadSession, _ digest: Digest) async throws -> Response {
        let registry = registry
        uploads.forget(session)
        try await blocking { () throws(DrydockError) in
            try session.commit(as: digest)
            guard try registry.link(digest, to: session.repository) else {
                throw DrydockError(.internal, "the blob \(digest) is gone")
            }
        }
        return created(session.repository, digest)
    }

    private func created(_ repository: String, _ digest: Digest) -> Response {
        Response(
            status: .created,
            headers: [.location: "/v2/\(repository)/blobs/\(digest)", .contentDigest: digest.description])
    }

    private func progress(_ session: UploadSession) -> HTTPFields {
        [
            .location: "/v2/\(session.repository)/blobs/uploads/\(session.id)", .uploadID: session.id,
            .range: "0-\(max(session.count - 1, 0))",
        ]
    }
}

/// A number of at most 18 decimal digits without a sign.
private func decimal(_ text: Substring) -> Int64? {
    guard !text.isEmpty, text.utf8.count <= 18, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
        return nil
    }
    return Int64(text)
}

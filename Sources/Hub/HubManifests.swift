import Diagnostics
import HTTPTypes
import Hummingbird
import NIOCore
import OCI
import RegistryClient

extension HubResponder {
    /// The largest manifest that is taken, in bytes (distribution-spec, "Pushing Manifests").
    static let manifestLimit = 4 << 20

    func manifest(_ request: Request, _ repository: String, _ reference: String) async throws -> Response {
        guard Reference.isTag(reference) || (try? Digest(reference)) != nil else {
            throw reference.contains(":")
                ? HubRefusal(.badRequest, "DIGEST_INVALID", "provided digest is malformed", detail: reference)
                : HubRefusal.unknownManifest(reference)
        }
        switch request.method {
        case .get, .head: return try await getManifest(request, repository, reference)
        case .put: return try await putManifest(request, repository, reference)
        case .delete:
            try await authorize(request, repository, "delete")
            let registry = registry
            let removed = try await blocking { () throws(DrydockError) in
                try registry.removeManifest(reference, in: repository)
            }
            guard removed else { throw HubRefusal.unknownManifest(reference) }
            return Response(status: .accepted)
        default: throw HubRefusal(.methodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
        }
    }

    private func getManifest(_ request: Request, _ repository: String, _ reference: String) async throws -> Response {
        try await authorize(request, repository, "pull")
        let registry = registry
        var found = try await blocking { () throws(DrydockError) in
            try registry.manifest(reference, in: repository)
        }
        if found == nil {
            try await misses.manifest(reference, of: repository)
            found = try await blocking { () throws(DrydockError) in
                try registry.manifest(reference, in: repository)
            }
        }
        guard let found else { throw HubRefusal.unknownManifest(reference) }
        if request.method == .get, !reference.contains(":") || found.mediaType.isManifest {
            try await blocking { () throws(DrydockError) in try registry.countPull(repository) }
        }
        let tag = "\"\(found.digest)\""
        let headers: HTTPFields = [
            .contentType: found.mediaType.rawValue, .contentDigest: found.digest.description, .eTag: tag,
        ]
        if request.headers[.ifNoneMatch] == tag { return Response(status: .notModified, headers: headers) }
        return Response.bytes(found.bytes, headers: headers)
    }

    private func putManifest(_ request: Request, _ repository: String, _ reference: String) async throws -> Response {
        try await authorize(request, repository, "push")
        let bytes: [UInt8]
        do {
            bytes = Array(try await request.body.collect(upTo: Self.manifestLimit).readableBytesView)
        } catch is NIOTooManyBytesError {
            throw HubRefusal(
                .contentTooLarge, "SIZE_INVALID", "a manifest may have at most \(Self.manifestLimit) bytes")
        }
        let type = request.headers[.contentType]?.split(separator: ";").first.map(String.init)
        let content = try ManifestContent(bytes, mediaType: type.map(MediaType.init(rawValue:)))
        let promised = try? Digest(reference)
        var digester = Digester(promised?.algorithm ?? .sha256)
        digester.update(bytes)
        let digest = digester.digest()
        if let promised, promised != digest {
            throw HubRefusal(
                .badRequest, "DIGEST_INVALID", "provided digest did not match uploaded content",
                detail: "the manifest has the digest \(digest)")
        }
        let registry = registry
        let missing = try await blocking { () throws(DrydockError) in
            let missing = try registry.missing(content.needs, in: repository)
            if missing.isEmpty {
                try registry.store(
                    content, digest: digest, in: repository, tags: promised == nil ? [reference] : [], pushed: true)
            }
            return missing
        }
        if let first = missing.first {
            switch first {
            case .blob(let digest):
                throw HubRefusal(
                    .notFound, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", detail: digest.description)
            case .manifest(let digest):
                throw HubRefusal(
                    .notFound, "MANIFEST_BLOB_UNKNOWN", "manifest unknown to registry", detail: digest.description)
            }
        }
        var headers: HTTPFields = [
            .location: "/v2/\(repository)/manifests/\(digest)", .contentDigest: digest.description,
        ]
        if let subject = content.subject { headers[.ociSubject] = subject.description }
        return Response(status: .created, headers: headers)
    }

    // MARK: Lists

    func tags(_ request: Request, _ repository: String) async throws -> Response {
        try onlyReads(request)
        try await authorize(request, repository, "pull")
        let query = FormFields(request.uri.query ?? "")
        let limit = try Self.limit(query)
        let last = query.first("last")
        let registry = registry
        let found = try await blocking { () throws(DrydockError) in
            try registry.tags(of: repository, after: last, limit: limit + 1)
        }
        guard let found else { throw HubRefusal.unknownName(repository) }
        let page = Array(found.prefix(limit))
        return Response.json(
            ["name": .string(repository), "tags": .array(page.map(JSONValue.string))],
            headers: Self.link(
                "/v2/\(repository)/tags/list", last: page.last, limit: limit, more: found.count > page.count))
    }

    func catalog(_ request: Request) async throws -> Response {
        try onlyReads(request)
        let query = FormFields(request.uri.query ?? "")
        let limit = try Self.limit(query)
        let last = query.first("last")
        let registry = registry
        let found = try await blocking { () throws(DrydockError) in
            try registry.repositories(after: last, limit: limit + 1)
        }
        let page = Array(found.prefix(limit))
        return Response.json(
            ["repositories": .array(page.map(JSONValue.string))],
            headers: Self.link("/v2/_catalog", last: page.last, limit: limit, more: found.count > page.count))
    }

    private static func limit(_ query: FormFields) throws -> Int {
        guard let text = query.first("n") else { return 1000 }
        guard let number = Int(text), number >= 0 else {
            throw HubRefusal(
                .badRequest, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", detail: text)
        }
        return min(number, 10_000)
    }

    private static func link(_ path: String, last: String?, limit: Int, more: Bool) -> HTTPFields {
        guard more, let last else { return [:] }
        return [.link: "<\(path)?n=\(limit)&last=\(last)>; rel=\"next\""]
    }

    func referrers(_ request: Request, _ repository: String, _ digest: Digest) async throws -> Response {
        try onlyReads(request)
        try await authorize(request, repository, "pull")
        let registry = registry
        var list = try await blocking { () throws(DrydockError) in
            try registry.referrers(of: digest, in: repository)
        }
        var headers: HTTPFields = [.contentType: MediaType.ociIndex.rawValue]
        if let wanted = FormFields(request.uri.query ?? "").first("artifactType") {
            list = list.filter { $0["artifactType"]?.string == wanted }
            headers[.ociFilters] = "artifactType"
        }
        return Response.json(
            [
                "schemaVersion": 2, "mediaType": .string(MediaType.ociIndex.rawValue), "manifests": .array(list),
            ], headers: headers)
    }

    func search(_ request: Request) async throws -> Response {
        try onlyReads(request)
        let query = FormFields(request.uri.query ?? "")
        let term = query.first("q") ?? ""
        let limit = min(max(Int(query.first("n") ?? "") ?? 25, 1), 100)
        let registry = registry
        let found = try await blocking { () throws(DrydockError) in
            try registry.search(term.hasPrefix("library/") ? String(term.dropFirst(8)) : term, limit: limit)
        }
        return Response.json([
            "num_pages": 1, "num_results": .int(Int64(found.count)), "page": 1, "page_size": .int(Int64(limit)),
            "query": .string(term), "results": .array(found),
        ])
    }

    func onlyReads(_ request: Request) throws {
        guard request.method == .get || request.method == .head else {
            throw HubRefusal(.methodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
        }
    }
}

import Diagnostics
import HTTPTypes
import Hummingbird
import NIOCore
import OCI
import RegistryClient

extension HubResponder {
    /// The largest manifest that is taken, in bytes (distribution-spec, "Pushing Manifests").
    static let manifestLimit = 4 << 20

    func manifest(
        _ request: Request, _ context: HubContext, _ repository: String, _ reference: String
    ) async throws -> Response {
        if reference.contains(":") {
            _ = try Self.digest(reference)
        } else if !Reference.isTag(reference) {
            throw request.method == .put
                ? HubRefusal(.badRequest, "TAG_INVALID", "manifest tag did not match URI", detail: reference)
                : HubRefusal.unknownManifest(reference)
        }
        switch request.method {
        case .get, .head: return try await getManifest(request, repository, reference)
        case .put: return try await putManifest(request, context, repository, reference)
        case .delete:
            let principal = try await authorize(request, repository, "delete")
            let registry = registry
            let record = PushRecord(user: principal.name ?? "", peer: context.peer)
            let removed = try await blocking { () throws(DrydockError) in
                try registry.removeManifest(reference, in: repository, record: record)
            }
            guard removed else { throw HubRefusal.unknownManifest(reference) }
            return Response(status: .accepted)
        default: throw HubRefusal.unsupported(.get, .head, .put, .delete)
        }
    }

    private func getManifest(_ request: Request, _ repository: String, _ reference: String) async throws -> Response {
        try await authorize(request, repository, "pull")
        let found = try await served(reference, repository)
        if request.method == .get { pulls.add(repository) }
        if request.has("\"\(found.digest)\"") {
            return Response(status: .notModified, headers: found.headers)
        }
        return Response(status: .ok, headers: found.headers, body: ResponseBody(byteBuffer: found.body))
    }

    private func served(_ reference: String, _ repository: String) async throws -> ServedManifest {
        let registry = registry
        if let known = registry.cache.manifest(reference, in: repository) { return known }
        for isLast in [false, true] {
            let moment = registry.cache.moment
            let found = try await blocking { () throws(DrydockError) in
                try registry.manifest(reference, in: repository).map(ServedManifest.init)
            }
            if let found {
                registry.cache.keep(found, reference, in: repository, since: moment)
                return found
            }
            if !isLast { try await misses.manifest(reference, of: repository) }
        }
        throw HubRefusal.unknownManifest(reference)
    }

    private func putManifest(
        _ request: Request, _ context: HubContext, _ repository: String, _ reference: String
    ) async throws -> Response {
        let principal = try await authorize(request, repository, "push")
        let tooLarge = HubRefusal(
            .contentTooLarge, "SIZE_INVALID", "a manifest may have at most \(Self.manifestLimit) bytes")
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > Self.manifestLimit {
            throw tooLarge
        }
        await context.goOn(request)
        let bytes: [UInt8]
        do {
            bytes = Array(try await request.body.collect(upTo: Self.manifestLimit).readableBytesView)
        } catch is NIOTooManyBytesError {
            throw tooLarge
        }
        let type = request.headers[.contentType]?.split(separator: ";").first.map(String.init)
        let content = try ManifestContent(bytes, mediaType: type.map(MediaType.init(rawValue:)))
        let promised = try reference.contains(":") ? Self.digest(reference) : nil
        var digester = Digester(promised?.algorithm ?? .sha256)
        digester.update(bytes)
        let digest = digester.digest()
        if let promised, promised != digest {
            throw HubRefusal(
                .badRequest, "DIGEST_INVALID", "provided digest did not match uploaded content",
                detail: "the manifest has the digest \(digest)")
        }
        let tags = try tags(request, reference, isDigest: promised != nil)
        let registry = registry
        let isSparse = sparse
        let record = PushRecord(user: principal.name ?? "", peer: context.peer)
        let missing = try await blocking { () throws(DrydockError) in
            if !isSparse {
                return try registry.storeWhole(content, digest: digest, in: repository, tags: tags, push: record)
            }
            try registry.store(content, digest: digest, in: repository, tags: tags, push: record)
            return []
        }
        if !missing.isEmpty { throw HubRefusal.missing(missing) }
        var headers: HTTPFields = [
            .location: "/v2/\(repository)/manifests/\(digest)", .contentDigest: digest.description,
        ]
        if let subject = content.subject { headers[.ociSubject] = subject.description }
        if promised != nil, !tags.isEmpty { headers[.ociTag] = tags.joined(separator: ", ") }
        return Response(status: .created, headers: headers)
    }

    /// The tags that a manifest gets: the one in the path, or those of the query (`?tag=`) where the path has a digest.
    private func tags(_ request: Request, _ reference: String, isDigest: Bool) throws -> [String] {
        guard isDigest else { return [reference] }
        let tags = FormFields(request.uri.query ?? "").all("tag")
        if let wrong = tags.first(where: { !Reference.isTag($0) }) {
            throw HubRefusal(.badRequest, "TAG_INVALID", "manifest tag did not match URI", detail: wrong)
        }
        guard tags.count <= 100 else {
            throw HubRefusal(.init(code: 414), "TAG_INVALID", "at most 100 tags may be given at once")
        }
        return tags
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
        let user = try await user(request)
        let isOwner = try await gate.policy().owners.contains(user ?? "")
        let query = FormFields(request.uri.query ?? "")
        let limit = try Self.limit(query)
        let last = query.first("last")
        let registry = registry
        let found = try await blocking { () throws(DrydockError) in
            try registry.repositories(after: last, limit: limit + 1, user: user, isOwner: isOwner)
        }
        let page = Array(found.prefix(limit))
        return Response.json(
            ["repositories": .array(page.map(JSONValue.string))],
            headers: Self.link("/v2/_catalog", last: page.last, limit: limit, more: found.count > page.count))
    }

    private static func limit(_ query: FormFields) throws -> Int {
        guard let text = query.first("n") else { return 1000 }
        guard !text.isEmpty, text.utf8.count < 10, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(text)
        else {
            throw HubRefusal(
                .badRequest, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", detail: text)
        }
        return min(number, 10_000)
    }

    private static func link(_ path: String, last: String?, limit: Int, more: Bool) -> HTTPFields {
        guard more, let last else { return [:] }
        return [.link: "<\(path)?n=\(limit)&last=\(last.replacing("/", with: "%2F"))>; rel=\"next\""]
    }

    func referrers(_ request: Request, _ repository: String, _ digest: Digest) async throws -> Response {
        try onlyReads(request)
        try await authorize(request, repository, "pull")
        let registry = registry
        let all = try await blocking { () throws(DrydockError) in
            try registry.referrers(of: digest, in: repository)
        }
        var list = all
        var headers: HTTPFields = [.contentType: MediaType.ociIndex.rawValue]
        if let wanted = FormFields(request.uri.query ?? "").first("artifactType"), !wanted.isEmpty {
            list = all.filter { $0["artifactType"]?.string == wanted }
            headers[.ociFilters] = "artifactType"
        }
        return Response.json(
            [
                "schemaVersion": 2, "mediaType": .string(MediaType.ociIndex.rawValue), "manifests": .array(list),
            ], headers: headers)
    }

    func search(_ request: Request) async throws -> Response {
        try onlyReads(request)
        let user = try await user(request)
        let isOwner = try await gate.policy().owners.contains(user ?? "")
        let query = FormFields(request.uri.query ?? "")
        let term = query.first("q") ?? ""
        let limit = min(max(Int(query.first("n") ?? "") ?? 25, 1), 100)
        let registry = registry
        let found = try await blocking { () throws(DrydockError) in
            try registry.search(
                term.hasPrefix("library/") ? String(term.dropFirst(8)) : term, limit: limit, user: user,
                isOwner: isOwner)
        }
        return Response.json([
            "num_pages": 1, "num_results": .int(Int64(found.count)), "page": 1, "page_size": .int(Int64(limit)),
            "query": .string(term), "results": .array(found),
        ])
    }

    func onlyReads(_ request: Request) throws {
        guard request.method == .get || request.method == .head else {
            throw HubRefusal.unsupported(.get, .head)
        }
    }
}

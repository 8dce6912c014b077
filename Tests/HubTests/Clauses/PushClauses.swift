import HTTPTypes
import OCI
import Testing

@testable import Hub

/// distribution-spec, "Push", as far as blobs go.
@Suite struct PushClauses {
    @Test("POST then PUT: 202 with a place, 201 with where the blob is now", arguments: Way.allCases)
    func postPut(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let bytes = RandomImage.random(512)
            let place = try await hub.begin("ann/x")
            let put = try await hub.send(
                .put, "\(place)?digest=\(bytes.digest())", [.contentType: "application/octet-stream"], body: bytes)
            #expect(put.status == 201 && put[.contentDigest] == bytes.digest().description)
            let location = try #require(put[.location])
            #expect(try await hub.send(.get, location, as: nil).body == bytes)
            #expect(try await hub.send(.get, place).code == "BLOB_UPLOAD_UNKNOWN")
            #expect(try await hub.send(.put, "\(place)?digest=\(bytes.digest())", body: bytes).status == 404)
        }
    }

    @Test("Single POST: the blob comes with the request, in both algorithms", arguments: Way.allCases)
    func single(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            for algorithm in Digest.Algorithm.allCases {
                let bytes = RandomImage.random(512)
                let digest = bytes.digest(algorithm)
                let post = try await hub.send(.post, "/v2/ann/x/blobs/uploads/?digest=\(digest)", body: bytes)
                #expect(post.status == 201 && post[.location] == "/v2/ann/x/blobs/\(digest)")
                #expect(try await hub.send(.get, "/v2/ann/x/blobs/\(digest)", as: nil).body == bytes)
                let wrong = try await hub.send(.post, "/v2/ann/x/blobs/uploads/?digest=\(digest)", body: bytes + [0])
                #expect(wrong.status == 400 && wrong.code == "DIGEST_INVALID")
            }
        }
    }

    @Test("Chunks follow each other; the last one may come with the PUT", arguments: Way.allCases, [false, true])
    func chunks(way: Way, last: Bool) async throws {
        try await ClauseHub.run(way) { hub in
            for algorithm in Digest.Algorithm.allCases {
                let bytes = RandomImage.random(3067)
                var place = try await hub.begin("ann/x")
                let pieces = [0..<1024, 1024..<2048, 2048..<3067]
                for (number, piece) in pieces.enumerated() where !(last && number == 2) {
                    let patch = try await hub.send(
                        .patch, place, [.contentRange: "\(piece.lowerBound)-\(piece.upperBound - 1)"],
                        body: Array(bytes[piece]))
                    #expect(patch.status == 202 && patch[.range] == "0-\(piece.upperBound - 1)")
                    place = try #require(patch[.location])
                    let status = try await hub.send(.get, place)
                    #expect(status.status == 204 && status[.range] == "0-\(piece.upperBound - 1)")
                    #expect(status[.location] != nil)
                }
                let digest = bytes.digest(algorithm)
                let put =
                    last
                    ? try await hub.send(
                        .put, "\(place)?digest=\(digest)", [.contentRange: "2048-3066"], body: Array(bytes[2048...]))
                    : try await hub.send(.put, "\(place)?digest=\(digest)")
                #expect(put.status == 201)
                #expect(try await hub.send(.get, "/v2/ann/x/blobs/\(digest)", as: nil).body == bytes)
            }
        }
    }

    @Test("Chunks out of order are 416 with the place and how far it is, and change nothing", arguments: Way.allCases)
    func disorder(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let bytes = RandomImage.random(3000)
            let place = try await hub.begin("ann/x")
            func patch(_ range: String, _ part: Range<Int>) async throws -> Answer {
                try await hub.send(.patch, place, [.contentRange: range], body: Array(bytes[part]))
            }
            #expect(try await patch("1000-1999", 1000..<2000).status == 416)
            #expect(try await patch("0-999", 0..<1000).status == 202)
            for (range, part) in [("2000-2999", 2000..<3000), ("0-999", 0..<1000), ("500-1499", 500..<1500)] {
                let answer = try await patch(range, part)
                #expect(answer.status == 416 && answer.code == "BLOB_UPLOAD_INVALID", "\(range)")
                #expect(answer[.range] == "0-999" && answer[.location] == place, "\(range)")
            }
            let put = try await hub.send(
                .put, "\(place)?digest=\(bytes.digest())", [.contentRange: "2000-2999"], body: Array(bytes[2000...]))
            #expect(put.status == 416)
            for range in ["x", "1000", "-5", "1000-", "1000-+1999", "1000--1999"] {
                #expect(try await patch(range, 1000..<2000).status == 400, "\(range)")
            }
            #expect(try await patch("1000-1998", 1000..<2000).code == "SIZE_INVALID")
            #expect(try await patch("bytes 1000-2999/3000", 1000..<3000).status == 202)
            #expect(try await hub.send(.put, "\(place)?digest=\(bytes.digest())").status == 201)
        }
    }

    @Test("A streamed upload needs no ranges", arguments: Way.allCases)
    func streamed(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let bytes = RandomImage.random(3_000_000)
            let place = try await hub.begin("ann/x", "?digest-algorithm=sha512")
            for piece in [0..<1_500_000, 1_500_000..<3_000_000] {
                #expect(try await hub.send(.patch, place, body: Array(bytes[piece])).status == 202)
            }
            let digest = bytes.digest(.sha512)
            #expect(try await hub.send(.put, "\(place)?digest=\(digest)").status == 201)
            #expect(try await hub.send(.get, "/v2/ann/x/blobs/\(digest)", as: nil).body == bytes)
        }
    }

    @Test("Another digest than promised is 400 DIGEST_INVALID, and leaves nothing", arguments: Way.allCases)
    func wrong(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let bytes = RandomImage.random(512)
            for algorithm in Digest.Algorithm.allCases {
                let digest = bytes.digest(algorithm)
                var place = try await hub.begin("ann/x")
                #expect(
                    try await hub.send(.put, "\(place)?digest=\(digest)", body: bytes + [1]).code == "DIGEST_INVALID")
                place = try await hub.begin("ann/x")
                #expect(try await hub.send(.patch, place, body: bytes + [1]).status == 202)
                let put = try await hub.send(.put, "\(place)?digest=\(digest)")
                #expect(put.status == 400 && put.code == "DIGEST_INVALID")
                #expect(try await hub.send(.get, "/v2/ann/x/blobs/\(digest)", as: nil).status == 404)
            }
            let place = try await hub.begin("ann/x")
            #expect(try await hub.send(.put, place, body: bytes).code == "DIGEST_INVALID")
            #expect(try await hub.send(.put, "\(place)?digest=sha256:1", body: bytes).code == "DIGEST_INVALID")
            #expect(try await hub.send(.put, "\(place)?digest=\(bytes.digest())", body: bytes).status == 201)
        }
    }

    @Test("An upload can be cancelled, and belongs to one repository", arguments: Way.allCases)
    func cancel(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let place = try await hub.begin("ann/x")
            let elsewhere = place.replacing("ann/x", with: "ann/y")
            #expect(try await hub.send(.get, elsewhere).code == "BLOB_UPLOAD_UNKNOWN")
            #expect(try await hub.send(.delete, place).status == 204)
            #expect(try await hub.send(.delete, place).status == 404)
            #expect(try await hub.send(.patch, place, body: [1]).code == "BLOB_UPLOAD_UNKNOWN")
            for id in ["x", "..", "%2e%2e", "a-b-c-d-e-f-sha256", "..%2fblobs"] {
                let answer = try await hub.send(.get, "/v2/ann/x/blobs/uploads/\(id)")
                #expect(answer.status == 404, "\(id): \(answer.status)")
            }
        }
    }

    @Test("Mounting: from a repository, from any, and 202 where it is not there", arguments: Way.allCases)
    func mount(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let digest = try await hub.push([1, 2, 3], to: "ann/source")
            for (repository, query) in [("ann/one", "mount=\(digest)&from=ann/source"), ("ann/two", "mount=\(digest)")]
            {
                let mounted = try await hub.send(.post, "/v2/\(repository)/blobs/uploads/?\(query)")
                #expect(mounted.status == 201 && mounted[.location] == "/v2/\(repository)/blobs/\(digest)")
                #expect(try await hub.send(.get, "/v2/\(repository)/blobs/\(digest)", as: nil).body == [1, 2, 3])
            }
            let missing = [UInt8]("missing".utf8).digest()
            for query in ["mount=\(digest)&from=ann/none", "mount=\(missing)", "mount=\(missing)&from=ann/source"] {
                let refused = try await hub.send(.post, "/v2/ann/three/blobs/uploads/?\(query)")
                #expect(refused.status == 202 && refused[.location] != nil, "\(query)")
            }
            #expect(try await hub.send(.post, "/v2/ann/x/blobs/uploads/?mount=sha256:1").code == "DIGEST_INVALID")
        }
    }

    @Test("Methods that mean nothing are 405", arguments: Way.allCases)
    func methods(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let digest = try await hub.push([1], to: "ann/x")
            let place = try await hub.begin("ann/x")
            for (method, uri, allowed) in [
                (HTTPRequest.Method.get, "/v2/ann/x/blobs/uploads/", "POST"),
                (.post, place, "GET, HEAD, PATCH, PUT, DELETE"),
                (.put, "/v2/ann/x/blobs/\(digest)", "GET, HEAD, DELETE"),
                (.post, "/v2/ann/x/manifests/1", "GET, HEAD, PUT, DELETE"),
                (.delete, "/v2/ann/x/tags/list", "GET, HEAD"),
                (.put, "/v2/_catalog", "GET, HEAD"), (.post, "/v2/ann/x/referrers/\(digest)", "GET, HEAD"),
                (.delete, "/v2/", "GET, HEAD"), (.put, "/token", "GET, HEAD, POST"), (.get, "/hub/v1/accounts", "POST"),
            ] {
                let answer = try await hub.send(method, uri)
                #expect(answer.status == 405 && answer.code == "UNSUPPORTED", "\(method) \(uri)")
                #expect(answer[.allow] == allowed, "\(method) \(uri)")
            }
        }
    }
}

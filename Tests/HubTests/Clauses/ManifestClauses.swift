import Diagnostics
import HTTPTypes
import OCI
import Testing

@testable import Hub

/// distribution-spec, "Pushing Manifests", and what image-spec lets a manifest be.
@Suite struct ManifestClauses {
    private static func manifest(_ config: Descriptor, _ layers: [JSONValue], _ extra: [(String, JSONValue)] = [])
        -> JSONValue
    {
        .object(
            [
                ("schemaVersion", 2), ("mediaType", .string(MediaType.ociManifest.rawValue)), ("config", config.json),
                ("layers", .array(layers)),
            ] + extra)
    }

    @Test(
        "Kinds of content: artifacts, unknown configurations, no layers, data fields, layers that live elsewhere",
        arguments: Way.allCases)
    func kinds(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let empty = Array("{}".utf8)
            try await hub.push(empty, to: "ann/x")
            try await hub.push([], to: "ann/x")
            let config = empty.descriptor(.ociEmpty)
            let foreign: JSONValue = [
                "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                "digest": .string([UInt8]("far".utf8).digest().description), "size": 123_456,
                "urls": ["https://store.example.com/far"],
            ]
            let documents: [JSONValue] = [
                Self.manifest(config, [config.json], [("artifactType", "application/vnd.example.v1")]),
                Self.manifest(
                    Descriptor(mediaType: MediaType(rawValue: "text/odd"), digest: config.digest, size: 2), []),
                Self.manifest(config, [[UInt8]().descriptor(.ociLayer).json]),
                Self.manifest(config, [config.json.setting("data", "e30=")]),
                Self.manifest(config, [foreign]),
                Self.manifest(config, [], [("custom", ["deep": [1, "two", nil, true]]), ("annotations", ["a": "b"])]),
            ]
            for (number, document) in documents.enumerated() {
                let bytes = Array(document.compact.utf8)
                let put = try await hub.put(document, .ociManifest, "ann/x", "t\(number)")
                #expect(put.status == 201, "\(number)")
                #expect(put[.location] == "/v2/ann/x/manifests/\(bytes.digest())")
                #expect(put[.contentDigest] == bytes.digest().description)
                #expect(try await hub.send(.get, "/v2/ann/x/manifests/t\(number)", as: nil).body == bytes, "\(number)")
            }
        }
    }

    @Test("Bytes are kept as they came: spaces, order and escapes", arguments: Way.allCases)
    func bytes(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let empty = Array("{}".utf8)
            let digest = try await hub.push(empty, to: "ann/x")
            let text = """
                {\n   "layers" : [],\t"config":{"size":2,"digest":"\(digest)","mediaType":"x\\u002fy"},
                 "schemaVersion":2, "n": 1.50e3 , "\\u0061":"\\/"}\n
                """
            let put = try await hub.send(
                .put, "/v2/ann/x/manifests/odd", [.contentType: MediaType.ociManifest.rawValue], body: Array(text.utf8))
            #expect(put.status == 201)
            let got = try await hub.send(.get, "/v2/ann/x/manifests/odd", as: nil)
            #expect(got.body == Array(text.utf8))
            #expect(got[.contentType] == MediaType.ociManifest.rawValue)
        }
    }

    @Test("Indexes: of images, of indexes, empty, and Docker's types", arguments: Way.allCases)
    func indexes(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let image = try await hub.image("ann/x")
            func index(_ of: [Descriptor], _ type: MediaType = .ociIndex) -> JSONValue {
                Index(mediaType: type, manifests: of).json
            }
            let inner = index([image])
            #expect(try await hub.put(inner, .ociIndex, "ann/x").status == 201)
            let outer = index([Array(inner.compact.utf8).descriptor(.ociIndex)])
            #expect(try await hub.put(outer, .ociIndex, "ann/x", "nested").status == 201)
            #expect(try await hub.put(index([]), .ociIndex, "ann/x", "empty").status == 201)
            #expect(try await hub.put(index([image], .dockerList), .dockerList, "ann/x", "docker").status == 201)
            let got = try await hub.send(.get, "/v2/ann/x/manifests/docker", as: nil)
            #expect(got[.contentType] == MediaType.dockerList.rawValue)
            let missing = index([[UInt8]("none".utf8).descriptor(.ociManifest)])
            let refused = try await hub.put(missing, .ociIndex, "ann/x", "sparse")
            #expect(refused.status == 404 && refused.code == "MANIFEST_BLOB_UNKNOWN")
        }
    }

    @Test("Sparse indexes and manifests are taken where the hub is set so", arguments: Way.allCases)
    func sparse(way: Way) async throws {
        try await ClauseHub.run(way, sparse: true) { hub in
            let missing = [UInt8]("none".utf8)
            let index = Index(manifests: [missing.descriptor(.ociManifest)]).json
            let put = try await hub.put(index, .ociIndex, "ann/x", "index")
            #expect(put.status == 201)
            let manifest = Self.manifest(missing.descriptor(.ociConfig), [missing.descriptor(.ociLayer).json])
            #expect(try await hub.put(manifest, .ociManifest, "ann/x", "image").status == 201)
            #expect(try await hub.send(.get, "/v2/ann/x/manifests/image", as: nil).status == 200)
            #expect(try await hub.send(.get, "/v2/ann/x/blobs/\(missing.digest())", as: nil).status == 404)
        }
    }

    @Test("By digest, in both algorithms, with tags in the query (OCI-Tag)", arguments: Way.allCases)
    func tagParameters(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let empty = Array("{}".utf8)
            for algorithm in Digest.Algorithm.allCases {
                let digest = try await hub.push(empty, to: "ann/x", algorithm)
                let config = Descriptor(mediaType: .ociEmpty, digest: digest, size: 2)
                let bytes = Array(Self.manifest(config, [], [("n", .string(algorithm.rawValue))]).compact.utf8)
                let uri = "/v2/ann/x/manifests/\(bytes.digest(algorithm))?tag=one-\(algorithm)&tag=two-\(algorithm)"
                let put = try await hub.send(.put, uri, [.contentType: MediaType.ociManifest.rawValue], body: bytes)
                #expect(put.status == 201)
                #expect(put[.ociTag] == "one-\(algorithm), two-\(algorithm)")
                for tag in ["one-\(algorithm)", "two-\(algorithm)"] {
                    let got = try await hub.send(.get, "/v2/ann/x/manifests/\(tag)", as: nil)
                    #expect(got.body == bytes && got[.contentDigest] == bytes.digest(algorithm).description)
                }
                let wrong = try await hub.send(
                    .put, "/v2/ann/x/manifests/\(bytes.digest(algorithm))", body: bytes + [0x20, 0x20])
                #expect(wrong.status == 400 && wrong.code == "DIGEST_INVALID")
            }
        }
    }

    @Test(
        "What is no manifest is refused: 400 MANIFEST_INVALID, DIGEST_INVALID, TAG_INVALID; 413 above 4 MiB",
        arguments: Way.allCases)
    func refused(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            func put(_ body: [UInt8], _ type: String = MediaType.ociManifest.rawValue, _ reference: String = "t")
                async throws
                -> Answer
            {
                try await hub.send(.put, "/v2/ann/x/manifests/\(reference)", [.contentType: type], body: body)
            }
            for text in [
                "", "{", "[]", "null", "{}", #"{"schemaVersion":1}"#, #"{"schemaVersion":2}"#, "\u{0}",
                #"{"schemaVersion":2,"config":{"digest":"sha256:1","size":1},"layers":[]}"#,
                #"{"schemaVersion":2,"manifests":3}"#, #"{"schemaVersion":2,"config":[],"layers":[]}"#,
                #"{"schemaVersion":2,"manifests":[{"digest":"sha256:../../x","size":1}]}"#,
                String(repeating: "[", count: 100_000),
            ] {
                let answer = try await put(Array(text.utf8))
                #expect(answer.status == 400 && answer.code == "MANIFEST_INVALID", "\(text.prefix(60))")
            }
            let mixed = Array(Index(manifests: []).json.compact.utf8)
            #expect(try await put(mixed).code == "MANIFEST_INVALID")
            #expect(try await put(mixed, MediaType.ociIndex.rawValue, "sha256:bad").code == "DIGEST_INVALID")
            for tag in [".x", "-x", String(repeating: "t", count: 129), "a%20b"] {
                let answer = try await put(mixed, MediaType.ociIndex.rawValue, tag)
                #expect(answer.status == 400 && answer.code == "TAG_INVALID", "\(tag)")
            }
            let large = Array(
                Index(manifests: [], annotations: ["a": String(repeating: "A", count: 4 << 20)]).json.compact.utf8)
            let answer = try await put(large, MediaType.ociIndex.rawValue)
            #expect(answer.status == 413 && answer.code == "SIZE_INVALID")
            let allowed = Array(
                Index(manifests: [], annotations: ["a": String(repeating: "A", count: 4_000_000)]).json.compact.utf8)
            #expect(try await put(allowed, MediaType.ociIndex.rawValue).status == 201)
        }
    }
}

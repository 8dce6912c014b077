import Diagnostics
import HTTPTypes
import OCI
import Testing

@testable import Hub

/// distribution-spec, "Content Discovery" and "Content Management".
@Suite struct DiscoveryClauses {
    private func tags(_ answer: Answer) -> [String]? { answer.json?["tags"]?.array?.compactMap(\.string) }

    @Test("Listing Tags: sorted whatever their case; `n`, `last` and `Link`; `n=0` is empty", arguments: Way.allCases)
    func listing(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let image = RandomImage(layers: 1)
            try image.store(in: hub.registry, "ann/x", tags: ["b", "A", "c", "B", "1.0", "a"])
            let uri = "/v2/ann/x/tags/list"
            let all = try await hub.send(.get, uri, as: nil)
            #expect(all.status == 200 && all.json?["name"] == "ann/x" && all[.link] == nil)
            #expect(tags(all) == ["1.0", "A", "a", "B", "b", "c"])
            var page = try await hub.send(.get, "\(uri)?n=4", as: nil)
            #expect(tags(page) == ["1.0", "A", "a", "B"])
            #expect(page[.link] == "<\(uri)?n=4&last=B>; rel=\"next\"")
            page = try await hub.send(.get, "\(uri)?n=4&last=B", as: nil)
            #expect(tags(page) == ["b", "c"] && page[.link] == nil)
            #expect(tags(try await hub.send(.get, "\(uri)?last=a", as: nil)) == ["B", "b", "c"])
            #expect(tags(try await hub.send(.get, "\(uri)?last=absent", as: nil)) == ["B", "b", "c"])
            #expect(tags(try await hub.send(.get, "\(uri)?n=100", as: nil))?.count == 6)
            let none = try await hub.send(.get, "\(uri)?n=0", as: nil)
            #expect(none.status == 200 && tags(none) == [] && none[.link] == nil)
            for n in ["-1", "x", "", "1.5", "99999999999999999999"] {
                let answer = try await hub.send(.get, "\(uri)?n=\(n)", as: nil)
                #expect(answer.status == 400 && answer.code == "PAGINATION_NUMBER_INVALID", "\(n)")
            }
        }
    }

    @Test(
        "Listing Referrers: descriptors with type, artifactType and annotations; filtered; empty where there are none",
        arguments: Way.allCases)
    func referrers(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let subject = try await hub.image("ann/x")
            let later = [UInt8]("comes later".utf8).descriptor(.ociManifest)
            let plain = try await hub.image("ann/x", tag: nil, ["subject": subject.json])
            let note = try await hub.image(
                "ann/x", tag: "note",
                ["subject": subject.json, "artifactType": "text/note", "annotations": ["org.example.a": "b"]])
            let index = Index(manifests: []).json.setting("subject", subject.json).setting("artifactType", "text/list")
            let put = try await hub.put(index, .ociIndex, "ann/x")
            #expect(put.status == 201 && put[.ociSubject] == subject.digest.description)
            let early = try await hub.put(
                Index(manifests: []).json.setting("subject", later.json), .ociIndex, "ann/x")
            #expect(early.status == 201 && early[.ociSubject] == later.digest.description)

            func list(_ digest: Digest, _ query: String = "") async throws -> (Answer, [JSONValue]) {
                let answer = try await hub.send(.get, "/v2/ann/x/referrers/\(digest)\(query)", as: nil)
                #expect(answer.status == 200 && answer[.contentType] == MediaType.ociIndex.rawValue)
                #expect(answer.json?["schemaVersion"] == 2)
                #expect(answer.json?["mediaType"]?.string == MediaType.ociIndex.rawValue)
                return (answer, answer.json?["manifests"]?.array ?? [])
            }
            let (_, all) = try await list(subject.digest)
            #expect(
                Set(all.compactMap { $0["digest"]?.string }) == [
                    plain.digest.description, note.digest.description,
                    Array(index.compact.utf8).digest().description,
                ])
            let found = try #require(all.first { $0["digest"]?.string == note.digest.description })
            #expect(found["artifactType"] == "text/note" && found["size"]?.int == note.size)
            #expect(found.at("annotations")?["org.example.a"] == "b")
            #expect(found["mediaType"]?.string == MediaType.ociManifest.rawValue)
            let image = all.first { $0["digest"]?.string == plain.digest.description }
            #expect(image?["artifactType"]?.string == MediaType.ociConfig.rawValue)
            let (answer, filtered) = try await list(subject.digest, "?artifactType=text%2Fnote")
            #expect(answer[.ociFilters] == "artifactType" && filtered.count == 1)
            #expect(try await list(subject.digest, "?artifactType=none").1.isEmpty)
            #expect(try await list(later.digest).1.count == 1)
            #expect(try await list([UInt8]("nobody".utf8).digest()).1.isEmpty)
            let unknown = try await hub.send(.get, "/v2/no/such/referrers/\(later.digest)", as: nil)
            #expect(unknown.status == 200 && unknown.json?["manifests"] == [])
            #expect(try await hub.send(.delete, "/v2/ann/x/manifests/\(note.digest)").status == 202)
            #expect(try await list(subject.digest).1.count == 2)
        }
    }

    @Test("Deleting tags, manifests and blobs is seen at once", arguments: Way.allCases)
    func deleting(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let image = try await hub.image("ann/x", tag: "1")
            let bytes = try await hub.send(.get, "/v2/ann/x/manifests/1", as: nil).body
            for tag in ["2", "3"] {
                let put = try await hub.send(
                    .put, "/v2/ann/x/manifests/\(tag)", [.contentType: MediaType.ociManifest.rawValue], body: bytes)
                #expect(put.status == 201)
            }
            #expect(try await hub.send(.delete, "/v2/ann/x/manifests/1").status == 202)
            #expect(try await hub.send(.head, "/v2/ann/x/manifests/1", as: nil).status == 404)
            #expect(try await hub.send(.delete, "/v2/ann/x/manifests/1").code == "MANIFEST_UNKNOWN")
            #expect(tags(try await hub.send(.get, "/v2/ann/x/tags/list", as: nil)) == ["2", "3"])
            #expect(try await hub.send(.get, "/v2/ann/x/manifests/\(image.digest)", as: nil).status == 200)
            #expect(try await hub.send(.delete, "/v2/ann/x/manifests/\(image.digest)").status == 202)
            #expect(try await hub.send(.get, "/v2/ann/x/manifests/\(image.digest)", as: nil).status == 404)
            #expect(try await hub.send(.get, "/v2/ann/x/manifests/2", as: nil).status == 404)
            #expect(tags(try await hub.send(.get, "/v2/ann/x/tags/list", as: nil)) == [])
            let blob = try await hub.push([1, 2], to: "ann/x")
            #expect(try await hub.send(.delete, "/v2/ann/x/blobs/\(blob)").status == 202)
            #expect(try await hub.send(.head, "/v2/ann/x/blobs/\(blob)", as: nil).status == 404)
            #expect(try await hub.send(.delete, "/v2/ann/x/blobs/\(blob)").code == "BLOB_UNKNOWN")
        }
    }

    @Test("The catalog comes in pages", arguments: Way.allCases)
    func catalog(way: Way) async throws {
        try await ClauseHub.run(way) { hub in
            let image = RandomImage(layers: 1)
            for name in ["ann/a", "ann/b", "library/c"] { try image.store(in: hub.registry, name, tags: ["1"]) }
            let page = try await hub.send(.get, "/v2/_catalog?n=2", as: nil)
            #expect(page.json?["repositories"] == ["ann/a", "ann/b"])
            #expect(page[.link] == "</v2/_catalog?n=2&last=ann%2Fb>; rel=\"next\"")
            let rest = try await hub.send(.get, "/v2/_catalog?n=2&last=ann%2Fb", as: nil)
            #expect(rest.json?["repositories"] == ["library/c"] && rest[.link] == nil)
            #expect(try await hub.send(.get, "/v2/_catalog?n=0", as: nil).json?["repositories"] == [])
        }
    }
}

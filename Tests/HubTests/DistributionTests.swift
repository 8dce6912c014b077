import Diagnostics
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import ImageStore
import Linux
import NIOCore
import OCI
import RegistryClient
import SystemPackage
import Testing

@testable import Hub

/// The distribution API, in process. Names in parentheses are clauses of the distribution specification.
@Suite struct DistributionTests {
    private let ann = HTTPFields([HTTPField(name: .authorization, value: "Basic " + Base64.encode("ann:secret".utf8))])

    private func withHub(
        courseImages: (@Sendable (HubRegistry) -> any CourseImageProvider)? = nil,
        _ body: @escaping @Sendable (any TestClientProtocol, HubRegistry) async throws -> Void
    ) async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        let registry = try HubRegistry(data: directory.path)
        try registry.createAccount("ann", password: "secret")
        var settings = HubSettings(data: directory.path)
        settings.upstream = nil
        let hub = try await HubApplication(registry: registry, settings: settings, courseImages: courseImages)
        let application = try hub.application(on: HubAddress(host: "127.0.0.1", port: 0)) { _ in }
        try await application.test(.router) { client in try await body(client, registry) }
    }

    private func code(_ response: TestResponse) -> String? {
        (try? JSONValue(parsing: Array(response.body.readableBytesView)))?["errors"]?.array?.first?["code"]?.string
    }

    @Test("The root asks for a login, and is content with a token for nobody (Determining Support)")
    func root() async throws {
        try await withHub { client, _ in
            let first = try await client.executeRequest(uri: "/v2/", method: .get, headers: [:], body: nil)
            #expect(first.status == .unauthorized)
            #expect(first.headers[.wwwAuthenticate]?.hasPrefix("Bearer realm=\"http://") == true)
            let answer = try await client.executeRequest(
                uri: "/token?service=drydock-hub", method: .get, headers: [:], body: nil)
            let token = try JSONValue(parsing: Array(answer.body.readableBytesView))["token"]?.string ?? ""
            let second = try await client.executeRequest(
                uri: "/v2/", method: .get, headers: [.authorization: "Bearer \(token)"], body: nil)
            #expect(second.status == .ok)
            let broken = try await client.executeRequest(
                uri: "/v2/", method: .get, headers: [.authorization: "Bearer \(token)x"], body: nil)
            #expect(broken.status == .unauthorized)
        }
    }

    @Test("Uploads go in chunks that must follow each other (Pushing a blob in chunks)")
    func chunks() async throws {
        let ann = ann
        try await withHub { client, registry in
            let bytes = RandomImage.random(1000)
            let begun = try await client.executeRequest(
                uri: "/v2/ann/x/blobs/uploads/", method: .post, headers: ann, body: nil)
            #expect(begun.status == .accepted)
            let place = try #require(begun.headers[.location])
            var headers = ann
            headers[.contentRange] = "0-599"
            let one = try await client.executeRequest(
                uri: place, method: .patch, headers: headers, body: ByteBuffer(bytes: bytes[..<600]))
            #expect(one.status == .accepted)
            #expect(one.headers[.range] == "0-599")
            headers[.contentRange] = "700-999"
            let wrong = try await client.executeRequest(
                uri: place, method: .patch, headers: headers, body: ByteBuffer(bytes: bytes[700...]))
            #expect(wrong.status == .rangeNotSatisfiable)
            let status = try await client.executeRequest(uri: place, method: .get, headers: ann, body: nil)
            #expect(status.status == .noContent)
            #expect(status.headers[.range] == "0-599")
            let digest = Digest.sha256(bytes)
            let last = try await client.executeRequest(
                uri: "\(place)?digest=\(digest)", method: .put, headers: ann, body: ByteBuffer(bytes: bytes[600...]))
            #expect(last.status == .created)
            #expect(last.headers[.location] == "/v2/ann/x/blobs/\(digest)")
            let has = try registry.hasBlob(digest, in: "ann/x")
            #expect(has)
            let gone = try await client.executeRequest(uri: place, method: .get, headers: ann, body: nil)
            #expect(gone.status == .notFound)
        }
    }

    @Test("A blob with another digest than promised is refused and leaves nothing (Pushing blobs)")
    func wrongDigest() async throws {
        let ann = ann
        try await withHub { client, registry in
            let promised = Digest.sha256([1])
            let answer = try await client.executeRequest(
                uri: "/v2/ann/x/blobs/uploads/?digest=\(promised)", method: .post, headers: ann,
                body: ByteBuffer(bytes: [2]))
            #expect(answer.status == .badRequest)
            #expect(code(answer) == "DIGEST_INVALID")
            #expect(!registry.blobs.has(promised))
            #expect(!registry.blobs.has(Digest.sha256([2])))
        }
    }

    @Test("Blobs are served whole, in ranges, and by sha512 (Pulling blobs)")
    func ranges() async throws {
        let ann = ann
        try await withHub { client, _ in
            let bytes = RandomImage.random(1000)
            var digester = Digester(.sha512)
            digester.update(bytes)
            let digest = digester.digest()
            let begun = try await client.executeRequest(
                uri: "/v2/ann/x/blobs/uploads/", method: .post, headers: ann, body: nil)
            let place = try #require(begun.headers[.location])
            let put = try await client.executeRequest(
                uri: "\(place)?digest=\(digest)", method: .put, headers: ann, body: ByteBuffer(bytes: bytes))
            #expect(put.status == .created)
            let uri = "/v2/ann/x/blobs/\(digest)"
            let whole = try await client.executeRequest(uri: uri, method: .get, headers: [:], body: nil)
            #expect(Array(whole.body.readableBytesView) == bytes)
            let head = try await client.executeRequest(uri: uri, method: .head, headers: [:], body: nil)
            #expect(head.headers[.contentLength] == "1000")
            for (range, expected) in [
                ("0-9", 0..<10), ("990-", 990..<1000), ("-5", 995..<1000), ("990-5000", 990..<1000),
            ] {
                let part = try await client.executeRequest(
                    uri: uri, method: .get, headers: [.range: "bytes=\(range)"], body: nil)
                #expect(part.status == .partialContent, "\(range)")
                #expect(Array(part.body.readableBytesView) == Array(bytes[expected]), "\(range)")
            }
            for range in ["1000-", "5-2", "-0"] {
                let none = try await client.executeRequest(
                    uri: uri, method: .get, headers: [.range: "bytes=\(range)"], body: nil)
                #expect(none.status == .rangeNotSatisfiable, "\(range)")
            }
        }
    }

    @Test("A manifest is taken only when what it names is there, and at most 4 MiB of it (Pushing Manifests)")
    func manifests() async throws {
        let ann = ann
        try await withHub { client, registry in
            let image = RandomImage(layers: 1)
            var headers = ann
            headers[.contentType] = MediaType.ociManifest.rawValue
            let body = ByteBuffer(bytes: image.manifest.bytes)
            let early = try await client.executeRequest(
                uri: "/v2/ann/x/manifests/1", method: .put, headers: headers, body: body)
            #expect(early.status == .notFound)
            #expect(code(early) == "MANIFEST_BLOB_UNKNOWN")
            _ = try registry.importBlob(image.layers[0], to: "ann/x")
            _ = try registry.importBlob(image.config, to: "ann/x")
            let put = try await client.executeRequest(
                uri: "/v2/ann/x/manifests/1", method: .put, headers: headers, body: body)
            #expect(put.status == .created)
            #expect(put.headers[.contentDigest] == "\(image.manifest.digest)")
            let got = try await client.executeRequest(
                uri: "/v2/ann/x/manifests/1", method: .get, headers: [:], body: nil)
            #expect(Array(got.body.readableBytesView) == image.manifest.bytes)
            #expect(got.headers[.contentType] == MediaType.ociManifest.rawValue)
            let other = try await client.executeRequest(
                uri: "/v2/ann/x/manifests/\(Digest.sha256([1]))", method: .put, headers: headers, body: body)
            #expect(code(other) == "DIGEST_INVALID")
            let large = try await client.executeRequest(
                uri: "/v2/ann/x/manifests/2", method: .put, headers: headers,
                body: ByteBuffer(repeating: 0x20, count: (4 << 20) + 1))
            #expect(large.status == .contentTooLarge)
            let bad = try await client.executeRequest(
                uri: "/v2/ann/x/manifests/2", method: .put, headers: headers, body: ByteBuffer(string: "{"))
            #expect(code(bad) == "MANIFEST_INVALID")
            let untag = try await client.executeRequest(
                uri: "/v2/ann/x/manifests/1", method: .delete, headers: ann, body: nil)
            #expect(untag.status == .accepted)
            let byDigest = "/v2/ann/x/manifests/\(image.manifest.digest)"
            let stays = try await client.executeRequest(uri: byDigest, method: .get, headers: [:], body: nil)
            #expect(stays.status == .ok)
            _ = try await client.executeRequest(uri: byDigest, method: .delete, headers: ann, body: nil)
            let gone = try await client.executeRequest(uri: byDigest, method: .get, headers: [:], body: nil)
            #expect(gone.status == .notFound)
        }
    }

    @Test("Tags come in pages (Listing Tags), and referrers by type (Listing Referrers)")
    func lists() async throws {
        try await withHub { client, registry in
            let image = RandomImage(layers: 1)
            try image.store(in: registry, "library/x", tags: ["a", "b", "c"])
            let page = try await client.executeRequest(
                uri: "/v2/library/x/tags/list?n=2", method: .get, headers: [:], body: nil)
            #expect(String(buffer: page.body) == #"{"name":"library/x","tags":["a","b"]}"#)
            #expect(page.headers[.link] == "</v2/library/x/tags/list?n=2&last=b>; rel=\"next\"")
            let rest = try await client.executeRequest(
                uri: "/v2/library/x/tags/list?n=2&last=b", method: .get, headers: [:], body: nil)
            #expect(String(buffer: rest.body) == #"{"name":"library/x","tags":["c"]}"#)
            #expect(rest.headers[.link] == nil)
            let artifact = Manifest(
                mediaType: .ociManifest, config: RandomImage.descriptor(image.config, .ociConfig), layers: [],
                artifactType: "text/note", subject: image.manifest.descriptor, annotations: ["k": "v"])
            _ = try registry.importManifest(
                Array(artifact.json.compact.utf8), mediaType: .ociManifest, to: "library/x", tags: [])
            let uri = "/v2/library/x/referrers/\(image.manifest.digest)"
            let list = try JSONValue(
                parsing: Array(
                    try await client.executeRequest(uri: uri, method: .get, headers: [:], body: nil).body
                        .readableBytesView))
            #expect(list.at("manifests.0.artifactType") == "text/note")
            #expect(list.at("manifests.0.annotations.k") == "v")
            let none = try await client.executeRequest(
                uri: uri + "?artifactType=x", method: .get, headers: [:], body: nil)
            #expect(none.headers[.ociFilters] == "artifactType")
            #expect(String(buffer: none.body).contains("\"manifests\":[]"))
        }
    }

    @Test(
        "Malformed paths are refused, and nothing outside of the hub is served",
        arguments: [
            "/v2/../../etc/passwd/manifests/x", "/v2/UP/manifests/x", "/v2/x/blobs/sha256:zz", "/v2/x/blobs/../../x",
            "/alpine/../hub.sqlite", "/alpine/%2e%2e/hub.sqlite", "/alpine//etc/passwd", "/alpine/", "/%zz", "/nothing",
            "/v2/x/manifests/..", "/v2/x/tags/list?n=-1", "/v2/library/x/manifests/%00", "/v2//manifests/x",
        ])
    func malformed(uri: String) async throws {
        try await withHub { client, _ in
            let answer = try await client.executeRequest(uri: uri, method: .get, headers: [:], body: nil)
            #expect((400...404).contains(answer.status.code), "\(answer.status)")
        }
    }

    @Test("Packages are served as files")
    func packages() async throws {
        try await withHub { client, registry in
            try Files.makeDirectories(registry.packages.appending("v3.5/main"))
            try AtomicFile.write("index".utf8, to: registry.packages.appending("v3.5/main/APKINDEX.tar.gz"))
            let answer = try await client.executeRequest(
                uri: "/alpine/v3.5/main/APKINDEX.tar.gz", method: .get, headers: [:], body: nil)
            #expect(String(buffer: answer.body) == "index")
            #expect(answer.headers[.contentLength] == "5")
        }
    }

    private struct OneImage: CourseImageProvider {
        let registry: HubRegistry
        let image: RandomImage

        func provide(repository: String, tag: String) async throws -> Bool {
            guard repository == "library/debian", tag == "bookworm" else { return false }
            try image.store(in: registry, repository, tags: [tag])
            return true
        }
    }

    @Test("What is missing is made where a course image is known, and clearly unknown otherwise")
    func courseImages() async throws {
        let image = RandomImage(layers: 1)
        try await withHub(courseImages: { OneImage(registry: $0, image: image) }) { client, _ in
            let made = try await client.executeRequest(
                uri: "/v2/library/debian/manifests/bookworm", method: .get, headers: [:], body: nil)
            #expect(Array(made.body.readableBytesView) == image.manifest.bytes)
            let other = try await client.executeRequest(
                uri: "/v2/library/debian/manifests/none", method: .get, headers: [:], body: nil)
            #expect(code(other) == "MANIFEST_UNKNOWN")
            let unknown = try await client.executeRequest(
                uri: "/v2/library/nothing/manifests/x", method: .get, headers: [:], body: nil)
            #expect(code(unknown) == "NAME_UNKNOWN")
        }
    }
}

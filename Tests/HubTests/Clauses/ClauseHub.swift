import Diagnostics
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import OCI
import RegistryClient
import Testing

@testable import Hub

/// How a clause is tried.
enum Way: CaseIterable, Sendable {
    case inProcess
    case socket
}

/// What the hub answered.
struct Answer {
    var status: Int
    var headers: HTTPFields
    var body: [UInt8]

    var json: JSONValue? { try? JSONValue(parsing: body) }
    /// The first error's code (distribution-spec, "Error Codes").
    var code: String? { json?["errors"]?.array?.first?["code"]?.string }

    subscript(_ name: HTTPField.Name) -> String? { headers[name] }
}

/// A hub with two users and an owner, to which a test says what the distribution specification says.
struct ClauseHub: Sendable {
    let registry: HubRegistry
    let way: Way
    private let client: any TestClientProtocol

    static func run(
        _ way: Way, sparse: Bool = false,
        _ body: @escaping @Sendable (ClauseHub) async throws -> Void
    ) async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        let registry = try HubRegistry(data: directory.path)
        // What a password costs is not what these tests are about.
        for name in ["ann", "bob", "teacher"] {
            try registry.createAccount(name, password: "secret", isOwner: name == "teacher", rounds: 16)
        }
        var settings = HubSettings(data: directory.path)
        settings.upstream = nil
        settings.acceptsSparse = sparse
        let hub = try await HubApplication(registry: registry, settings: settings, courseImages: nil)
        let application = try hub.application(on: HubAddress(host: "127.0.0.1", port: 0)) { _ in }
        try await application.test(way == .inProcess ? .router : .live) { client in
            try await body(ClauseHub(registry: registry, way: way, client: client))
        }
    }

    /// Sends a request; as `ann` unless another user, or nobody, is named.
    func send(
        _ method: HTTPRequest.Method, _ uri: String, as user: String? = "ann", _ headers: HTTPFields = [:],
        body: [UInt8]? = nil
    ) async throws -> Answer {
        var headers = headers
        if let user, headers[.authorization] == nil {
            headers[.authorization] = "Basic " + Base64.encode("\(user):secret".utf8)
        }
        let answer = try await client.executeRequest(
            uri: uri, method: method, headers: headers, body: body.map { ByteBuffer(bytes: $0) })
        return Answer(
            status: answer.status.code, headers: answer.headers, body: Array(answer.body.readableBytesView))
    }

    /// Begins an upload and gives back its place.
    func begin(_ repository: String, _ query: String = "") async throws -> String {
        let begun = try await send(.post, "/v2/\(repository)/blobs/uploads/\(query)")
        #expect(begun.status == 202)
        return try #require(begun[.location])
    }

    /// Pushes a blob.
    @discardableResult
    func push(_ bytes: [UInt8], to repository: String, _ algorithm: Digest.Algorithm = .sha256) async throws -> Digest {
        let digest = bytes.digest(algorithm)
        let put = try await send(.put, "\(try await begin(repository))?digest=\(digest)", body: bytes)
        #expect(put.status == 201)
        return digest
    }

    /// Pushes a manifest or an index.
    func put(
        _ document: JSONValue, _ type: OCI.MediaType = .ociManifest, _ repository: String, _ reference: String? = nil
    ) async throws -> Answer {
        let bytes = Array(document.compact.utf8)
        return try await send(
            .put, "/v2/\(repository)/manifests/\(reference ?? bytes.digest().description)",
            [.contentType: type.rawValue], body: bytes)
    }

    /// Pushes an image of one layer.
    func image(_ repository: String, tag: String? = nil, _ extra: [String: JSONValue] = [:]) async throws -> Descriptor
    {
        let layer = RandomImage.random(64)
        let config = Array("{\"n\":\"\(UInt64.random(in: 0 ... .max))\"}".utf8)
        try await push(layer, to: repository)
        try await push(config, to: repository)
        var document: JSONValue = [
            "schemaVersion": 2, "mediaType": .string(MediaType.ociManifest.rawValue),
            "config": config.descriptor(.ociConfig).json, "layers": [layer.descriptor(.ociLayer).json],
        ]
        for (key, value) in extra.sorted(by: { $0.key < $1.key }) { document = document.setting(key, value) }
        let answer = try await put(document, .ociManifest, repository, tag)
        #expect(answer.status == 201)
        return Array(document.compact.utf8).descriptor(.ociManifest)
    }
}

extension [UInt8] {
    func digest(_ algorithm: Digest.Algorithm = .sha256) -> Digest {
        var digester = Digester(algorithm)
        digester.update(self)
        return digester.digest()
    }

    func descriptor(_ type: OCI.MediaType) -> Descriptor {
        Descriptor(mediaType: type, digest: digest(), size: Int64(count))
    }
}

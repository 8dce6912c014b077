import Diagnostics
import NIOHTTP1
import OCI
import RegistryClient
import SystemPackage
import Testing

@Suite struct FaultTests {
    private let bytes = (0..<400_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    private var descriptor: Descriptor {
        Descriptor(mediaType: .ociLayer, digest: Digest.sha256(bytes), size: Int64(bytes.count))
    }
    private let name = Reference(unchecked: "docker.io", repository: "library/x", tag: "1", digest: nil)

    private func read(_ stream: BlobStream) async throws -> [UInt8] {
        var all: [UInt8] = []
        for try await piece in stream { all += piece.array }
        return all
    }

    @Test("A transfer that breaks goes on where it stopped, with a range")
    func broken() async throws {
        let bytes = bytes
        try await ScriptedServer.run { request, number in
            let from = request.headers["range"].first.flatMap { Int($0.dropFirst(6).dropLast()) } ?? 0
            let rest = Array(bytes[from...])
            let headers: HTTPHeaders =
                from > 0 ? ["content-range": "bytes \(from)-\(bytes.count - 1)/\(bytes.count)"] : [:]
            return ScriptedAnswer(
                from > 0 ? .partialContent : .ok, headers: headers, body: rest, cutAfter: number < 3 ? 100_000 : nil)
        } _: { server in
            let found = try await read(server.client().stream(descriptor, of: name))
            #expect(found == bytes)
            let ranges = server.requests.map { $0.headers["range"].first }
            #expect(ranges.count == 3)
            #expect(ranges[0] == nil)
            #expect(ranges[1] != nil)
        }
    }

    @Test("A server that ignores ranges is read again from the beginning, without repeating bytes")
    func noRanges() async throws {
        let bytes = bytes
        try await ScriptedServer.run { _, number in
            ScriptedAnswer(body: bytes, cutAfter: number == 1 ? 150_000 : nil)
        } _: { server in
            let found = try await read(server.client().stream(descriptor, of: name))
            #expect(found == bytes)
        }
    }

    @Test("Wrong bytes, too many bytes and too few are never taken for the blob")
    func wrongBytes() async throws {
        let wrong = [UInt8](repeating: 7, count: bytes.count)
        let long = bytes + [0]
        let short = Array(bytes.dropLast())
        for (answer, code) in [(wrong, DrydockError.Code.corrupt), (long, .corrupt), (short, .unavailable)] {
            try await ScriptedServer.run { request, _ in
                let from = request.headers["range"].first.flatMap { Int($0.dropFirst(6).dropLast()) } ?? 0
                guard from > 0 else { return ScriptedAnswer(body: answer) }
                return ScriptedAnswer(.rangeNotSatisfiable)
            } _: { server in
                let error = await failure { _ = try await read(server.client().stream(descriptor, of: name)) }
                #expect(error != nil)
                if code == .corrupt {
                    #expect(error?.code == .corrupt)
                    #expect(error?.message == "filesystem layer verification failed for digest \(descriptor.digest)")
                }
            }
        }
    }

    @Test("Status 503 and 429 are tried again, 4xx are not")
    func retries() async throws {
        for status in [HTTPResponseStatus.serviceUnavailable, .tooManyRequests, .badGateway] {
            let bytes = bytes
            try await ScriptedServer.run { _, number in
                number < 3 ? ScriptedAnswer(status) : ScriptedAnswer(body: bytes)
            } _: { server in
                let found = try await read(server.client().stream(descriptor, of: name))
                #expect(found == bytes)
                #expect(server.requests.count == 3)
            }
        }
        for status in [HTTPResponseStatus.notFound, .forbidden, .badRequest] {
            try await ScriptedServer.run { _, _ in
                ScriptedAnswer(status)
            } _: { server in
                #expect(await failure { _ = try await server.client().resolve(name) } != nil)
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test("A limit is reported in Docker's words, and a long wait is not waited for")
    func limits() async throws {
        let body = #"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#
        try await ScriptedServer.run { _, _ in
            ScriptedAnswer(.tooManyRequests, headers: ["retry-after": "3600"], body: Array(body.utf8))
        } _: { server in
            let error = await failure { _ = try await server.client().resolve(name) }
            #expect(error?.code == .tooManyRequests)
            #expect(error?.message == "toomanyrequests: You have reached your pull rate limit.")
            #expect(error?.reason?.contains("3600 seconds") == true)
            #expect(server.requests.count == 1)
        }
    }

    @Test(
        "Refusals are told in Docker's words",
        arguments: [
            (
                404, #"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
                "manifest for x:1 not found: manifest unknown: manifest unknown"
            ),
            (404, "", "manifest for x:1 not found: manifest unknown: manifest unknown"),
            (
                404, #"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}"#,
                "pull access denied for x, repository does not exist or may require 'docker login': "
                    + "denied: requested access to the resource is denied"
            ),
            (
                403, #"{"errors":[{"code":"DENIED","message":"no"}]}"#,
                "pull access denied for x, repository does not exist or may require 'docker login': "
                    + "denied: requested access to the resource is denied"
            ),
            (500, "", "received unexpected HTTP status: 500 Internal Server Error"),
        ])
    func refusals(status: Int, body: String, message: String) async throws {
        try await ScriptedServer.run { _, _ in
            ScriptedAnswer(HTTPResponseStatus(statusCode: status), body: Array(body.utf8))
        } _: { server in
            let error = await failure { _ = try await server.client(attempts: 1).resolve(name) }
            #expect(error?.message == message)
        }
    }

    @Test("A registry that is down is told as Docker tells it, at once")
    func down() async throws {
        let client = RegistryClient(
            RegistrySettings(
                credentials: CredentialStore(file: "/nonexistent"),
                dockerHub: { () throws(DrydockError) in "http://127.0.0.1:1" }))
        let error = await failure { _ = try await client.resolve(name) }
        #expect(
            error?.message == "Get \"http://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused")
        #expect(error?.code == .unavailable)
        let push = await failure {
            let config = PushBlob(
                descriptor: Descriptor(mediaType: .ociConfig, digest: Digest.sha256([1]), size: 1), content: .bytes([1])
            )
            _ = try await client.push(
                PushImage(
                    reference: name, layers: [], config: config,
                    manifest: RawManifest(mediaType: .ociManifest, bytes: [])))
        }
        #expect(push?.message == error?.message)
    }

    @Test("A web page in a registry's place is told as what it is: a network's login page, or a proxy's")
    func page() async throws {
        try await ScriptedServer.run { _, _ in
            ScriptedAnswer(
                headers: ["content-type": "text/html"], body: Array("<html>\nLog in to the café</html>".utf8))
        } _: { server in
            let pull = await failure { _ = try await server.client().manifest(name) }
            #expect(
                pull?.message == "error parsing HTTP 200 response body: invalid character '<' looking for beginning of "
                    + "value: \"<html> Log in to the café</html>\"")
            #expect(pull?.code == .unavailable)
            #expect(pull?.reason?.contains("web page") == true)
            let search = await failure { _ = try await server.client().search("x") }
            #expect(search?.message == pull?.message)
        }
        try await ScriptedServer.run { _, _ in
            ScriptedAnswer(body: [])
        } _: { server in
            let pull = await failure { _ = try await server.client().manifest(name) }
            #expect(pull?.message.contains("unexpected end of JSON input") == true)
        }
    }

    @Test("A manifest with another digest than promised is refused")
    func wrongManifest() async throws {
        let digest = Digest.sha256([1, 2, 3])
        try await ScriptedServer.run { _, _ in
            ScriptedAnswer(headers: ["docker-content-digest": "\(digest)"], body: Array("{}".utf8))
        } _: { server in
            let error = await failure { _ = try await server.client().resolve(name) }
            #expect(error?.code == .corrupt)
            #expect(error?.message == "manifest verification failed for digest \(digest)")
        }
    }

    @Test("Credentials do not follow a redirect to another host")
    func redirects() async throws {
        let bytes = bytes
        try await ScriptedServer.run { _, _ in
            ScriptedAnswer(body: bytes)
        } _: { other in
            let place = "http://127.0.0.1:\(other.port)/blob"
            try await ScriptedServer.run { request, _ in
                if request.uri.hasPrefix("/token") { return ScriptedAnswer(body: Array(#"{"token":"t0k"}"#.utf8)) }
                if request.headers["authorization"].first != "Bearer t0k" {
                    let realm = "Bearer realm=\"http://\(request.headers["host"][0])/token\",service=\"s\""
                    return ScriptedAnswer(.unauthorized, headers: ["www-authenticate": realm])
                }
                return ScriptedAnswer(.temporaryRedirect, headers: ["location": place])
            } _: { server in
                let found = try await read(server.client().stream(descriptor, of: name))
                #expect(found == bytes)
                #expect(other.requests.count == 1)
                #expect(other.requests.first?.headers["authorization"].isEmpty == true)
                let tokens = server.requests.filter { $0.uri.hasPrefix("/token") }
                #expect(tokens.map(\.uri) == ["/token?service=s&scope=repository%3Alibrary%2Fx%3Apull"])
            }
        }
    }

    @Test(
        "What a token service answers instead of a token is told in Docker's words",
        arguments: [
            (401, #"{"errors": [{"code":"UNAUTHORIZED", "message": "a message"}]}"#, "unauthorized: a message"),
            (401, #"{"error": "unauthorized"}"#, "unauthorized: authentication required"),
            (403, "no way", #"error parsing HTTP 403 response body: no JSON: "no way""#),
            (
                429, #"{"errors": [{"code":"TOOMANYREQUESTS","message":"out of tokens"}]}"#,
                "toomanyrequests: out of tokens"
            ),
            (200, #"{"something": "wrong"}"#, "authorization server did not include a token in the response"),
        ])
    func tokenService(status: Int, body: String, message: String) async throws {
        try await ScriptedServer.run { request, _ in
            if request.uri.hasPrefix("/token") {
                return ScriptedAnswer(HTTPResponseStatus(statusCode: status), body: Array(body.utf8))
            }
            let realm = "Bearer realm=\"http://\(request.headers["host"][0])/token\",service=\"s\""
            return ScriptedAnswer(.unauthorized, headers: ["www-authenticate": realm])
        } _: { server in
            await #expect {
                _ = try await read(server.client().stream(descriptor, of: name))
            } throws: { ($0 as? DrydockError)?.message == message }
        }
    }
}

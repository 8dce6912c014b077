import Diagnostics
import Engine
import Glibc
import Layers
import Linux
import NIOHTTP1
import OCI
import RegistryClient
import Synchronization
import SystemPackage
import Testing

/// Whole pulls through a registry that misbehaves: each ends with the whole image, or with the right error and a store
/// that has nothing of it.
@Suite struct PullFaultTests {
    /// What goes wrong with the second layer's download, and for how many requests.
    enum Fault: Sendable, CaseIterable {
        case cutAtOnce, cutEarly, cutLate, cutBeforeTheLast, reset, slow
        case busy, busyForAWhile, limited, limitedForAWhile, badGateway
        case redirected, ignoresRanges
    }

    private func fault(_ fault: Fault, _ whole: ScriptedAnswer, count: Int, elsewhere: String) -> ScriptedAnswer {
        var answer = whole
        let size = whole.body.count
        switch fault {
        case .cutAtOnce: if count < 3 { answer.cutAfter = 0 }
        case .cutEarly: if count < 3 { answer.cutAfter = min(1000, size) }
        case .cutLate: if count < 3 { answer.cutAfter = size / 2 }
        case .cutBeforeTheLast: if count < 2 { answer.cutAfter = size - 1 }
        case .reset:
            if count < 3 {
                answer.cutAfter = size / 3
                answer.resets = true
            }
        case .slow: answer.pieces = 20
        case .busy: if count < 3 { return ScriptedAnswer(.serviceUnavailable) }
        case .busyForAWhile: if count < 2 { return ScriptedAnswer(.serviceUnavailable, headers: ["retry-after": "0"]) }
        case .limited: if count < 3 { return ScriptedAnswer(.tooManyRequests) }
        case .limitedForAWhile:
            if count < 2 { return ScriptedAnswer(.tooManyRequests, headers: ["retry-after": "1"]) }
        case .badGateway: if count < 3 { return ScriptedAnswer(.badGateway) }
        case .redirected: return ScriptedAnswer(.temporaryRedirect, headers: ["location": elsewhere])
        case .ignoresRanges: if count == 1 { answer.cutAfter = size / 2 }
        }
        return answer
    }

    @Test("What passes is waited out, and what breaks is gone on with", arguments: Fault.allCases)
    func passes(_ kind: Fault) async throws {
        let image = try TestImage()
        try await ScriptedServer.run { request, _ in
            ScriptedAnswer(body: image.layers[1])
        } _: { other in
            let count = Mutex(0)
            try await ScriptedServer.run { request, _ in
                guard image.isLayer(request, 1) else { return image.answer(request) }
                let number = count.withLock { count in
                    count += 1
                    return count
                }
                var asked = request
                if kind == .ignoresRanges { asked.headers.remove(name: "range") }
                return fault(
                    kind, image.answer(asked), count: number, elsewhere: "http://127.0.0.1:\(other.port)/blob")
            } _: { server in
                let engine = try TestEngine("http://127.0.0.1:\(server.port)")
                let result = try await engine.pull()
                #expect(result.first?.isNew == true)
                #expect(try engine.holds(image))
                #expect(other.requests.count == (kind == .redirected ? 1 : 0))
            }
        }
    }

    enum Damage: Sendable, CaseIterable {
        case otherBytes, tooShort, tooLong, notThere, refused, limited, down, endless
        case configuration, manifest, noManifest
    }

    @Test("What does not pass ends in an error that says so, and leaves nothing", arguments: Damage.allCases)
    func refused(_ damage: Damage) async throws {
        let image = try TestImage()
        try await ScriptedServer.run { request, _ in
            var answer = image.answer(request)
            if damage == .configuration, request.uri.hasSuffix("\(Digest.sha256(image.config))") {
                answer.body[0] = 0x20
            }
            if request.uri.contains("/manifests/") {
                if damage == .manifest { answer.body[answer.body.count - 1] = 0x20 }
                if damage == .noManifest { return ScriptedAnswer(.notFound) }
            }
            guard image.isLayer(request, 1) else { return answer }
            switch damage {
            case .otherBytes: answer.body[answer.body.count / 2] ^= 0xff
            case .tooShort:
                return request.from > 0
                    ? ScriptedAnswer(.rangeNotSatisfiable)
                    : ScriptedAnswer(body: Array(answer.body.dropLast(100)))
            case .tooLong: answer.body += [1, 2, 3]
            case .notThere: return ScriptedAnswer(.notFound)
            case .refused: return ScriptedAnswer(.forbidden)
            case .limited: return ScriptedAnswer(.tooManyRequests, headers: ["retry-after": "3600"])
            case .down: return ScriptedAnswer(.serviceUnavailable, headers: ["retry-after": "0"])
            case .endless: answer.cutAfter = 0
            case .configuration, .manifest, .noManifest: break
            }
            return answer
        } _: { server in
            let engine = try TestEngine("http://127.0.0.1:\(server.port)")
            let error = await failure { _ = try await engine.pull() }
            let code: DrydockError.Code =
                switch damage {
                case .otherBytes, .tooShort, .tooLong, .configuration, .manifest: .corrupt
                case .notThere, .noManifest: .notFound
                case .refused: .denied
                case .limited: .tooManyRequests
                case .down, .endless: .unavailable
                }
            #expect(error?.code == code, "\(error.map { "\($0)" } ?? "no error")")
            if code == .corrupt { #expect(error?.message.contains("verification failed for digest") == true) }
            #expect(try engine.engine.images(all: true, matching: [:]).isEmpty)
            #expect(engine.names("tmp").isEmpty)
            // Layers that were whole before the line broke are kept for the next try; wrong bytes never are.
            if code == .corrupt {
                #expect(try engine.isEmpty)
                #expect(engine.names("partial").isEmpty)
            }
            try engine.engine.recover()
            #expect(try engine.isEmpty)
        }
    }

    @Test("A pull that is given up is gone on with where it was: layer by layer, byte by byte, and says so")
    func goesOn() async throws {
        let image = try TestImage([60_000, 3_000_000])
        let stop = 1_000_000
        let isStuck = Mutex(true)
        try await ScriptedServer.run { request, _ in
            var answer = image.answer(request)
            if image.isLayer(request, 1), isStuck.withLock({ $0 }) { answer.stallAfter = stop }
            return answer
        } _: { server in
            let engine = try TestEngine("http://127.0.0.1:\(server.port)")
            let first = Task { try await engine.pull() }
            // The file of the layer has all that came.
            let deadline = ContinuousClock.now + .seconds(60)
            func here() -> Int64 {
                engine.names("partial").compactMap {
                    try? FileAt.status(
                        FileAt.workingDirectory, engine.home.appending("store/partial").appending($0).string
                    ).size
                }.max() ?? 0
            }
            // The other layer is in its place, too. Nothing else runs here while this waits without letting go.
            while here() < Int64(stop) || engine.names("layers").isEmpty, ContinuousClock.now < deadline {
                await Task.yield()
            }
            #expect(here() == Int64(stop))
            first.cancel()
            let error = await failure { _ = try await first.value }
            #expect(error?.code == .cancelled)
            isStuck.withLock { $0 = false }
            let trace = Trace()
            let continued = Mutex<[TraceFact]>([])
            trace.listen { event in
                continued.withLock { $0 += event.facts.filter { $0.name == TransferEvents.continued } }
            }
            let asked = server.requests.count
            _ = try await engine.pull(trace: trace)
            #expect(try engine.holds(image))
            #expect(continued.withLock { $0 } == [TraceFact(TransferEvents.continued, .bytes(Int64(stop)))])
            let again = server.requests[asked...]
            #expect(again.filter { image.isLayer($0, 0) }.isEmpty)
            #expect(again.filter { image.isLayer($0, 1) }.map(\.from) == [stop])
        }
    }

    @Test("Layers come three at a time, and one token is asked for, however many begin together")
    func oneToken() async throws {
        let image = try TestImage([Int](repeating: 9000, count: 8))
        try await ScriptedServer.run { request, _ in
            if request.uri.hasPrefix("/token") { return ScriptedAnswer(body: Array(#"{"token":"t0k"}"#.utf8)) }
            if request.headers["authorization"].first != "Bearer t0k" {
                let realm = "Bearer realm=\"http://\(request.headers["host"][0])/token\",service=\"s\""
                return ScriptedAnswer(.unauthorized, headers: ["www-authenticate": realm])
            }
            if request.method == .HEAD { return ScriptedAnswer(.notFound) }
            if request.method == .POST {
                return ScriptedAnswer(.accepted, headers: ["location": "/v2/up/\(request.uri.count)"])
            }
            if request.method == .PUT { return ScriptedAnswer(.created) }
            return image.answer(request)
        } _: { server in
            let client = server.client()
            let pushed = try await client.push(try image.push(as: "me/x:1"))
            #expect(pushed.digest == image.manifest.digest)
            #expect(server.requests.filter { $0.uri.hasPrefix("/token") }.count == 1)
            let engine = try TestEngine("http://127.0.0.1:\(server.port)")
            _ = try await engine.pull("me/x:1")
            #expect(try engine.holds(image))
            #expect(server.requests.filter { $0.uri.hasPrefix("/token") }.count == 2)
        }
    }

    @Test("A layer that may not be given away comes from where its manifest says, and is not pushed")
    func foreign() async throws {
        var image = try TestImage()
        let bytes = image.layers[0]
        try await ScriptedServer.run { _, _ in
            ScriptedAnswer(body: bytes)
        } _: { other in
            image.descriptors[0].mediaType = .dockerForeignLayer
            image.descriptors[0].urls = ["http://127.0.0.1:1/gone", "http://127.0.0.1:\(other.port)/layer"]
            var document = try Manifest(try JSONValue(parsing: image.manifest.bytes))
            document.layers = image.descriptors
            image.manifest = RawManifest(mediaType: document.mediaType, bytes: Array(document.json.compact.utf8))
            let served = image
            try await ScriptedServer.run { request, _ in
                switch request.method {
                case .HEAD: ScriptedAnswer(.notFound)
                case .POST: ScriptedAnswer(.accepted, headers: ["location": "/v2/up/1"])
                case .PUT: ScriptedAnswer(.created)
                default: served.answer(request)
                }
            } _: { server in
                let engine = try TestEngine("http://127.0.0.1:\(server.port)")
                _ = try await engine.pull()
                #expect(try engine.holds(served))
                #expect(other.requests.count == 1)
                let before = server.requests.count
                _ = try await engine.engine.push(
                    try Reference(parsing: "x:1"), allTags: false, Trace().begin("push"))
                let asked = server.requests[before...]
                #expect(!asked.contains { $0.uri.contains(served.descriptors[0].digest.hex) })
                #expect(asked.last?.body == served.manifest.bytes)
            }
        }
    }

    @Test("Layers of every form are taken in", arguments: [LayerForm.none, .gzip, .zstd, .docker])
    func forms(_ form: LayerForm) async throws {
        let image = try form.image()
        try await ScriptedServer.run { request, _ in
            image.answer(request)
        } _: { server in
            let engine = try TestEngine("http://127.0.0.1:\(server.port)")
            _ = try await engine.pull()
            #expect(try engine.holds(image))
        }
    }
}

/// How layers are packed.
enum LayerForm: Sendable {
    case none, gzip, zstd, docker

    func image() throws -> TestImage {
        switch self {
        case .none: try TestImage(compression: .none)
        case .gzip: try TestImage()
        case .zstd: try TestImage(compression: .zstd(level: 3))
        case .docker: try TestImage(docker: true)
        }
    }
}

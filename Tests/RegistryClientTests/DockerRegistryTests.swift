import Diagnostics
import Glibc
import Linux
import NIOHTTP1
import OCI
import Synchronization
import SystemPackage
import Testing

@testable import RegistryClient

/// Debian's `docker-registry`, on a loopback port, for one test.
final class DockerRegistry: Sendable {
    enum Access: Sendable {
        case open, passwords, tokens(realm: String)
    }

    let port: Int
    let folder: Folder
    private let process: ChildProcess

    init(_ access: Access, folder: Folder) throws {
        self.folder = folder
        var auth = ""
        switch access {
        case .open: break
        case .passwords:
            let line = "ann:\(Self.bcryptOfSecret)\n"
            let file = try folder.write("htpasswd", line)
            auth = "auth: {htpasswd: {realm: here, path: \(file)}}\n"
        case .tokens(let realm):
            auth = """
                auth:
                  token: {realm: "\(realm)", service: tests, issuer: tests, rootcertbundle: \(folder.path)/token.crt}

                """
        }
        let program = try #require(ChildProcess.find("docker-registry"))
        var started: (port: Int, process: ChildProcess)?
        for _ in 0..<20 where started == nil {
            let port = Int.random(in: 10_000..<20_000)
            let file = try folder.write(
                "config.yml",
                """
                version: 0.1
                log: {accesslog: {disabled: true}, level: error}
                storage: {filesystem: {rootdirectory: \(folder.path)/data}, delete: {enabled: true}}
                http: {addr: "127.0.0.1:\(port)", secret: tests}
                \(auth)
                """)
            let log = try OwnedDescriptor.open(
                folder.path.appending("log"), .writeOnly, options: [.create, .truncate],
                permissions: [.ownerReadWrite])
            let child = try ChildProcess.spawn(
                program, ["docker-registry", "serve", file.string], descriptors: [1: log.number, 2: log.number])
            if Self.answers(port, child) { started = (port, child) }
        }
        let running = try #require(started, "docker-registry does not start")
        port = running.port
        process = running.process
    }

    deinit {
        kill(process.pid, SIGKILL)
        _ = try? process.wait()
    }

    /// What `htpasswd -B` makes of "secret".
    private static let bcryptOfSecret = "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"

    private static func answers(_ port: Int, _ child: ChildProcess) -> Bool {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            let outcome = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            close(fd)
            if outcome == 0 { return true }
            var status: Int32 = 0
            if waitpid(child.pid, &status, WNOHANG) == child.pid { return false }
            usleep(5000)
        }
        return false
    }

    func client(_ change: (inout RegistrySettings) -> Void = { _ in }) -> RegistryClient {
        var settings = RegistrySettings(
            credentials: CredentialStore(file: folder.path.appending("config-\(UInt32.random(in: 0 ... .max)).json")),
            dockerHub: { () throws(DrydockError) in "http://127.0.0.1:1" })
        settings.configuration.proxies = ProxySettings()
        settings.retry.firstPause = .milliseconds(5)
        change(&settings)
        return RegistryClient(settings)
    }

    func name(_ text: String) -> String { "127.0.0.1:\(port)/\(text)" }
}

/// A token service for `docker-registry`: it signs what is asked for, and for pushes wants a password.
struct TokenService: Sendable {
    let folder: Folder

    init(_ folder: Folder) throws {
        self.folder = folder
        try folder.certificate("token", names: "DNS:tests")
    }

    func answer(_ request: SeenRequest) -> ScriptedAnswer {
        let query = request.uri.split(separator: "?").last ?? ""
        let scopes = query.split(separator: "&").filter { $0.hasPrefix("scope=") }.map {
            String($0.dropFirst(6)).percentDecoded
        }
        let user = request.headers["authorization"].first
        if let user, user != "Basic " + Base64.encode("ann:secret".utf8) { return ScriptedAnswer(.unauthorized) }
        var access: [JSONValue] = []
        for scope in scopes {
            let parts = scope.split(separator: ":").map(String.init)
            guard parts.count == 3 else { continue }
            let actions = parts[2].split(separator: ",").filter { $0 == "pull" || user != nil }
            access.append([
                "type": .string(parts[0]), "name": .string(parts[1]),
                "actions": .array(actions.map { .string(String($0)) }),
            ])
        }
        guard let token = try? sign(access) else { return ScriptedAnswer(.internalServerError) }
        return ScriptedAnswer(body: Array(#"{"token": "\#(token)", "expires_in": 60}"#.utf8))
    }

    private func sign(_ access: [JSONValue]) throws -> String {
        let pem = String(decoding: try Files.read(folder.path.appending("token.crt")), as: UTF8.self)
        let body = pem.split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined()
        let now = WallClock.now / 1_000_000_000
        let header: JSONValue = ["typ": "JWT", "alg": "RS256", "x5c": [.string(body)]]
        let claims: JSONValue = [
            "iss": "tests", "sub": "ann", "aud": "tests", "exp": .int(now + 60), "nbf": .int(now - 60),
            "iat": .int(now), "jti": .string("\(UInt64.random(in: 0 ... .max))"), "access": .array(access),
        ]
        func encoded(_ bytes: some Sequence<UInt8>) -> String {
            Base64.encode(bytes).replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        }
        let text = encoded(header.compact.utf8) + "." + encoded(claims.compact.utf8)
        let signature = try ChildProcess.run(
            try #require(ChildProcess.find("openssl")),
            ["openssl", "dgst", "-sha256", "-sign", folder.path.appending("token.key").string],
            input: Array(text.utf8))
        return text + "." + encoded(signature.output)
    }
}

@Suite(
    .enabled(if: ChildProcess.find("docker-registry") != nil, "docker-registry is not installed (.ci/packages test)"))
struct DockerRegistryTests {
    private func roundTrip(_ registry: DockerRegistry, _ client: RegistryClient) async throws {
        for form in [LayerForm.docker, .gzip, .zstd, .none] {
            let image = try form.image()
            let name = registry.name("me/web:\(form)")
            #expect(try await client.push(try image.push(as: name)).digest == image.manifest.digest)
            let reference = try Reference(parsing: name)
            #expect(try await client.resolve(reference).raw == image.manifest)
            for (descriptor, bytes) in zip(image.descriptors, image.layers) {
                #expect(try await client.blob(descriptor, of: reference) == bytes)
            }
            var other = try image.push(as: registry.name("me/other:\(form)"))
            for place in other.layers.indices { other.layers[place].mountFrom = ["me/web"] }
            let trace = Trace()
            let phases = Mutex<[String]>([])
            trace.listen { event in
                for fact in event.facts where fact.name == "phase" && event.name == "push.layer" {
                    if case .text(let text) = fact.value { phases.withLock { $0.append(text) } }
                }
            }
            _ = try await client.push(other, span: trace.begin("push"))
            #expect(phases.withLock { $0.filter { $0 == "Mounted from" } }.count == 3)
        }
    }

    @Test("Images of every form go to Debian's docker-registry and come back bit for bit; layers are mounted")
    func open() async throws {
        let registry = try DockerRegistry(.open, folder: try Folder())
        let client = registry.client()
        try await roundTrip(registry, client)
        #expect(try await client.tags(of: try Reference(parsing: registry.name("me/web"))).count == 4)
        #expect(try await client.catalog(of: "127.0.0.1:\(registry.port)") == ["me/other", "me/web"])
        let missing = await failure {
            _ = try await client.resolve(try Reference(parsing: registry.name("me/web:nope")))
        }
        #expect(missing?.message.contains("manifest for 127.0.0.1:\(registry.port)/me/web:nope not found") == true)
    }

    @Test("With passwords: nothing without one, nothing with a wrong one, everything with the right one")
    func passwords() async throws {
        let registry = try DockerRegistry(.passwords, folder: try Folder())
        let client = registry.client()
        let server = "127.0.0.1:\(registry.port)"
        let image = try TestImage([9000])
        let refused = await failure { _ = try await client.push(try image.push(as: registry.name("me/x:1"))) }
        #expect(refused?.code == .unauthorized)
        #expect(refused?.message == "no basic auth credentials")
        let wrong = await failure {
            _ = try await client.login(Credentials(username: "ann", password: "wrong"), to: server)
        }
        #expect(wrong?.code == .unauthorized)
        _ = try await client.login(Credentials(username: "ann", password: "secret"), to: server)
        try await roundTrip(registry, client)
        #expect(try await client.logout(from: server))
        let again = await failure {
            _ = try await client.resolve(try Reference(parsing: registry.name("me/web:gzip")))
        }
        #expect(again?.code == .unauthorized)
    }

    @Test("With a token service: pulls are anonymous, pushes need a login, and one token serves all layers")
    func tokens() async throws {
        let folder = try Folder()
        let service = try TokenService(folder)
        try await ScriptedServer.run { request, _ in
            service.answer(request)
        } _: { tokens in
            let registry = try DockerRegistry(
                .tokens(realm: "http://127.0.0.1:\(tokens.port)/token"), folder: folder)
            let client = registry.client()
            let server = "127.0.0.1:\(registry.port)"
            let image = try TestImage([Int](repeating: 9000, count: 6))
            let refused = await failure { _ = try await client.push(try image.push(as: registry.name("me/x:1"))) }
            #expect(refused?.message == "denied: requested access to the resource is denied")
            let wrong = await failure {
                _ = try await client.login(Credentials(username: "ann", password: "wrong"), to: server)
            }
            #expect(wrong?.code == .unauthorized)
            _ = try await client.login(Credentials(username: "ann", password: "secret"), to: server)
            let before = tokens.requests.count
            _ = try await client.push(try image.push(as: registry.name("me/x:1")))
            #expect(tokens.requests.count == before + 1)
            try await roundTrip(registry, client)
            let anonymous = registry.client()
            let reference = try Reference(parsing: registry.name("me/x:1"))
            let asked = tokens.requests.count
            let found = try await anonymous.resolve(reference)
            try await anonymous.fetch(found.manifest.layers, of: reference) { layer in
                var count: Int64 = 0
                for try await piece in layer.bytes { count += Int64(piece.count) }
                #expect(count == layer.descriptor.size)
            }
            #expect(tokens.requests.count == asked + 1)
        }
    }

    @Test("An upload that breaks goes on behind what the registry has", arguments: [100_000, 1_500_000])
    func uploads(cut: Int) async throws {
        let registry = try DockerRegistry(.open, folder: try Folder())
        try await FaultyLine.run(to: registry.port, cutAfter: cut, connections: 4) { line in
            let image = try TestImage([2_000_000])
            let client = registry.client()
            let name = "127.0.0.1:\(line.port)/me/big:1"
            _ = try await client.push(try image.push(as: name))
            let reference = try Reference(parsing: registry.name("me/big:1"))
            #expect(try await registry.client().resolve(reference).raw == image.manifest)
            #expect(try await registry.client().blob(image.descriptors[0], of: reference) == image.layers[0])
            #expect(line.cuts > 0)
        }
    }
}

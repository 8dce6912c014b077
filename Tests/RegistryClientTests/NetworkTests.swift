import Diagnostics
import Linux
import NIOHTTP1
import NIOSSL
import OCI
import SystemPackage
import Testing

@testable import RegistryClient

/// A directory that is there for one test.
final class Folder: Sendable {
    let path = FilePath("/tmp/drydock-client-files-\(UInt64.random(in: 0 ... .max))")

    init() throws { try Files.makeDirectories(path) }

    deinit { try? Files.removeTree(path) }

    @discardableResult
    func write(_ name: String, _ text: String, mode: FilePermissions = [.ownerReadWrite]) throws -> FilePath {
        let file = path.pushing(FilePath(name))
        try Files.makeDirectories(file.removingLastComponent())
        try AtomicFile.write(Array(text.utf8), to: file, mode: mode)
        return file
    }

    /// Makes a key and a certificate for names, signed by itself: `NAME.key`, `NAME.crt`.
    func certificate(_ name: String, names: String) throws {
        let output = try ChildProcess.run(
            try #require(ChildProcess.find("openssl")),
            [
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=\(name)",
                "-addext", "subjectAltName=\(names)", "-keyout", path.appending("\(name).key").string, "-out",
                path.appending("\(name).crt").string,
            ], input: [])
        try #require(output.status == 0, "\(String(decoding: output.error, as: UTF8.self))")
    }
}

@Suite struct ProxyTests {
    private func proxy(_ settings: ProxySettings, _ url: String) throws -> String? {
        try settings.proxy(for: try #require(WebAddress(url)))?.hostAndPort
    }

    @Test("NO_PROXY names hosts, domains, addresses, networks and ports, as Go's programs read it")
    func exceptions() throws {
        let settings = ProxySettings(
            http: "http://proxy:3128", https: "secure:8080",
            exceptions: "one.example, .two.example,*.three.example,10.0.0.0/8,192.168.1.1,four.example:5000,[fd00::1]")
        #expect(try proxy(settings, "http://registry.example/v2/") == "proxy:3128")
        #expect(try proxy(settings, "https://registry.example/v2/") == "secure:8080")
        for url in [
            "http://one.example", "https://a.one.example", "http://a.two.example", "http://a.three.example:5000",
            "http://10.1.2.3:5000", "https://192.168.1.1", "http://four.example:5000", "http://[fd00::1]:5000",
            "http://localhost:5000", "http://127.0.0.1:1", "http://[::1]:1",
        ] {
            #expect(try proxy(settings, url) == nil, "\(url)")
        }
        for url in [
            "http://two.example", "http://xone.example", "http://11.0.0.1", "http://four.example", "http://192.168.1.2",
        ] {
            #expect(try proxy(settings, url) == "proxy:3128", "\(url)")
        }
        let none = ProxySettings(http: "proxy", exceptions: "*")
        #expect(try proxy(none, "http://registry.example") == nil)
        #expect(try proxy(ProxySettings(http: "socks5://s"), "http://registry.example") == "s:1080")
        #expect(throws: DrydockError.self) { try proxy(ProxySettings(http: "ftp://x"), "http://registry.example") }
        #expect(ProxySettings.masked("http://me:secret@proxy:1") == "http://xxxxx:xxxxx@proxy:1")
    }

    @Test("A plain-HTTP registry behind a proxy is asked for by its whole URL, with the proxy's password")
    func plain() async throws {
        let image = try TestImage()
        try await ScriptedServer.run { request, _ in
            guard request.uri.hasPrefix("http://registry.test:5000/v2/") else { return ScriptedAnswer(.badGateway) }
            return image.answer(request)
        } _: { server in
            let client = server.client(attempts: 1) {
                $0.dockerHub = { () in "http://registry.test:5000" }
                $0.configuration.proxies.http = "http://me:s%40cret@127.0.0.1:\(server.port)"
            }
            let reference = try Reference(parsing: "x:1")
            let found = try await client.resolve(reference)
            #expect(found.raw == image.manifest)
            #expect(try await client.blob(image.descriptors[0], of: reference) == image.layers[0])
            #expect(server.requests.allSatisfy { $0.headers["host"] == ["registry.test:5000"] })
            #expect(server.requests.allSatisfy { $0.headers["proxy-authorization"] == ["Basic bWU6c0BjcmV0"] })
            #expect(server.requests.allSatisfy { $0.method != .CONNECT })
        }
    }

    @Test("A proxy that is down, and one that refuses, are told as Docker tells them")
    func trouble() async throws {
        try await ScriptedServer.run { _, _ in
            ScriptedAnswer(.proxyAuthenticationRequired)
        } _: { server in
            let reference = try Reference(parsing: "registry.test/x:1")
            let down = await failure {
                _ = try await server.client { $0.configuration.proxies.https = "http://127.0.0.1:1" }.resolve(reference)
            }
            #expect(
                down?.message
                    == "Get \"https://registry.test/v2/\": proxyconnect tcp: dial tcp 127.0.0.1:1: connect: "
                    + "connection refused")
            #expect(down?.remedy?.contains("HTTPS_PROXY") == true)
            let refused = await failure {
                _ = try await server.client { $0.configuration.proxies.https = "127.0.0.1:\(server.port)" }.resolve(
                    reference)
            }
            #expect(refused?.message.hasSuffix("Proxy Authentication Required") == true)
            #expect(server.requests.allSatisfy { $0.method == .CONNECT })
        }
    }
}

@Suite struct EndpointTests {
    private let name = Reference(unchecked: "docker.io", repository: "library/x", tag: "1", digest: nil)

    @Test("A mirror is asked first, and the registry itself where it has nothing or is down")
    func mirrors() async throws {
        let image = try TestImage()
        try await ScriptedServer.run { request, _ in
            image.isLayer(request, 1) ? ScriptedAnswer(.notFound) : image.answer(request)
        } _: { mirror in
            try await ScriptedServer.run { request, _ in
                image.answer(request)
            } _: { server in
                let client = server.client {
                    $0.configuration.mirrors = ["http://127.0.0.1:1", "http://127.0.0.1:\(mirror.port)/"]
                }
                let found = try await client.resolve(name)
                #expect(found.raw == image.manifest)
                let first = try await client.blob(image.descriptors[0], of: name)
                #expect(first == image.layers[0])
                #expect(server.requests.isEmpty)
                let second = try await client.blob(image.descriptors[1], of: name)
                #expect(second == image.layers[1])
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test("daemon.json is read as Docker reads it, and refused where Docker refuses it")
    func daemon() throws {
        let folder = try Folder()
        let file = try folder.write(
            "daemon.json",
            """
            {"registry-mirrors": ["https://mirror.test"], "insecure-registries": ["a.test:5000", "10.0.0.0/8"],
             "proxies": {"http-proxy": "http://p:1", "no-proxy": "x"}, "max-concurrent-downloads": 6, "debug": true}
            """)
        let found = try RegistryConfiguration.read(file)
        #expect(found.mirrors == ["https://mirror.test"])
        #expect(found.isInsecure("a.test:5000") && found.isInsecure("10.9.9.9:80"))
        #expect(!found.isInsecure("b.test") && !found.isInsecure("11.9.9.9"))
        #expect(found.proxies.http == "http://p:1" && found.proxies.exceptions == "x")
        #expect(found.parallelDownloads == 6 && found.parallelUploads == 5)
        #expect(found.document["Mirrors"] == ["https://mirror.test/"])
        for wrong in [
            "{", #"{"registry-mirrors": ["mirror.test"]}"#, #"{"insecure-registries": ["http://a.test"]}"#,
            #"{"max-concurrent-downloads": 0}"#, #"{"registry-mirrors": "https://mirror.test"}"#,
        ] {
            #expect(throws: DrydockError.self, "\(wrong)") {
                try RegistryConfiguration.read(try folder.write("daemon.json", wrong))
            }
        }
        #expect(try RegistryConfiguration.read(folder.path.appending("none")).parallelDownloads == 3)
    }

    @Test("Retry-After is a number of seconds or a date")
    func retryAfter() {
        #expect(RetryAfter.seconds("7") == 7)
        #expect(RetryAfter.seconds("Sun, 06 Nov 1994 08:49:37 GMT", now: 784_111_770) == 7)
        #expect(RetryAfter.seconds("Sun, 06 Nov 1994 08:49:37 GMT", now: 784_111_999) == 0)
        #expect(RetryAfter.seconds("soon") == nil)
    }

    @Test("A certificate is refused where nobody vouches for it; certs.d and insecure-registries are believed")
    func certificates() async throws {
        let folder = try Folder()
        try folder.certificate("here", names: "IP:127.0.0.1,DNS:localhost")
        try folder.certificate("other", names: "DNS:other.test")
        func settings(_ name: String) throws -> TLSConfiguration {
            .makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(folder.path.appending("\(name).crt").string)
                    .map { .certificate($0) },
                privateKey: .privateKey(
                    try NIOSSLPrivateKey(file: folder.path.appending("\(name).key").string, format: .pem)))
        }
        let image = try TestImage([9000])
        try await ScriptedServer.run(tls: try settings("here")) { request, _ in
            image.answer(request)
        } _: { server in
            // As docker.io, so that nothing of this machine's is trusted beforehand.
            let url = "https://127.0.0.1:\(server.port)"
            func client(_ certs: [FilePath]) -> RegistryClient {
                server.client(attempts: 1) {
                    $0.dockerHub = { () in url }
                    $0.certificateDirectories = certs
                }
            }
            let error = await failure { _ = try await client([]).resolve(name) }
            #expect(
                error?.message.hasSuffix(
                    "tls: failed to verify certificate: x509: certificate signed by unknown authority") == true)
            #expect(error?.remedy?.contains("certs.d/127.0.0.1:\(server.port)/ca.crt") == true)
            let text = String(decoding: try Files.read(folder.path.appending("here.crt")), as: UTF8.self)
            try folder.write("certs.d/127.0.0.1:\(server.port)/ca.crt", text)
            let certs = folder.path.appending("certs.d")
            #expect(try await client([certs]).resolve(name).raw == image.manifest)
            // A loopback registry that turns out to speak TLS is found, and need not be vouched for.
            let local = try Reference(parsing: "127.0.0.1:\(server.port)/x:1")
            #expect(try await server.client(attempts: 1).resolve(local).raw == image.manifest)
        }
        try await ScriptedServer.run(tls: try settings("other")) { request, _ in
            image.answer(request)
        } _: { server in
            let url = "https://127.0.0.1:\(server.port)"
            let text = String(decoding: try Files.read(folder.path.appending("other.crt")), as: UTF8.self)
            try folder.write("certs.d/127.0.0.1:\(server.port)/ca.crt", text)
            let client = server.client(attempts: 1) {
                $0.dockerHub = { () in url }
                $0.certificateDirectories = [folder.path.appending("certs.d")]
            }
            let error = await failure { _ = try await client.resolve(name) }
            #expect(error?.message.contains("x509: certificate is not valid for 127.0.0.1") == true, "\(error as Any)")
        }
    }

    @Test("A registry that speaks plain HTTP where TLS is expected, and a name that nobody knows, are told apart")
    func wrongProtocol() async throws {
        try await ScriptedServer.run { _, _ in
            ScriptedAnswer()
        } _: { server in
            let url = "https://127.0.0.1:\(server.port)"
            let error = await failure {
                _ = try await server.client(attempts: 1) { $0.dockerHub = { () in url } }.resolve(name)
            }
            #expect(
                error?.message.hasSuffix("http: server gave HTTP response to HTTPS client") == true, "\(error as Any)")
            // Names have at most 63 letters between dots, so that no name server is asked.
            let host = String(repeating: "x", count: 70) + ".invalid"
            let unknown = await failure {
                _ = try await server.client(attempts: 1).resolve(try Reference(parsing: "\(host)/x:1"))
            }
            #expect(unknown?.message.contains("dial tcp: lookup \(host)") == true, "\(unknown as Any)")
        }
    }
}

@Suite struct CredentialTests {
    private let hub = "docker.io"

    @Test("Credentials are kept as Docker keeps them, and what else is in the file stays")
    func file() throws {
        let folder = try Folder()
        let file = try folder.write(
            "config.json", #"{"auths": {"https://index.docker.io/v1/": {"auth": "b2xkOm9sZA=="}}, "psFormat": "x"}"#)
        let store = CredentialStore(file: file)
        #expect(try store.credentials(for: hub) == Credentials(username: "old", password: "old"))
        try store.store(Credentials(username: "ann", password: "a:b"), for: hub)
        try store.store(Credentials(username: "bob", password: "pw"), for: "localhost:5000")
        let json = try JSONValue(parsing: try Files.read(file))
        #expect(json["psFormat"]?.string == "x")
        #expect(json["auths"]?["https://index.docker.io/v1/"]?["auth"]?.string == "YW5uOmE6Yg==")
        #expect(json["auths"]?["localhost:5000"]?["auth"]?.string == "Ym9iOnB3")
        #expect(try store.credentials(for: hub) == Credentials(username: "ann", password: "a:b"))
        #expect(try FileAt.status(FileAt.workingDirectory, file.string).permissions == 0o600)
        #expect(try store.erase(hub))
        #expect(try !store.erase(hub))
        #expect(try store.credentials(for: "localhost:5000")?.username == "bob")
    }

    @Test("Helper programs keep credentials where the file names one, for one registry or for all")
    func helpers() throws {
        let folder = try Folder()
        let script = """
            #!/bin/sh
            d=$(dirname "$0")/$(basename "$0").kept; mkdir -p "$d"; key() { printf %s "$1" | tr '/:' '__'; }
            case $1 in
            store) body=$(cat); url=$(printf %s "$body" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/')
              printf %s "$body" > "$d/$(key "$url")" ;;
            get) url=$(cat); f="$d/$(key "$url")"
              [ -f "$f" ] || { echo "credentials not found in native keychain"; exit 1; }; cat "$f" ;;
            erase) url=$(cat); rm -f "$d/$(key "$url")" ;;
            esac
            """
        for name in ["one", "all"] {
            try folder.write("docker-credential-\(name)", script, mode: [.ownerReadWriteExecute])
        }
        let file = try folder.write(
            "config.json", #"{"credsStore": "all", "credHelpers": {"one.test": "one", "bad.test": "missing"}}"#)
        let store = CredentialStore(file: file, programPath: [folder.path])
        for (registry, user) in [("one.test", "ann"), (hub, "bob")] {
            #expect(try store.credentials(for: registry) == nil)
            try store.store(Credentials(username: user, password: "secret"), for: registry)
            #expect(try store.credentials(for: registry) == Credentials(username: user, password: "secret"))
        }
        #expect(try Files.names(in: folder.path.appending("docker-credential-one.kept")) == ["one.test"])
        #expect(
            try Files.names(in: folder.path.appending("docker-credential-all.kept")) == ["https___index.docker.io_v1_"])
        let text = String(decoding: try Files.read(file), as: UTF8.self)
        #expect(!text.contains("secret"))
        let auths: JSONValue = ["one.test": [:], "https://index.docker.io/v1/": [:]]
        #expect(try JSONValue(parsing: text)["auths"] == auths)
        #expect(try store.erase("one.test"))
        #expect(!String(decoding: try Files.read(file), as: UTF8.self).contains(#""one.test": {}"#))
        #expect(try store.credentials(for: "one.test") == nil)
        let missing = #expect(throws: DrydockError.self) { try store.credentials(for: "bad.test") }
        #expect(missing?.message.contains("docker-credential-missing") == true)
    }
}

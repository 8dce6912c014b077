import Foundation
import Glibc
import Testing

/// A hub that runs as a process of its own, for one test.
private final class HubProcess: @unchecked Sendable {
    let directory: String
    let data: String
    let arguments: [String]
    private var process = Process()
    private(set) var url = ""
    private(set) var words = ""

    /// - Parameter prepare: what is done to the directory before the hub starts.
    init(_ arguments: [String] = [], prepare: (String) throws -> Void = { _ in }) throws {
        directory = "/tmp/drydock-hub-process-\(UUID().uuidString.prefix(8).lowercased())"
        data = directory + "/data"
        self.arguments = arguments
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        try prepare(directory)
        for name in ["ann", "bob"] {
            let made = drydock(["hub", "user", "add", name, "--password-stdin", "--data", data], input: "secret\n")
            try #require(made.status == 0, "\(made.all)")
        }
        try start()
    }

    func start() throws {
        process = Process()
        process.executableURL = URL(filePath: Bench.binary)
        process.arguments =
            ["hub", "serve", "--listen", "127.0.0.1:0", "--data", data, "--upstream", "none"] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(["DRYDOCK_HOME": directory + "/home"]) { $1 }
        let log = directory + "/log"
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.standardOutput = FileHandle(forWritingAtPath: log)
        process.standardError = FileHandle(forWritingAtPath: directory + "/errors")
        try process.run()
        let deadline = Date(timeIntervalSinceNow: 60)
        while Date() < deadline, process.isRunning {
            words = String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self)
            if words.contains("\n"), let at = words.range(of: "http") {
                url = String(words[at.lowerBound...].prefix { !$0.isWhitespace })
                return
            }
            usleep(20_000)
        }
        throw CocoaError(.fileReadUnknown)
    }

    var authority: String { String(url[(url.range(of: "://")?.upperBound ?? url.startIndex)...]) }

    func kill(_ signal: Int32 = SIGKILL) {
        guard process.isRunning else { return }
        Glibc.kill(process.processIdentifier, signal)
        process.waitUntilExit()
    }

    deinit {
        kill()
        _ = Bench.run(["umount", data], seconds: 20)
        _ = Bench.run(["rm", "-rf", directory], seconds: 60)
    }

    @discardableResult
    func drydock(_ words: [String], input: String? = nil) -> Outcome {
        Bench.run(
            ["env", "DRYDOCK_HOME=\(directory)/home", "DRYDOCK_UPSTREAM=none", Bench.binary] + words, input: input,
            seconds: 120)
    }

    /// Runs a Python script with the hub's host, port and directory as its arguments.
    func python(_ script: String, _ more: [String] = [], seconds: Double = 120) throws -> Outcome {
        let parts = authority.split(separator: ":").map(String.init)
        let file = "\(directory)/script-\(UUID().uuidString.prefix(6)).py"
        try (Self.prelude + script).write(toFile: file, atomically: true, encoding: .utf8)
        return Bench.run(["python3", file, parts[0], parts[1], directory] + more, seconds: seconds)
    }

    private static let prelude = """
        import base64, hashlib, http.client, os, random, socket, sys, threading, time
        host, port, directory = sys.argv[1], int(sys.argv[2]), sys.argv[3]
        login = {"Authorization": "Basic " + base64.b64encode(b"ann:secret").decode()}
        def ask(method, path, body=None, headers={}):
            connection = http.client.HTTPConnection(host, port, timeout=60)
            connection.request(method, path, body, dict(login, **headers))
            answer = connection.getresponse()
            data = answer.read()
            connection.close()
            return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), data
        def digest(data):
            return "sha256:" + hashlib.sha256(data).hexdigest()

        """
}

@Suite struct HubProcessTests {
    @Test("Killed in the middle of uploads, a hub keeps what it acknowledged, and goes on with the rest")
    func killed() throws {
        let hub = try HubProcess()
        let script = """
            data = random.Random(1).randbytes(3_000_000)
            if sys.argv[4] == "begin":
                for n in range(8):
                    blob = b"%d" % n + data[:100_000]
                    place = ask("POST", "/v2/ann/x/blobs/uploads/")[1]["location"]
                    assert ask("PUT", place + "?digest=" + digest(blob), blob)[0] == 201
                place = ask("POST", "/v2/ann/x/blobs/uploads/")[1]["location"]
                assert ask("PATCH", place, data[:1_000_000])[0] == 202
                open(directory + "/place", "w").write(place)
                # One that is killed while its bytes come in.
                other = ask("POST", "/v2/ann/x/blobs/uploads/")[1]["location"]
                s = socket.create_connection((host, port))
                head = "PATCH %s HTTP/1.1\\r\\nHost: x\\r\\nAuthorization: %s\\r\\nContent-Length: 3000000\\r\\n\\r\\n"
                s.sendall((head % (other, login["Authorization"])).encode() + data[:1_500_000])
            else:
                for n in range(8):
                    blob = b"%d" % n + data[:100_000]
                    assert ask("GET", "/v2/ann/x/blobs/" + digest(blob))[2] == blob
                place = open(directory + "/place").read()
                status, headers, _ = ask("GET", place)
                assert status == 204 and headers["range"] == "0-999999", (status, headers)
                assert ask("PATCH", place, data[1_000_000:], {"Content-Range": "1000000-2999999"})[0] == 202
                assert ask("PUT", place + "?digest=" + digest(data))[0] == 201
                assert ask("GET", "/v2/ann/x/blobs/" + digest(data))[2] == data
            """
        let begun = try hub.python(script, ["begin"])
        #expect(begun.status == 0, "\(begun.all)")
        hub.kill()
        try hub.start()
        let ended = try hub.python(script, ["end"])
        #expect(ended.status == 0, "\(ended.all)")
        let check = hub.drydock(["hub", "check", "--json", "--data", hub.data])
        #expect(check.status == 0 && check.output.contains("\"ok\":true"), "\(check.all)")
        hub.kill(SIGTERM)
    }

    @Test("Hostile bytes on the socket: no crash, no 500, and errors in a body are told in the specification's JSON")
    func hostile() throws {
        let hub = try HubProcess()
        let outcome = try hub.python(
            """
            def raw(data, wait=True):
                s = socket.create_connection((host, port), timeout=20)
                try:
                    s.sendall(data)
                    if wait: s.shutdown(socket.SHUT_WR)
                    out = b""
                    while True:
                        part = s.recv(65536)
                        if not part: break
                        out += part
                    return out
                except OSError:
                    return b""
                finally:
                    s.close()
            place = ask("POST", "/v2/ann/x/blobs/uploads/")[1]["location"]
            head = "PATCH %s HTTP/1.1\\r\\nHost: x\\r\\nAuthorization: %s\\r\\n" % (place, login["Authorization"])
            out = raw((head + "Transfer-Encoding: chunked\\r\\n\\r\\n5\\r\\nhello\\r\\nZZZ\\r\\n").encode(), wait=False)
            assert out.startswith(b"HTTP/1.1 400") and b'"errors"' in out, out
            assert ask("GET", place)[1]["range"] == "0-4"
            large = b"x" * (5 << 20)
            status, _, body = ask("PUT", "/v2/ann/x/manifests/1", large)
            assert status == 413 and b"SIZE_INVALID" in body, (status, body)
            r = random.Random(7)
            lines = [b"GET / HTTP/1.1", b"GET", b"\\x00\\xff", b"POST /v2/ HTTP/9.9", b"GET /%zz HTTP/1.1", b"*",
                     b"PRI * HTTP/2.0", b"GET " + b"a" * 100000 + b" HTTP/1.1", b"OPTIONS * HTTP/1.1"]
            fields = [b"Host: x", b"Content-Length: -1", b"Content-Length: 5\\r\\nContent-Length: 6", b"X: " + b"y" * 90000,
                      b"Transfer-Encoding: chunked, chunked", b"Range: bytes=0-,5-", b": nothing", b"Host", b"\\x00: 1",
                      b"Expect: 100-continue", b"Authorization: Basic =", b"Authorization: Bearer " + b"a." * 5000]
            for n in range(600):
                request = r.choice(lines) + b"\\r\\n" + b"\\r\\n".join(r.sample(fields, r.randint(0, 4))) + b"\\r\\n\\r\\n"
                out = raw(request + r.randbytes(r.randint(0, 50)))
                assert not out.startswith(b"HTTP/1.1 5"), (request[:200], out[:200])
            # Peers that die in mid-request, and ones that never finish.
            for n in range(100):
                s = socket.create_connection((host, port))
                s.sendall((head + "Content-Length: 1000000\\r\\n\\r\\n").encode() + b"z" * r.randint(0, 5000))
                s.close()
            idle = [socket.create_connection((host, port)) for n in range(100)]
            assert ask("GET", "/v2/")[0] == 200
            """)
        #expect(outcome.status == 0, "\(outcome.all)")
        let names = try FileManager.default.contentsOfDirectory(atPath: hub.data)
        #expect(names.allSatisfy { !$0.contains("passwd") })
        #expect(hub.drydock(["hub", "check", "--data", hub.data]).status == 0)
    }

    @Test("200 pulls at once get their bytes, beside peers that read slowly or leave")
    func parallel() throws {
        let hub = try HubProcess()
        let outcome = try hub.python(
            """
            blob = random.Random(2).randbytes(2_000_000)
            place = ask("POST", "/v2/ann/x/blobs/uploads/")[1]["location"]
            assert ask("PUT", place + "?digest=" + digest(blob), blob)[0] == 201
            path = "/v2/ann/x/blobs/" + digest(blob)
            slow = []
            for n in range(20):
                s = socket.create_connection((host, port))
                s.sendall(("GET %s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % path).encode())
                s.recv(100)
                slow.append(s)
            for s in slow[:10]: s.close()
            right = []
            def pull():
                for attempt in range(3):
                    try:
                        if ask("GET", path)[2] == blob: right.append(1)
                        return
                    except OSError: time.sleep(0.2)
            threads = [threading.Thread(target=pull) for n in range(200)]
            for t in threads: t.start()
            for t in threads: t.join()
            assert len(right) == 200, len(right)
            for s in slow[10:]: s.close()
            """, seconds: 240)
        #expect(outcome.status == 0, "\(outcome.all)")
    }

    @Test(
        "On a full disk pushes are refused clearly, and everything else goes on",
        .enabled(if: getuid() == 0, "mounting a small file system needs root"))
    func fullDisk() throws {
        let hub = try HubProcess(prepare: { directory in
            let made = Bench.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", directory + "/data"])
            try #require(made.status == 0, "\(made.all)")
        })
        let outcome = try hub.python(
            """
            small = b"small" * 1000
            place = ask("POST", "/v2/ann/x/blobs/uploads/")[1]["location"]
            assert ask("PUT", place + "?digest=" + digest(small), small)[0] == 201
            big = random.Random(3).randbytes(12_000_000)
            place = ask("POST", "/v2/ann/x/blobs/uploads/")[1]["location"]
            status, _, body = ask("PATCH", place, big)
            assert status == 507 and b"full" in body, (status, body)
            assert ask("GET", "/v2/ann/x/blobs/" + digest(small))[2] == small
            status, headers, _ = ask("GET", place)
            assert status == 204, status
            assert ask("DELETE", place)[0] == 204
            place = ask("POST", "/v2/ann/x/blobs/uploads/")[1]["location"]
            again = big[:500_000]
            assert ask("PUT", place + "?digest=" + digest(again), again)[0] == 201
            """)
        #expect(outcome.status == 0, "\(outcome.all)")
        #expect(hub.drydock(["hub", "check", "--data", hub.data]).status == 0)
    }

    @Test("Commands for scripts end with 0 only on success, and speak JSON")
    func scripts() throws {
        let hub = try HubProcess()
        let nowhere = hub.directory + "/nowhere"
        for words in [["check"], ["gc"], ["export", hub.directory + "/x.tar"], ["ls"], ["log"]] {
            let outcome = hub.drydock(["hub"] + words + ["--data", nowhere])
            #expect(outcome.status == 1 && outcome.errors.contains("there is no hub"), "\(words): \(outcome.all)")
        }
        #expect(!FileManager.default.fileExists(atPath: hub.directory + "/x.tar"))
        #expect(!FileManager.default.fileExists(atPath: nowhere + "/hub.sqlite"))
        #expect(hub.drydock(["hub", "gc", "--json", "--data", hub.data]).output.hasPrefix("{\"blobs\":0"))
        let export = hub.drydock(["hub", "export", hub.directory + "/y.tar", "--json", "--data", hub.data])
        #expect(export.status == 0 && export.output.hasPrefix("{\"images\":[]"), "\(export.all)")
        #expect(hub.drydock(["hub", "import", hub.directory + "/missing.tar", "--data", hub.data]).status == 1)
        #expect(hub.drydock(["hub", "export", hub.directory + "/z.tar", "none", "--data", hub.data]).status == 1)
        let mirror = hub.drydock(["hub", "mirror", "alpine", "--offline", "--json", "--data", hub.data])
        #expect(mirror.status == 1 && mirror.output.contains("\"failed\":[{\"image\":\"alpine\""), "\(mirror.all)")
        let damaged = hub.directory + "/damaged.tar"
        try Data(repeating: 7, count: 5000).write(to: URL(filePath: damaged))
        #expect(hub.drydock(["hub", "import", damaged, "--data", hub.data]).status == 1)
    }

    @Test("A classroom joins a hub with TLS by its fingerprint, registers, and leaves again")
    func classroom() throws {
        let hub = try HubProcess(["--tls"])
        #expect(hub.url.hasPrefix("https://"))
        let line = try #require(hub.words.split(separator: "\n").first { $0.contains("fingerprint") })
        let fingerprint = String(line.split(separator: " ").last ?? "")
        let wrong = hub.drydock(["hub", "join", hub.url, "--fingerprint", fingerprint.replacing("A", with: "B") + "00"])
        #expect(wrong.status == 1 && wrong.errors.contains("not the one that was expected"), "\(wrong.all)")
        #expect(hub.drydock(["hub", "join", hub.url]).status == 1)
        let joined = hub.drydock(["hub", "join", hub.url, "--fingerprint", fingerprint])
        #expect(joined.status == 0, "\(joined.all)")
        let login = hub.drydock(["docker", "login", "-u", "ann", "--password-stdin"], input: "secret")
        #expect(login.status == 0 && login.output.contains("Login Succeeded"), "\(login.all)")
        let search = hub.drydock(["docker", "search", "nothing"])
        #expect(search.status == 0, "\(search.all)")
        #expect(hub.drydock(["hub", "leave"]).status == 0)
    }
}

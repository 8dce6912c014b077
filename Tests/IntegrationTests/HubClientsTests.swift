import Foundation
import Glibc
import Testing

/// Real clients against a hub that is a process of its own, in plain text and with TLS.
@Suite(.enabled(if: HubClients.all, "podman, buildah and skopeo are not all installed, or this is not root"))
struct HubClientsTests {
    @Test("podman, buildah and skopeo push and pull, with and without login and TLS", arguments: [false, true])
    func clients(isSecure: Bool) throws {
        let clients = try HubClients(isSecure: isSecure)
        defer { clients.end() }
        let address = clients.address
        // An image without a base, so that no other registry is asked.
        try clients.must(["sh", "-c", "echo hello > \(clients.directory)/hello"])
        let made = try clients.must(clients.buildah + ["from", "scratch"]).output.trimmingCharacters(
            in: .whitespacesAndNewlines)
        try clients.must(clients.buildah + ["copy", made, clients.directory + "/hello", "/hello"])
        try clients.must(clients.buildah + ["commit", made, "\(address)/ann/web:1"])
        let refused = clients.run(clients.buildah + ["push"] + clients.tls + ["\(address)/ann/web:1"])
        #expect(refused.status != 0)
        try clients.must(clients.buildah + ["push"] + clients.tls + ["--creds", "ann:secret", "\(address)/ann/web:1"])
        let stolen = clients.run(
            clients.buildah + ["push"] + clients.tls + ["--creds", "bob:secret", "\(address)/ann/web:1"])
        #expect(stolen.status != 0)
        try clients.must(clients.buildah + ["rm", made])

        try clients.must(clients.podman + ["pull"] + clients.tls + ["\(address)/ann/web:1"])
        let login = clients.podman + ["login"] + clients.tls + ["-u", "ann", "-p", "secret", address]
        try clients.must(login)
        try clients.must(clients.podman + ["tag", "\(address)/ann/web:1", "\(address)/ann/web:2"])
        try clients.must(clients.podman + ["push"] + clients.tls + ["\(address)/ann/web:2"])
        // Not every version of this one command takes a directory of certificates.
        let found = try clients.must(
            clients.podman + ["search", "--tls-verify=false", "--list-tags", "\(address)/ann/web"])
        #expect(found.output.contains("2"), "\(found.all)")

        let skopeoTLS = isSecure ? ["--src-cert-dir", clients.certificates] : ["--src-tls-verify=false"]
        try clients.must(
            ["skopeo", "copy"] + skopeoTLS + ["docker://\(address)/ann/web:2", "dir:\(clients.directory)/copied"])
        let one = try clients.must(
            ["skopeo", "inspect"] + clients.tls + ["--format", "{{.Digest}}", "docker://\(address)/ann/web:2"])
        #expect(one.output.hasPrefix("sha256:"))
        if isSecure {
            let untrusted = clients.run(
                ["skopeo", "inspect", "--cert-dir", "/nowhere", "docker://\(address)/ann/web:2"])
            #expect(untrusted.status != 0)
        }
        let stick = clients.directory + "/stick.tar"
        try clients.must(clients.drydock + ["hub", "export", stick, "--data", clients.data])
        try clients.must([
            "skopeo", "copy", "--all", "oci-archive:\(stick):ann/web:2", "dir:\(clients.directory)/stick",
        ])
        let check = try clients.must(clients.drydock + ["hub", "check", "--json", "--data", clients.data])
        #expect(check.output.contains("\"ok\":true"))
    }
}

/// A hub and clients with a storage of their own.
private struct HubClients {
    let directory: String
    let data: String
    let address: String
    let isSecure: Bool
    private let process: Process

    static let all =
        getuid() == 0
        && ["podman", "buildah", "skopeo"].allSatisfy { Bench.run(["sh", "-c", "command -v \($0)"]).status == 0 }

    init(isSecure: Bool) throws {
        self.isSecure = isSecure
        directory = "/tmp/drydock-hub-clients-\(UUID().uuidString.prefix(8).lowercased())"
        data = directory + "/data"
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        for name in ["ann", "bob"] {
            let made = Bench.run(
                [Bench.binary, "hub", "user", "add", name, "--password-stdin", "--data", data], input: "secret")
            try #require(made.status == 0, "\(made.all)")
        }
        // Some versions of buildah refuse to begin where the file is named and not there.
        try Data("{}".utf8).write(to: URL(filePath: directory + "/auth.json"))
        process = Process()
        process.executableURL = URL(filePath: Bench.binary)
        process.arguments =
            ["hub", "serve", "--listen", "127.0.0.1:0", "--data", data, "--upstream", "none"]
            + (isSecure ? ["--tls"] : [])
        _ = FileManager.default.createFile(atPath: directory + "/log", contents: nil)
        process.standardOutput = FileHandle(forWritingAtPath: directory + "/log")
        try process.run()
        var found = ""
        let deadline = Date(timeIntervalSinceNow: 60)
        while found.isEmpty, Date() < deadline, process.isRunning {
            let words = String(
                decoding: FileManager.default.contents(atPath: directory + "/log") ?? Data(), as: UTF8.self)
            if words.contains("\n"), let at = words.range(of: "://") {
                found = String(words[at.upperBound...].prefix { !$0.isWhitespace })
            }
            usleep(20_000)
        }
        try #require(!found.isEmpty)
        address = found
        if isSecure {
            try FileManager.default.createDirectory(
                atPath: directory + "/certs", withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: data + "/keys/tls.crt", toPath: directory + "/certs/ca.crt")
        }
    }

    var certificates: String { directory + "/certs" }
    var tls: [String] { isSecure ? ["--cert-dir", certificates] : ["--tls-verify=false"] }
    private var storage: [String] {
        ["--root", directory + "/storage", "--runroot", directory + "/run", "--storage-driver", "vfs"]
    }
    var podman: [String] { ["podman"] + storage }
    var buildah: [String] { ["buildah"] + storage }
    var drydock: [String] { [Bench.binary] }

    func run(_ command: [String]) -> Outcome {
        Bench.run(
            command,
            environment: [
                "REGISTRY_AUTH_FILE": directory + "/auth.json", "DRYDOCK_HOME": directory + "/home",
                "BUILDAH_ISOLATION": "chroot",
            ], seconds: 120)
    }

    @discardableResult
    func must(_ command: [String]) throws -> Outcome {
        let outcome = run(command)
        try #require(outcome.status == 0, "\(command.joined(separator: " ")): \(outcome.all)")
        return outcome
    }

    func end() {
        kill(process.processIdentifier, SIGTERM)
        process.waitUntilExit()
        _ = Bench.run(["rm", "-rf", directory], seconds: 60)
    }
}

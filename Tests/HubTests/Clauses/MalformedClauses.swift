import Diagnostics
import HTTPTypes
import Linux
import OCI
import SystemPackage
import Testing

@testable import Hub

/// Requests that no honest client sends, by the thousand.
@Suite struct MalformedClauses {
    private static let parts = [
        "v2", "..", ".", "", "%2e%2e", "%2F", "%00", "%ff", "library", "ann", "x", "manifests", "blobs", "uploads",
        "tags", "list", "referrers", "_catalog", "latest", "sha256:", "sha256:../../../etc/passwd", "etc", "passwd",
        "sha512:00", "alpine", "hub.sqlite", "token", "é", "A", "a:b", "~", "*", "\\", "hub", "v1", "search",
        String(repeating: "a", count: 300), "sha256:" + String(repeating: "0", count: 64), "?", "?n=",
        "?digest=sha256:x",
        "?mount=..&from=..", "?last=%00", "?n=%", "#", ";", "$(id)", "' OR 1=1 --",
    ]

    @Test(
        "Thousands of malformed paths, methods, headers and bodies: never 500, and nothing outside of the hub",
        .timeLimit(.minutes(5)))
    func thousands() async throws {
        try await ClauseHub.run(.inProcess) { hub in
            _ = try await hub.image("ann/x", tag: "1")
            let before = try Self.files(hub.registry.data)
            var generator = Seeded(state: 42)
            let methods: [HTTPRequest.Method] = [.get, .head, .put, .post, .patch, .delete, .options]
            for _ in 0..<4000 {
                let count = Int.random(in: 1...7, using: &generator)
                let path =
                    "/"
                    + (0..<count).map { _ in Self.parts.randomElement(using: &generator) ?? "" }.joined(separator: "/")
                let prefix = Bool.random(using: &generator) ? "/v2" : ""
                var headers = HTTPFields()
                for (name, values) in [
                    (HTTPField.Name.range, ["bytes=-", "bytes=9-1", "bytes=a-b", "bytes=99999999999999999999-", "x"]),
                    (.contentRange, ["-", "5-1", "0-99999999999999999999", "bytes", "a-b/c"]),
                    (.contentType, ["", "text/html", MediaType.ociIndex.rawValue, "application/json; charset=x"]),
                    (.ifNoneMatch, ["*", "\"x\"", ""]),
                ] where Int.random(in: 0..<4, using: &generator) == 0 {
                    headers[name] = values.randomElement(using: &generator)
                }
                let body = (0..<Int.random(in: 0..<40, using: &generator)).map { _ in
                    UInt8.random(in: 0...255, using: &generator)
                }
                let method = methods.randomElement(using: &generator) ?? .get
                let answer = try await hub.send(
                    method, prefix + path, as: Bool.random(using: &generator) ? "ann" : nil, headers, body: body)
                #expect(answer.status < 500, "\(method) \(prefix)\(path): \(answer.status)")
            }
            let after = try Self.files(hub.registry.data)
            let allowed = ["/blobs/", "/uploads/", "/hub.sqlite", "/generation"]
            for file in after.subtracting(before) { #expect(allowed.contains { file.contains($0) }, "\(file)") }
        }
    }

    private static func files(_ root: FilePath) throws -> Set<String> {
        var found: Set<String> = []
        var rest = [root]
        while let directory = rest.popLast() {
            for name in try Files.names(in: directory) {
                let path = directory.appending(name)
                let status = try FileAt.status(FileAt.workingDirectory, path.string)
                if status.isDirectory { rest.append(path) } else { found.insert(path.string) }
            }
        }
        return found
    }
}

/// The same numbers each time (SplitMix64).
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

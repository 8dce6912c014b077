import Diagnostics
import OCI
import Testing

@Suite("Image names, by Docker's grammar")
struct ReferenceTests {
    @Test(
        "A name gets Docker's defaults",
        arguments: [
            ("alpine", "docker.io/library/alpine", "alpine"),
            ("alpine:3.5", "docker.io/library/alpine:3.5", "alpine:3.5"),
            ("me/nodejs:1.0", "docker.io/me/nodejs:1.0", "me/nodejs:1.0"),
            ("docker.io/alpine", "docker.io/library/alpine", "alpine"),
            ("docker.io/library/alpine", "docker.io/library/alpine", "alpine"),
            ("index.docker.io/me/x", "docker.io/me/x", "me/x"),
            ("localhost/x", "localhost/x", "localhost/x"),
            ("localhost:5000/x:y", "localhost:5000/x:y", "localhost:5000/x:y"),
            ("registry.example.com/a/b/c", "registry.example.com/a/b/c", "registry.example.com/a/b/c"),
            ("127.0.0.1:5000/a", "127.0.0.1:5000/a", "127.0.0.1:5000/a"),
            ("[::1]:5000/a:1", "[::1]:5000/a:1", "[::1]:5000/a:1"),
            ("a__b/c--d.e", "docker.io/a__b/c--d.e", "a__b/c--d.e"),
        ])
    func defaults(text: String, full: String, familiar: String) throws {
        let reference = try Reference(parsing: text)
        #expect(reference.description == full)
        #expect(reference.familiar == familiar)
    }

    @Test("A digest is kept beside a tag, and stands instead of the default tag")
    func digests() throws {
        let hex = String(repeating: "ab", count: 32)
        let reference = try Reference(parsing: "alpine:3.5@sha256:\(hex)")
        #expect(reference.tag == "3.5")
        #expect(reference.digest?.hex == hex)
        #expect(try Reference(parsing: "alpine@sha256:\(hex)").withDefaultTag.tag == nil)
        #expect(try Reference(parsing: "alpine").withDefaultTag.tag == "latest")
    }

    @Test(
        "What is wrong is said with Docker's words",
        arguments: [
            ("UPPER:case", "invalid reference format: repository name (library/UPPER) must be lowercase"),
            ("me/UPPER", "invalid reference format: repository name (me/UPPER) must be lowercase"),
            ("localhost/X", "invalid reference format: repository name (X) must be lowercase"),
            ("0@Up", "invalid reference format: repository name (library/0@Up) must be lowercase"),
            ("a:b:c", "invalid reference format"), ("", "invalid reference format"),
            (String(repeating: "a", count: 255), "repository name must not be more than 255 characters"),
            ("x@sha256:" + String(repeating: "0", count: 63), "invalid checksum digest length"),
            ("x@sha256:" + String(repeating: "A", count: 64), "invalid checksum digest format"),
            ("x@md5:" + String(repeating: "0", count: 32), "unsupported digest algorithm"),
            (
                String(repeating: "0", count: 64),
                "invalid repository name (\(String(repeating: "0", count: 64))), cannot specify 64-byte hexadecimal strings"
            ),
        ])
    func words(text: String, message: String) {
        #expect {
            try Reference(parsing: text)
        } throws: { error in
            (error as? DrydockError)?.message == message
        }
    }

    @Test("A capital letter in the first part makes it a registry")
    func capitalRegistry() throws {
        #expect(try Reference(parsing: "Foo/bar").registry == "Foo")
        #expect(try Reference(parsing: "LOCALHOST/x").description == "LOCALHOST/x")
        #expect(try Reference(parsing: "b/" + String(repeating: "a", count: 253)).repository.utf8.count == 255)
    }

    @Test(
        "What is not a name is refused",
        arguments: [
            "", "[fe80::1%eth0]:5000/debian", "host:abc/x", "a._b", "a_.b", "x:-a", "localhost/", ":tag", "a:", "a:b c",
            "-a", "a-", "a..b", "a___b", "a//b", "/a", "a/", "a@sha256:12", "a@", "a:-x",
            "registry:port/a", "a b", "ä", String(repeating: "a", count: 300),
            String(repeating: "0", count: 64), "a:" + String(repeating: "t", count: 129),
        ])
    func refused(text: String) {
        #expect(throws: DrydockError.self) { try Reference(parsing: text) }
    }
}

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

    @Test("An upper-case repository is refused with Docker's words")
    func upperCase() {
        #expect {
            try Reference(parsing: "UPPER:case")
        } throws: { error in
            (error as? DrydockError)?.message
                == "invalid reference format: repository name (library/UPPER) must be lowercase"
        }
    }

    @Test(
        "What is not a name is refused",
        arguments: [
            "", ":tag", "a:", "a:b c", "-a", "a-", "a..b", "a___b", "a//b", "/a", "a/", "a@sha256:12", "a@", "a:-x",
            "registry:port/a", "a b", "ä", String(repeating: "a", count: 300),
            String(repeating: "0", count: 64), "a:" + String(repeating: "t", count: 129),
        ])
    func refused(text: String) {
        #expect(throws: DrydockError.self) { try Reference(parsing: text) }
    }
}

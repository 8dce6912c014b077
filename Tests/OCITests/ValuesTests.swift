import Diagnostics
import OCI
import Testing

@Suite("OCI's values")
struct ValuesTests {
    @Test("A digest has a known algorithm and exactly its number of lower-case digits")
    func digests() throws {
        let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        #expect(try Digest(text).description == text)
        #expect(Digest.sha256([]).description == text)
        for bad in [
            "", "sha256:", "sha256:xyz", "md5:00", text.uppercased(), text + "0", "sha512:" + text.dropFirst(7),
        ] {
            #expect(throws: DrydockError.self) { try Digest(bad) }
        }
    }

    @Test("A digest of bytes that stream past is that of the whole")
    func streaming() {
        var digester = Digester()
        digester.update(Array("hello ".utf8))
        digester.update(Array("world".utf8))
        #expect(digester.digest() == Digest.sha256("hello world".utf8))
        #expect(digester.count == 11)
    }

    @Test("Chain IDs follow the specification: the first is the diff ID, each later one hashes both")
    func chains() {
        let a = Digest.sha256([1])
        let b = Digest.sha256([2])
        #expect(chainIDs(of: [a, b]) == [a, Digest.sha256("\(a) \(b)".utf8)])
        #expect(chainIDs(of: []).isEmpty)
    }

    @Test("A manifest that is read and written again has the same fields")
    func manifests() throws {
        let digest = Digest.sha256([]).description
        let text = """
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":\
            "application/vnd.oci.image.config.v1+json","digest":"\(digest)","size":2},"layers":[{"mediaType":\
            "application/vnd.oci.image.layer.v1.tar+gzip","digest":"\(digest)","size":3}],"annotations":{"a":"b"}}
            """
        #expect(try Manifest(JSONValue(parsing: text)).json.compact == text)
    }

    @Test(
        "A manifest without what it needs is refused",
        arguments: [
            "{}", #"{"schemaVersion":1,"config":{}}"#, #"{"schemaVersion":2,"config":{"digest":"sha256:x","size":1}}"#,
            #"{"schemaVersion":2}"#,
        ])
    func badManifests(text: String) {
        #expect(throws: DrydockError.self) { try Manifest(JSONValue(parsing: text)) }
    }

    @Test("An index gives the manifest for a platform, variants included, and never an attestation")
    func platforms() throws {
        func entry(_ platform: Platform) -> Descriptor {
            Descriptor(
                mediaType: .ociManifest, digest: .sha256(platform.description.utf8), size: 1, platform: platform)
        }
        let arm = Platform(os: "linux", architecture: "arm64", variant: "v8")
        let amd = Platform(os: "linux", architecture: "amd64")
        let index = Index(manifests: [entry(Platform(os: "unknown", architecture: "unknown")), entry(arm), entry(amd)])
        #expect(index.manifest(for: amd) == entry(amd))
        #expect(index.manifest(for: try Platform(parsing: "linux/aarch64")) == entry(arm))
        #expect(index.manifest(for: try Platform(parsing: "linux/s390x")) == nil)
    }

    @Test("A platform of one word is a processor or a system that is known; pairs are taken as they are")
    func platformWords() throws {
        #expect(try Platform(parsing: "arm64").description == "linux/arm64")
        #expect(try Platform(parsing: "X86_64").description == "linux/amd64")
        #expect(
            try Platform(parsing: "windows") == Platform(os: "windows", architecture: Platform.current.architecture))
        #expect(try Platform(parsing: "linux/odd").description == "linux/odd")
        for text in ["bogus", "", "linux/", "a/b/c/d"] {
            let error = #expect(throws: DrydockError.self) { try Platform(parsing: text) }
            #expect(error?.message == "\"\(text)\": unknown operating system or architecture: invalid argument")
        }
    }

    @Test("An image configuration keeps everything that Drydock knows of it")
    func configurations() throws {
        let text = """
            {"architecture":"amd64","author":"me","config":{"User":"1000","ExposedPorts":{"80/tcp":{}},"Env":["A=b"],\
            "Cmd":["sh"],"Volumes":{"/data":{}},"WorkingDir":"/w","Entrypoint":["/e"],"Labels":{"k":"v"},\
            "StopSignal":"SIGINT"},"container":"c","created":"2020-01-02T03:04:05Z","docker_version":"28",\
            "history":[{"created":"2020-01-02T03:04:05Z","created_by":"x","comment":"y","empty_layer":true}],\
            "os":"linux","rootfs":{"type":"layers","diff_ids":[]}}
            """
        #expect(try ImageConfig(JSONValue(parsing: text)).json.compact == text)
    }

    @Test(
        "Times are read and written as Go writes them",
        arguments: [
            ("2017-03-03T20:32:37Z", 1_488_573_157, 0), ("1970-01-01T00:00:00Z", 0, 0),
            ("2024-02-29T12:00:00.5Z", 1_709_208_000, 500_000_000), ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
        ])
    func times(text: String, seconds: Int64, nanoseconds: Int32) throws {
        let time = try #require(Timestamp(text))
        #expect(time == Timestamp(seconds: seconds, nanoseconds: nanoseconds))
        #expect(time.description == text)
        #expect(Timestamp("2017-03-03T22:32:37+02:00")?.seconds == 1_488_573_157)
        #expect(Timestamp("2017-03-03 20:32") == nil)
        #expect(Timestamp("2017-13-03T20:32:37Z") == nil)
    }
}

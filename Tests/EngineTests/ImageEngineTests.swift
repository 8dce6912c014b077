import Diagnostics
import Glibc
import ImageStore
import Linux
import OCI
import SystemPackage
import Testing

@testable import Engine

/// A hub that nobody needs here.
private struct NoHub: PracticeHub {
    private var absent: DrydockError { DrydockError(.unavailable, "there is no hub in this test") }
    func ensureRunning() throws(DrydockError) -> String { throw absent }
    func hasAccount(_ name: String) throws(DrydockError) -> Bool { false }
    func createAccount(_ name: String, password: String) throws(DrydockError) { throw absent }
    func removeTag(_ reference: String) throws(DrydockError) {}
    func lease() throws(DrydockError) -> any Sendable { 0 }
    func prepare(_ span: Span) async throws(DrydockError) {}
}

/// An engine in a home of its own, with images made by `import`.
private final class Bench {
    let home: FilePath
    let engine: Engine

    init() throws {
        home = FilePath("/tmp/drydock-engine-\(UInt64.random(in: 0 ... .max))")
        try Files.makeDirectories(home)
        engine = try Engine(
            Engine.Configuration(
                home: Home(home), hub: NoHub(), executable: "/bin/false", dockerConfig: home.appending("c.json"),
                programPath: []))
    }

    deinit { try? Files.removeTree(home) }

    /// An image of one file.
    @discardableResult
    func image(_ name: String?, file: String = "a", labels: [String: String] = [:]) async throws -> Digest {
        let tree = home.appending("tree-\(UInt32.random(in: 0 ... .max))")
        try Files.makeDirectories(tree.appending("etc"))
        try AtomicFile.write(Array(file.utf8), to: tree.appending("etc").appending("file"), durable: false)
        let tar = home.appending("\(tree.lastComponent?.string ?? "t").tar")
        // The same owner and time everywhere: the same file is the same layer.
        let made = try ChildProcess.run(
            "tar", ["tar", "--owner=0", "--group=0", "--mtime=@1000000000", "-C", tree.string, "-cf", tar.string, "."])
        try #require(made.status == 0)
        var request = ImportRequest(
            source: .place(.file(tar.string)), spelling: "-", reference: try name.map { try Reference(parsing: $0) })
        request.changes = labels.map { "LABEL \($0.key)=\($0.value)" }
        return try await engine.importImage(request, .none)
    }
}

@Suite("Images in the engine")
struct ImageEngineTests {
    @Test("An archive of two images goes from one home to another, layers once, byte for byte the same again")
    func archive() async throws {
        let (one, two) = (try Bench(), try Bench())
        let first = try await one.image("me/a:1")
        let second = try await one.image("b:2", labels: ["k": "v"])
        let file = ArchivePlace.file(one.home.appending("x.tar").string)
        try one.engine.save(["me/a", "b:2", first.hex], platform: nil, to: file, .none)
        let listed = try ChildProcess.run("tar", ["tar", "-tf", one.home.appending("x.tar").string])
        #expect(listed.status == 0, "\(String(decoding: listed.error, as: UTF8.self))")
        let names = listed.text.split(separator: "\n")
        #expect(names.prefix(2) == ["blobs/", "blobs/sha256/"])
        #expect(names.suffix(4) == ["index.json", "manifest.json", "oci-layout", "repositories"])
        // One layer, two configurations, two manifests.
        #expect(names.count == 2 + 5 + 4)
        #expect(try two.engine.load(from: file, platform: nil, .none) == [.tagged("me/a:1"), .tagged("b:2")])
        #expect(
            try two.engine.images(all: true, matching: [:]).map(\.id).sorted { $0.hex < $1.hex }
                == [first, second].sorted { $0.hex < $1.hex })
        let again = ArchivePlace.file(two.home.appending("x.tar").string)
        try two.engine.save(["me/a:1", "b:2"], platform: nil, to: again, .none)
        #expect(try Files.read(one.home.appending("x.tar")) == Files.read(two.home.appending("x.tar")))
    }

    @Test("An image remembers the one that it was made from through an archive, in any order, and files have its time")
    func parents() async throws {
        let (one, two) = (try Bench(), try Bench())
        let base = try await one.image("base:1")
        let record = try one.engine.store.image("base:1")
        var config = try JSONValue(parsing: try one.engine.store.configBytes(of: base))
        let entry: JSONValue = ["created": "2001-09-09T01:46:40Z", "created_by": "RUN", "empty_layer": true]
        config = config.setting("created", "2001-09-09T01:46:40Z").setting(
            "history", .array((config["history"]?.array ?? []) + [entry]))
        let lease = try one.engine.store.beginLease()
        let child = try lease.register(
            NewImage(
                config: Array(config.compact.utf8), references: [try Reference(parsing: "child:1")], parent: record.id))
        lease.end()
        let file = one.home.appending("x.tar")
        try one.engine.save(["child:1", "base:1"], platform: nil, to: .file(file.string), .none)
        #expect(
            try two.engine.load(from: .file(file.string), platform: nil, .none) == [
                .tagged("child:1"), .tagged("base:1"),
            ])
        #expect(try two.engine.inspectImage("child:1")["Parent"]?.string == base.description)
        #expect(try two.engine.inspectImage("base:1")["Parent"]?.string == "")
        #expect(try two.engine.history("child:1").map(\.id) == [child.id, base])
        let listed = try ChildProcess.run(
            "env", ["env", "TZ=UTC", "tar", "--full-time", "-tvf", file.string, "blobs/sha256/\(child.id.hex)"])
        #expect(listed.text.contains("2001-09-09 01:46:40"), "\(listed.text)")
        // Without the parent in the archive there is no link.
        try one.engine.save(["child:1"], platform: nil, to: .file(file.string), .none)
        let three = try Bench()
        _ = try three.engine.load(from: .file(file.string), platform: nil, .none)
        #expect(try three.engine.inspectImage("child:1")["Parent"]?.string == "")
    }

    @Test("Names that mean nothing are refused in Docker's words")
    func reserved() async throws {
        let bench = try Bench()
        #expect {
            try bench.engine.removeImage(" ", force: true, keepParents: false)
        } throws: { ($0 as? DrydockError)?.message == "image name cannot be blank" }
        await #expect {
            _ = try await bench.engine.pull(PullRequest(reference: try Reference(parsing: "scratch")), .none)
        } throws: { ($0 as? DrydockError)?.message == "'scratch' is a reserved name" }
        for (filter, message) in [
            (["stars": ["a"]], "invalid filter 'stars=a'"),
            (["is-official": ["a"]], "invalid filter 'is-official=[a]'"),
        ] {
            await #expect {
                _ = try await bench.engine.search("x", limit: 1, matching: filter)
            } throws: { ($0 as? DrydockError)?.message == message }
        }
    }

    @Test("A name that another image had is taken away from it, and that is said")
    func renaming() async throws {
        let (one, two) = (try Bench(), try Bench())
        let new = try await one.image("a:1", file: "new")
        let file = ArchivePlace.file(one.home.appending("x.tar").string)
        try one.engine.save(["a:1"], platform: nil, to: file, .none)
        let old = try await two.image("a:1", file: "old")
        #expect(try two.engine.load(from: file, platform: nil, .none) == [.renamed("a:1", old: old), .tagged("a:1")])
        #expect(try two.engine.images(all: false, matching: ["dangling": ["true"]]).map(\.id) == [old])
        #expect(try two.engine.inspectImage("a:1")["Id"]?.string == new.description)
    }

    @Test("What is no archive of images is refused, and nothing stays")
    func refused() async throws {
        let bench = try Bench()
        try await bench.image("a:1")
        let path = bench.home.appending("x.tar")
        try bench.engine.save(["a:1"], platform: nil, to: .file(path.string), .none)
        let whole = try Files.read(path)
        let target = try Bench()
        func refusal(_ bytes: [UInt8]) throws -> String? {
            let file = target.home.appending("bad.tar")
            try AtomicFile.write(bytes, to: file, durable: false)
            do throws(DrydockError) {
                _ = try target.engine.load(from: .file(file.string), platform: nil, .none)
                return nil
            } catch {
                return error.message
            }
        }
        #expect(try refusal([UInt8](repeating: 7, count: 2000)) == "archive/tar: invalid tar header")
        #expect(try refusal(Array(whole[..<2048])) != nil)
        // A bit of the layer's content turned: the layer is not what it is named by.
        var damaged = whole
        let place = try #require(damaged.firstRange(of: Array("etc/file".utf8))?.lowerBound)
        damaged[place + 512] ^= 1
        #expect(try refusal(damaged) != nil)
        #expect(try target.engine.images(all: true, matching: [:]).isEmpty)
        #expect(throws: DrydockError.self) {
            try bench.engine.save(["nope:1"], platform: nil, to: .file(path.string + "2"), .none)
        }
        #expect(!Files.exists(FilePath(path.string + "2")))
    }

    @Test("Filters choose images as Docker's do")
    func filters() async throws {
        let bench = try Bench()
        let labelled = try await bench.image("me/a:1", file: "a", labels: ["k": "v"])
        try await bench.image("b:2", file: "b")
        let nameless = try await bench.image(nil, file: "c")
        func names(_ filters: Filters) throws -> [String] {
            try bench.engine.images(all: false, matching: filters).map {
                ($0.repository ?? "-") + ":" + ($0.tag ?? "-")
            }
        }
        #expect(try names([:]) == ["-:-", "b:2", "me/a:1"])
        #expect(try names(["dangling": ["true"]]) == ["-:-"])
        #expect(try names(["dangling": ["false"]]) == ["b:2", "me/a:1"])
        #expect(try names(["label": ["k"]]) == ["me/a:1"])
        #expect(try names(["label": ["k=w"]]) == [])
        #expect(try names(["label!": ["k"]]) == ["-:-", "b:2"])
        #expect(try names(["reference": ["me/*"]]) == ["me/a:1"])
        #expect(try names(["reference": ["b", "x"]]) == ["b:2"])
        #expect(try names(["reference": ["*:2"]]) == ["b:2"])
        #expect(try names(["before": ["b:2"]]) == ["me/a:1"])
        #expect(try names(["since": [labelled.hex]]) == ["-:-", "b:2"])
        #expect(try names(["since": [nameless.short]]) == [])
        #expect(try names(["until": ["1h"]]) == [])
        for (filter, message) in [
            (["foo": ["x"]], "invalid filter 'foo'"), (["dangling": ["x"]], "invalid filter 'dangling=[x]'"),
        ] {
            #expect {
                try names(filter)
            } throws: { ($0 as? DrydockError)?.message == message }
        }
    }

    @Test("Layers say who shares them")
    func sharing() async throws {
        let bench = try Bench()
        try await bench.image("me/a:1")
        try await bench.image("b:2", labels: ["k": "v"])
        try await bench.image("c:3", file: "other")
        let layers = try bench.engine.sharedLayers(of: "me/a:1")
        #expect(layers.map(\.sharedWith) == [["b:2"]])
        #expect(layers.map(\.size) == [1])
        let usage = try bench.engine.diskUsage(details: true)
        #expect(usage.layersSize == 1 + 5)
        #expect(usage.images.map(\.shared) == [0, 1, 1])
        #expect(usage.images.map { $0.lines.map(\.repository) } == [["c"], ["b"], ["me/a"]])
        let sums = try bench.engine.diskUsage(details: false)
        #expect(sums.layersSize == 1 + 5)
        #expect(sums.images.map(\.shared).sorted() == [0, 1, 1])
    }

    @Test("What happens to images is told by events")
    func events() async throws {
        let bench = try Bench()
        let id = try await bench.image("a:1", labels: ["k": "v"])
        try bench.engine.tag("a:1", as: "b:2")
        _ = try bench.engine.removeImage("b:2", force: false, keepParents: false)
        let file = ArchivePlace.file(bench.home.appending("x.tar").string)
        try bench.engine.save(["a:1"], platform: nil, to: file, .none)
        _ = try bench.engine.removeImage("a:1", force: false, keepParents: false)
        _ = try bench.engine.load(from: file, platform: nil, .none)
        _ = try bench.engine.pruneImages(all: true, matching: [:])
        var request = EventsRequest()
        request.since = 0
        request.until = (Timestamp.now.seconds + 1) * 1_000_000_000
        var seen: [String] = []
        var names: [String] = []
        try bench.engine.events(request) { event in
            seen.append(event["Action"]?.string ?? "")
            if event["Action"]?.string == "tag" { names.append(event.at("Actor.Attributes.name")?.string ?? "") }
            if event["Action"]?.string == "import" {
                #expect(event.at("Actor.ID")?.string == id.description)
                #expect(event.at("Actor.Attributes.k")?.string == "v")
            }
            return true
        }
        #expect(seen == ["import", "tag", "untag", "save", "untag", "delete", "load", "delete", "prune"])
        #expect(names == ["b:2"])
    }

    @Test("The documents have Docker's fields in Docker's order")
    func documents() async throws {
        let bench = try Bench()
        try await bench.image("a:1")
        let image = try bench.engine.inspectImage("a:1")
        #expect(
            image.pairs?.map(\.key) == [
                "Id", "RepoTags", "RepoDigests", "Parent", "Comment", "Created", "DockerVersion", "Author", "Config",
                "Architecture", "Os", "Size", "GraphDriver", "RootFS", "Metadata",
            ])
        #expect(
            image["Config"]?.pairs?.map(\.key) == [
                "Cmd", "Entrypoint", "Env", "Labels", "OnBuild", "User", "Volumes", "WorkingDir",
            ])
        #expect(image["Comment"]?.string == "Imported from -")
        let host = InspectDocuments.container(["Id": "x", "HostConfig": ["Extra": 1, "Memory": 7]])["HostConfig"]
        #expect(host?["Memory"]?.int == 7)
        #expect(host?.pairs?.first?.key == "Binds")
        #expect(host?.pairs?.last?.key == "Extra")
        #expect(host?.pairs?.count == 64)
    }
}

import Diagnostics
import ImageStore
import Layers
import OCI
import SystemPackage
import Testing

@Suite("An image")
struct ImageTests {
    @Test("is found by tag, by digest reference, by ID and by the beginning of its ID")
    func finding() throws {
        let fixture = try StoreFixture()
        let image = try fixture.image(["a"], names: ["alpine:3.5", "alpine"], digest: true)
        #expect(image.tags.map(\.familiar) == ["alpine:3.5", "alpine:latest"])
        #expect(image.digests.count == 1)
        for name in ["alpine", "alpine:3.5", "docker.io/library/alpine:latest", image.id.description, image.id.hex]
            + [String(image.id.hex.prefix(3)), "sha256:" + image.id.short, image.digests[0].familiar]
        {
            #expect(try fixture.store.image(name).id == image.id, "\(name)")
        }
        #expect(failure { _ = try fixture.store.image("nope") }?.message == "No such image: nope:latest")
        #expect(failure { _ = try fixture.store.image("alpine:9") }?.message == "No such image: alpine:9")
        #expect(failure { _ = try fixture.store.image("a::b") }?.message == "invalid reference format")
    }

    @Test("loses a tag to the image that gets it, and is then dangling")
    func retagging() throws {
        let fixture = try StoreFixture()
        let first = try fixture.image(["a"], names: ["x"])
        let second = try fixture.image(["b"], names: ["x"])
        #expect(try fixture.store.image("x").id == second.id)
        #expect(try fixture.store.image(id: first.id)?.isDangling == true)
        #expect(try fixture.another().images().count == 2)
    }

    @Test("is listed with the newest first, to the fraction of a second")
    func order() throws {
        let fixture = try StoreFixture()
        try fixture.image(["a"], names: ["a"], created: "2024-01-02T03:04:05.5Z")
        try fixture.image(["b"], names: ["b"], created: "2024-01-02T03:04:05Z")
        try fixture.image(["c"], names: ["c"], created: "2025-01-02T03:04:05.123456789Z")
        #expect(try fixture.store.images().map { $0.tags[0].familiarName } == ["c", "a", "b"])
    }

    @Test("that shares layers stores them once, and its directories come top first")
    func sharing() throws {
        let fixture = try StoreFixture()
        let one = try fixture.image(["base", "one"], names: ["one"])
        let two = try fixture.image(["base", "two"], names: ["two"])
        #expect(try fixture.names("layers").count == 3)
        let mounts = try fixture.store.layerMounts(for: two.id)
        #expect(mounts.count == 2)
        #expect(try LayerStack(mounts).lookUp("/two")?.layer == 0)
        #expect(try LayerStack(mounts).lookUp("/base")?.layer == 1)
        #expect(one.chain[0] == two.chain[0])
        #expect(try fixture.store.layers(of: one.id).map(\.size) == [4, 3])
        #expect(one.size == 7)
    }

    @Test("keeps its configuration and its manifest byte for byte")
    func bytes() throws {
        let fixture = try StoreFixture()
        let image = try fixture.image(["a"], names: ["a"], labels: ["k": "v"], digest: true)
        #expect(Digest.sha256(try fixture.store.configBytes(of: image.id)) == image.id)
        let manifest = try #require(try fixture.store.manifest(of: image.id))
        #expect(image.digests[0].digest == Digest.sha256(manifest.bytes))
        #expect(image.labels == ["k": "v"])
        #expect(try fixture.store.config(of: image.id).diffIDs.count == 1)
    }

    @Test("whose layer is missing is refused, and nothing of it stays")
    func missingLayer() throws {
        let fixture = try StoreFixture()
        let lease = try fixture.store.beginLease()
        var config = ImageConfig(platform: .current)
        config.diffIDs = [Digest.sha256("nothing".utf8)]
        let error = failure {
            try lease.register(
                NewImage(config: Array(config.json.compact.utf8), references: [try Reference(parsing: "x")]))
        }
        #expect(error?.code == .corrupt)
        lease.end()
        #expect(try fixture.store.images().isEmpty)
    }

    @Test("layer made here becomes a blob when it is wanted, with the diff ID that its configuration names")
    func compressing() throws {
        let fixture = try StoreFixture()
        let image = try fixture.image(["a"], names: ["a"])
        let layer = try #require(try fixture.store.layers(of: image.id).first)
        #expect(try fixture.store.blob(of: layer.diffID) == nil)
        let blob = try fixture.store.makeBlob(of: layer)
        #expect(try fixture.store.blob(of: layer.diffID) == blob)
        #expect(try fixture.store.makeBlob(of: layer) == blob)
        try fixture.store.blobs.verify(blob.digest)
        try LayerApplier.remove(layer.directory.appending("a"))
        try fixture.store.blobs.delete(blob.digest)
        #expect(failure { _ = try fixture.store.makeBlob(of: layer) }?.code == .corrupt)
    }
}

@Suite("Removing an image")
struct RemovalTests {
    @Test("by its only tag deletes it and its layers, the top one first")
    func single() throws {
        let fixture = try StoreFixture()
        let image = try fixture.image(["a", "b"], names: ["x"], digest: true)
        let removal = try fixture.store.removeImage("x") { _ in false }
        #expect(
            removal.items == [
                .untagged("x:latest"), .untagged(image.digests[0].familiar), .deleted(image.id),
                .deleted(image.chain[1]), .deleted(image.chain[0]),
            ])
        #expect(removal.items[0].line == "Untagged: x:latest")
        #expect(removal.reclaimed == 2)
        #expect(try fixture.names("layers").isEmpty)
        #expect(try fixture.names("tmp").isEmpty)
    }

    @Test("by one of its tags only untags it")
    func several() throws {
        let fixture = try StoreFixture()
        let image = try fixture.image(["a"], names: ["x:1", "y:2"])
        #expect(try fixture.store.removeImage("x:1") { _ in false }.items == [.untagged("x:1")])
        #expect(try fixture.store.image("y:2").id == image.id)
    }

    @Test("by ID with tags in several repositories needs force")
    func severalByID() throws {
        let fixture = try StoreFixture()
        let image = try fixture.image(["a"], names: ["x:1", "y:2"])
        let error = failure { _ = try fixture.store.removeImage(image.id.short) { _ in false } }
        #expect(
            error?.message
                == "conflict: unable to delete \(image.id.short) (must be forced) - image is referenced in multiple repositories"
        )
        let removal = try fixture.store.removeImage(image.id.short, force: true) { _ in false }
        #expect(removal.items.prefix(3) == [.untagged("x:1"), .untagged("y:2"), .deleted(image.id)])
    }

    @Test("that a stopped container uses is refused in Docker's words, and force leaves its layers")
    func inUse() throws {
        let fixture = try StoreFixture()
        let image = try fixture.image(["a"], names: ["x"])
        let container = try fixture.container(1, name: "c", of: image)
        let byName = failure { _ = try fixture.store.removeImage("x") { _ in false } }
        #expect(
            byName?.message
                == "conflict: unable to remove repository reference \"x\" (must force) - container "
                + "\(container.id.prefix(12)) is using its referenced image \(image.id.short)")
        let byID = failure { _ = try fixture.store.removeImage(image.id.hex) { _ in false } }
        #expect(
            byID?.message
                == "conflict: unable to delete \(image.id.short) (must be forced) - image is being used by stopped "
                + "container \(container.id.prefix(12))")
        let running = failure { _ = try fixture.store.removeImage(image.id.hex, force: true) { _ in true } }
        #expect(
            running?.message
                == "conflict: unable to delete \(image.id.short) (cannot be forced) - image is being used by running "
                + "container \(container.id.prefix(12))")
        #expect(try fixture.store.image("x").id == image.id)
        let removal = try fixture.store.removeImage("x", force: true) { _ in false }
        #expect(removal.items == [.untagged("x:latest"), .deleted(image.id)])
        #expect(try fixture.names("layers").count == 1)
        try fixture.store.remove(container: container.id)
        try fixture.store.collectGarbage()
        #expect(try fixture.names("layers").isEmpty)
    }

    @Test("with children is refused, and the last child takes an untagged parent along")
    func children() throws {
        let fixture = try StoreFixture()
        let parent = try fixture.image(["a"], names: ["p"])
        let child = try fixture.image(["a", "b"], names: ["c"], parent: parent.id)
        let error = failure { _ = try fixture.store.removeImage(parent.id.hex, force: true) { _ in false } }
        #expect(
            error?.message
                == "conflict: unable to delete \(parent.id.short) (cannot be forced) - image has dependent child images"
        )
        #expect(try fixture.store.removeImage("p") { _ in false }.items == [.untagged("p:latest")])
        #expect(try fixture.store.images().map(\.id) == [child.id])
        #expect(try fixture.store.images(intermediate: true).count == 2)
        let removal = try fixture.store.removeImage("c") { _ in false }
        #expect(
            removal.items == [
                .untagged("c:latest"), .deleted(child.id), .deleted(child.chain[1]), .deleted(parent.id),
                .deleted(parent.chain[0]),
            ])
    }

    @Test("by prune takes what is dangling, and with all whatever no container uses")
    func prune() throws {
        let fixture = try StoreFixture()
        let dangling = try fixture.image(["a"], names: ["x"])
        let used = try fixture.image(["b"], names: ["x", "y"])
        try fixture.image(["c"], names: ["z"])
        _ = try fixture.container(1, name: "c", of: used)
        let first = try fixture.store.pruneImages(all: false)
        #expect(first.items == [.deleted(dangling.id), .deleted(dangling.chain[0])])
        #expect(first.reclaimed == 1)
        #expect(try fixture.store.pruneImages(all: true).items.first == .untagged("z:latest"))
        #expect(try fixture.store.images().map(\.id) == [used.id])
    }
}

@Suite("A container's record")
struct ContainerTests {
    @Test("has a name of its own")
    func names() throws {
        let fixture = try StoreFixture()
        let image = try fixture.image(["a"], names: ["x"])
        let first = try fixture.container(1, name: "web", of: image)
        let second = try fixture.container(20, name: "db", of: image)
        let conflict =
            "Conflict. The container name \"/web\" is already in use by container \"\(first.id)\". "
            + "You have to remove (or rename) that container to be able to reuse that name."
        #expect(failure { _ = try fixture.container(3, name: "web", of: image) }?.message == conflict)
        #expect(failure { try fixture.store.update(container: second.id) { $0.name = "web" } }?.message == conflict)
        #expect(try fixture.store.container("/web").id == first.id)
        #expect(try fixture.store.container(String(first.id.prefix(4))).id == first.id)
        #expect(failure { _ = try fixture.store.container("none") }?.message == "No such container: none")
        try fixture.store.update(container: first.id) { $0.document = "{\"a\":1}" }
        #expect(try fixture.another().container("web").document == "{\"a\":1}")
        #expect(try fixture.store.containers().map(\.name) == ["db", "web"])
        #expect(try fixture.store.remove(container: first.id).isEmpty)
        #expect(try fixture.store.containers().map(\.name) == ["db"])
        // Its files are the engine's to remove; the next removal hears of them as long as they are there.
        #expect(try fixture.store.removedContainers() == [first.id])
        #expect(try fixture.store.remove(container: second.id) { _ in false } == [first.id])
        #expect(try fixture.store.remove(container: second.id) { _ in true } == [])
        #expect(try fixture.store.removedContainers() == [])
    }
}

import Diagnostics
import Glibc
import ImageStore
import Layers
import Linux
import OCI
import SystemPackage
import Testing

private let victimVariable = "DRYDOCK_TEST_VICTIM_STORE"
private let victimStore = getenv(victimVariable).map { String(cString: $0) }

/// The work that is killed: it runs in a process of its own, which is this test program started once more.
@Suite("Victim of a kill", .enabled(if: victimStore != nil, "runs only as the process that another test kills"))
struct KillVictim {
    @Test("takes in layers and makes images until it is killed")
    func work() async throws {
        let store = try ImageStore(root: FilePath(try #require(victimStore)))
        for number in 0..<10_000 {
            let files = (0..<50).map { index in
                LayerEntry(
                    FilePath("d\(number)-\(index)"),
                    .file(.bytes((0..<4000).map { UInt8(truncatingIfNeeded: $0 &* (index + number)) })))
            }
            let bytes = Bytes()
            let written = try LayerWriter.write(entries: files, compression: .gzip(level: 1), to: bytes.sink)
            let lease = try store.beginLease()
            let ingest = try lease.ingest(written.descriptor, diffID: written.diffID, parent: nil)
            for start in stride(from: 0, to: bytes.all.count, by: 512) {
                try await ingest.send(Array(bytes.all[start..<min(start + 512, bytes.all.count)]))
            }
            let layer = try await ingest.commit()
            var config = ImageConfig(platform: .current)
            config.diffIDs = [layer.diffID]
            try lease.register(
                NewImage(
                    config: Array(config.json.compact.utf8), references: [try Reference(parsing: "image:\(number % 5)")]
                ))
            lease.end()
            _ = try store.pruneImages(all: false)
        }
    }
}

@Suite("A kill in the middle of work", .enabled(if: victimStore == nil, "the process that is killed does not kill"))
struct KillTests {
    /// Starts this test program again, so that it runs only the victim, and keeps away from the reports of this one.
    private func startVictim(_ root: FilePath) throws -> pid_t {
        let line = try Files.read("/proc/self/cmdline").split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        var words: [String] = []
        var skips = false
        let left = ["--filter", "--skip", "--event-stream-output-path", "--event-stream-version", "--xunit-output"]
        for word in line {
            let isLeft = left.contains(word)
            if !skips, !isLeft { words.append(word) }
            skips = isLeft
        }
        words += ["--filter", "KillVictim"]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        setenv(victimVariable, root.string, 1)
        defer { unsetenv(victimVariable) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var pid = pid_t()
        let outcome = posix_spawn(&pid, "/proc/self/exe", &actions, nil, &arguments, environ)
        guard outcome == 0 else { throw Errno(rawValue: outcome) }
        return pid
    }

    @Test("loses no image that was there, and leaves nothing behind once the next work has begun")
    func killed() throws {
        let fixture = try StoreFixture()
        let kept = try fixture.image(["kept"], names: ["kept"])
        for round in 0..<6 {
            let pid = try startVictim(fixture.store.root)
            // Let it get to a different place each time: so many observations of it at work, then the kill.
            let deadline = ContinuousClock.now + .seconds(60)
            var seen = 0
            while seen < 1 + round * 37, ContinuousClock.now < deadline {
                if try fixture.names("tmp").contains(where: { $0.hasPrefix("lease-") }) { seen += 1 }
                sched_yield()
            }
            kill(pid, SIGKILL)
            var status: Int32 = 0
            waitpid(pid, &status, 0)
            #expect(seen > 0, "the victim never began to work")
            let store = try fixture.another()
            #expect(try store.image("kept").id == kept.id)
            try store.beginLease().end()
            try store.collectGarbage()
            #expect(try fixture.names("tmp") == [])
            let images = try store.images(intermediate: true)
            let chains = Set(images.flatMap { $0.chain.map(\.hex) })
            #expect(Set(try fixture.names("layers")) == chains)
            for image in images {
                for layer in try store.layers(of: image.id) {
                    let packed = try LayerWriter.write(directory: layer.directory, compression: .none) { _ in }
                    #expect(packed.diffID == layer.diffID)
                    if let blob = try store.blob(of: layer.diffID) { try store.blobs.verify(blob.digest) }
                }
            }
        }
    }
}

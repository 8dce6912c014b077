import Diagnostics
import Engine
import OCI
import Synchronization
import Testing

@testable import DockerCLI

extension FakeEngine {
    func save(_ names: [String], platform: Platform?, to place: ArchivePlace, _ span: Span) throws(DrydockError) {
        state.withLock { $0.calls.append("save \(names.joined(separator: " ")) \(place)") }
    }
    func load(from place: ArchivePlace, platform: Platform?, _ span: Span) throws(DrydockError) -> [LoadedImage] {
        state.withLock { $0.calls.append("load \(place)") }
        return [.renamed("a:1", old: FakeEngine.digest), .tagged("a:1"), .untagged(FakeEngine.digest)]
    }
    func importImage(_ request: ImportRequest, _ span: Span) async throws(DrydockError) -> Digest {
        state.withLock {
            $0.calls.append(
                "import \(request.source) \(request.reference?.familiar ?? "-") \(request.changes) \(request.message)")
        }
        return FakeEngine.digest
    }
    func export(_ container: String, to place: ArchivePlace, _ span: Span) throws(DrydockError) {
        state.withLock { $0.calls.append("export \(container) \(place)") }
    }
    func diskUsage(details: Bool) throws(DrydockError) -> DiskUsageReport {
        let (images, containers) = state.withLock { ($0.images, $0.containers) }
        return DiskUsageReport(
            layersSize: 7_655_555,
            images: [
                DiskUsageReport.Image(lines: Array(images.prefix(1)), shared: 100_000, size: 7_654_321, containers: 1)
            ],
            containers: containers,
            volumes: [
                DiskUsageReport.Volume(name: "v1", size: 5000, links: 1, mountpoint: "/x", labels: [:]),
                DiskUsageReport.Volume(name: "v2", size: 7000, links: 0, mountpoint: "/y", labels: [:]),
            ])
    }
}

@Suite("Archives and disk usage at the command line")
struct ArchiveTests {
    private let atTerminal = TerminalTraits(inputIsTerminal: true, outputIsTerminal: true)

    @Test("A terminal gets no archive, and gives none")
    func terminal() async {
        let engine = FakeEngine()
        let saved = await docker("save alpine", engine: engine, terminal: atTerminal)
        #expect(saved.errors == "cowardly refusing to save to a terminal. Use the -o flag or redirect\n")
        #expect(saved.status == 1)
        #expect(
            await docker("export web", engine: engine, terminal: atTerminal).errors
                == "cowardly refusing to save to a terminal. Use the -o flag or redirect\n")
        #expect(
            await docker("load", engine: engine, terminal: atTerminal).errors
                == "requested load from stdin, but stdin is empty\n")
        #expect(engine.calls.isEmpty)
    }

    @Test("Places that cannot be written to or read are refused before anything is done")
    func places() async {
        #expect(
            await docker("save", "-o", "/no/such/x.tar", "alpine").errors
                == "failed to save image: invalid output path: stat /no/such: no such file or directory\n")
        #expect(
            await docker("save", "-o", "/tmp", "alpine").errors == "failed to save image: cannot write to a directory\n"
        )
        #expect(
            await docker("export", "-o", "/dev/null", "web").errors
                == "failed to export container: cannot write to a character device file\n")
        #expect(await docker("load -i /no/such.tar").errors == "open /no/such.tar: no such file or directory\n")
        #expect(await docker("import /no/such.tar").errors == "open /no/such.tar: no such file or directory\n")
        #expect(
            await docker("import - UPPER").errors.hasPrefix(
                "invalid reference format: repository name (library/UPPER) must be lowercase\n"))
        #expect(
            await docker("save --platform foo alpine").errors
                == "invalid platform: \"foo\": unknown operating system or architecture: invalid argument\n")
    }

    @Test("save, load, import and export hand over what was typed and print what Docker prints")
    func handsOver() async {
        let engine = FakeEngine()
        #expect(await docker("save a b:1", engine: engine).output == "")
        let loaded = await docker("load", engine: engine)
        #expect(
            loaded.output
                == "The image a:1 already exists, renaming the old one with ID \(FakeEngine.digest) to empty string\n"
                + "Loaded image: a:1\nLoaded image ID: \(FakeEngine.digest)\n")
        let imported = await docker(
            "import", "-c", "CMD x", "-m", "text", "http://h/x.tar", "me/x:1", engine: engine)
        #expect(imported.output == "Downloading from http://h/x.tar\n\(FakeEngine.digest)\n")
        #expect(await docker("export web", engine: engine).status == 0)
        #expect(
            engine.calls == [
                "save a b:1 standard", "load standard",
                "import address(\"http://h/x.tar\") me/x:1 [\"CMD x\"] text", "export web standard",
            ])
    }

    private var engine: FakeEngine {
        FakeEngine {
            $0.images = [
                ImageSummary(
                    id: FakeEngine.digest, repository: "alpine", tag: "3.5", digest: nil, created: 999_820,
                    size: 7_654_321)
            ]
            var container = ContainerSummary(
                id: String(repeating: "4", count: 64), name: "c1", image: "alpine:3.5", imageID: FakeEngine.digest,
                command: ["sh"], created: 999_000, status: .running)
            container.startedAt = 999_820
            container.size = (1234, 0)
            $0.containers = [container]
        }
    }

    @Test("What takes room is summed up as Docker does, and layers count once")
    func usage() async {
        #expect(
            await docker("system df", engine: engine).output == """
                TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE
                Images          1         1         7.656MB   101.2kB (1%)
                Containers      1         1         1.234kB   0B (0%)
                Local Volumes   2         1         12kB      7kB (58%)
                Build Cache     0         0         0B        0B

                """)
        #expect(
            await docker("system df --format json", engine: engine).output.hasPrefix(
                #"{"Active":"1","Reclaimable":"101.2kB (1%)","Size":"7.656MB","TotalCount":"1","Type":"Images"}"#))
        #expect(
            await docker("system", "df", "-v", "--format", "{{json .Images}}", engine: engine).output.hasPrefix(
                #"[{"Containers":"1","CreatedAt":"#))
        let details = await docker("system df -v", engine: engine).output
        #expect(
            details.hasPrefix(
                """
                Images space usage:

                REPOSITORY   TAG       IMAGE ID       CREATED         SIZE      SHARED SIZE   UNIQUE SIZE   CONTAINERS
                alpine       3.5       \(FakeEngine.digest.short)   3 minutes ago   7.65MB    100kB         7.554MB       1

                Containers space usage:

                """))
        #expect(
            details.hasSuffix(
                """
                VOLUME NAME   LINKS     SIZE
                v1            1         5kB
                v2            0         7kB

                Build cache usage: 0B

                CACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED

                """))
    }

    @Test("system prune warns of what goes, and tells what went")
    func prune() async {
        let prompt = FakePrompt(["n"])
        _ = await docker(
            "system", "prune", "-a", "--volumes", "--filter", "label=b", "--filter", "label!=a", prompt: prompt)
        #expect(
            prompt.questions == [
                """
                WARNING! This will remove:
                  - all stopped containers
                  - all networks not used by at least one container
                  - all anonymous volumes not used by at least one container
                  - all images without at least one container associated to them
                  - all build cache

                  Items to be pruned will be filtered with:
                  - label!=a
                  - label=b

                Are you sure you want to continue? [y/N] \

                """.trimmingLineEnd
            ])
        let pruned = await docker("system prune -f")
        #expect(
            pruned.output.hasPrefix("Deleted Containers:\nabc\n\n"), "\(pruned.output)")
        #expect(pruned.output.hasSuffix("Deleted Images:\nuntagged: x:1\n\nTotal reclaimed space: 1.982MB\n"))
        let wrong = await docker("system prune --volumes --filter until=1h")
        #expect(wrong.errors == "ERROR: The \"until\" filter is not supported with \"--volumes\"\n")
    }

    @Test("A tree shows each image once with all its names, the longest first")
    func tree() async {
        let engine = FakeEngine {
            $0.images = ["b:2", "b:10"].map { name in
                ImageSummary(
                    id: FakeEngine.digest, repository: "b", tag: String(name.dropFirst(2)), digest: nil, created: 1,
                    size: 7_654_321)
            }
        }
        let lines = await docker("images --tree", engine: engine).output.split(separator: "\n")
        #expect(
            lines.suffix(2) == ["b:10", "b:2     \(FakeEngine.digest.short)       7.65MB             0B        "])
        #expect(await docker("images --tree -q").errors == "--quiet is not yet supported with --tree\n")
    }
}

extension String {
    /// Without one line end at its end.
    fileprivate var trimmingLineEnd: String { hasSuffix("\n") ? String(dropLast()) : self }
}

import Diagnostics
import Engine
import OCI
import Testing

@testable import DockerCLI

@Suite("Lists")
struct ListingTests {
    private static func container(_ status: ContainerStatus) -> ContainerSummary {
        var container = ContainerSummary(
            id: String(repeating: "0123456789abcdef", count: 4), name: "web", image: "alpine:3.5",
            imageID: FakeEngine.digest, command: ["sh", "-c", "sleep 200; echo long"], created: 999_820, status: status)
        container.startedAt = 999_998
        container.finishedAt = 999_995
        container.exitCode = 0
        container.labels = ["x": "y"]
        container.ports = [.init(hostPort: 8080, containerPort: 80)]
        container.exposed = ["70/tcp", "71/tcp"]
        return container
    }

    private var engine: FakeEngine {
        FakeEngine {
            $0.containers = [ListingTests.container(.running), ListingTests.container(.exited)]
            $0.images = [
                ImageSummary(
                    id: FakeEngine.digest, repository: "alpine", tag: "3.5", digest: nil, created: 999_820,
                    size: 1_982_298),
                ImageSummary(
                    id: FakeEngine.digest, repository: nil, tag: nil, digest: nil, created: 0, size: 0),
            ]
        }
    }

    @Test("Containers are listed in Docker's columns")
    func containers() async {
        let outcome = await docker("ps -a", engine: engine)
        let ports = "70-71/tcp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"
        let gap = String(repeating: " ", count: ports.count)
        #expect(
            outcome.output == """
                CONTAINER ID   IMAGE        COMMAND                  CREATED         STATUS                     \
                PORTS\(gap.dropFirst(5))   NAMES
                0123456789ab   alpine:3.5   "sh -c 'sleep 200; e…"   3 minutes ago   Up 2 seconds               \
                \(ports)   web
                0123456789ab   alpine:3.5   "sh -c 'sleep 200; e…"   3 minutes ago   Exited (0) 5 seconds ago   \
                \(gap)   web

                """)
    }

    @Test("-q, --no-trunc and templates choose what is shown")
    func formats() async {
        #expect(await docker("ps -q", engine: engine).output == "0123456789ab\n0123456789ab\n")
        #expect(
            await docker("ps", "--format", "{{.Names}} {{.State}}", engine: engine).output
                == "web running\nweb exited\n")
        #expect(
            await docker("ps", "--format", #"table {{.ID}}\t{{.Names}}"#, engine: engine).output
                == "CONTAINER ID   NAMES\n0123456789ab   web\n0123456789ab   web\n")
        #expect(await docker("ps", "--format", "{{.Label \"x\"}}", engine: engine).output == "y\ny\n")
        let json = await docker("ps --format json", engine: engine).output
        #expect(json.hasPrefix(#"{"Command":"\"sh -c 'sleep 200; e…\"","CreatedAt":"1970-01-12 13:43:40 +0000 UTC""#))
        #expect(json.contains(#"8080-\u003e80/tcp"#))
        #expect(await docker("ps", "--format", "{{json .}}", engine: engine).output == json)
        #expect(await docker("images", "--format", "{{json .Tag}}", engine: engine).output == "\"3.5\"\n\"<none>\"\n")
        let wrong = await docker("ps", "--format", "{{.Foo}}", engine: engine)
        #expect(
            wrong.errors
                == "failed to execute template: template: :1:2: executing \"\" at <.Foo>: can't evaluate field Foo in "
                + "type *formatter.ContainerContext\n")
        #expect(
            await docker("ps", "--format", "{{.ID", engine: engine).errors
                == "failed to parse template: template: :1: unclosed action\n")
    }

    @Test("-l and -n show the newest, whatever their state")
    func newest() async {
        let engine = engine
        #expect(await docker("ps -lq", engine: engine).output == "0123456789ab\n")
        #expect(engine.calls == ["containers all=true sizes=false"])
    }

    @Test("Images are listed in Docker's columns")
    func images() async {
        let short = FakeEngine.digest.short
        #expect(
            await docker("images", engine: engine).output == """
                REPOSITORY   TAG       IMAGE ID       CREATED         SIZE
                alpine       3.5       \(short)   3 minutes ago   1.98MB
                <none>       <none>    \(short)   11 days ago     0B

                """)
        #expect(
            await docker("image ls --digests", engine: engine).output.hasPrefix(
                "REPOSITORY   TAG       DIGEST    IMAGE"))
    }

    @Test("An empty list is its heading")
    func empty() async {
        #expect(
            await docker("ps").output
                == "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n")
    }

    @Test(
        "Sizes have three significant digits and decimal units",
        arguments: [
            (0, "0B"), (999, "999B"), (1000, "1kB"), (1_982_298, "1.98MB"), (7_800_000, "7.8MB"),
            (123_456_789, "123MB"), (999_960, "1e+03kB"), (999_499, "999kB"), (99_960, "100kB"), (9_996, "10kB"),
            (5_000_000_000, "5GB"),
        ] as [(Int64, String)])
    func sizes(bytes: Int64, text: String) { #expect(Units.size(bytes) == text) }

    @Test(
        "Time spans are in words",
        arguments: [
            (0, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"),
            (180, "3 minutes"), (3600, "About an hour"), (7200, "2 hours"), (86400 * 3, "3 days"),
            (86400 * 15, "2 weeks"), (86400 * 70, "2 months"), (86400 * 800, "2 years"),
        ] as [(Double, String)])
    func spans(seconds: Double, text: String) { #expect(Units.duration(seconds) == text) }
}

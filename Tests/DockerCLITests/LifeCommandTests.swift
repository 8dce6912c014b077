import Diagnostics
import Engine
import OCI
import Synchronization
import Testing

@testable import DockerCLI

@Suite("Flags and texts of the life cycle")
struct LifeCommandTests {
    private func refused(_ arguments: String...) async -> String {
        await docker((["run"] + arguments + ["alpine"]).joined(separator: " ")).errors
    }

    @Test("Restart policies are read as Docker reads them")
    func restart() async {
        let engine = FakeEngine()
        _ = await docker("create", "--restart", "on-failure:3", "alpine", engine: engine)
        #expect(engine.state.withLock { $0.created?.restart } == RestartSetting("on-failure", maximumRetryCount: 3))
        #expect(
            await refused("--restart", ":3").contains("invalid restart policy format: no policy provided before colon"))
        #expect(
            await refused("--restart", "on-failure:x").contains(
                "invalid restart policy format: maximum retry count must be an integer"))
        #expect(
            await refused("--rm", "--restart", "always").contains(
                "conflicting options: cannot specify both --restart and --rm"))
    }

    @Test("Health flags are read as Docker reads them")
    func health() async {
        let engine = FakeEngine()
        _ = await docker(
            "create", "--health-cmd", "true", "--health-interval", "1m30s", "--health-retries", "4", "alpine",
            engine: engine)
        let check = engine.state.withLock { $0.created?.healthcheck }
        #expect(check?.test == ["CMD-SHELL", "true"] && check?.interval == 90_000_000_000 && check?.retries == 4)
        #expect(
            await refused("--no-healthcheck", "--health-cmd", "x").contains(
                "--no-healthcheck conflicts with --health-* options"))
        #expect(await refused("--health-timeout", "-1s").contains("--health-timeout cannot be negative"))
        #expect(
            await refused("--health-interval", "soon").contains(
                "invalid argument \"soon\" for \"--health-interval\" flag: time: invalid duration \"soon\""))
    }

    @Test("Log flags are read as Docker reads them")
    func logging() async {
        let engine = FakeEngine()
        _ = await docker("create", "--log-driver", "local", "--log-opt", "max-size=1m", "alpine", engine: engine)
        #expect(
            engine.state.withLock { $0.created?.logging } == LogSetting(driver: "local", options: ["max-size": "1m"]))
        #expect(
            await refused("--log-driver", "none", "--log-opt", "a=b").contains("invalid logging opts for driver none"))
    }

    @Test("Statuses tell of health, pauses and restarts")
    func statuses() {
        var line = ContainerSummary(
            id: "1", name: "n", image: "i", imageID: FakeEngine.digest, command: ["c"], created: 100, status: .running)
        line.startedAt = 100
        func text() -> String { ContainerListing.status(line, now: 220) }
        line.health = "healthy"
        #expect(text() == "Up 2 minutes (healthy)")
        line.health = "starting"
        #expect(text() == "Up 2 minutes (health: starting)")
        line.status = .paused
        #expect(text() == "Up 2 minutes (Paused)")
        line.status = .restarting
        line.exitCode = 3
        line.finishedAt = 219
        #expect(text() == "Restarting (3) 1 second ago")
    }

    @Test("Paths keep what their ends mean")
    func paths() {
        #expect(CopyPath.split("/a/b/") == ("/a", "b"))
        #expect(CopyPath.split("/a/b/.") == ("/a/b", "."))
        #expect(CopyPath.split("/") == ("/", "/"))
        #expect(CopyPath.clean("/a//../b/./c/") == "/b/c")
        #expect(CopyPath.rebased("/link/.", "/target") == ("/target/.", ""))
        #expect(CopyPath.rebased("/link", "/dir/target") == ("/dir/target", "link"))
        #expect(CopyPath.rebased("/link/", "/dir/link") == ("/dir/link/", ""))
    }

    @Test("A sample becomes a line of docker stats")
    func stats() {
        var before = UsageSample(id: String(repeating: "a", count: 64), name: "n", time: 1_000_000_000)
        var now = before
        before.cpu = 500_000_000
        now.time = 2_000_000_000
        now.cpu = 1_250_000_000
        (now.memory, now.memoryLimit, now.pids) = (52_428_800, 1_073_741_824, 3)
        (now.received, now.sent) = (1200, 0)
        let row = StatsListing.row(now, since: before, whole: false)
        #expect(row["CPUPerc"]?.string == "75.00%")
        #expect(row["MemUsage"]?.string == "50MiB / 1GiB")
        #expect(row["MemPerc"]?.string == "4.88%")
        #expect(row["NetIO"]?.string == "1.2kB / 0B")
        #expect(row["PIDs"]?.string == "3")
    }
}

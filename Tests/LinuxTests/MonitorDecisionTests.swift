import Diagnostics
import SystemPackage
import Testing

@testable import Linux

@Suite("What a monitor decides")
struct MonitorDecisionTests {
    @Test("A container waits longer before each start, at most a minute, and begins anew after ten seconds")
    func backOff() {
        var wait = RestartBackOff()
        let milliseconds = (0..<12).map { _ in wait.next(ran: 0) / 1_000_000 }
        #expect(milliseconds == [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000])
        let (anew, longer) = (wait.next(ran: 10_000_000_000), wait.next(ran: 9_999_999_999))
        #expect(anew == 100_000_000 && longer == 200_000_000)
    }

    @Test("A policy says when a container is started again")
    func policies() {
        #expect(!RestartPolicy(.no).restarts(after: 1, count: 0))
        #expect(RestartPolicy(.always).restarts(after: 0, count: 99))
        #expect(RestartPolicy(.unlessStopped).restarts(after: 0, count: 99))
        #expect(!RestartPolicy(.onFailure).restarts(after: 0, count: 0))
        #expect(RestartPolicy(.onFailure).restarts(after: 1, count: 99))
        #expect(RestartPolicy(.onFailure, retries: 2).restarts(after: 1, count: 1))
        #expect(!RestartPolicy(.onFailure, retries: 2).restarts(after: 1, count: 2))
        #expect(RestartPolicy(RestartPolicy(.onFailure, retries: 2).json) == RestartPolicy(.onFailure, retries: 2))
    }

    private func result(_ code: Int32, at second: Int64) -> HealthState.Result {
        HealthState.Result(start: second * 1_000_000_000, end: second * 1_000_000_000, code: code, output: "")
    }

    @Test("Health changes after so many failures, at once by a success, and not in the start period")
    func health() {
        let settings = HealthSettings(startPeriod: 10_000_000_000, retries: 2)
        var state = HealthState()
        var changed: Bool
        #expect(state.pause(settings, sinceStart: 0) == 5_000_000_000)
        changed = state.take(result(1, at: 5), settings, startedAt: 0)
        #expect(!changed)
        #expect(state.failingStreak == 0)
        changed = state.take(result(1, at: 10), settings, startedAt: 0)
        #expect(!changed)
        #expect(state.failingStreak == 1 && state.status == .starting)
        #expect(state.pause(settings, sinceStart: 11_000_000_000) == 30_000_000_000)
        changed = state.take(result(1, at: 40), settings, startedAt: 0)
        #expect(changed)
        #expect(state.status == .unhealthy)
        changed = state.take(result(0, at: 70), settings, startedAt: 0)
        #expect(changed)
        #expect(state.status == .healthy && state.failingStreak == 0)
        // Once healthy, the start period is over.
        changed = state.take(result(1, at: 71), settings, startedAt: 71_000_000_000)
        #expect(!changed)
        #expect(state.failingStreak == 1)
        for second in 72..<80 { _ = state.take(result(0, at: Int64(second)), settings, startedAt: 0) }
        #expect(state.log.count == HealthState.kept)
        #expect(state.json.at("Log.4.Start")?.string == "1970-01-01T00:01:19.000000000Z")
    }

    @Test("Settings come through as they were sent")
    func settings() {
        var settings = MonitorSettings()
        settings.id = "x"
        settings.restart = RestartPolicy(.always)
        settings.health = HealthSettings(interval: 1, command: "a b")
        settings.log.maximumSize = 5
        settings.log.attributes = ["k": "v"]
        settings.attributes = ["name": "n"]
        settings.planSize = 7
        #expect(MonitorSettings(settings.json) == settings)
        #expect(MonitorSettings(MonitorSettings().json) == MonitorSettings())
    }

    @Test("Events are read as they were written, across a file that is put away")
    func events() throws {
        let directory = FilePath("/tmp/drydock-events-\(UInt32.random(in: 0 ... .max))")
        defer { try? Files.removeTree(directory) }
        let log = EventLog(directory: directory)
        var reader = EventReader(log)
        let nothing = reader.next()
        #expect(nothing.isEmpty)
        log.append(type: "container", action: "start", id: "1", attributes: ["image": "a", "b": "c"], time: 5)
        let first = reader.next()
        #expect(
            first.map(\.compact) == [
                #"{"status":"start","id":"1","from":"a","Type":"container","Action":"start","Actor":{"ID":"1","Attributes":{"b":"c","image":"a"}},"scope":"local","time":0,"timeNano":5}"#
            ])
        let long = String(repeating: "x", count: 1 << 20)
        for number in 0..<6 { log.append(type: "image", action: "tag", id: String(number), attributes: ["name": long]) }
        #expect(Files.exists(log.older))
        let more = reader.next()
        #expect(more.map { $0["id"]?.string } == (0..<6).map(String.init))
        let last = reader.next()
        #expect(last.isEmpty)
    }
}

import Diagnostics
import Glibc
import Linux

/// Asks a container for its health again and again, and keeps what it says in `health.json`.
final class HealthCheck {
    private let settings: HealthSettings
    private unowned let monitor: Monitor
    private let script: [UInt8]
    private let startedAt: Int64
    private var state = HealthState()
    private var next: EventLoop.Timer?
    private var limit: EventLoop.Timer?
    private var program: Program?
    private var held = false

    /// How much of what a check writes is kept: bytes.
    private static let longest = 4096

    init(_ settings: HealthSettings, _ monitor: Monitor, _ plan: [UInt8], startedAt: Int64) {
        self.settings = settings
        self.monitor = monitor
        script = plan
        self.startedAt = startedAt
        save()
        self.plan(after: WallClock.now)
    }

    /// Nothing is asked of a container that stands still.
    func hold() {
        held = true
        monitor.loop.cancel(next)
        next = nil
    }

    func goOn() {
        held = false
        if program == nil { plan(after: WallClock.now) }
    }

    func stop() {
        hold()
        monitor.loop.cancel(limit)
        try? program?.handle.signal(SIGKILL)
        program?.ended = { _ in }
        program = nil
    }

    private func plan(after now: Int64) {
        guard !held else { return }
        monitor.loop.cancel(next)
        next = monitor.loop.after(state.pause(settings, sinceStart: now - startedAt)) { [weak self] in self?.ask() }
    }

    private func ask() {
        next = nil
        let start = WallClock.now
        var exec = MonitorSettings()
        exec.command = settings.command
        exec.execID = RandomName.hexadecimal()
        do throws(LaunchFailure) {
            let (program, _) = try monitor.exec(script, exec)
            self.program = program
            program.collects = Self.longest
            var late = false
            limit = monitor.loop.after(settings.timeout) { [weak program] in
                late = true
                try? program?.handle.signal(SIGKILL)
            }
            program.ended = { [weak self, weak program] code in
                guard let self, let program else { return }
                let output = String(decoding: program.collected, as: UTF8.self)
                take(start, late ? -1 : code, late ? timedOut(output) : output)
            }
        } catch {
            let why = error.error?.message ?? "\(error.text): \(SystemError.text(error.errno))"
            take(start, -1, "OCI runtime exec failed: exec failed: unable to start container process: \(why)")
        }
    }

    private func timedOut(_ output: String) -> String {
        let text = "Health check exceeded timeout (\(Span.text(settings.timeout)))"
        return output.isEmpty ? text : "\(text): \(output)"
    }

    private func take(_ start: Int64, _ code: Int32, _ output: String) {
        monitor.loop.cancel(limit)
        limit = nil
        program = nil
        let now = WallClock.now
        let result = HealthState.Result(start: start, end: now, code: code, output: output)
        let changed = state.take(result, settings, startedAt: startedAt)
        save()
        if changed { monitor.healthChanged(to: state.status.rawValue) }
        plan(after: now)
        monitor.checkEnded()
    }

    private func save() { monitor.write("health.json", state.json) }

    /// Time spans as Go writes them: `1.5s`, `30s`, `1m0s`.
    enum Span {
        static func text(_ nanoseconds: Int64) -> String {
            func plain(_ value: Double) -> String {
                value == value.rounded() ? String(Int64(value)) : String(value)
            }
            let seconds = Double(nanoseconds) / 1e9
            if seconds < 1 { return "\(plain(Double(nanoseconds) / 1e6))ms" }
            let whole = nanoseconds / 1_000_000_000
            let rest = plain(Double(nanoseconds % 60_000_000_000) / 1e9) + "s"
            if whole < 60 { return rest }
            let minutes = "\(whole / 60 % 60)m\(rest)"
            return whole < 3600 ? minutes : "\(whole / 3600)h\(minutes)"
        }
    }
}

/// Names that nobody else has.
enum RandomName {
    /// 64 hexadecimal digits.
    static func hexadecimal() -> String {
        (0..<4).map { _ in
            let digits = String(UInt64.random(in: .min ... .max), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

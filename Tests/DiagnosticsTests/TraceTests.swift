import Diagnostics
import Synchronization
import Testing

@Suite("The trace")
struct TraceTests {
    private final class Recorder: Sendable {
        let events = Mutex<[TraceEvent]>([])
    }

    @Test("Spans nest, carry facts, and end as their work ended")
    func spans() throws {
        let recorder = Recorder()
        let trace = Trace()
        trace.listen { event in recorder.events.withLock { $0.append(event) } }
        let pull = trace.begin("pull", TraceFact("reference", .text("alpine:3.5")))
        _ = try? pull.during("layer") { _ in throw DrydockError(.corrupt, "wrong digest") }
        pull.end(TraceFact("size", .bytes(7)))
        let events = recorder.events.withLock { $0 }
        #expect(events.map(\.kind) == [.begin, .begin, .failed, .end])
        #expect(events[1].parent == events[0].span)
        #expect(events[2].facts == [TraceFact("error", .text("wrong digest")), TraceFact("code", .text("corrupt"))])
        #expect(zip(events, events.dropFirst()).allSatisfy { $0.time <= $1.time })
    }

    @Test("A span that nobody records costs nothing and does nothing")
    func silent() {
        let span = Span.none.begin("x")
        span.fact("a", .count(1))
        span.end()
        #expect(span.during("y") { _ in 3 } == 3)
    }
}

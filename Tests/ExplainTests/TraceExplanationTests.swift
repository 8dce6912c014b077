import Diagnostics
import Engine
import Synchronization
import Testing

@testable import Explain

struct TraceExplanationTests {
    /// The events of work that is traced.
    private func events(_ work: (Trace) -> Void) -> [TraceEvent] {
        let kept = Kept()
        let trace = Trace()
        trace.listen { kept.add($0) }
        work(trace)
        return kept.events
    }

    @Test("The tree has every part under what it is a part of, with its facts and how it ended")
    func tree() throws {
        let events = events { trace in
            let pull = trace.begin("pull", TraceFact("reference", .text("alpine:3.5")))
            let first = pull.begin("pull.layer", TraceFact("size", .bytes(2_000_000)))
            first.progress(1, of: 2)
            let second = pull.begin("pull.layer", TraceFact("size", .bytes(999)))
            first.fact("digest", .digest("sha256:0123456789abcdef0123"))
            first.end()
            second.fail(DrydockError(.corrupt, "bad bytes"))
            pull.end(TraceFact("new", .count(1)))
        }
        let file = TraceFile(command: ["pull", "alpine:3.5"], status: 1, events: events)
        let document = TraceExplanation(file, language: .en).document
        guard case .tree(let nodes) = document.blocks[1] else {
            Issue.record("no tree")
            return
        }
        let pull = try #require(nodes.first)
        #expect(nodes.count == 1 && pull.title == "pull the image" && pull.children.count == 2)
        #expect(pull.facts.map(\.name) == ["reference", "new"])
        #expect(pull.children[0].facts.map(\.value) == ["2MB", "sha256:0123456789ab"])
        #expect(pull.children[0].state == .done && pull.children[1].state == .failed)
        #expect(!pull.duration.isEmpty)
        #expect(document.blocks[0] == .heading(level: 2, [.code("docker pull alpine:3.5")]))
    }

    @Test("A pull is told as a conversation: requests, tokens, what was skipped and why, what ran side by side")
    func conversation() throws {
        let events = events { trace in
            let pull = trace.begin("pull", TraceFact("reference", .text("alpine:3.5")))
            let resolve = pull.begin("registry.resolve")
            resolve.begin(
                "registry.request", TraceFact("method", .text("GET")), TraceFact("url", .text("http://r/v2/alpine"))
            ).end(TraceFact("status", .count(401)))
            resolve.begin(
                "registry.token", TraceFact("service", .text("http://r")),
                TraceFact("scope", .text("repository:library/alpine:pull")), TraceFact("user", .text("ann"))
            ).end()
            resolve.end()
            let known = pull.begin("pull.layer", TraceFact("id", .text("aaa")), TraceFact("size", .bytes(9)))
            known.fact("phase", .text("Already exists"))
            known.end()
            let layers = ["bbb", "ccc"].map {
                pull.begin("pull.layer", TraceFact("id", .text($0)), TraceFact("size", .bytes(2_000_000)))
            }
            for layer in layers {
                layer.begin("registry.request", TraceFact("url", .text("http://r/v2/blob"))).end(
                    TraceFact("status", .count(200)))
            }
            layers[1].fact("continued-at", .bytes(1_000_000))
            for layer in layers {
                layer.fact("phase", .text("Pull complete"))
                layer.end()
            }
            pull.end()
        }
        let file = TraceFile(command: ["pull", "alpine:3.5"], status: 0, events: events)
        for language in ExplainLanguage.allCases {
            let blocks = TraceExplanation(file, language: language).document.blocks
            let rows = blocks.compactMap { block -> [[String]]? in
                if case .table(_, let rows) = block { rows } else { nil }
            }.flatMap { $0 }
            #expect(rows.count == 4)
            #expect(rows[0][1] == "GET http://r/v2/alpine" && rows[0][2].hasPrefix("401"))
            #expect(rows[1][1].hasSuffix("repository:library/alpine:pull"))
            let items = blocks.compactMap { block -> Int? in
                if case .list(let items, _) = block { items.count } else { nil }
            }
            #expect(items == [3])
            let text = "\(blocks)"
            #expect(text.contains(language == .en ? "Up to 2 layers" : "2 couches étaient en route"))
            #expect(text.contains("1MB"))
        }
    }

    @Test("A command without a trace is explained too, in both languages", arguments: ExplainLanguage.allCases)
    func empty(_ language: ExplainLanguage) {
        let document = TraceExplanation(TraceFile(command: ["ps"], status: 0, events: []), language: language).document
        #expect(document.blocks.count == 3)
    }

    @Test("The plan lists the operations of the launch in their order, and is absent where there was none")
    func plan() {
        let events = events { trace in
            let launch = trace.begin("launch")
            launch.during("launch.mount", TraceFact("path", .text("/proc"))) { _ in }
            launch.begin("launch.pivot").end(TraceFact("took", .nanoseconds(5_000)))
            let id = String(repeating: "a1", count: 32)
            launch.during("launch.bind", TraceFact("operation", .text("mount /c/\(id)/hosts"))) { _ in }
            launch.end()
        }
        let file = TraceFile(command: ["run", "alpine"], status: 0, events: events)
        guard case .table(_, let rows)? = TraceExplanation(file, language: .fr).plan?.blocks.last else {
            Issue.record("no plan")
            return
        }
        #expect(rows.map { $0[1] } == ["/proc", "pivot", "mount /c/a1a1a1a1a1a1/hosts"])
        #expect(rows[1][2] == "5 µs")
        #expect(TraceExplanation(TraceFile(command: [], status: 0, events: []), language: .en).plan == nil)
    }

    @Test("Sizes and durations are written as they are read")
    func units() {
        #expect(Units.bytes(0) == "0B")
        #expect(Units.bytes(999) == "999B")
        #expect(Units.bytes(1_500) == "1.5kB")
        #expect(Units.bytes(5_590_000) == "5.59MB")
        #expect(Units.bytes(114_300_000) == "114MB")
        #expect(Units.duration(850_000) == "850 µs")
        #expect(Units.duration(12_400_000) == "12.4 ms")
        #expect(Units.duration(3_100_000_000) == "3.1 s")
        #expect(Units.duration(75_000_000_000) == "1 min 15 s")
    }
}

private final class Kept: Sendable {
    private let kept = Mutex<[TraceEvent]>([])
    var events: [TraceEvent] { kept.withLock { $0 } }
    func add(_ event: TraceEvent) { kept.withLock { $0.append(event) } }
}

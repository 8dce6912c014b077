import Synchronization

/// One event of the trace that every operation leaves.
///
/// The stream of these events is the only source of progress bars, of `explain last` and of step mode.
public struct TraceEvent: Sendable, Equatable, Codable {
    /// What an event says about its span.
    public enum Kind: String, Sendable, Codable {
        /// The span begins; `name` says what is being done.
        case begin
        /// How far the span is: facts `current` and `total`.
        case progress
        /// Something that became known while the span was open.
        case fact
        /// The span ended well.
        case end
        /// The span ended with an error: fact `error`.
        case failed
    }

    /// What kind of event this is.
    public var kind: Kind
    /// The number of the span that the event belongs to, unique within a trace, from 1.
    public var span: UInt64
    /// The span that encloses this one, or 0.
    public var parent: UInt64
    /// What the span does, as a dotted name: `pull`, `pull.layer`, `launch.mount`.
    public var name: String
    /// Nanoseconds since the trace began, from the monotonic clock.
    public var time: UInt64
    /// What is known, by name.
    public var facts: [TraceFact]

    /// Makes an event; see the properties for the meaning of each part.
    public init(kind: Kind, span: UInt64, parent: UInt64, name: String, time: UInt64, facts: [TraceFact]) {
        self.kind = kind
        self.span = span
        self.parent = parent
        self.name = name
        self.time = time
        self.facts = facts
    }
}

/// A named value with its unit.
public struct TraceFact: Sendable, Equatable, Codable {
    /// A value that carries its unit.
    public enum Value: Sendable, Equatable, Codable {
        /// Plain text: a name, a path, a status.
        case text(String)
        /// A number of things.
        case count(Int64)
        /// A number of bytes.
        case bytes(Int64)
        /// A duration in nanoseconds.
        case nanoseconds(UInt64)
        /// A content digest, `sha256:…`.
        case digest(String)
    }

    /// The name of the fact, lower case with dashes.
    public var name: String
    /// The value.
    public var value: Value

    /// Makes a fact.
    public init(_ name: String, _ value: Value) {
        self.name = name
        self.value = value
    }
}

/// What has named facts: an event, or all that became known of a span.
public protocol TraceFacts {
    /// What is known, by name.
    var facts: [TraceFact] { get }
}

extension TraceFacts {
    /// The text of a fact; nil where there is none, or it is no text.
    public func text(_ name: String) -> String? {
        for fact in facts where fact.name == name {
            switch fact.value {
            case .text(let text), .digest(let text): return text
            case .count, .bytes, .nanoseconds: return nil
            }
        }
        return nil
    }

    /// The bytes of a fact; nil where there is none, or it counts something else.
    public func bytes(_ name: String) -> Int64? {
        for case .bytes(let count) in facts.filter({ $0.name == name }).map(\.value) { return count }
        return nil
    }

    /// The number of a fact; nil where there is none, or it is no number of things.
    public func count(_ name: String) -> Int64? {
        for case .count(let count) in facts.filter({ $0.name == name }).map(\.value) { return count }
        return nil
    }
}

extension TraceEvent: TraceFacts {}

/// A trace: hands out spans and passes their events to every listener, in order.
public final class Trace: Sendable {
    private struct State {
        var nextSpan: UInt64 = 1
        var listeners: [@Sendable (TraceEvent) -> Void] = []
    }

    private let state = Mutex(State())
    private let start: ContinuousClock.Instant

    /// Makes a trace that nobody listens to yet.
    public init() { start = ContinuousClock.now }

    /// Adds a listener; it is called for every later event, one call at a time, on the thread that caused the event.
    public func listen(_ listener: @escaping @Sendable (TraceEvent) -> Void) {
        state.withLock { $0.listeners.append(listener) }
    }

    /// Opens a span at the top level.
    public func begin(_ name: String, _ facts: TraceFact...) -> Span { open(name, parent: 0, facts) }

    fileprivate func open(_ name: String, parent: UInt64, _ facts: [TraceFact]) -> Span {
        let number = state.withLock { state in
            defer { state.nextSpan += 1 }
            return state.nextSpan
        }
        let span = Span(trace: self, number: number, parent: parent, name: name)
        span.emit(.begin, facts)
        return span
    }

    fileprivate func send(_ event: TraceEvent) {
        state.withLock { state in
            for listener in state.listeners { listener(event) }
        }
    }

    fileprivate var now: UInt64 {
        let elapsed = ContinuousClock.now - start
        return UInt64(elapsed.components.seconds) * 1_000_000_000
            + UInt64(elapsed.components.attoseconds / 1_000_000_000)
    }
}

/// A piece of work that is being traced. Pass it down to whatever does a part of the work.
public struct Span: Sendable {
    private let trace: Trace?
    private let number: UInt64
    private let parent: UInt64
    /// What the span does, as a dotted name.
    public let name: String

    fileprivate init(trace: Trace?, number: UInt64, parent: UInt64, name: String) {
        self.trace = trace
        self.number = number
        self.parent = parent
        self.name = name
    }

    /// A span that records nothing, for callers that do not trace.
    public static let none = Span(trace: nil, number: 0, parent: 0, name: "")

    /// Opens a span inside this one.
    public func begin(_ name: String, _ facts: TraceFact...) -> Span {
        guard let trace else { return .none }
        return trace.open(name, parent: number, facts)
    }

    /// Records something that became known.
    public func fact(_ name: String, _ value: TraceFact.Value) { emit(.fact, [TraceFact(name, value)]) }

    /// Records how far the work is, in bytes.
    public func progress(_ current: Int64, of total: Int64) {
        emit(.progress, [TraceFact("current", .bytes(current)), TraceFact("total", .bytes(total))])
    }

    /// Closes the span: the work is done.
    public func end(_ facts: TraceFact...) { emit(.end, facts) }

    /// Closes the span: the work failed.
    public func fail(_ error: any Error) {
        var facts = [TraceFact("error", .text(String(describing: error)))]
        if let known = error as? DrydockError { facts.append(TraceFact("code", .text(known.code.rawValue))) }
        emit(.failed, facts)
    }

    /// Does a piece of work inside a span of its own, and closes the span according to how the work ended.
    public func during<Result>(
        _ name: String, _ facts: TraceFact..., work: (Span) throws -> Result
    ) rethrows -> Result {
        let inner = trace?.open(name, parent: number, facts) ?? .none
        do {
            let result = try work(inner)
            inner.end()
            return result
        } catch {
            inner.fail(error)
            throw error
        }
    }

    fileprivate func emit(_ kind: TraceEvent.Kind, _ facts: [TraceFact]) {
        guard let trace else { return }
        trace.send(
            TraceEvent(kind: kind, span: number, parent: parent, name: name, time: trace.now, facts: facts))
    }
}

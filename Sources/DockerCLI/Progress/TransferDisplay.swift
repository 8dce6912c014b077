import Diagnostics
import Engine
import Synchronization

/// Shows a pull or a push as its events arrive: in a terminal one row for each layer, redrawn in place; otherwise one
/// line for each thing that happens.
final class TransferDisplay: Sendable {
    private struct Row {
        var id: String
        var phase = ""
        var detail = ""
        var current: Int64 = 0
        var total: Int64 = 0
        var drawnAt: UInt64 = 0
        var isShown = false
    }

    private struct State {
        var rows: [Row] = []
        var places: [UInt64: Int] = [:]
        /// The line of a pull of which nothing else is known yet: where the registry refuses, it is never shown.
        var heading: (row: Row, span: UInt64)?
        var isClosed = false
    }

    private let state = Mutex(State())
    private let sink: OutputSink
    private let redraws: Bool
    private let width: Int
    private let showsDigests: Bool

    /// Makes a display that shows the events of a trace until it is closed.
    /// - Parameter showsDigests: whether the digest of each image that was pulled is a line of the display.
    init(_ trace: Trace, sink: OutputSink, redraws: Bool, width: Int, showsDigests: Bool = false) {
        self.showsDigests = showsDigests
        self.sink = sink
        self.redraws = redraws
        self.width = width
        trace.listen { [weak self] event in self?.take(event) }
    }

    /// Shows nothing more.
    func close() { state.withLock { $0.isClosed = true } }

    /// Takes one event of the trace.
    func take(_ event: TraceEvent) {
        state.withLock { state in
            guard !state.isClosed else { return }
            switch (event.kind, event.name) {
            case (.begin, TransferEvents.pull):
                guard let tag = event.text("tag") ?? event.text("digest"), let repository = event.text("repository")
                else { return }
                state.heading = (Row(id: tag, phase: "Pulling from \(repository)"), event.span)
            case (.end, TransferEvents.pull):
                showHeading(&state)
                if showsDigests, let digest = event.text("digest") {
                    add(Row(id: "Digest", phase: digest), event.span, &state)
                }
            case (.failed, TransferEvents.pull): state.heading = nil
            case (.begin, TransferEvents.pullLayer):
                showHeading(&state)
                add(Row(id: event.text("id") ?? "", phase: TransferEvents.Phase.pulling.rawValue), event.span, &state)
            case (.begin, TransferEvents.pushLayer):
                add(Row(id: event.text("id") ?? "", phase: TransferEvents.Phase.preparing.rawValue), event.span, &state)
            case (.begin, TransferEvents.loadLayer):
                add(Row(id: event.text("id") ?? "", phase: TransferEvents.Phase.loading.rawValue), event.span, &state)
            case (_, TransferEvents.pullLayer), (_, TransferEvents.pushLayer), (_, TransferEvents.loadLayer):
                update(event, &state)
            default: return
            }
        }
    }

    private func showHeading(_ state: inout State) {
        guard let heading = state.heading else { return }
        state.heading = nil
        add(heading.row, heading.span, &state)
    }

    private func add(_ row: Row, _ span: UInt64, _ state: inout State) {
        // A layer that was being prepared goes on in its row when its turn to be sent comes.
        let preparing = TransferEvents.Phase.preparing.rawValue
        if let place = state.rows.firstIndex(where: { $0.id == row.id }),
            row.id != "Digest", redraws || (row.phase == preparing && state.rows[place].phase == preparing)
        {
            state.places[span] = place
            return
        }
        state.places[span] = state.rows.count
        state.rows.append(row)
        // Docker does not say that it begins with a layer that turns out to be here already.
        let waits = !redraws && row.phase == TransferEvents.Phase.pulling.rawValue
        if !waits { show(state.rows.count - 1, &state) }
    }

    private func show(_ place: Int, _ state: inout State) {
        state.rows[place].isShown = true
        sink.write(line(state.rows[place]) + "\n")
    }

    private func update(_ event: TraceEvent, _ state: inout State) {
        guard let place = state.places[event.span] else { return }
        var row = state.rows[place]
        let before = row
        switch event.kind {
        case .progress:
            row.current = event.bytes("current") ?? row.current
            row.total = event.bytes("total") ?? row.total
        case .fact:
            if let phase = event.text(TransferEvents.phase) {
                row.phase = phase
                row.current = 0
            }
            if let from = event.text("from") { row.detail = from }
            if let left = event.bytes(TransferEvents.continued) {
                sayContinued(left, row, place, &state)
                return
            }
        case .begin, .end, .failed: return
        }
        if !before.isShown, row.phase != TransferEvents.Phase.exists.rawValue {
            show(place, &state)
            row.isShown = true
        }
        let showsDetail = row.phase == TransferEvents.Phase.mounted.rawValue
        let isNews = row.phase != before.phase || (showsDetail && row.detail != before.detail)
        state.rows[place] = row
        if redraws {
            let pause: UInt64 = 40_000_000
            // What moves no more stands as it was drawn last.
            let isWhole = row.total > 0 && row.current >= row.total && row.current != before.current
            guard isNews || isWhole || event.time >= before.drawnAt + pause else { return }
            state.rows[place].drawnAt = event.time
            redraw(row, rowsBelow: state.rows.count - place)
        } else if isNews, !TransferDisplay.moves(row.phase), !showsDetail || !row.detail.isEmpty {
            sink.write(line(row) + "\n")
        }
    }

    /// Says that a layer goes on where an interrupted pull had left it: in a terminal its bar begins there.
    private func sayContinued(_ left: Int64, _ row: Row, _ place: Int, _ state: inout State) {
        state.rows[place].current = left
        guard !redraws else { return }
        state.rows[place].isShown = true
        sink.write("\(row.id): Continuing an interrupted download at \(Units.size(left, digits: 4))\n")
    }

    private func redraw(_ row: Row, rowsBelow: Int) {
        sink.write("\u{1b}[\(rowsBelow)A\r\u{1b}[2K\(line(row))\r\u{1b}[\(rowsBelow)B")
    }

    /// Whether a phase is one that bytes move in: it is shown by a bar.
    private static func moves(_ phase: String) -> Bool {
        let moving: [TransferEvents.Phase] = [.downloading, .extracting, .pushing, .loading]
        return moving.contains { $0.rawValue == phase }
    }

    private func line(_ row: Row) -> String {
        let text = wholeLine(row)
        return redraws && text.count >= width ? String(text.prefix(max(1, width - 1))) : text
    }

    private func wholeLine(_ row: Row) -> String {
        var text = "\(row.id): \(row.phase)"
        if row.phase == TransferEvents.Phase.mounted.rawValue, !row.detail.isEmpty { text += " \(row.detail)" }
        guard redraws, TransferDisplay.moves(row.phase), row.current > 0 else { return text }
        let numbers = TransferDisplay.numbers(row.current, of: row.total)
        let room = min(50, width - text.count - numbers.count - 6)
        if room >= 10, row.total > 0 {
            let done = Int(min(1, Double(row.current) / Double(row.total)) * Double(room))
            text +=
                " [" + String(repeating: "=", count: done) + ">" + String(repeating: " ", count: room - done) + "]"
        }
        return text + " " + numbers
    }

    private static func numbers(_ current: Int64, of total: Int64) -> String {
        let text = Units.size(current, digits: 4)
        let left = String(repeating: " ", count: max(0, 8 - text.count)) + text
        return total > 0 && current <= total ? "\(left)/\(Units.size(total, digits: 4))" : left
    }
}

import Engine
import OCI

/// `docker image ls --tree`: every image once, with all its names, the longest first.
struct ImageTree {
    let width: Int
    let isTerminal: Bool

    private static let gap = 3
    private static let leastName = 12

    private struct Entry {
        var image: ImageSummary
        var names: [String]
    }

    private struct Column {
        var heading: String
        var isRight: Bool
        var cell: (Entry) -> String
    }

    func text(_ images: [ImageSummary], all: Bool) -> String {
        var entries: [Entry] = []
        var places: [Digest: Int] = [:]
        for image in images {
            let name = image.repository.flatMap { repository in image.tag.map { "\(repository):\($0)" } }
            if let place = places[image.id] {
                if let name { entries[place].names.append(name) }
            } else if name != nil || image.repository != nil || all {
                places[image.id] = entries.count
                entries.append(Entry(image: image, names: name.map { [$0] } ?? []))
            }
        }
        var columns = [
            Column(heading: "ID", isRight: false) { $0.image.id.short },
            Column(heading: "DISK USAGE", isRight: true) { Units.size($0.image.size) },
            Column(heading: "CONTENT SIZE", isRight: true) { _ in "0B" },
            Column(heading: "EXTRA", isRight: false) { ($0.image.containers ?? 0) > 0 ? chip : "" },
        ]
        var room = rest(columns)
        while room < Self.leastName, columns.count > 1 {
            columns.removeLast()
            room = rest(columns)
        }
        let longest = entries.flatMap { $0.names.isEmpty ? [Self.untagged] : $0.names }.map(\.count).max() ?? 0
        let name = max("IMAGE".count, min(room, longest))
        var text = warning + legend + "\n" + heading(columns, name)
        for entry in entries { text += lines(entry, columns, name) }
        return text
    }

    private static let untagged = "<untagged>"

    private var chip: String { isTerminal ? painted(" U ", "38;5;0", "48;5;14") : "U" }

    private func painted(_ text: String, _ codes: String...) -> String {
        codes.map { "\u{1b}[\($0)m" }.joined() + text + "\u{1b}[0m"
    }

    private func size(_ column: Column) -> Int { column.heading == "ID" ? 12 : column.heading.count }

    private func rest(_ columns: [Column]) -> Int { width - columns.reduce(0) { $0 + size($1) + Self.gap } }

    private var warning: String {
        let text = "WARNING: This is an experimental feature. The output may change and shouldn't be depended on."
        return (isTerminal ? painted(text, "93") : text) + "\n"
    }

    /// What the marks in the last column mean, at the right edge.
    private var legend: String {
        let plain = isTerminal ? "i Info →   U  In Use " : "Info ->  U In Use "
        let space = String(repeating: " ", count: max(0, width - plain.count))
        guard isTerminal else { return space + plain + "\n" }
        return space + "\u{1b}[1m\u{1b}[106m\u{1b}[30mi\u{1b}[0m\u{1b}[0m "
            + "\u{1b}[96mInfo → \u{1b}[0m\u{1b}[0m \(chip) In Use \n"
    }

    private func heading(_ columns: [Column], _ name: Int) -> String {
        var text = painted("IMAGE", "39", "1") + String(repeating: " ", count: name - "IMAGE".count)
        for column in columns {
            text += String(repeating: " ", count: Self.gap) + painted(column.heading, "39", "1")
            let isLast = column.heading == columns.last?.heading
            if !isLast { text += String(repeating: " ", count: size(column) - column.heading.count) }
        }
        return text + "\n"
    }

    private func lines(_ entry: Entry, _ columns: [Column], _ name: Int) -> String {
        let names = entry.names.enumerated().sorted {
            ($1.element.count, $0.offset) < ($0.element.count, $1.offset)
        }.map(\.element)
        var text = ""
        for other in names.dropLast() { text += paintedName(other, cut: nil) + "\n" }
        let last = names.last ?? Self.untagged
        text += paintedName(last, cut: name)
        text += String(repeating: " ", count: max(0, name - last.count))
        for column in columns {
            let cell = column.cell(entry)
            let isChip = column.heading == "EXTRA" && !cell.isEmpty
            let space = String(repeating: " ", count: max(0, size(column) - (isChip && isTerminal ? 3 : cell.count)))
            let shown = isTerminal && !isChip && !cell.isEmpty ? painted(cell, "39") : cell
            text += String(repeating: " ", count: Self.gap) + (column.isRight ? space + shown : shown + space)
        }
        return text + "\n"
    }

    private func paintedName(_ name: String, cut: Int?) -> String {
        let text = cut.map { Units.ellipsis(name, $0) } ?? name
        guard isTerminal else { return text }
        return name == Self.untagged ? painted(text, "39", "2") : painted(text, "34", "1")
    }
}

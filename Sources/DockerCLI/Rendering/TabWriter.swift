/// Lines up text whose cells end with tabs, by the rules of Go's `text/tabwriter` with the settings that Docker uses:
/// columns at least 10 wide (20 for `top`), 3 spaces between them; a column is as wide as the lines next to each other need.
enum TabWriter {
    private static let least = 10
    private static let gap = 3

    /// Lines up text.
    /// - Parameters:
    ///   - least: how wide a column is at least.
    ///   - gap: the spaces between two columns.
    static func align(_ text: String, least: Int = 10, gap: Int = 3) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map {
            $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
        var widths = lines.map { _ in [Int]() }
        assign(&widths, lines, from: 0, to: lines.count, column: 0, (least, gap))
        return zip(lines, widths).map { cells, widths in
            var line = ""
            for (place, cell) in cells.enumerated() {
                line += cell
                if place < widths.count {
                    line += String(repeating: " ", count: max(0, widths[place] - width(cell)))
                }
            }
            return line
        }.joined(separator: "\n")
    }

    /// The same for a whole table, whose lines all have as many cells: the quick way for long lists.
    /// - Parameter cells: row by row, each of `columns` cells; none has a tab or a line end in it.
    static func table(_ cells: [String], columns: Int) -> [UInt8] {
        guard columns > 0 else { return [] }
        var widths = [Int](repeating: least, count: columns)
        var sizes: [Int] = []
        sizes.reserveCapacity(cells.count)
        var column = 0
        var total = 0
        for cell in cells {
            let size = width(cell)
            sizes.append(size)
            widths[column] = max(widths[column], size + gap)
            total += cell.utf8.count
            column = column + 1 == columns ? 0 : column + 1
        }
        let lines = cells.count / columns
        var text: [UInt8] = []
        text.reserveCapacity(total + lines * (widths.reduce(0, +) + 1))
        for (place, cell) in cells.enumerated() {
            let column = place % columns
            text.append(contentsOf: cell.utf8)
            if column == columns - 1 {
                text.append(0x0a)
            } else {
                text.append(contentsOf: repeatElement(0x20, count: max(0, widths[column] - sizes[place])))
            }
        }
        return text
    }

    /// The number of characters as Go counts them.
    private static func width(_ cell: String) -> Int {
        let bytes = cell.utf8
        return bytes.allSatisfy { $0 < 0x80 } ? bytes.count : cell.unicodeScalars.count
    }

    /// Gives the lines that have a cell ending with a tab at `column` a common width, block by block.
    private static func assign(
        _ widths: inout [[Int]], _ lines: [[String]], from: Int, to: Int, column: Int,
        _ room: (least: Int, gap: Int)
    ) {
        var line = from
        while line < to {
            guard column < lines[line].count - 1 else {
                line += 1
                continue
            }
            var end = line
            var widest = room.least
            while end < to, column < lines[end].count - 1 {
                widest = max(widest, width(lines[end][column]) + room.gap)
                end += 1
            }
            for member in line..<end { widths[member].append(widest) }
            assign(&widths, lines, from: line, to: end, column: column + 1, room)
            line = end
        }
    }
}

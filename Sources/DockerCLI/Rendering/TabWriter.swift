/// Lines up text whose cells end with tabs, by the rules of Go's `text/tabwriter` with the settings that Docker uses:
/// columns at least 10 wide, 3 spaces between them; a column is as wide as the lines next to each other need.
enum TabWriter {
    private static let least = 10
    private static let gap = 3

    /// Lines up text.
    static func align(_ text: String) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map {
            $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
        var widths = lines.map { _ in [Int]() }
        assign(&widths, lines, from: 0, to: lines.count, column: 0)
        return zip(lines, widths).map { cells, widths in
            var line = ""
            for (place, cell) in cells.enumerated() {
                line += cell
                if place < widths.count { line += String(repeating: " ", count: max(0, widths[place] - cell.count)) }
            }
            return line
        }.joined(separator: "\n")
    }

    /// Gives the lines that have a cell ending with a tab at `column` a common width, block by block.
    private static func assign(
        _ widths: inout [[Int]], _ lines: [[String]], from: Int, to: Int, column: Int
    ) {
        var line = from
        while line < to {
            guard column < lines[line].count - 1 else {
                line += 1
                continue
            }
            var end = line
            var width = least
            while end < to, column < lines[end].count - 1 {
                width = max(width, lines[end][column].count + gap)
                end += 1
            }
            for member in line..<end { widths[member].append(width) }
            assign(&widths, lines, from: line, to: end, column: column + 1)
            line = end
        }
    }
}

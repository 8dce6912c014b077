/// What the tester found.
public struct TestReport: Sendable {
    /// One thing that had to hold.
    public struct Row: Sendable, Hashable {
        /// The exercise, or what the lint looked at.
        public var exercise: String
        /// The step; empty for the exercise as a whole.
        public var step: String
        /// What was played or looked at: `start`, `solution`, `also 1`, `mistake other-name`, `languages and files`.
        public var name: String
        /// What is wrong; nil where it holds.
        public var failure: String?
        /// How long it took, in seconds.
        public var seconds: Double
    }

    /// A changed check, and whether a transcript noticed.
    public struct Mutant: Sendable, Hashable {
        /// The exercise.
        public var exercise: String
        /// The step.
        public var step: String
        /// What was changed.
        public var change: String
        /// The play that noticed; nil where none did.
        public var noticedBy: String?
    }

    /// What had to hold, in order.
    public var rows: [Row] = []
    /// The mutants, in order.
    public var mutants: [Mutant] = []

    /// Makes an empty report.
    public init() {}

    /// Whether everything holds. Mutants that nobody noticed are reported, not failures.
    public var passed: Bool { rows.allSatisfy { $0.failure == nil } }
    /// The share of mutants that were noticed, from 0 to 1; 1 where there are none.
    public var killRate: Double {
        mutants.isEmpty ? 1 : Double(mutants.count { $0.noticedBy != nil }) / Double(mutants.count)
    }

    /// For people.
    public var table: String {
        let lines = rows.map { row in
            let title = [row.exercise, row.step, row.name].filter { !$0.isEmpty }.joined(separator: " · ")
            return (row.failure == nil ? "ok    " : "FAIL  ") + title + (row.failure.map { "\n        \($0)" } ?? "")
        }
        let survivors = mutants.filter { $0.noticedBy == nil }.map {
            "quiet \($0.exercise) · \($0.step) · \($0.change): no transcript notices"
        }
        let failed = rows.count { $0.failure != nil }
        let kills = mutants.count { $0.noticedBy != nil }
        let total =
            "\(rows.count - failed) of \(rows.count) hold; \(kills) of \(mutants.count) changed checks noticed"
            + (mutants.isEmpty ? "" : " (\(Int((killRate * 100).rounded())) %)")
        return (lines + survivors + [total]).joined(separator: "\n") + "\n"
    }

    /// The Test Anything Protocol, version 13.
    public var tap: String {
        var lines = ["TAP version 13", "1..\(rows.count)"]
        for (index, row) in rows.enumerated() {
            let title = [row.exercise, row.step, row.name].filter { !$0.isEmpty }.joined(separator: " - ")
            lines.append((row.failure == nil ? "ok" : "not ok") + " \(index + 1) - \(title)")
            for line in (row.failure ?? "").split(separator: "\n") { lines.append("# \(line)") }
        }
        for mutant in mutants where mutant.noticedBy == nil {
            lines.append("# not noticed: \(mutant.exercise) - \(mutant.step) - \(mutant.change)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// JUnit's XML.
    public var junit: String {
        var lines = [
            #"<?xml version="1.0" encoding="UTF-8"?>"#,
            "<testsuites tests=\"\(rows.count)\" failures=\"\(rows.count { $0.failure != nil })\">",
        ]
        var exercises: [String] = []
        for row in rows where !exercises.contains(row.exercise) { exercises.append(row.exercise) }
        for exercise in exercises {
            let own = rows.filter { $0.exercise == exercise }
            let failures = own.count { $0.failure != nil }
            lines.append(
                "  <testsuite name=\"\(Self.escape(exercise))\" tests=\"\(own.count)\" failures=\"\(failures)\">")
            for row in own {
                let title = [row.step, row.name].filter { !$0.isEmpty }.joined(separator: " ")
                let start =
                    "    <testcase classname=\"\(Self.escape(exercise))\" name=\"\(Self.escape(title))\""
                    + " time=\"\(row.seconds)\""
                if let failure = row.failure {
                    lines.append(start + "><failure message=\"\(Self.escape(failure))\"/></testcase>")
                } else {
                    lines.append(start + "/>")
                }
            }
            lines.append("  </testsuite>")
        }
        return (lines + ["</testsuites>"]).joined(separator: "\n") + "\n"
    }

    private static func escape(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "\n": result += "&#10;"
            default: result.append(character)
            }
        }
    }
}

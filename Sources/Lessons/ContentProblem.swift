import Diagnostics

/// Something wrong with the content: where, and what is expected there.
public struct ContentProblem: Sendable, Hashable, CustomStringConvertible {
    /// The file and the line.
    public var place: SourcePlace
    /// The place inside the document (`steps[2].check[0]`), or empty.
    public var path: String
    /// What is wrong and what is expected.
    public var message: String

    /// Makes a problem.
    public init(_ place: SourcePlace, path: String = "", _ message: String) {
        self.place = place
        self.path = path
        self.message = message
    }

    /// One line, as compilers write it.
    public var description: String { "\(place): " + (path.isEmpty ? "" : "\(path): ") + message }
}

extension DrydockError {
    /// The error that says what is wrong with the content.
    static func content(_ problems: [ContentProblem]) -> DrydockError {
        let lines = problems.map(\.description)
        return DrydockError(
            .invalidArgument, lines.first ?? "the content is not valid",
            reason: lines.count > 1 ? lines.dropFirst().joined(separator: "\n") : nil,
            remedy: "Correct the file; `drydock exercise test` names everything that is wrong.")
    }
}

import Diagnostics
import FoundationEssentials
import SystemPackage
import Testing

@testable import Lessons

/// The checkout.
let checkout = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()

/// Runs a body with a directory of its own.
func withDirectory<Result>(_ body: (FilePath) async throws -> Result) async throws -> Result {
    let directory = FilePath(FileManager.default.temporaryDirectory.path).appending(
        "drydock-lessons-\(UInt64.random(in: .min ... .max))")
    try FileManager.default.createDirectory(atPath: directory.string, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory.string) }
    return try await body(directory)
}

/// Writes a file and the directories above it.
func write(_ text: String, to path: FilePath) throws {
    try FileManager.default.createDirectory(
        atPath: path.removingLastComponent().string, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(filePath: path.string))
}

/// An exercise with one step, from the lines of its check and more.
func exercise(_ step: String, vars: String = "", solution: String = "docker ps") -> (
    exercise: Exercise?, problems: [ContentProblem]
) {
    let reader = ExerciseReader(file: "exercise.yaml")
    let text = """
        id: x
        title: {en: T, fr: T}
        introduction: {en: I, fr: I}
        lesson: l
        \(vars)
        steps:
          - id: first
            goal: {en: G, fr: B}
            hints: [{en: a, fr: a}, {en: b, fr: b}]
            solution: \(solution)
        \(step)
        """
    let exercise = reader.exercise(text, id: "x", directory: FilePath("/nowhere"), files: [])
    return (exercise, reader.yaml.problems)
}

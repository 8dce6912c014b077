public import Diagnostics
public import SystemPackage

/// All lessons and exercises.
public struct ContentLibrary: Sendable {
    /// The lessons, by name.
    public var lessons: [String: Lesson]
    /// The exercises, in an order in which what an exercise requires comes before it.
    public var exercises: [Exercise]

    /// Reads `Lessons` and `Exercises` below a directory.
    /// - Throws: `.notFound` where they are missing, `.invalidArgument` naming file, line and what is expected.
    public init(root: FilePath) throws(DrydockError) {
        lessons = [:]
        exercises = []
    }

    /// The exercise of a name.
    public func exercise(_ id: String) -> Exercise? { exercises.first { $0.id == id } }
    /// The lesson of an exercise.
    public func lesson(of exercise: Exercise) -> Lesson? { lessons[exercise.lesson] }

    /// Where the content is: `DRYDOCK_CONTENT`, the checkout around the executable, or `../share/drydock` from it.
    /// - Throws: `.notFound`, saying where it was looked for.
    public static func locate(
        environment: [String: String], executable: FilePath
    ) throws(DrydockError) -> FilePath { throw DrydockError(.notFound, "") }
}

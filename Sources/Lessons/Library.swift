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
        let (library, problems) = Self.read(root: root)
        guard let library else {
            throw DrydockError(
                .notFound, "no lessons and exercises in \(root)",
                remedy: "Name the directory that holds Lessons and Exercises in DRYDOCK_CONTENT.")
        }
        guard problems.isEmpty else { throw .content(problems) }
        self = library
    }

    /// The exercise of a name.
    public func exercise(_ id: String) -> Exercise? { exercises.first { $0.id == id } }
    /// The lesson of an exercise.
    public func lesson(of exercise: Exercise) -> Lesson? { lessons[exercise.lesson] }

    /// Where the content is: `DRYDOCK_CONTENT`, the checkout around the executable, or `../share/drydock` from it.
    /// - Parameter executable: the absolute path of the running program.
    /// - Throws: `.notFound`, saying where it was looked for.
    public static func locate(
        environment: [String: String], executable: FilePath
    ) throws(DrydockError) -> FilePath {
        let holds = { (path: FilePath) in
            ContentFiles.names(in: path.appending("Exercises")) != nil
                && ContentFiles.names(in: path.appending("Lessons")) != nil
        }
        if let named = environment["DRYDOCK_CONTENT"], !named.isEmpty {
            let path = FilePath(named)
            if holds(path) { return path }
            throw DrydockError(
                .notFound, "no lessons and exercises in \(named)", reason: "DRYDOCK_CONTENT names it",
                remedy: "Let DRYDOCK_CONTENT name the directory that holds Lessons and Exercises, or unset it.")
        }
        let binaries = executable.removingLastComponent()
        var tried = [binaries.removingLastComponent().appending("share/drydock")]
        var directory = binaries
        // A checkout's products are in .build/<platform>/<configuration>.
        for _ in 0..<4 {
            tried.append(directory)
            directory = directory.removingLastComponent()
        }
        if let found = tried.first(where: holds) { return found }
        throw DrydockError(
            .notFound, "the lessons and exercises were not found",
            reason: "looked in " + tried.map(\.string).joined(separator: ", "),
            remedy: "Name the directory that holds Lessons and Exercises in DRYDOCK_CONTENT.")
    }

    /// Reads everything that can be read, with everything that is wrong; no library where the folders are missing.
    public static func read(root: FilePath) -> (library: ContentLibrary?, problems: [ContentProblem]) {
        guard let lessonNames = ContentFiles.names(in: root.appending("Lessons")),
            let exerciseNames = ContentFiles.names(in: root.appending("Exercises"))
        else { return (nil, []) }
        var problems: [ContentProblem] = []
        var lessons: [String: Lesson] = [:]
        for name in lessonNames where !name.hasPrefix(".") {
            lessons[name] = lesson(name, in: root.appending("Lessons/\(name)"), &problems)
        }
        var exercises: [Exercise] = []
        for name in exerciseNames where !name.hasPrefix(".") {
            if let exercise = exercise(name, in: root.appending("Exercises/\(name)"), &problems) {
                exercises.append(exercise)
            }
        }
        let library = ContentLibrary(lessons: lessons, exercises: exercises, &problems)
        return (library, problems)
    }

    private init(lessons: [String: Lesson], exercises: [Exercise], _ problems: inout [ContentProblem]) {
        self.lessons = lessons
        self.exercises = []
        for exercise in exercises {
            let place = SourcePlace(file: "Exercises/\(exercise.id)/exercise.yaml", line: 0)
            for required in exercise.requires where !exercises.contains(where: { $0.id == required }) {
                problems.append(ContentProblem(place, "requires \"\(required)\", which is not an exercise"))
            }
            guard let lesson = lessons[exercise.lesson] else {
                problems.append(ContentProblem(place, "the lesson \"\(exercise.lesson)\" does not exist"))
                continue
            }
            for step in exercise.steps {
                guard let passage = step.explain?.passage, lesson.passage(passage, .en)?.id != passage else { continue }
                problems.append(
                    ContentProblem(step.place, "the lesson \(lesson.id) has no passage \"\(passage)\""))
            }
        }
        var waiting = exercises
        while !waiting.isEmpty {
            let index = waiting.firstIndex { exercise in
                exercise.requires.allSatisfy { required in !waiting.contains { $0.id == required } }
            }
            // A circle is reported and read in the order of the names.
            if index == nil, let first = waiting.first {
                let place = SourcePlace(file: "Exercises/\(first.id)/exercise.yaml", line: 0)
                problems.append(ContentProblem(place, "the exercises require each other in a circle"))
            }
            self.exercises.append(waiting.remove(at: index ?? 0))
        }
    }

    private static func lesson(_ name: String, in directory: FilePath, _ problems: inout [ContentProblem]) -> Lesson? {
        var lesson = Lesson(id: name, texts: [:])
        for language in Language.allCases {
            let file = "Lessons/\(name)/\(language.rawValue).md"
            guard let text = ContentFiles.text(of: directory.appending("\(language.rawValue).md")) else {
                problems.append(ContentProblem(SourcePlace(file: file, line: 0), "the file is missing or not UTF-8"))
                continue
            }
            let reader = LessonReader(file: file)
            lesson.texts[language] = reader.lesson(text)
            problems += reader.yaml.problems
        }
        let known = Set(Language.allCases.map { "\($0.rawValue).md" } + [TranslationRecord.fileName])
        for file in ContentFiles.files(below: directory) where !known.contains(file) {
            problems.append(
                ContentProblem(SourcePlace(file: "Lessons/\(name)/\(file)", line: 0), "nothing uses this file"))
        }
        let reference = lesson.texts[.en]?.passages.map(\.id)
        for (language, text) in lesson.texts where text.passages.map(\.id) != reference {
            problems.append(
                ContentProblem(
                    SourcePlace(file: "Lessons/\(name)/\(language.rawValue).md", line: 0),
                    "expected the passages of en.md in the same order: \((reference ?? []).joined(separator: ", "))"))
        }
        return lesson
    }

    private static func exercise(
        _ name: String, in directory: FilePath, _ problems: inout [ContentProblem]
    ) -> Exercise? {
        let file = "Exercises/\(name)/exercise.yaml"
        guard let text = ContentFiles.text(of: directory.appending("exercise.yaml")) else {
            problems.append(ContentProblem(SourcePlace(file: file, line: 0), "the file is missing or not UTF-8"))
            return nil
        }
        let all = ContentFiles.files(below: directory)
        let files = all.filter { $0.hasPrefix("files/") }.map { String($0.dropFirst("files/".count)) }
        let reader = ExerciseReader(file: file)
        let exercise = reader.exercise(text, id: name, directory: directory, files: files)
        problems += reader.yaml.problems
        for file in all
        where file != "exercise.yaml" && file != TranslationRecord.fileName && !file.hasPrefix("files/") {
            problems.append(
                ContentProblem(SourcePlace(file: "Exercises/\(name)/\(file)", line: 0), "nothing uses this file"))
        }
        for file in files where !text.contains(file) {
            problems.append(
                ContentProblem(
                    SourcePlace(file: "Exercises/\(name)/files/\(file)", line: 0), "no text or transcript mentions it"))
        }
        return exercise
    }
}

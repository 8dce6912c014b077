import ArgumentParser
import Diagnostics
import DockerCLI
import Engine
import Glibc
import Lessons
import Linux
import SystemPackage

/// `drydock exercise …`: for those who write lessons and exercises.
struct ExerciseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exercise", abstract: "Prove that lessons and exercises are sound.",
        subcommands: [Test.self, Lint.self])

    /// `drydock exercise test`
    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Play every solution and every mistake at the real prompt.",
            discussion: """
                Each PATH names an exercise's folder, a folder of exercises, or just the exercise. Without one, all are \
                tested. Every play has a state directory of its own; the home is only asked for what its practice hub \
                offers. Exit status 0 only when everything holds.
                """)

        @Argument(help: "What to test.") var paths: [String] = []
        @Option(name: .long, help: "Write a report in JUnit's XML to this file.") var junit: String?
        @Flag(name: .long, help: "Print the Test Anything Protocol instead of a table.") var tap = false
        @Option(name: .long, help: "Play in this language only: en or fr.") var lang: String?
        @Option(name: .long, help: "How often each way to solve is played.") var repeats = 2
        @Flag(name: .long, help: "Play only the solutions, one after the other.") var solutions = false
        @Option(name: .long, help: "How many sessions are played at a time.") var jobs: Int?

        func validate() throws {
            if let lang, Language(rawValue: lang) == nil {
                throw ValidationError("unknown language: \(lang) (known: en, fr)")
            }
            if repeats < 1 { throw ValidationError("--repeats must be at least 1") }
            if let jobs, jobs < 1 { throw ValidationError("--jobs must be at least 1") }
        }

        func run() async throws {
            var report = TestReport()
            try await reporting { () async throws(DrydockError) in
                let content = try ExerciseChoice(paths, default: Places())
                let library = try content.library()
                var options = ExerciseTester.Options()
                options.repeats = repeats
                options.languages = lang.flatMap(Language.init(rawValue:)).map { [$0] } ?? Language.allCases
                options.onlySolutions = solutions
                options.width = jobs ?? min(8, max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
                let chosen = try content.exercises(of: library)
                report = ContentLint.report(root: content.root)
                for row in report.rows { Self.tell(row) }
                let bench = try await PlayBench(content: content.root)
                defer { bench.remove() }
                let tester = ExerciseTester(library: library, player: bench.player, options: options)
                let work = Task {
                    var report = TestReport()
                    for exercise in chosen {
                        let own = await tester.test(exercise) { Self.tell($0) }
                        report.rows += own.rows
                        report.mutants += own.mutants
                    }
                    return report
                }
                // Whoever interrupts the test still gets everything removed.
                let interruptions = Interruptions { work.cancel() }
                defer { interruptions.end() }
                let played = await work.value
                report.rows += played.rows
                report.mutants += played.mutants
                if let junit {
                    try AtomicFile.write(report.junit.utf8, to: ExerciseChoice.absolute(junit), durable: false)
                }
            }
            StandardStream.output.write(tap ? report.tap : report.table)
            guard report.passed else { throw ExitCode(1) }
        }

        /// Progress, for a person who waits.
        private static func tell(_ row: TestReport.Row) {
            let title = [row.exercise, row.step, row.name].filter { !$0.isEmpty }.joined(separator: " · ")
            let tenths = Int((row.seconds * 10).rounded())
            StandardStream.errors.write(
                "\(row.failure == nil ? "ok  " : "FAIL") \(title) (\(tenths / 10).\(tenths % 10) s)\n")
        }
    }

    /// `drydock exercise lint`
    struct Lint: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what can be said without playing: languages, links, files, translations.")

        @Argument(help: "The folder that holds Lessons and Exercises.") var path: String?
        @Flag(name: .long, help: "Confirm that the texts say the same in every language as they are now.")
        var acceptTranslations = false

        func run() async throws {
            var report = TestReport()
            try await reporting { () async throws(DrydockError) in
                let root = try ExerciseChoice(path.map { [$0] } ?? [], default: Places()).root
                if acceptTranslations { try ContentLint.acceptTranslations(root: root) }
                report = ContentLint.report(root: root)
            }
            StandardStream.output.write(report.table)
            guard report.passed else { throw ExitCode(1) }
        }
    }
}

/// Which exercises are meant by what was typed.
struct ExerciseChoice {
    /// The folder that holds `Lessons` and `Exercises`.
    let root: FilePath
    private let names: [String]

    init(_ paths: [String], default places: Places) throws(DrydockError) {
        var roots: [FilePath] = []
        var names: [String] = []
        for path in paths {
            let (root, name) = Self.read(Self.absolute(path))
            if let root { roots.append(root) }
            names += root == nil ? [path] : name.map { [$0] } ?? []
        }
        if let other = roots.first(where: { $0 != roots.first }) {
            throw DrydockError(
                .invalidArgument, "\(other) is other content than \(roots.first?.string ?? "")",
                remedy: "Test one after the other.")
        }
        root = if let first = roots.first { first } else { try places.content() }
        self.names = names
    }

    func library() throws(DrydockError) -> ContentLibrary { try ContentLibrary(root: root) }

    /// The exercises, in the order of the content.
    func exercises(of library: ContentLibrary) throws(DrydockError) -> [Exercise] {
        for name in names where library.exercise(name) == nil {
            throw DrydockError(
                .notFound, "there is no exercise \(name)", reason: "looked in \(root)/Exercises",
                remedy: "There are: " + library.exercises.map(\.id).joined(separator: ", "))
        }
        return library.exercises.filter { names.isEmpty || names.contains($0.id) }
    }

    /// The content that a folder belongs to, and the exercise where it is one's.
    private static func read(_ path: FilePath) -> (root: FilePath?, exercise: String?) {
        if Files.exists(path.appending("Exercises")) { return (path, nil) }
        if path.lastComponent?.string == "Exercises" { return (path.removingLastComponent(), nil) }
        if Files.exists(path.appending("exercise.yaml")) {
            return (path.removingLastComponent().removingLastComponent(), path.lastComponent?.string)
        }
        return (nil, nil)
    }

    static func absolute(_ text: String) -> FilePath {
        let path = FilePath(text)
        return (path.isAbsolute ? path : Places.workingDirectory.pushing(path)).lexicallyNormalized()
    }
}

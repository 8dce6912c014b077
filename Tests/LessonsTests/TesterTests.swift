import Diagnostics
import SystemPackage
import Testing

@testable import Lessons

@Suite("The tester")
struct TesterTests {
    /// Tests an exercise of one step.
    private func test(_ step: String, repeats: Int = 1) async throws -> TestReport {
        let (read, problems) = exercise(step, solution: "docker pull alpine:3.5")
        #expect(problems.allSatisfy { $0.message.contains("preceded") }, "\(problems)")
        return try await withDirectory { directory in
            let exercise = try #require(read)
            let content = directory.appending("content")
            try write("", to: content.appending("Lessons/.keep"))
            try write("", to: content.appending("Exercises/.keep"))
            let library = try ContentLibrary(root: content)
            var options = ExerciseTester.Options()
            options.repeats = repeats
            let tester = ExerciseTester(library: library, player: FakePlayer(directory: directory), options: options)
            return await tester.test(exercise)
        }
    }

    @Test("accepts what is sound, and counts the plays")
    func sound() async throws {
        let report = try await test(
            """
                check: [{image: "alpine:3.5"}]
                mistakes:
                  - {id: other, when: [{image: "*"}], say: {en: x, fr: x}, try: docker pull alpine:3.7}
            """, repeats: 2)
        #expect(report.passed, Comment(rawValue: report.table))
        #expect(report.rows.map(\.name) == ["start", "solution, play 1", "solution, play 2", "mistake other"])
        #expect(report.killRate == 1)
    }

    @Test("rejects a check that already holds at the start")
    func start() async throws {
        let report = try await test("    check: [{registry: {repository: library/alpine, tag: '3.5'}}]")
        #expect(report.rows.contains { $0.name == "start" && $0.failure?.contains("already solved") == true })
        #expect(!report.passed)
    }

    @Test("rejects a solution that does not solve")
    func solution() async throws {
        let report = try await test("    check: [{image: nothing}]")
        #expect(report.rows.contains { $0.name == "solution" && $0.failure == "the step is not solved" })
    }

    @Test("rejects a mistake that is taken for another one")
    func mistake() async throws {
        let report = try await test(
            """
                check: [{image: "alpine:3.5"}]
                mistakes:
                  - {id: first, when: [{image: "*"}], say: {en: x, fr: x}, try: docker pull alpine:3.7}
                  - {id: second, when: [{image: "alpine:3.7"}], say: {en: x, fr: x}, try: docker pull alpine:3.7}
            """)
        #expect(report.rows.contains { $0.name == "mistake second" && $0.failure == "recognised: first" })
    }

    @Test("reports a changed check that no transcript notices")
    func survivors() async throws {
        let report = try await test(
            "    check: [{image: 'alpine:3.5'}, {no: {container: x}, mode: level}, {container: x, mode: edge}]")
        #expect(report.mutants.contains { $0.noticedBy == nil })
        #expect(report.table.contains("no transcript notices"))
    }

    @Test("writes TAP and JUnit that other tools can read")
    func formats() {
        var report = TestReport()
        report.rows = [
            .init(exercise: "e", step: "s", name: "solution", failure: nil, seconds: 0.5),
            .init(exercise: "e", step: "s", name: "also 1", failure: "a < b & \"c\"\nd", seconds: 0),
        ]
        #expect(
            report.tap
                == "TAP version 13\n1..2\nok 1 - e - s - solution\nnot ok 2 - e - s - also 1\n# a < b & \"c\"\n# d\n")
        #expect(report.junit.contains("<testsuite name=\"e\" tests=\"2\" failures=\"1\">"))
        #expect(report.junit.contains("message=\"a &lt; b &amp; &quot;c&quot;&#10;d\""))
    }
}

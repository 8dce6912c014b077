import Diagnostics
import FoundationEssentials
import SystemPackage
import Testing

@testable import Lessons

@Suite("The content of this repository")
struct ContentTests {
    @Test("has every text in every language, every file that it names, and none that nothing uses")
    func lint() {
        for problem in ContentLint.problems(root: checkout) { Issue.record("\(problem)") }
    }

    @Test("offers the two first exercises in order, with five to eight steps, hints and mistakes")
    func shape() throws {
        let library = try ContentLibrary(root: checkout)
        #expect(library.exercises.map(\.id).prefix(2) == ["first-image", "share-image"])
        for exercise in library.exercises {
            #expect((5...8).contains(exercise.steps.count))
            #expect(exercise.steps.flatMap(\.mistakes).count >= 3)
            #expect(exercise.steps.allSatisfy { $0.hints.count >= 2 })
            #expect(library.lesson(of: exercise) != nil)
        }
    }

    @Test(
        "is sound: starts fail, every way passes, every mistake is recognised",
        arguments: ["first-image", "share-image"])
    func proofs(id: String) async throws {
        try await withDirectory { directory in
            let library = try ContentLibrary(root: checkout)
            let exercise = try #require(library.exercise(id))
            let tester = ExerciseTester(library: library, player: FakePlayer(directory: directory))
            let report = await tester.test(exercise)
            for row in report.rows where row.failure != nil {
                Issue.record("\(row.step) · \(row.name): \(row.failure ?? "")")
            }
            #expect(report.rows.count > 30)
            #expect(report.killRate > 0.85, Comment(rawValue: report.table))
        }
    }

    @Test("is found next to the checkout, under a prefix, or where DRYDOCK_CONTENT says")
    func locate() async throws {
        try await withDirectory { directory in
            let place = directory.appending("share/drydock")
            try write("", to: place.appending("Lessons/x"))
            try write("", to: place.appending("Exercises/x"))
            let installed = directory.appending("bin/drydock")
            #expect(try ContentLibrary.locate(environment: [:], executable: installed) == place)
            let built = place.appending(".build/x86_64-unknown-linux-gnu/release/drydock")
            #expect(try ContentLibrary.locate(environment: [:], executable: built) == place)
            let named = ["DRYDOCK_CONTENT": place.string]
            #expect(try ContentLibrary.locate(environment: named, executable: "/usr/bin/x") == place)
            #expect(throws: DrydockError.self) {
                try ContentLibrary.locate(environment: [:], executable: "/nowhere/bin/drydock")
            }
        }
    }
}

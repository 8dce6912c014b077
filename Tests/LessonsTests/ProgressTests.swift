import Diagnostics
import Foundation
import SystemPackage
import Testing

@testable import Lessons

@Suite("Progress")
struct ProgressTests {
    @Test("is there again after the file was closed")
    func reopened() async throws {
        try await withDirectory { directory in
            let path = directory.appending("deep/progress.sqlite")
            do {
                let progress = try Progress(path: path)
                try progress.setLanguage(.fr)
                _ = try progress.open("e")
                try progress.record("e", solved: ["a"], seen: [SeenFact(step: "a", fact: "0")], at: 7)
                #expect(try progress.pick("e", "port", proposal: "1") == "1")
            }
            let progress = try Progress(path: path)
            #expect(try progress.language() == .fr)
            #expect(try progress.currentExercise() == "e")
            #expect(try progress.steps(of: "e") == ["a": .solved(at: 7)])
            #expect(try progress.seen(in: "e") == [SeenFact(step: "a", fact: "0")])
            #expect(try progress.pick("e", "port", proposal: "2") == "1")
        }
    }

    @Test("keeps what was acknowledged when its process is killed")
    func killed() async throws {
        try await withDirectory { directory in
            let path = directory.appending("progress.sqlite")
            setenv("DRYDOCK_TEST_PROGRESS", path.string, 1)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                let named = ProcessInfo.processInfo.environment["DRYDOCK_TEST_PROGRESS"]
                let progress = try Progress(path: FilePath(try #require(named)))
                _ = try progress.open("e")
                for number in 0..<20 { try progress.record("e", solved: ["\(number)"], seen: []) }
                _ = try progress.recordHint("e", step: "20")
                kill(getpid(), SIGKILL)
            }
            let progress = try Progress(path: path)
            #expect(try progress.steps(of: "e").count == 20)
            #expect(try progress.hints(of: "e") == ["20": 1])
        }
    }

    @Test("says that a file is damaged, and what to do")
    func damaged() async throws {
        try await withDirectory { directory in
            let path = directory.appending("progress.sqlite")
            try write(String(repeating: "not a database ", count: 100), to: path)
            let error = #expect(throws: DrydockError.self) { try Progress(path: path) }
            #expect(error?.code == .corrupt && error?.remedy != nil)
        }
    }
}

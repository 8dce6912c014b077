import Diagnostics
import Synchronization
import SystemPackage
import Testing

@testable import Lessons

@Suite("A session")
struct SessionTests {
    private func open(
        _ id: String, in directory: FilePath, _ docker: FakeDocker
    ) throws -> ExerciseSession {
        let exercise = try #require(try ContentLibrary(root: checkout).exercise(id))
        return try ExerciseSession(
            exercise, progress: Progress(path: directory.appending("progress.sqlite")), learner: docker.learner,
            observation: docker)
    }

    private func type(
        _ line: String, _ input: [String] = [], _ session: ExerciseSession, _ docker: FakeDocker,
        error: String = "not-found"
    ) async throws -> Outcome {
        let status = docker.run(.init(line, input: input))
        return try await session.after(
            CommandRecord(line: line, status: status, error: status == 0 ? nil : error))
    }

    @Test("solves several steps with one command, and says what is next")
    func severalSteps() async throws {
        try await withDirectory { directory in
            let docker = FakeDocker()
            let session = try open("first-image", in: directory, docker)
            #expect(try await session.after(nil).missing.count == 1)
            let pulled = try await type("docker pull alpine:3.5", [], session, docker)
            #expect(pulled.solved.map(\.id) == ["fetch"] && pulled.next?.id == "enter")
            let inside = ["apk add --update nodejs", "exit"]
            let ran = try await type("docker run -it --name node_ctn alpine:3.5", inside, session, docker)
            #expect(ran.solved.map(\.id) == ["enter", "install"] && ran.next?.id == "commit")
            #expect(session.lastAccount?.step == "commit")
            _ = try await type("docker commit node_ctn mynodejs", [], session, docker)
            let last = try await type("docker run --rm mynodejs node --version", [], session, docker)
            #expect(last.finishedExercise && session.current == nil)
            #expect(try await session.after(nil).finishedExercise == false)
        }
    }

    @Test("does not call an image unknown whose registry nobody reached")
    func registryDown() async throws {
        try await withDirectory { directory in
            let docker = FakeDocker()
            let session = try open("first-image", in: directory, docker)
            let down = try await type("docker pull alpine:35", [], session, docker, error: "unavailable")
            #expect(down.diagnosis == nil)
            let unknown = try await type("docker pull alpine:35", [], session, docker)
            #expect(unknown.diagnosis?.mistake == "no-such-image")
        }
    }

    @Test("recognises the first mistake that holds, and still after `check`")
    func mistakes() async throws {
        try await withDirectory { directory in
            let docker = FakeDocker()
            let session = try open("first-image", in: directory, docker)
            #expect(try await type("docker pull alpine", [], session, docker).diagnosis?.mistake == "other-version")
            #expect(try await type("docker pull nothing", [], session, docker).diagnosis?.mistake == "no-such-image")
            #expect(try await session.after(nil).diagnosis?.mistake == "no-such-image")
            #expect(session.lastDiagnosis?.text[.fr].contains("registre") == true)
        }
    }

    @Test("goes up the ladder of hints, skips, and opens where it was left")
    func help() async throws {
        try await withDirectory { directory in
            let docker = FakeDocker()
            var session = try open("first-image", in: directory, docker)
            #expect(try session.hint()?.number == 1)
            session = try open("first-image", in: directory, docker)
            #expect(try session.hint()?.number == 2)
            #expect(try session.hint()?.number == 3)
            #expect(try session.hint()?.isRepeated == true)
            #expect(try session.skip()?.id == "enter")
            session = try open("first-image", in: directory, docker)
            #expect(session.current?.id == "enter")
            #expect(session.steps.first?.state != .open)
        }
    }

    @Test("does not count something as gone that it never saw, unless that step was skipped")
    func gone() async throws {
        try await withDirectory { directory in
            let docker = FakeDocker()
            let session = try open("share-image", in: directory, docker)
            #expect(await session.stepsThatHold() == [])
            for _ in 0..<3 { _ = try session.skip() }
            docker.world.withLock { world in
                world.hub["docker.io/ada/nodejs:1.0"] = world.hub["docker.io/library/alpine:3.5"]
            }
            #expect(try await session.after(nil).solved.map(\.id) == ["remove"])
        }
    }

    @Test("fills in the learner's name and never shows the password")
    func variables() async throws {
        try await withDirectory { directory in
            let session = try open("share-image", in: directory, FakeDocker())
            #expect(session.current?.goal[.en].contains("ada/nodejs") == true)
            let lines = session.solution(of: "login", .fr)?.lines ?? []
            #expect(lines == ["docker login -u ada", "> (votre mot de passe)"])
        }
    }

    @Test("plans the way back and forgets what was reached after it")
    func reset() async throws {
        try await withDirectory { directory in
            let docker = FakeDocker()
            let session = try open("first-image", in: directory, docker)
            for _ in 0..<4 { _ = try session.skip() }
            #expect(
                session.resetPlan(.exercise) == [
                    .removeContainer("node_ctn"), .removeContainersOf(image: "mynodejs"), .removeImage("mynodejs"),
                    .removeImage("alpine:3.5"),
                ])
            #expect(
                session.resetPlan(.step("install")).last
                    == .docker(["container", "create", "-it", "--name", "node_ctn", "alpine:3.5"]))
            try session.didReset(.step("install"))
            #expect(session.current?.id == "install")
            #expect(try open("first-image", in: directory, docker).current?.id == "install")
        }
    }
}

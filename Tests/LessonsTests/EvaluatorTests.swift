import Diagnostics
import Engine
import OCI
import Synchronization
import Testing

@testable import Lessons

@Suite("The evaluator")
struct EvaluatorTests {
    private func docker(_ lines: String...) -> FakeDocker {
        let docker = FakeDocker()
        for line in lines { _ = docker.run(.init(line, input: ["apk add nodejs", "exit"])) }
        return docker
    }

    private func verdict(_ subject: Fact.Subject, _ docker: FakeDocker, past: Bool = false) async
        -> FactAccount.Verdict
    {
        await Evaluator(observation: docker).answer(subject, past: past).verdict
    }

    private static let comparisons: [(matcher: Matcher, value: JSONValue, holds: Bool)] = [
        (.equals("a"), "a", true), (.equals("a"), "b", false),
        (.equals(nil), nil, true), (.oneOf([.equals(1), .equals(2)]), 2, true),
        (.oneOf([.equals(1)]), 2, false), (.range(min: 1, max: 3), 3, true), (.range(min: 1, max: nil), 0, false),
        (.range(min: nil, max: 3), "2", false), (.matches("^a.c$"), "abc", true),
        (.matches("b c"), ["a", "b", "c"], true),
        (.matches("x"), nil, false), (.count(.equals(2)), [1, 2], true), (.count(.equals(0)), nil, true),
        (.not(.equals(1)), 1, false), (.any(.matches("^b")), ["a", "b"], true), (.any(.equals("c")), ["a"], false),
    ]

    @Test("compares values exactly, by set, range, pattern and count", arguments: comparisons.indices)
    func values(index: Int) throws {
        let (matcher, value, holds) = Self.comparisons[index]
        #expect(try Evaluator(observation: FakeDocker()).matches(value, matcher) == holds)
    }

    @Test("refers to other objects by their IDs")
    func references() async {
        let docker = docker("docker pull alpine:3.5", "docker run -it --name c alpine:3.5")
        let from = { (image: String) in Fact.Subject.container("c", where: [Condition("Image", .image(image))]) }
        #expect(await verdict(from("alpine:3.5"), docker) == .holds)
        #expect(await verdict(from("alpine:3.7"), docker) == .fails)
    }

    @Test("sees which layer of an image holds a file")
    func layers() async {
        let docker = docker(
            "docker run -it --name c alpine:3.5", "docker commit c mine", "docker run -it --name d mine",
            "docker commit d more")
        let node = { (layer: Fact.Layer?) in Fact.Subject.file(image: "mine", path: "/usr/bin/node", layer: layer) }
        #expect(await verdict(node(nil), docker) == .holds)
        #expect(await verdict(node(.top), docker) == .holds)
        #expect(await verdict(node(.base), docker) == .fails)
        #expect(await verdict(.file(image: "mine", path: "/nowhere", layer: nil), docker) == .fails)
    }

    @Test("looks at containers that are gone only when asked, and only at new ones")
    func past() async {
        let docker = docker("docker run --rm alpine:3.5 true")
        let any = Fact.Subject.container("*", where: [Condition("State.ExitCode", .equals(0))])
        #expect(await verdict(any, docker) == .fails)
        #expect(await verdict(any, docker, past: true) == .holds)
        let later = Evaluator(observation: docker, since: "2999-02-01T00:00:00Z")
        #expect(await later.answer(any, past: true).verdict == .fails)
    }

    @Test("says that it does not know when the registry is down, also of what should be absent")
    func deadRegistry() async {
        let docker = FakeDocker(registryError: DrydockError(.unavailable, "no answer"))
        let fact = Fact.Subject.registry(repository: "a/b", tag: "1", sameAs: nil)
        #expect(await verdict(fact, docker) == .unknown)
        #expect(await verdict(.no(fact), docker) == .unknown)
    }

    @Test("gives an account of what it looked at, expected and found, in both languages")
    func account() async throws {
        let docker = docker("docker run -it --name c alpine:3.5")
        let answer = await Evaluator(observation: docker).answer(
            .container("c", where: [Condition("State.Status", .equals("running"))]))
        let finding = try #require(answer.findings.last)
        #expect(finding.looked == LocalizedText(en: "container c · State.Status", fr: "conteneur c · State.Status"))
        #expect(finding.expected[.en] == "“running”" && finding.found[.fr] == "“exited”" && !finding.holds)
        let message = Wording.message(Fact(.container("c", where: [])), answer.verdict, answer.findings)
        #expect(message[.en] == "container c · State.Status: expected “running”, found “exited”")
    }

    @Test("asks for each thing once in one evaluation")
    func cache() throws {
        let docker = docker("docker pull alpine:3.5")
        let cached = CachedObservation(docker)
        let before = docker.questions.withLock { $0 }
        for _ in 0..<5 { _ = try cached.image("alpine:3.5") }
        #expect(docker.questions.withLock { $0 } == before + 1)
    }

    @Test("waits for a registry only so long, even when it cannot be cancelled")
    func deadline() async throws {
        let late = DrydockError(.unavailable, "late")
        let stuck = Mutex<CheckedContinuation<Void, Never>?>(nil)
        await #expect(throws: late) {
            try await Deadline.answer(within: .milliseconds(50), orElse: late) { () async throws(DrydockError) in
                await withCheckedContinuation { continuation in stuck.withLock { $0 = continuation } }
            }
        }
        stuck.withLock { $0 }?.resume()
        let prompt = try await Deadline.answer(within: .seconds(5), orElse: late) { () async throws(DrydockError) in 7 }
        #expect(prompt == 7)
    }
}

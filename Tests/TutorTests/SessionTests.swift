import Diagnostics
import Engine
import Linux
import Synchronization
import SystemPackage
import Testing

@testable import Tutor

/// Whole sessions, on a fake engine, with real commands on real terminals. They block, so they run one at a time.
@Suite(.serialized)
struct SessionTests {
    @Test("The first start greets, tells who plays docker.io, makes an account, and shows the first goal")
    func firstStart() throws {
        let playground = try Playground()
        let first = playground.play("quit").output
        #expect(first.contains("Welcome to Drydock") && first.contains("docker.io is played by the practice hub"))
        #expect(first.contains("Goal: Have the image alpha."))
        let account = playground.hub.accounts.withLock { $0 }
        #expect(account.keys.sorted() == ["anab"])
        #expect(first.contains(account["anab"] ?? "?"))
        let second = playground.play("quit").output
        #expect(!second.contains("practice hub") && second.contains("Welcome back."))
        #expect(playground.hub.accounts.withLock { $0.count } == 1)
    }

    @Test("A step that is solved is celebrated and explained, and the next goal is shown")
    func solving() throws {
        let playground = try Playground()
        let output = playground.play("docker pull alpha\ndocker pull beta").output
        let parts = [
            "drydock> docker pull alpha", "pulled alpha", "Step done", "An image has layers.",
            "Goal: Have the image beta.", "drydock> docker pull beta", "You have finished the exercise",
        ]
        var rest = output[...]
        for part in parts {
            let range = try #require(rest.firstRange(of: part), "\(part) is missing in \(output)")
            rest = rest[range.upperBound...]
        }
        #expect(playground.play("progress").output.contains("2/2"))
    }

    @Test("A foreseen mistake gets its answer, and why tells what was looked at")
    func mistake() throws {
        let output = try Playground().play("docker pull omega\nwhy").output
        #expect(output.contains("That was omega."))
        #expect(output.contains("What the last check looked at"))
    }

    @Test("What is missing is told once, not after every command")
    func quietness() throws {
        let output = try Playground().play("docker ps\ndocker ps\nls\ncheck").output
        #expect(output.split(separator: "alpha is not here.", omittingEmptySubsequences: false).count - 1 == 2)
    }

    @Test("Pipes, substitutions and the shim work in the exercise's folder, and cd and export last")
    func shell() throws {
        let playground = try Playground()
        let output = playground.play(
            "echo $(docker ps) | tr a-z A-Z\npwd\ncd /\npwd\ncd\npwd\nexport NAME=x1\necho $NAME\nfalse\necho st $?"
        ).output
        #expect(output.contains("ONE TWO"))
        let folder = playground.root.appending("home/workspace/small").string
        #expect(output.contains("drydock> pwd\n\(folder)\n") && output.contains("drydock> pwd\n/\n"))
        #expect(output.contains("drydock> cd\ndrydock> pwd\n\(folder)\n"))
        #expect(output.contains("\nx1\n") && output.contains("\nst 1\n"))
    }

    @Test("Lines that begin with > are typed when the program asks, and its terminal is seen")
    func typing() throws {
        let output = try Playground().play("docker run -it alpha\n> first {{user}}\n> second").output
        #expect(output.contains("/ # first anab\ngot first anab\n/ # second\nthen second\n"))
    }

    @Test("A program that asks for more than the script has is told that there is no more")
    func endOfInput() throws {
        let output = try Playground().play("docker run -it alpha\n> first\necho after").output
        #expect(output.contains("got first") && output.contains("\nafter\n"))
    }

    @Test("Hints come one after the other, the solution is shown, a step can be skipped, and reset goes back")
    func help() throws {
        let playground = try Playground()
        let output = playground.play("hint\nhint\nsolution\nskip\ngoal\ndocker pull beta\nreset exercise\ngoal").output
        #expect(output.contains("Hint 1 of 2: Think.") && output.contains("Hint 2 of 2"))
        #expect(output.contains("    docker pull alpha"))
        #expect(output.contains("Skipped.") && output.contains("step 2 of 2"))
    }

    @Test("reset takes away what the step made")
    func reset() throws {
        let playground = try Playground()
        let output = playground.play("docker pull alpha\nstart small\nreset exercise").output
        #expect(output.contains("Back at the start."))
        #expect(!Files.exists(playground.root.appending("home/fake-images/alpha")))
        #expect(playground.play("goal").output.contains("step 1 of 2"))
    }

    @Test("French is kept, and everything is said in it")
    func french() throws {
        let playground = try Playground()
        #expect(playground.play("lang fr").output.contains("But : Avoir l'image alpha."))
        let output = playground.play("docker pull alpha\nexplain images").output
        #expect(output.contains("Étape réussie") && output.contains("Une image a des couches."))
    }

    @Test("A strict script ends with the status of the command that failed; another one goes on")
    func strict() throws {
        let playground = try Playground()
        let strict = playground.play("docker nonsense\necho after", strict: true)
        #expect(strict.status == 125 && !strict.output.contains("\nafter\n"))
        let lenient = playground.play("docker nonsense\necho after")
        #expect(lenient.status == 0 && lenient.output.contains("\nafter\n"))
    }

    @Test("A command that nobody knows is answered with what may have been meant")
    func suggestion() throws {
        #expect(try Playground().play("dokcer ps").output.contains("Did you mean: docker ps"))
    }

    @Test("explain last opens the last trace up, explain draws an image, topics are listed")
    func explanations() throws {
        let playground = try Playground()
        TraceFile(
            command: ["pull", "alpha"], status: 0,
            events: [
                TraceEvent(kind: .begin, span: 1, parent: 0, name: "pull", time: 0, facts: []),
                TraceEvent(
                    kind: .end, span: 1, parent: 0, name: "pull", time: 2_000_000,
                    facts: [TraceFact("size", .bytes(1_500_000))]),
            ]
        ).write(to: playground.configuration.home.traces)
        let output = playground.play("explain last\ndocker pull alpha\nexplain alpha\nexplain\nexplain nothing").output
        #expect(output.contains("pull the image  2 ms  size 1.5MB"))
        #expect(output.contains("The layers of the image alpha") && output.contains("1.5MB"))
        #expect(output.contains("I know no topic, image or container named nothing."))
    }
}

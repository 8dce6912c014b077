import Diagnostics
import Engine
import Lessons
import Linux
import SystemPackage
import Testing

@testable import Tutor

@Suite("The player")
struct PromptPlayerTests {
    /// Plays at a script that behaves like the prompt.
    private func play(_ body: (any PlayedSession, FilePath) async throws -> Void) async throws {
        let playground = try Playground()
        let root = playground.root.appending("plays")
        try Files.makeDirectories(root)
        let program = playground.root.appending("prompt")
        try AtomicFile.write(Array(Self.prompt.utf8), to: program, mode: [.ownerReadWriteExecute], durable: false)
        let player = PromptPlayer(
            root: root,
            surroundings: PromptPlayer.Surroundings(
                executable: program, environment: ["PATH": "/usr/bin:/bin", "USER": "ada", "TERM": "xterm"],
                fill: { _ in },
                observe: { (home) throws(DrydockError) in
                    EngineObservation(FakeEngine(home.path.appending("fake-images")))
                }))
        let library = try ContentLibrary(root: playground.configuration.content)
        let exercise = try #require(library.exercise("small"))
        let play = try await player.begin(exercise, in: .fr)
        do {
            try await body(play, root)
        } catch {
            await play.end()
            throw error
        }
        await play.end()
        #expect(try Files.names(in: root).isEmpty)
    }

    @Test("types what a learner types, waits for what comes, and leaves nothing behind")
    func plays() async throws {
        try await play { play, root in
            let home = root.appending(try #require(try Files.names(in: root).first))
            #expect(Files.line(home.appending("account")) == "learner \(play.learner.password ?? "") twice")
            #expect(try play.observation.image("alpha") == nil)
            #expect(try await play.play(.init("docker pull alpha")).status == 0)
            #expect(try play.observation.image("alpha") != nil)
            #expect(await play.hasShown(LocalizedText(en: "no", fr: "`alpha` est\nlà")))
            #expect(await !play.hasShown(LocalizedText(en: "alpha", fr: "omega")))
            #expect(try await play.play(.init("ask", input: ["one", "two"])).status == 7)
            #expect(await play.hasShown(LocalizedText(en: "", fr: "then two")))
        }
    }

    @Test("says what the terminal shows when a command ends too early, and when it ends the session")
    func failures() async throws {
        try await play { play, _ in
            let early = await #expect(throws: DrydockError.self) {
                try await play.play(.init("docker pull beta", input: ["never"]))
            }
            #expect(early?.message == "the command ended before “never” was typed")
            #expect(early?.reason?.contains("beta est là") == true)
        }
        try await play { play, _ in
            let ended = await #expect(throws: DrydockError.self) { try await play.play(.init("leave")) }
            #expect(ended?.message.hasPrefix("the session ended") == true)
        }
    }

    /// A prompt that asks for an account and knows a few commands.
    private static let prompt = #"""
        #!/bin/sh
        [ "$1 $2 $3" = "learn --lang fr" ] || exit 0
        stty -icanon
        printf "\#(Phrases.askUser("ada")[.fr])"; read -r user
        stty -echo
        printf "\#(Phrases.askPassword[.fr])"; read -r one
        printf "\n\#(Phrases.repeatPassword[.fr])"; read -r two
        stty echo
        [ "$one" = "$two" ] && echo "$user $one twice" > "$DRYDOCK_HOME/account"
        while :; do
            printf '\ndrydock> '; read -r line
            case "$line" in
            "docker pull "*)
                name=${line##* }
                mkdir -p "$DRYDOCK_HOME/fake-images"
                : > "$DRYDOCK_HOME/fake-images/$name"
                echo "$name est là."
                status=0 ;;
            ask)
                printf '/ # '; read -r one; echo "got $one"
                printf '\033[1mPassword:\033[0m '; stty -echo; read -r two; stty echo; echo "then $two"
                status=7 ;;
            leave) exit 0 ;;
            esac
            printf '\033]133;D;%s\007' "$status"
        done
        """#
}

import Diagnostics
import Engine
import Linux
import Synchronization
import SystemPackage

@testable import Tutor

/// A home, a small course and a docker command that is a script, for one test.
final class Playground: Sendable {
    let root: FilePath
    let configuration: TutorConfiguration
    let hub = FakeHub()
    private let shown = Mutex("")

    init(environment: [String: String] = [:]) throws {
        root = FilePath("/tmp/drydock-tutor-\(UInt64.random(in: .min ... .max))")
        let images = root.appending("home/fake-images")
        let docker = root.appending("drydock")
        try Files.makeDirectories(root.appending("home"))
        try Self.write(Self.docker, to: docker, isProgram: true)
        for (path, text) in Self.course { try Self.write(text, to: root.appending("content").pushing(FilePath(path))) }
        configuration = TutorConfiguration(
            home: Home(root.appending("home")), engine: FakeEngine(images), hub: hub,
            content: root.appending("content"), executable: docker,
            environment: ["PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"].merging(environment) { $1 },
            loginName: "Ana.B")
    }

    deinit { try? Files.removeTree(root) }

    /// Plays a script. - Returns: what was printed, and the exit status.
    func play(_ script: String, strict: Bool = false) -> (output: String, status: Int32) {
        shown.withLock { $0 = "" }
        let runner = ScriptRunner(configuration, strict: strict) { [self] text in shown.withLock { $0 += text } }
        let status = runner.run(script: script)
        return (shown.withLock { $0 }, status)
    }

    private static func write(_ text: String, to path: FilePath, isProgram: Bool = false) throws {
        try Files.makeDirectories(path.removingLastComponent())
        try AtomicFile.write(
            Array(text.utf8), to: path, mode: isProgram ? [.ownerReadWriteExecute] : [.ownerReadWrite], durable: false)
    }

    /// Stands in for `drydock docker …`: pulls by making a file, and has a program that asks.
    private static let docker = """
        #!/bin/sh
        shift
        case "$1" in
        pull) mkdir -p "$DRYDOCK_HOME/fake-images" && touch "$DRYDOCK_HOME/fake-images/$2" && echo "pulled $2" ;;
        image) shift 3; rm -f "$DRYDOCK_HOME/fake-images/$1" ;;
        ps) echo one; echo two ;;
        run) printf '/ # '; read -r line; echo "got $line"; printf '/ # '; read -r line; echo "then $line" ;;
        *) echo "unknown: $1" >&2; exit 125 ;;
        esac
        """

    private static let course = [
        "Lessons/small/en.md": """
        ---
        title: Small things
        summary: A short lesson.
        ---

        ## Images {#images}

        An image has **layers**.
        """,
        "Lessons/small/fr.md": """
        ---
        title: Petites choses
        summary: Une petite leçon.
        ---

        ## Images {#images}

        Une image a des **couches**.
        """,
        "Exercises/small/exercise.yaml": """
        id: small
        title: {en: A small exercise, fr: Un petit exercice}
        introduction: {en: Two pulls., fr: Deux pull.}
        lesson: small
        steps:
          - id: one
            goal: {en: Have the image alpha., fr: "Avoir l'image alpha."}
            check:
              - image: alpha
                now: {en: alpha is here., fr: alpha est là.}
                missing: {en: alpha is not here., fr: "alpha n'est pas là."}
            hints:
              - {en: Think., fr: Réfléchissez.}
              - {en: docker pull alpha, fr: docker pull alpha}
            solution: docker pull alpha
            mistakes:
              - id: wrong-image
                when:
                  - image: omega
                say: {en: That was omega., fr: "C'était omega."}
                try: docker pull omega
            explain:
              passage: images
          - id: two
            goal: {en: Have the image beta., fr: "Avoir l'image beta."}
            check:
              - image: beta
                now: {en: beta is here., fr: beta est là.}
                missing: {en: beta is not here., fr: "beta n'est pas là."}
            hints:
              - {en: Again., fr: Encore.}
              - {en: docker pull beta, fr: docker pull beta}
            solution: docker pull beta
        """,
    ]
}

/// A hub that keeps accounts in memory.
final class FakeHub: PracticeHub {
    let accounts = Mutex<[String: String]>([:])
    func ensureRunning() throws(DrydockError) -> String { "http://127.0.0.1:1" }
    func hasAccount(_ name: String) throws(DrydockError) -> Bool { accounts.withLock { $0[name] != nil } }
    func createAccount(_ name: String, password: String) throws(DrydockError) {
        accounts.withLock { $0[name] = password }
    }
    let removedTags = Mutex<[String]>([])
    func removeTag(_ reference: String) throws(DrydockError) { removedTags.withLock { $0.append(reference) } }
    func lease() throws(DrydockError) -> any Sendable { 0 }
    func prepare(_ span: Span) async throws(DrydockError) {}
}

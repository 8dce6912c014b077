import Foundation
import Testing

/// `drydock exercise` as authors use it. Everything about the two exercises that can be played (each solution twice, each
/// mistake, both languages) is played by `drydock exercise test Exercises`, which is the last step of `.ci/test`; here it
/// is the other user's turn, and what must not pass.
@Suite("Exercises at the real prompt", .serialized)
struct ExerciseTests {
    @Test("Every solution passes in both languages", arguments: Actor.available)
    func solutions(_ actor: Actor) throws {
        let it = try Drydock(actor)
        let report = it.home + "/report.xml"
        let played = it.drydock(
            ["exercise", "test", "--solutions", "--junit", report, "first-image", "share-image"], seconds: 600)
        #expect(played.status == 0, "\(played.all)")
        // Two exercises in two languages, and the files of two exercises and two lessons.
        #expect(played.output.contains("8 of 8 hold"), "\(played.output)")
        let xml = try String(contentsOfFile: report, encoding: .utf8)
        #expect(xml.contains("<testsuites tests=\"8\" failures=\"0\">"))
    }

    @Test("A mistake that is not recognised and a solution that does not solve fail, and leave nothing running")
    func unsound() throws {
        let it = try Drydock(Actor.available[0])
        let content = it.home + "/content"
        try write(
            content + "/Lessons/small/en.md", "---\ntitle: Small\nsummary: Small.\n---\n\n## One {#one}\n\nText.\n")
        try write(
            content + "/Lessons/small/fr.md", "---\ntitle: Petit\nsummary: Petit.\n---\n\n## Un {#one}\n\nTexte.\n")
        try write(content + "/Exercises/small/exercise.yaml", Self.unsoundExercise)
        #expect(it.drydock(["exercise", "lint", content]).status == 1)
        #expect(it.drydock(["exercise", "lint", "--accept-translations", content]).status == 0)
        let played = it.drydock(["exercise", "test", "--tap", "--lang", "fr", "--repeats", "1", content])
        #expect(played.status == 1)
        #expect(played.output.contains("ok 4 - small - fetch - solution"), "\(played.output)")
        #expect(played.output.contains("not ok 5 - small - fetch - also 1\n# the step is not solved"))
        #expect(played.output.contains("not ok 6 - small - fetch - mistake other\n# recognised: nothing"))
        let left = Bench.run(["sh", "-c", "pgrep -af 'hub serve.*drydock-test-[0-9]' || true"])
        #expect(left.output.isEmpty)
        let other = it.drydock(["exercise", "test", "nothing-like-that"])
        #expect(other.status != 0 && other.errors.contains("there is no exercise nothing-like-that"))
    }

    @Test("reset takes an image out of the registry again")
    func reset() throws {
        let it = try Drydock(Actor.available[0])
        let played = it.drydock(["run-script", "-"], input: Self.sharing)
        #expect(played.output.contains("Step done"), "\(played.all)")
        let parts = played.output.components(separatedBy: "reset exercise")
        #expect(parts.count == 2 && parts[0].contains("Share an image, step 4 of 5"), "\(played.output)")
        #expect(played.errors.contains("manifest unknown"))
    }

    private func write(_ path: String, _ text: String) throws {
        let folder = URL(filePath: path).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    private static let unsoundExercise = """
        id: small
        title: {en: Small, fr: Petit}
        introduction: {en: A pull., fr: Un pull.}
        lesson: small
        images: [busybox]
        steps:
          - id: fetch
            goal: {en: Have busybox., fr: Avoir busybox.}
            check:
              - image: busybox
                now: {en: It is here., fr: Elle est là.}
                missing: {en: It is not here., fr: "Elle n'est pas là."}
            hints:
              - {en: Think., fr: Réfléchissez.}
              - {en: docker pull busybox, fr: docker pull busybox}
            solution: docker pull busybox
            also: [docker pull hello-world]
            mistakes:
              - id: other
                when: [{image: "alpine:3.7"}]
                say: {en: That is alpine., fr: "C'est alpine."}
                try: docker pull hello-world

        """

    private static let sharing = """
        docker image pull -q alpine:3.5
        docker run --name node_ctn alpine:3.5 apk add --update nodejs
        docker commit node_ctn mynodejs
        docker run --rm mynodejs node --version
        docker tag mynodejs {{user}}/nodejs:1.0
        docker login -u {{user}} -p {{password}}
        docker push -q {{user}}/nodejs:1.0
        reset exercise
        docker pull {{user}}/nodejs:1.0

        """
}

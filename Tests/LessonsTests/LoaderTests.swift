import Diagnostics
import Engine
import SystemPackage
import Testing

@testable import Lessons

@Suite("The loader")
struct LoaderTests {
    @Test("reads facts with every way to compare a value")
    func facts() throws {
        let (read, problems) = exercise(
            """
                check:
                  - container: c
                    where:
                      State.Status: {in: [exited, dead]}
                      State.ExitCode: {min: 0, max: 3}
                      Image: {image: "alpine:3.5"}
                      Args: [--version]
                      Name: {not: {matches: '^/x'}}
                      Mounts: {count: 0}
                      Config.Tty: true
                  - changed: {container: c, path: /usr/bin/node, kind: added}
                  - file: {image: i, path: /a, layer: 2}
                  - registry: {repository: a/b, tag: 1.0, same-as: i}
                  - {no: {container: c}, mode: edge}
            """)
        #expect(problems == [])
        let facts = try #require(read).steps[0].check.facts
        #expect(
            facts[0].subject
                == .container(
                    "c",
                    where: [
                        Condition("State.Status", .oneOf([.equals("exited"), .equals("dead")])),
                        Condition("State.ExitCode", .range(min: 0, max: 3)),
                        Condition("Image", .image("alpine:3.5")),
                        Condition("Args", .equals(["--version"])),
                        Condition("Name", .not(.matches("^/x"))),
                        Condition("Mounts", .count(.equals(0))),
                        Condition("Config.Tty", .equals(true)),
                    ]))
        #expect(facts[1].subject == .changed(container: "c", path: "/usr/bin/node", kind: .added))
        #expect(facts[2].subject == .file(image: "i", path: "/a", layer: .index(2)))
        #expect(facts[3].subject == .registry(repository: "a/b", tag: "1.0", sameAs: "i"))
        #expect(facts[4].subject == .no(.container("c", where: [])) && facts[4].mode == .edge)
    }

    @Test(
        "names the line and what is expected there",
        arguments: [
            ("    check:\n      - contaner: c", 12, "the key \"contaner\" is not known here"),
            ("    check:\n      - container: c\n        image: i", 12, "exactly one of"),
            ("    check:\n      - file: {image: i, path: bin/x}", 12, "expected an absolute path"),
            ("    check:\n      - container: c\n        where: {A: {matches: '('}}", 13, "not a regular expression"),
            ("    check:\n      - container: c\n        mode: sometimes", 13, "expected level or edge"),
            ("    check:\n      - no: {container: c}", 12, "must be preceded by one that sees it"),
            ("    check:\n      - command: {exit: 0}", 12, "only be asked about in a mistake"),
            ("    check: [{container: '{{who}}'}]", 7, "{{who}} is not one of the exercise's vars"),
            ("    check: [{container: c}]\n    needs: [later]", 7, "which is not an earlier step"),
            ("    check: []", 7, "at least one fact"),
            ("    check: [{container: c}]\n    reset: [{container: a, image: b}]", 12, "exactly one of"),
            (
                "    check: [{container: c}]\n    mistakes: [{id: m, when: [{image: i}], say: {en: x}, try: a}]", 12,
                "\"fr\" is missing"
            ),
            ("    check: [{container: c}]\n    check: [{container: c}]", 0, "is given twice"),
            ("    check: [{container: c}\n", 0, "not valid YAML"),
        ])
    func errors(step: String, line: Int, expected: String) {
        let problems = exercise(step).problems
        #expect(
            problems.contains { $0.message.contains(expected) && (line == 0 || $0.place.line == line) },
            Comment(rawValue: problems.map(\.description).joined(separator: "\n")))
    }

    @Test("reads transcripts: lines for the prompt, and lines for the terminal of what they start")
    func transcripts() {
        let transcript = Transcript(parsing: "docker run -it x\n> ls -l\n>exit\n\ndocker ps\n")
        #expect(
            transcript?.commands == [.init("docker run -it x", input: ["ls -l", "exit"]), .init("docker ps")])
        #expect(transcript?.lines == ["docker run -it x", "> ls -l", "> exit", "docker ps"])
        #expect(Transcript(parsing: "> ls") == nil)
    }

    @Test("reads lessons by passage and heading, and says where a passage has no name")
    func lessons() throws {
        let reader = LessonReader(file: "en.md")
        let text = try #require(
            reader.lesson(
                "---\ntitle: T\nsummary: S\n---\n\n## One thing {#one}\nText\n```\n## no heading\n```\n## Two\nx\n"))
        #expect(text.title == "T" && text.passages.map(\.id) == ["one", "two"])
        #expect(text.passage("ONE THING")?.body.hasPrefix("Text") == true)
        #expect(reader.yaml.problems.map(\.place.line) == [11])
    }

    @Test("notices that one language has changed and the other has not")
    func translations() throws {
        var texts = ["a": LocalizedText(en: "one", fr: "un"), "b": LocalizedText(en: "two", fr: "deux")]
        let record = try TranslationRecord(parsing: TranslationRecord(of: texts).text)
        #expect(record.outdated(texts).isEmpty)
        texts["a"] = LocalizedText(en: "ONE", fr: "un")
        texts["b"] = LocalizedText(en: "TWO", fr: "DEUX")
        let outdated = record.outdated(texts)
        #expect(outdated.map(\.key) == ["a"] && outdated.first?.outdated == [.fr])
    }

    @Test("reports stray files, missing languages and unknown lessons of a whole folder")
    func folder() async throws {
        try await withDirectory { root in
            try write(
                "---\ntitle: T\nsummary: S\n---\n## A {#a}\nx [y](z.png)\n", to: root.appending("Lessons/l/en.md"))
            try write("", to: root.appending("Lessons/l/stray.txt"))
            try write("id: x\n", to: root.appending("Exercises/x/exercise.yaml"))
            let problems = ContentLint.problems(root: root).map(\.description)
            for expected in [
                "Lessons/l/fr.md: the file is missing", "Lessons/l/stray.txt: nothing uses this file",
                "en.md:5: the file z.png does not exist", "Exercises/x/exercise.yaml:1: \"steps\" is missing",
            ] {
                #expect(problems.contains { $0.contains(expected) }, "\(expected) in \(problems)")
            }
            #expect(throws: DrydockError.self) { try ContentLibrary(root: root) }
        }
    }
}

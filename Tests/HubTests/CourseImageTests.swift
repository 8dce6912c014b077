import Diagnostics
import SystemPackage
import Testing

@testable import Hub

@Suite("Course images")
struct CourseImageTests {
    @Test("the hello program is a static ELF file that prints its greeting and ends well")
    func hello() throws {
        let scratch = try CourseScratch()
        let file = scratch.path.appending("hello")
        try HostFiles.write(file, HelloProgram.elf, mode: 0o755)
        let outcome = try HostCommand(file.string).run()
        #expect(outcome.status == 0)
        #expect(outcome.text == HelloProgram.greeting)
        #expect(HelloProgram.elf.count < 2048)
        #expect(SharedLibraries(elf: HelloProgram.elf) == nil)
    }

    @Test(
        "times are written as RFC 3339 has them",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (951_827_696, "2000-02-29T12:34:56Z"), (1_795_219_200, "2026-11-21T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"), (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] as [(Int64, String)])
    func times(seconds: Int64, text: String) { #expect(CourseImageBuilder.rfc3339(seconds) == text) }

    @Test("only the images of the course are offered")
    func offers() {
        #expect(PracticeHubContent.offers(repository: "library/alpine", tag: "3.5"))
        #expect(PracticeHubContent.offers(repository: "library/ubuntu", tag: "18.04"))
        #expect(PracticeHubContent.offers(repository: "library/debian", tag: "bookworm"))
        #expect(!PracticeHubContent.offers(repository: "library/alpine", tag: "9.9"))
        #expect(!PracticeHubContent.offers(repository: "library/nginx", tag: "latest"))
    }

    @Test("a tree gets the directories that it lacks, each before what is in it")
    func tree() {
        let tree = TreeEntry.complete([
            TreeEntry("a/b/c", text: "x"), TreeEntry("a-b", text: "y"), TreeEntry("a/b", .directory, mode: 0o700),
        ])
        #expect(tree.map(\.path) == ["a", "a/b", "a/b/c", "a-b"])
        #expect(tree[1].mode == 0o700)
    }

    @Test("the base layout has what a shell and a package manager need, with the usual modes")
    func layout() {
        func mode(_ path: String) -> UInt32? { AlpineTree.layout.first { $0.path == path }?.mode }
        #expect(mode("tmp") == 0o1777)
        #expect(mode("root") == 0o700)
        #expect(mode("etc/shadow") == 0o640)
        #expect(mode("lib/apk/db") == 0o755)
    }

    @Test("the shell sources in the binary are those that busybox can run")
    func resources() {
        #expect(String(decoding: PackageResources.apk_sh, as: UTF8.self).hasPrefix("#!/bin/sh\n# apk"))
        #expect(String(decoding: PackageResources.cowsay_sh, as: UTF8.self).hasPrefix("#!/bin/sh\n# cowsay"))
    }
}

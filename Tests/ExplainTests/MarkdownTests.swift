import Testing

@testable import Explain

struct MarkdownTests {
    @Test("Headings lose their marks and the name in braces")
    func headings() {
        #expect(Markdown.parse("## Layers {#layers}").blocks == [.heading(level: 2, [.text("Layers")])])
    }

    @Test("Lines of a paragraph flow together; an empty line parts two")
    func paragraphs() {
        #expect(
            Markdown.parse("one\ntwo\n\nthree").blocks == [
                .paragraph([.text("one two")]), .paragraph([.text("three")]),
            ])
    }

    @Test("Running text has strong, emphasised and code parts, and links")
    func inlines() {
        #expect(
            Markdown.inlines("a **b c** *d* `e *f*` [g](https://h) \\*") == [
                .text("a "), .strong("b c"), .text(" "), .emphasis("d"), .text(" "), .code("e *f*"), .text(" "),
                .link("g", address: "https://h"), .text(" *"),
            ])
    }

    @Test("An underscore within a word is a character like any other")
    func underscores() {
        #expect(Markdown.inlines("node_ctn and my_image_x") == [.text("node_ctn and my_image_x")])
    }

    @Test("Fenced and indented code is kept as it is")
    func code() {
        #expect(
            Markdown.parse("```sh\ndocker ps\n  -a\n```\n\n    x\n      y\n\nz").blocks == [
                .code(["docker ps", "  -a"]), .code(["x", "  y"]), .paragraph([.text("z")]),
            ])
    }

    @Test("Lists hold paragraphs and lists")
    func lists() {
        let blocks = Markdown.parse("- one\n  more\n- two\n  - inner\n\n1. first\n2. second").blocks
        #expect(
            blocks == [
                .list(
                    [
                        Document([.paragraph([.text("one more")])]),
                        Document([
                            .paragraph([.text("two")]), .list([Document([.paragraph([.text("inner")])])], start: nil),
                        ]),
                    ], start: nil),
                .list(
                    [Document([.paragraph([.text("first")])]), Document([.paragraph([.text("second")])])], start: 1),
            ])
    }

    @Test("Tables have headings and rows, quotes hold blocks")
    func tables() {
        #expect(
            Markdown.parse("| a | b |\n|---|:-:|\n| `1` | 2 |\n\n> said").blocks == [
                .table(headings: ["a", "b"], rows: [["1", "2"]]), .quote(Document([.paragraph([.text("said")])])),
            ])
    }

    @Test(
        "What is not understood is running text, and nothing loops",
        arguments: ["*", "**a", "[x](", "`", "|", "1.", "#"])
    func oddities(_ text: String) {
        #expect(Markdown.parse(text).blocks.count == 1)
    }
}

import Diagnostics

/// Reads a lesson's `en.md` or `fr.md`: front matter (`title`, `summary`), then passages under `## Heading {#id}`.
struct LessonReader {
    let yaml: YAMLReader

    init(file: String) { yaml = YAMLReader(file: file) }

    func lesson(_ text: String) -> LessonText? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.first?.trimmed == "---", let end = lines.dropFirst().firstIndex(where: { $0.trimmed == "---" })
        else {
            yaml.problem(line: 1, "", "expected front matter between two lines of ---, with title and summary")
            return nil
        }
        // The empty first line keeps the line numbers right.
        let front = "\n" + lines[1..<end].joined(separator: "\n")
        guard let root = yaml.root(of: front),
            let fields = yaml.fields(root, known: ["title", "summary"], required: ["title", "summary"])
        else { return nil }
        var passages: [Passage] = []
        var body: [String] = []
        var inCode = false
        func close() {
            guard !passages.isEmpty else { return }
            passages[passages.count - 1].body = body.joined(separator: "\n").trimmed
            body = []
        }
        for (index, line) in lines.enumerated().dropFirst(end + 1) {
            if line.hasPrefix("```") { inCode.toggle() }
            guard !inCode, line.hasPrefix("## ") else {
                if passages.isEmpty, !line.trimmed.isEmpty {
                    yaml.problem(line: index + 1, "", "text before the first heading (##) belongs to no passage")
                }
                body.append(line)
                continue
            }
            close()
            let (heading, id) = Self.heading(String(line.dropFirst(3)))
            if id == nil {
                yaml.problem(
                    line: index + 1, "", "expected the passage's name after the heading: ## \(heading) {#name}")
            }
            let name = id ?? heading.lowercased()
            if passages.contains(where: { $0.id == name }) {
                yaml.problem(line: index + 1, "", "another passage is called \(name) too")
            }
            passages.append(Passage(id: name, heading: heading, body: "", line: index + 1))
        }
        close()
        for passage in passages where passage.body.isEmpty {
            yaml.problem(line: passage.line, "", "the passage \(passage.id) has no text")
        }
        return LessonText(
            title: yaml.text(fields["title"]) ?? "", summary: yaml.text(fields["summary"]) ?? "", passages: passages)
    }

    private static func heading(_ text: String) -> (heading: String, id: String?) {
        guard let open = text.firstRange(of: "{#"), let close = text[open.upperBound...].firstIndex(of: "}")
        else { return (text.trimmed, nil) }
        return (text[..<open.lowerBound].trimmed, text[open.upperBound..<close].trimmed.lowercased())
    }
}

/// The text of `--help`, laid out as Docker does.
struct HelpText {
    let table: CommandTable
    /// The columns of the terminal.
    let width: Int

    /// The help of a path; the empty path is `docker` itself.
    func text(for path: [String]) -> String {
        guard let first = path.first else { return main }
        if let spec = table.command(at: path) { return command(spec, spec.properPath(path)) }
        return group(first)
    }

    /// `docker image ls [OPTIONS] [REPOSITORY[:TAG]]`
    static func usageLine(_ spec: CommandSpec, _ path: [String]) -> String {
        let line = "docker " + path.joined(separator: " ")
        return spec.usage.isEmpty ? line : "\(line) \(spec.usage)"
    }

    private var main: String {
        let members = table.members(of: nil)
        var text = "Usage:  docker [OPTIONS] COMMAND\n\nA self-sufficient runtime for containers\n\nCommon Commands:\n"
        for name in table.common {
            if let member = members.first(where: { $0.name == name }) { text += entry(name, member.spec.summary) }
        }
        text += "\nManagement Commands:\n"
        for group in table.groups.sorted(by: { $0.name < $1.name }) {
            text += entry(group.name, group.summary)
        }
        text += "\nCommands:\n"
        for member in members where !table.common.contains(member.name) {
            text += entry(member.name, member.spec.summary)
        }
        text += "\nGlobal Options:\n" + options(HelpText.globalFlags)
        return text + """

            Run 'docker COMMAND --help' for more information on a command.

            For more help on how to use Docker, head to https://docs.docker.com/go/guides/

            """
    }

    /// The flags that stand before a command.
    static let globalFlags = [
        Flag("config", nil, .string, "Location of client config files"),
        Flag("context", "c", .string, "Name of the context to use: \"default\" is the only one"),
        Flag("debug", "D", "Enable debug mode"),
        Flag("log-level", "l", .string, "Set the logging level (\"debug\", \"info\", \"warn\", \"error\", \"fatal\")"),
        Flag("version", "v", "Print version information and quit"),
    ]

    private func group(_ name: String) -> String {
        let group = table.group(name)
        let about = group?.description ?? group?.summary ?? ""
        var text = "Usage:  docker \(name) COMMAND\n\n\(about)\n\nCommands:\n"
        for member in table.members(of: name) { text += entry(member.name, member.spec.summary) }
        return text + "\nRun 'docker \(name) COMMAND --help' for more information on a command.\n"
    }

    private func command(_ spec: CommandSpec, _ path: [String]) -> String {
        var text = "Usage:  \(HelpText.usageLine(spec, path))\n\n\(spec.description ?? spec.summary)\n"
        if !spec.aliases.isEmpty {
            let names = spec.paths.map { "docker " + $0.joined(separator: " ") }
            text += "\nAliases:\n  \(names.joined(separator: ", "))\n"
        }
        if !spec.flags.isEmpty { text += "\nOptions:\n" + options(spec.flags) }
        return text
    }

    private func entry(_ name: String, _ summary: String) -> String {
        "  \(name)\(String(repeating: " ", count: max(1, 12 - name.count)))\(summary)\n"
    }

    /// The list of flags: names in one column, texts wrapped in the next (the layout of Go's `pflag`).
    func options(_ flags: [Flag]) -> String {
        var left: [String] = []
        var right: [String] = []
        for flag in flags.sorted(by: { $0.name < $1.name }) where !flag.isHidden {
            let names = flag.letter.map { "  -\($0), --\(flag.name)" } ?? "      --\(flag.name)"
            left.append(flag.typeName.isEmpty ? names : "\(names) \(flag.typeName)")
            right.append(flag.shownPreset.map { "\(flag.help) (default \($0))" } ?? flag.help)
        }
        let indent = (left.map(\.count).max() ?? 0) + 3
        var text = ""
        for (name, help) in zip(left, right) {
            let gap = String(repeating: " ", count: indent - name.count)
            text += name + gap + HelpText.wrap(help, indent: indent, width: width - 1) + "\n"
        }
        return text
    }

    /// Breaks text into lines that fit behind an indent; a last short word may stand out by five columns.
    static func wrap(_ text: String, indent: Int, width: Int) -> String {
        let slop = 5
        var indent = indent
        var result = ""
        if width - indent < 24 {
            indent = 16
            result = "\n" + String(repeating: " ", count: indent)
        }
        let margin = "\n" + String(repeating: " ", count: indent)
        let room = max(24, width - indent) - slop
        var lines: [Substring] = []
        var rest = Substring(text)
        repeat {
            let (line, remainder) = firstLine(of: rest, room: room, slop: slop)
            lines.append(line)
            rest = remainder
        } while !rest.isEmpty
        let pieces = lines.flatMap { $0.split(separator: "\n", omittingEmptySubsequences: false) }
        return result + pieces.joined(separator: margin)
    }

    private static func firstLine(
        of text: Substring, room: Int, slop: Int
    ) -> (line: Substring, rest: Substring) {
        guard text.count >= room + slop else { return (text, "") }
        let head = text.prefix(room)
        guard let space = head.lastIndex(where: { $0 == " " || $0 == "\t" || $0 == "\n" }), space > head.startIndex
        else { return (text, "") }
        let newline = head.lastIndex(of: "\n")
        let cut = newline.flatMap { $0 > head.startIndex && $0 < space ? $0 : nil } ?? space
        return (text[..<cut], text[text.index(after: cut)...])
    }
}

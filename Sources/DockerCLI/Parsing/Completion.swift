/// Completes a word of a command line from the table.
struct Completion {
    let table: CommandTable

    /// What can stand at a place: words, and kinds of names.
    struct Candidates: Equatable {
        var words: [String] = []
        var kinds: [CompletionKind] = []
    }

    /// What fits behind these words.
    func candidates(_ words: [String], current: String) -> Candidates {
        var rest = words[...]
        while let first = rest.first, first.hasPrefix("-") { rest = rest.dropFirst() }
        guard let first = rest.popFirst() else {
            if current.hasPrefix("-") { return Candidates(words: ["--help", "--version"]) }
            return Candidates(words: table.names(below: nil) + ["help"])
        }
        if first == "help" { return help(rest) }
        var path = [first]
        if table.group(first) != nil {
            guard let second = rest.popFirst() else { return Candidates(words: table.names(below: first)) }
            path.append(second)
        }
        guard let spec = table.command(at: path) else { return Candidates() }
        return command(spec, rest, current)
    }

    private func help(_ words: ArraySlice<String>) -> Candidates {
        guard let group = words.first else { return Candidates(words: table.names(below: nil)) }
        return words.count == 1 && table.group(group) != nil
            ? Candidates(words: table.names(below: group)) : Candidates()
    }

    private func command(_ spec: CommandSpec, _ words: ArraySlice<String>, _ current: String) -> Candidates {
        var place = 0
        var waiting: Flag?
        var flagsEnded = false
        for word in words {
            if waiting != nil {
                waiting = nil
            } else if !flagsEnded, word == "--" {
                flagsEnded = true
            } else if !flagsEnded, word.hasPrefix("-"), word.count > 1 {
                waiting = flagThatWaits(spec, word)
            } else {
                place += 1
                if !spec.interspersed { flagsEnded = true }
            }
        }
        if let waiting { return values(of: waiting, prefix: "") }
        if !flagsEnded, current.hasPrefix("-") {
            let parts = current.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, let flag = spec.flag(named: String(parts[0].dropFirst(2))) {
                return values(of: flag, prefix: parts[0] + "=")
            }
            return Candidates(words: spec.flags.filter { !$0.isHidden }.map { "--" + $0.name } + ["--help"])
        }
        return operand(spec, place)
    }

    private func operand(_ spec: CommandSpec, _ place: Int) -> Candidates {
        if spec.operands.indices.contains(place) { return Candidates(kinds: kinds(spec.operands[place], spec)) }
        guard case .atLeast = spec.arity, let last = spec.operands.last else { return Candidates() }
        return spec.interspersed ? Candidates(kinds: kinds(last, spec)) : Candidates(kinds: [.file])
    }

    /// `inspect` takes any object.
    private func kinds(_ kind: CompletionKind, _ spec: CommandSpec) -> [CompletionKind] {
        spec.path == ["inspect"] ? [.container, .image] : [kind]
    }

    private func values(of flag: Flag, prefix: String) -> Candidates {
        Candidates(words: flag.values.map { prefix + $0 }, kinds: prefix.isEmpty ? flag.names.map { [$0] } ?? [] : [])
    }

    /// The flag at the end of a word, where its value is the next word.
    private func flagThatWaits(_ spec: CommandSpec, _ word: String) -> Flag? {
        if word.hasPrefix("--") {
            guard !word.contains("="), let flag = spec.flag(named: String(word.dropFirst(2))) else { return nil }
            return flag.kind == .bool ? nil : flag
        }
        var letters = word.dropFirst()
        while let letter = letters.popFirst() {
            guard let flag = spec.flag(lettered: letter) else { return nil }
            if flag.kind != .bool { return letters.isEmpty ? flag : nil }
        }
        return nil
    }
}

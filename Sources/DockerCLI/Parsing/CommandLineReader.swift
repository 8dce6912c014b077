import Diagnostics

/// Finds the command that some arguments mean, and reads its flags.
struct CommandLineReader {
    /// What the arguments mean.
    enum Meaning {
        /// Run this command.
        case run(Invocation)
        /// Print the help of a path; the empty path is `docker` itself.
        case help(path: [String], toErrors: Bool, deprecatedLetter: Bool)
        /// `docker --version`
        case version
        /// Wrong usage.
        case wrong(Failure)
    }

    let table: CommandTable

    /// Reads the words after `docker`.
    func read(_ words: [String]) -> Meaning {
        var rest = words[...]
        var config: String?
        while let word = rest.first, word.hasPrefix("-"), word != "-" {
            switch word {
            case "--help": return .help(path: [], toErrors: false, deprecatedLetter: false)
            case "-h": return .help(path: [], toErrors: false, deprecatedLetter: true)
            case "-v", "--version": return .version
            case "-D", "--debug", "--debug=true", "--debug=false": rest.removeFirst()
            default:
                guard let flag = GlobalFlag(word) else { return .wrong(wrongGlobalFlag(word)) }
                rest.removeFirst()
                guard let value = flag.value ?? rest.popFirst() else {
                    let message = word.hasPrefix("--") ? word : "'\(word.suffix(1))' in \(word)"
                    return .wrong(
                        .usage(
                            WrongUsage(
                                message: "flag needs an argument: \(message)", path: [],
                                synopsis: "docker [OPTIONS] COMMAND [ARG...]", status: 125)))
                }
                if let failure = flag.problem(value) { return .wrong(failure) }
                if flag.name == "config" { config = value }
            }
        }
        let meaning = command(rest)
        guard let config, case .run(var invocation) = meaning else { return meaning }
        invocation.configDirectory = config
        return .run(invocation)
    }

    /// Reads what follows the global flags.
    private func command(_ words: ArraySlice<String>) -> Meaning {
        var rest = words
        guard let first = rest.popFirst() else { return .help(path: [], toErrors: true, deprecatedLetter: false) }
        if first == "help" { return help(of: Array(rest)) }
        if table.group(first) != nil { return member(of: first, rest) }
        guard let spec = table.command(at: [first]) else { return unknown(first, rest) }
        return command(spec, [first], rest)
    }

    private func help(of path: [String]) -> Meaning {
        let path = path.filter { !$0.hasPrefix("-") }
        if let known = knownPath(path) { return .help(path: known, toErrors: false, deprecatedLetter: false) }
        return .wrong(.message("unknown help topic: \(path.last ?? "")"))
    }

    private func knownPath(_ path: [String]) -> [String]? {
        if path.isEmpty || table.command(at: path) != nil { return path }
        return path.count == 1 && table.group(path[0]) != nil ? path : nil
    }

    private func member(of group: String, _ words: ArraySlice<String>) -> Meaning {
        var rest = words
        guard let name = rest.popFirst() else { return .help(path: [group], toErrors: true, deprecatedLetter: false) }
        if name.hasPrefix("-") {
            if name == "--help" || name == "-h" {
                return .help(path: [group], toErrors: false, deprecatedLetter: name == "-h")
            }
            return .wrong(wrongFlag(name, path: [group], synopsis: "docker \(group)"))
        }
        guard let spec = table.command(at: [group, name]) else {
            if rest.contains("--help") { return .help(path: [group], toErrors: false, deprecatedLetter: false) }
            return .wrong(unknown([group, name], synopsis: "docker \(group)"))
        }
        return command(spec, spec.properPath([group, name]), rest)
    }

    private func unknown(_ name: String, _ rest: ArraySlice<String>) -> Meaning {
        if rest.contains("--help") { return .help(path: [], toErrors: false, deprecatedLetter: false) }
        return .wrong(unknown([name], synopsis: ""))
    }

    private func unknown(_ path: [String], synopsis: String) -> Failure {
        let line = "docker " + path.joined(separator: " ")
        let group = path.dropLast()
        var wrong = WrongUsage(
            message: "docker: unknown command: \(line)", path: Array(group), synopsis: synopsis, status: 1)
        if table.missing.contains(path) {
            wrong.reason = "Docker has this command; it is not here yet."
        } else if let near = Spelling.nearest(to: path.last ?? "", among: table.names(below: group.first)) {
            wrong.remedy = (["docker"] + group + [near]).joined(separator: " ")
        }
        return .usage(wrong)
    }

    private func command(_ spec: CommandSpec, _ path: [String], _ words: ArraySlice<String>) -> Meaning {
        var parser = FlagParser(spec: spec, words: words)
        var wrong = WrongUsage(message: "", path: path, synopsis: HelpText.usageLine(spec, path), status: 125)
        do throws(FlagParser.Stop) {
            try parser.parse()
        } catch {
            switch error {
            case .help(let deprecated): return .help(path: path, toErrors: false, deprecatedLetter: deprecated)
            case .wrong(let message):
                wrong.message = message
                let unknown = "unknown flag: --"
                if message.hasPrefix(unknown) {
                    let name = String(message.dropFirst(unknown.count))
                    wrong.remedy = Spelling.nearest(to: name, among: spec.flags.map(\.name)).map { "--" + $0 }
                }
                return .wrong(.usage(wrong))
            case .missing(let name) where Flags.windowsOnly.contains(name):
                let message =
                    "\"--\(name)\" is only supported on a Docker daemon running on windows, but the Docker daemon is "
                    + "running on linux"
                return .wrong(.client(DrydockError(.unsupported, message)))
            case .missing(let name):
                return .wrong(
                    .client(
                        DrydockError(
                            .unsupported, "docker: --\(name) is not supported here yet",
                            reason: "Docker has this flag; Drydock does not have it yet.", exitStatus: 125)))
            }
        }
        var invocation = Invocation(spec: spec, path: path)
        invocation.given = parser.given
        invocation.arguments = parser.arguments
        if let problem = arityProblem(spec.arity, parser.arguments.count) {
            wrong.message = "docker: '\(invocation.commandLine)' \(problem.message)"
            wrong.hint = problem.hint
            wrong.status = 1
            return .wrong(.usage(wrong))
        }
        return .run(invocation)
    }

    private func arityProblem(_ arity: CommandSpec.Arity, _ count: Int) -> (message: String, hint: String)? {
        func plural(_ count: Int) -> String { count == 1 ? "1 argument" : "\(count) arguments" }
        switch arity {
        case .none: return count == 0 ? nil : ("accepts no arguments", "Run")
        case .exactly(let wanted): return count == wanted ? nil : ("requires \(plural(wanted))", "Run")
        case .atLeast(let least): return count >= least ? nil : ("requires at least \(plural(least))", "See")
        case .atMost(let most): return count <= most ? nil : ("requires at most \(plural(most))", "Run")
        case .between(let least, let most):
            let fits = count >= least && count <= most
            return fits ? nil : ("requires at least \(least) and at most \(plural(most))", "Run")
        }
    }

    private func wrongGlobalFlag(_ word: String) -> Failure {
        wrongFlag(word, path: [], synopsis: "docker [OPTIONS] COMMAND [ARG...]")
    }

    private func wrongFlag(_ word: String, path: [String], synopsis: String) -> Failure {
        let name = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).first ?? ""
        let letter = word.dropFirst().first ?? "-"
        let message =
            word.hasPrefix("--") ? "unknown flag: \(name)" : "unknown shorthand flag: '\(letter)' in \(word)"
        return .usage(WrongUsage(message: message, path: path, synopsis: synopsis, status: 125))
    }
}

import Diagnostics
import Engine

/// A command whose arguments have been read.
struct Invocation: Sendable {
    /// The command.
    let spec: CommandSpec
    /// The path that was typed: `ps`, `container ls`.
    let path: [String]
    /// The values of the flags that were given, in order.
    var given: [String: [String]] = [:]
    /// The arguments.
    var arguments: [String] = []
    /// The directory of `docker --config DIR`, as it was typed.
    var configDirectory: String?
    /// What the command is traced under.
    var span = Span.none

    /// `docker container ls`
    var commandLine: String { "docker " + path.joined(separator: " ") }

    /// Whether a flag was given at all.
    func isGiven(_ name: String) -> Bool { given[name] != nil }

    /// The truth value of a flag.
    func bool(_ name: String) -> Bool { (value(name) ?? "false") == "true" }

    /// The text of a flag; nil where it was not given and has no preset.
    func string(_ name: String) -> String? { value(name) }

    /// The number of a flag.
    func int(_ name: String) -> Int? { value(name).flatMap { Int($0) } }

    /// The span of time of a flag: nanoseconds, 0 where it was not given.
    func nanoseconds(_ name: String) -> Int64 {
        guard let text = value(name), text != "0" else { return 0 }
        let isNegative = text.hasPrefix("-")
        let seconds = HumanUnits.seconds(ofGoDuration: isNegative ? String(text.dropFirst()) : text) ?? 0
        return Int64((isNegative ? -seconds : seconds) * 1e9)
    }

    /// All values of a repeated flag.
    func list(_ name: String) -> [String] {
        assert(spec.flag(named: name) != nil, "undeclared flag \(name)")
        return given[name] ?? []
    }

    /// The filters of `--filter`.
    var filters: Filters {
        var filters: Filters = [:]
        for item in list("filter") {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            filters[trimmed(parts[0]).lowercased(), default: []].append(trimmed(parts[1]))
        }
        return filters
    }

    /// What this invocation needs: asking for sizes means reading the containers' files.
    var needs: DockerCommand.Needs {
        var needs = spec.needs
        if spec.flag(named: "size") != nil, bool("size") { needs.identityMap = true }
        return needs
    }

    private func value(_ name: String) -> String? {
        let flag = spec.flag(named: name)
        assert(flag != nil, "undeclared flag \(name)")
        return given[name]?.last ?? flag?.preset
    }
}

/// Text without the white space around it.
func trimmed(_ text: some StringProtocol) -> String {
    var rest = Substring(text)
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return String(rest)
}

import Diagnostics

/// Reads flags and arguments by the rules of Go's `pflag`, which Docker's command line uses: letters can be joined
/// (`-it`), a value can be attached (`--name=x`, `-ex`), truth values take theirs only with `=`, `--` ends the flags.
struct FlagParser {
    /// What stopped the parser.
    enum Stop: Error {
        /// The words are not the command's: pflag's message.
        case wrong(String)
        /// A flag that Docker has and Drydock does not have yet.
        case missing(String)
        /// `--help`, or the old `-h`.
        case help(deprecated: Bool)
    }

    private let spec: CommandSpec
    private var words: ArraySlice<String>
    private(set) var given: [String: [String]] = [:]
    private(set) var arguments: [String] = []

    init(spec: CommandSpec, words: ArraySlice<String>) {
        self.spec = spec
        self.words = words
    }

    mutating func parse() throws(Stop) {
        while let word = words.popFirst() {
            if word == "--" {
                arguments += words
                return
            }
            if word.hasPrefix("--") {
                try long(word)
            } else if word.hasPrefix("-"), word.count > 1 {
                try letters(word)
            } else {
                arguments.append(word)
                guard spec.interspersed else {
                    arguments += words
                    return
                }
            }
        }
    }

    private mutating func long(_ word: String) throws(Stop) {
        let body = word.dropFirst(2)
        guard let first = body.first, first != "-", first != "=" else { throw .wrong("bad flag syntax: \(word)") }
        let parts = body.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        if name == "help" { throw .help(deprecated: false) }
        guard let flag = spec.flag(named: name) else {
            if spec.missingFlags.contains(name) { throw .missing(name) }
            throw .wrong("unknown flag: --\(name)")
        }
        if parts.count == 2 {
            try set(flag, String(parts[1]))
        } else if flag.kind == .bool {
            try set(flag, "true")
        } else if let value = words.popFirst() {
            try set(flag, value)
        } else {
            throw .wrong("flag needs an argument: --\(name)")
        }
    }

    private mutating func letters(_ word: String) throws(Stop) {
        var rest = word.dropFirst()
        while let letter = rest.popFirst() {
            guard let flag = spec.flag(lettered: letter) else {
                if let name = spec.missingLetters[letter] { throw .missing(name) }
                if letter == "h" { throw .help(deprecated: true) }
                throw .wrong("unknown shorthand flag: '\(letter)' in -\(letter)\(rest)")
            }
            if rest.first == "=" {
                try set(flag, String(rest.dropFirst()))
                return
            }
            if flag.kind == .bool {
                try set(flag, "true")
                continue
            }
            if !rest.isEmpty {
                try set(flag, String(rest))
            } else if let value = words.popFirst() {
                try set(flag, value)
            } else {
                throw .wrong("flag needs an argument: '\(letter)' in -\(letter)")
            }
            return
        }
    }

    private mutating func set(_ flag: Flag, _ value: String) throws(Stop) {
        func wrong(_ reason: String) -> Stop {
            .wrong("invalid argument \"\(value)\" for \"\(flag.displayName)\" flag: \(reason)")
        }
        if let reason = flag.check?(value) { throw wrong(reason) }
        switch flag.kind {
        case .string: given[flag.name] = [value]
        case .list: given[flag.name, default: []].append(value)
        case .bool:
            guard let truth = FlagParser.truth(value) else {
                throw wrong("strconv.ParseBool: parsing \"\(value)\": invalid syntax")
            }
            given[flag.name] = [truth ? "true" : "false"]
        case .int:
            guard let number = Int(value) else {
                throw wrong("strconv.ParseInt: parsing \"\(value)\": invalid syntax")
            }
            given[flag.name] = [String(number)]
        case .duration:
            guard
                value == "0"
                    || HumanUnits.seconds(ofGoDuration: value.hasPrefix("-") ? String(value.dropFirst()) : value) != nil
            else {
                throw wrong("time: invalid duration \(Units.quoted(value))")
            }
            given[flag.name] = [value]
        case .environment:
            guard !value.isEmpty, !value.hasPrefix("=") else { throw wrong("invalid environment variable: \(value)") }
            given[flag.name, default: []].append(value)
        case .stream:
            guard ["stdin", "stdout", "stderr"].contains(value.lowercased()) else {
                throw wrong("valid streams are STDIN, STDOUT and STDERR")
            }
            given[flag.name, default: []].append(value)
        case .filter:
            guard value.contains("=") else { throw wrong("bad format of filter (expected name=value)") }
            given[flag.name, default: []].append(value)
        }
    }

    /// The truth values that Go's `strconv.ParseBool` knows.
    static func truth(_ text: String) -> Bool? {
        switch text {
        case "1", "t", "T", "TRUE", "true", "True": true
        case "0", "f", "F", "FALSE", "false", "False": false
        default: nil
        }
    }
}

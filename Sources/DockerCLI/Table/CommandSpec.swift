/// A command, as the table declares it. Parsing, help, completion and dispatch all read this and nothing else.
struct CommandSpec: Sendable {
    /// How many arguments a command takes.
    enum Arity: Sendable, Equatable {
        case none
        case exactly(Int)
        case atLeast(Int)
        case atMost(Int)
        case between(Int, Int)
    }

    /// What a command does once its arguments are read.
    typealias Action = @Sendable (Invocation, CommandContext) async throws(Failure) -> Int32

    /// The path that the help names first: `image ls`.
    let path: [String]
    /// Other paths of the same command, in the order in which the help names them.
    var aliases: [[String]] = []
    /// What stands behind the path in the usage line: `[OPTIONS] IMAGE`.
    let usage: String
    /// What it does, in one line.
    let summary: String
    /// A longer description, where the help has one.
    var description: String?
    /// The flags, in any order.
    var flags: [Flag] = []
    /// How many arguments it takes.
    var arity = Arity.none
    /// Whether flags may stand behind the first argument; not where the rest belongs to a program.
    var interspersed = true
    /// What it needs to start.
    var needs = DockerCommand.Needs()
    /// What its arguments name, one for each place; the last one is for all that follow where `arity` has no end.
    var operands: [CompletionKind] = []
    /// Flags of Docker's that are not here yet, long names: they are refused as such, not as unknown.
    var missingFlags: [String] = []
    /// The letters of `missingFlags` that have one.
    var missingLetters: [Character: String] = [:]
    /// What it does.
    let action: Action

    init(
        _ path: String, aliases: [String] = [], _ usage: String, _ summary: String, description: String? = nil,
        flags: [Flag] = [], _ arity: Arity, interspersed: Bool = true, needs: DockerCommand.Needs = .init(),
        operands: [CompletionKind] = [], missingFlags: [String] = [], missingLetters: [Character: String] = [:],
        action: @escaping Action
    ) {
        self.path = path.split(separator: " ").map(String.init)
        self.aliases = aliases.map { $0.split(separator: " ").map(String.init) }
        self.usage = usage
        self.summary = summary
        self.description = description
        self.flags = flags
        self.arity = arity
        self.interspersed = interspersed
        self.needs = needs
        self.operands = operands
        self.missingFlags = missingFlags
        self.missingLetters = missingLetters
        self.action = action
    }

    /// Every path that reaches the command.
    var paths: [[String]] { [path] + aliases }

    /// The path under the name that help and messages use: `container ls` for `container list`.
    func properPath(_ path: [String]) -> [String] {
        path.count == 2 ? paths.first { $0.count == 2 && $0[0] == path[0] } ?? path : path
    }

    /// The flag of a long name.
    func flag(named name: String) -> Flag? { flags.first { $0.name == name || $0.oldName == name } }

    /// The flag of a letter.
    func flag(lettered letter: Character) -> Flag? { flags.first { $0.letter == letter } }
}

/// A word that only groups commands: `image`, `container`.
struct CommandGroup: Sendable {
    /// The word.
    let name: String
    /// What the help says.
    let summary: String
    /// A longer description, where the help has one.
    var description: String?
}

/// The whole table.
struct CommandTable: Sendable {
    /// The words that group.
    let groups: [CommandGroup]
    /// The commands.
    let commands: [CommandSpec]
    /// The names that the main help lists first, in its order.
    let common: [String]
    /// Docker's commands that are not here yet.
    var missing: [[String]] = []

    /// The command at a path, or nil.
    func command(at path: [String]) -> CommandSpec? { commands.first { $0.paths.contains(path) } }

    /// The group of a name, or nil.
    func group(_ name: String) -> CommandGroup? { groups.first { $0.name == name } }

    /// The commands below a group (nil: at the top) under their proper names, sorted by name.
    func members(of group: String?) -> [(name: String, spec: CommandSpec)] {
        var members: [(name: String, spec: CommandSpec)] = []
        for spec in commands {
            for path in spec.paths where !CommandTable.isSecondName(path, of: spec) {
                if let group, path.count == 2, path[0] == group { members.append((path[1], spec)) }
                if group == nil, path.count == 1 { members.append((path[0], spec)) }
            }
        }
        return members.sorted { $0.name < $1.name }
    }

    /// Every name that can follow, with the second names (`list`, `remove`).
    func names(below group: String?) -> [String] {
        var names: [String] = group == nil ? groups.map(\.name) : []
        for path in commands.flatMap(\.paths) {
            if let group, path.count == 2, path[0] == group { names.append(path[1]) }
            if group == nil, path.count == 1 { names.append(path[0]) }
        }
        return names.sorted()
    }

    /// `image list` besides `image ls`: a path in the same group as an earlier one.
    private static func isSecondName(_ path: [String], of spec: CommandSpec) -> Bool {
        guard path.count == 2, let first = spec.paths.first(where: { $0.count == 2 && $0[0] == path[0] }) else {
            return false
        }
        return first != path
    }
}

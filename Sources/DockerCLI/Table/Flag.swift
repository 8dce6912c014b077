/// A flag of a command, as the table declares it.
struct Flag: Sendable {
    /// How values are read.
    enum Kind: Sendable, Equatable {
        /// `--rm`, `--rm=false`
        case bool
        /// Any text.
        case string
        /// A whole number.
        case int
        /// Any text, as often as wanted.
        case list
        /// `name=value`, as often as wanted.
        case filter
        /// `NAME=value` or `NAME`, as often as wanted.
        case environment
        /// `stdin`, `stdout` or `stderr`, as often as wanted.
        case stream
        /// A span of time as Go writes it: `1m30s`.
        case duration
    }

    /// The long name, without dashes.
    let name: String
    /// The letter, without dash.
    let letter: Character?
    /// How values are read.
    let kind: Kind
    /// The type as the help shows it: `string`, `list`, `network`; empty for truth values.
    let typeName: String
    /// What the help says.
    let help: String
    /// The value where the flag is not given, as text; nil for the kind's empty value.
    let preset: String?
    /// How the help shows `preset`; nil shows nothing.
    let shownPreset: String?
    /// The words that can stand as value.
    var values: [String] = []
    /// The names that can stand as value.
    var names: CompletionKind?
    /// A name that still works and that the help does not show: `--net`.
    var oldName: String?
    /// Whether the help is silent about it: it is taken as Docker takes it, but has no effect any more.
    var isHidden = false
    /// Says what is wrong with a value; nil where nothing is.
    var check: (@Sendable (String) -> String?)?

    /// A flag that is on or off.
    init(_ name: String, _ letter: Character, _ help: String, preset: String? = nil) {
        self.init(name, letter, .bool, help, preset: preset)
    }

    /// A flag that is on or off and has no letter.
    init(_ name: String, _ help: String, preset: String? = nil) { self.init(name, nil, .bool, help, preset: preset) }

    /// A flag with a value.
    init(
        _ name: String, _ letter: Character?, _ kind: Kind, type: String? = nil, _ help: String,
        preset: String? = nil, shown: String? = nil, values: [String] = [], names: CompletionKind? = nil,
        oldName: String? = nil, check: (@Sendable (String) -> String?)? = nil
    ) {
        self.name = name
        self.letter = letter
        self.kind = kind
        typeName = type ?? Flag.typeName(of: kind)
        self.help = help
        self.preset = preset
        shownPreset = shown ?? preset.map { kind == .string ? "\"\($0)\"" : $0 }
        self.values = values
        self.names = names
        self.oldName = oldName
        self.check = check
    }

    /// The same flag, which the help does not show.
    var hidden: Flag {
        var flag = self
        flag.isHidden = true
        return flag
    }

    private static func typeName(of kind: Kind) -> String {
        switch kind {
        case .bool: ""
        case .string: "string"
        case .int: "int"
        case .list, .environment, .stream: "list"
        case .filter: "filter"
        case .duration: "duration"
        }
    }

    /// `-a, --all`, or `--all` where there is no letter: how messages name the flag.
    var displayName: String { letter.map { "-\($0), --\(name)" } ?? "--\(name)" }
}

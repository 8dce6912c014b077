public import Diagnostics
public import Engine

/// Takes what a command prints.
public struct OutputSink: Sendable {
    private let take: @Sendable ([UInt8]) -> Void

    /// Makes a sink from what is to happen with the bytes.
    public init(_ take: @escaping @Sendable ([UInt8]) -> Void) { self.take = take }

    /// Prints text as it is.
    public func write(_ text: String) { take(Array(text.utf8)) }

    /// Prints bytes as they are, for the output of containers.
    public func write(bytes: some Sequence<UInt8>) { take(Array(bytes)) }

    /// Prints text and a newline.
    public func line(_ text: String = "") { take(Array((text + "\n").utf8)) }
}

/// What a command knows about the terminal that it talks to.
public struct TerminalTraits: Sendable {
    /// Whether standard input is a terminal.
    public var inputIsTerminal: Bool
    /// Whether standard output is a terminal: progress is then redrawn in place.
    public var outputIsTerminal: Bool
    /// Whether standard error is a terminal.
    public var errorIsTerminal: Bool
    /// The number of columns; 80 where it is not known.
    public var width: Int
    /// Whether colours may be used.
    public var usesColour: Bool

    /// Describes a terminal; without arguments, no terminal at all.
    public init(
        inputIsTerminal: Bool = false, outputIsTerminal: Bool = false, errorIsTerminal: Bool = false, width: Int = 80,
        usesColour: Bool = false
    ) {
        self.inputIsTerminal = inputIsTerminal
        self.outputIsTerminal = outputIsTerminal
        self.errorIsTerminal = errorIsTerminal
        self.width = width
        self.usesColour = usesColour
    }
}

/// Asks the person at the terminal.
public protocol PromptSource: Sendable {
    /// Asks for a line of text, echoed as it is typed.
    /// - Returns: the line without its newline; nil where the input ended or the person gave up.
    func line(_ prompt: String) async -> String?

    /// Asks for a line of text that is not echoed.
    /// - Returns: the line without its newline; nil where the input ended or the person gave up.
    func secret(_ prompt: String) async -> String?

    /// Everything that is left on standard input, for `--password-stdin`.
    func rest() async -> [UInt8]
}

/// A prompt source for callers where nobody can be asked.
public struct NoPrompt: PromptSource {
    /// Makes one.
    public init() {}
    /// Nothing.
    public func line(_ prompt: String) async -> String? { nil }
    /// Nothing.
    public func secret(_ prompt: String) async -> String? { nil }
    /// Nothing.
    public func rest() async -> [UInt8] { [] }
}

/// Everything that a command touches besides its arguments.
public struct CommandContext: Sendable {
    /// Opens the engine; called once by each command that needs one, and by no other.
    public var engine: @Sendable () throws(DrydockError) -> any EngineOperations
    /// Standard output.
    public var output: OutputSink
    /// Standard error.
    public var errors: OutputSink
    /// The terminal.
    public var terminal: TerminalTraits
    /// Who answers questions.
    public var prompt: any PromptSource
    /// The trace that the command's spans go into; progress displays listen to it.
    public var trace: Trace
    /// The environment of the one who typed the command, for `-e NAME`.
    public var environment: [String: String]
    /// The absolute path that relative paths in arguments start from (`-v ./src:/src`).
    public var workingDirectory: String
    /// The time: seconds since 1970.
    public var now: @Sendable () -> Double
    /// Reads a whole file of the host, for `--env-file` and `--label-file`; the path is absolute.
    public var readFile: @Sendable (String) throws(DrydockError) -> [UInt8]
    /// Writes a new file of the host, for `--cidfile`; the path is absolute.
    public var writeFile: @Sendable (String, [UInt8]) throws(DrydockError) -> Void = { path, _ throws(DrydockError) in
        throw DrydockError(.unsupported, "open \(path): files cannot be written from here")
    }

    /// The client's configuration, `config.json`; empty where there is none that can be read.
    public var clientConfig: @Sendable () -> JSONValue = { .object([]) }

    /// Makes a context; see the properties for the meaning of each part.
    public init(
        engine: @escaping @Sendable () throws(DrydockError) -> any EngineOperations, output: OutputSink,
        errors: OutputSink, terminal: TerminalTraits, prompt: any PromptSource, trace: Trace,
        environment: [String: String], workingDirectory: String, now: @escaping @Sendable () -> Double,
        readFile: @escaping @Sendable (String) throws(DrydockError) -> [UInt8]
    ) {
        self.engine = engine
        self.output = output
        self.errors = errors
        self.terminal = terminal
        self.prompt = prompt
        self.trace = trace
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.now = now
        self.readFile = readFile
    }
}

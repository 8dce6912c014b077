/// The `docker` command: everything after the word `docker`.
public enum DockerCommand {
    /// What a command needs before it can start.
    public struct Needs: Sendable, Equatable {
        /// Whether the command opens the store at all; help, wrong usage and `login --help` do not.
        public var store: Bool
        /// Whether the command handles files with other owners, so that an ordinary user must enter the user namespace
        /// before anything else happens in the process.
        public var identityMap: Bool

        /// Describes needs; without arguments, none.
        public init(store: Bool = false, identityMap: Bool = false) {
            self.store = store
            self.identityMap = identityMap
        }
    }

    /// What the command given by these arguments needs. Wrong usage needs nothing.
    public static func needs(_ arguments: [String]) -> Needs { Needs() }

    /// Runs one command.
    /// - Returns: the exit status, as Docker's: 0, 1, 125, 126, 127 or that of the container's program.
    public static func run(arguments: [String], context: CommandContext) async -> Int32 { 0 }

    /// Completes the word at the cursor.
    ///
    /// - Parameters:
    ///   - words: the words before the cursor's word, without the word `docker`.
    ///   - current: the part of the cursor's word that is left of the cursor, possibly empty.
    ///   - objects: the names that exist now; asked only where a name can stand.
    /// - Returns: every word that fits, sorted, each one whole. Words that end in `=` or `/` want no space after them.
    public static func complete(
        words: [String], current: String, objects: some CompletionObjects
    ) async -> [String] { [] }
}

/// What kind of name can stand at a place of a command line.
public enum CompletionKind: Sendable, Hashable {
    /// An image: `alpine:3.5`, and identifiers where the word begins with hexadecimal digits.
    case image
    /// Any container.
    case container
    /// A container that runs.
    case runningContainer
    /// A container that does not run.
    case stoppedContainer
    /// A network.
    case network
    /// A volume.
    case volume
    /// A file or a folder of the host: the caller completes it.
    case file
}

/// Knows the names that exist now.
public protocol CompletionObjects: Sendable {
    /// The names of one kind, in any order; those that do not fit the word are left out by the caller.
    func names(_ kind: CompletionKind) async -> [String]
}

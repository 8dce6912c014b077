import Diagnostics
import Engine

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
    public static func needs(_ arguments: [String]) -> Needs {
        switch CommandLineReader(table: .docker).read(arguments) {
        case .run(let invocation): invocation.needs
        case .version: Needs(store: true)
        case .help, .wrong: Needs()
        }
    }

    /// The command that arguments mean, under its full name: `["container", "ls"]` for `ps -a`; nil for wrong usage
    /// and for help.
    public static func canonicalPath(_ arguments: [String]) -> [String]? {
        guard case .run(let invocation) = CommandLineReader(table: .docker).read(arguments) else { return nil }
        return invocation.spec.path
    }

    /// The directory of `docker --config DIR`, as it was typed; nil without that flag.
    public static func configDirectory(_ arguments: [String]) -> String? {
        // Nearly no command has it, and reading a command line twice costs time.
        guard arguments.first?.hasPrefix("-") == true,
            case .run(let invocation) = CommandLineReader(table: .docker).read(arguments)
        else { return nil }
        return invocation.configDirectory
    }

    /// The arguments with passwords replaced by `***`, for traces and histories.
    public static func withoutSecrets(_ arguments: [String]) -> [String] {
        guard arguments.first(where: { !$0.hasPrefix("-") }) == "login" else { return arguments }
        var result: [String] = []
        var hidesNext = false
        for word in arguments {
            if hidesNext {
                result.append("***")
                hidesNext = false
            } else if word.hasPrefix("--password=") {
                result.append("--password=***")
            } else if word == "--password" || word == "-p" {
                result.append(word)
                hidesNext = true
            } else if word.hasPrefix("-p") {
                result.append("-p***")
            } else {
                result.append(word)
            }
        }
        return result
    }

    /// Runs one command.
    /// - Returns: the exit status, as Docker's: 0, 1, 125, 126, 127 or that of the container's program.
    public static func run(arguments: [String], context: CommandContext) async -> Int32 {
        switch CommandLineReader(table: .docker).read(arguments) {
        case .help(let path, let toErrors, let deprecatedLetter):
            let text = HelpText(table: .docker, width: context.terminal.width).text(for: path)
            if deprecatedLetter { context.output.line("Flag shorthand -h has been deprecated, use --help") }
            (toErrors ? context.errors : context.output).write(text)
            return 0
        case .version:
            do throws(Failure) {
                context.output.line(SystemCommands.shortVersion(try context.open().version()))
                return 0
            } catch {
                context.report(error)
                return error.status
            }
        case .wrong(let failure):
            context.report(failure)
            return failure.status
        case .run(let invocation): return await run(invocation, context)
        }
    }

    private static func run(_ invocation: Invocation, _ context: CommandContext) async -> Int32 {
        var invocation = invocation
        let span = context.trace.begin("docker", TraceFact("command", .text(invocation.commandLine)))
        invocation.span = span
        do throws(Failure) {
            let status = try await invocation.spec.action(invocation, context)
            span.end(TraceFact("status", .count(Int64(status))))
            return status
        } catch {
            context.report(error)
            span.fail(error.error ?? DrydockError(.invalidArgument, error.line))
            return error.status
        }
    }

    /// Completes the word at the cursor.
    ///
    /// - Parameters:
    ///   - words: the words before the cursor's word, without the word `docker`.
    ///   - current: the part of the cursor's word that is left of the cursor, possibly empty.
    ///   - objects: the names that exist now; asked only where a name can stand.
    /// - Returns: every word that fits, sorted, each one whole. Words that end in `=` or `/` want no space after them.
    public static func complete(
        words: [String], current: String, objects: some CompletionObjects
    ) async -> [String] {
        let candidates = Completion(table: .docker).candidates(words, current: current)
        var found = Set(candidates.words)
        for kind in candidates.kinds { found.formUnion(await objects.names(kind)) }
        return found.filter { $0.hasPrefix(current) }.sorted()
    }
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

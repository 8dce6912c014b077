public import SystemPackage

/// An exercise: what a learner does, as data (see `docs/exercises.md` for the format of the files).
public struct Exercise: Sendable, Equatable {
    /// The name of its folder.
    public var id: String
    /// The title.
    public var title: LocalizedText
    /// What it is about, shown at its start.
    public var introduction: LocalizedText
    /// The lesson that explains it.
    public var lesson: String
    /// Exercises that have to be solved before.
    public var requires: [String]
    /// Images that the hub must be able to serve.
    public var images: [String]
    /// Values that differ between learners.
    public var variables: [Variable]
    /// The steps, in the order in which they are offered.
    public var steps: [Step]
    /// Files that the workspace starts with, relative to `files/`.
    public var files: [String]
    /// The exercise's folder.
    public var directory: FilePath

    /// The step of a name.
    public func step(_ id: String) -> Step? { steps.first { $0.id == id } }
}

/// A value that content refers to as `{{name}}`.
public struct Variable: Sendable, Equatable {
    /// Where the value comes from.
    public enum Source: Sendable, Equatable {
        /// It is the same for everybody.
        case fixed(String)
        /// One of these, picked once for each learner and kept.
        case pick([String])
        /// Something of the learner's state: `user` (the hub account), `password` (its password, where known), or
        /// `container:NAME` (the ID of a container).
        case state(String)
    }

    /// The name.
    public var name: String
    /// Where the value comes from.
    public var source: Source
    /// What is shown to a learner in place of the value (a password).
    public var shown: LocalizedText?
}

/// A step of an exercise.
public struct Step: Sendable, Equatable {
    /// The name, unique in its exercise.
    public var id: String
    /// What to reach.
    public var goal: LocalizedText
    /// The facts that make it solved.
    public var check: Check
    /// The steps that have to be solved before this one counts.
    public var needs: [String]
    /// From a nudge to the command; at least two.
    public var hints: [LocalizedText]
    /// A way to solve it.
    public var solution: Transcript
    /// Other ways, which must pass too.
    public var also: [Transcript]
    /// What goes wrong often; the first whose facts hold is the answer.
    public var mistakes: [Mistake]
    /// What to show once it is solved.
    public var explain: Explanation?
    /// How to go back to its start; empty means that it follows from the check.
    public var reset: [ResetAction]
    /// Where it is written.
    public var place: SourcePlace
}

/// The facts of a step.
public struct Check: Sendable, Equatable {
    /// When a fact counts.
    public enum Mode: String, Sendable, CaseIterable {
        /// It holds now.
        case level
        /// It was seen to hold once.
        case edge
    }

    /// The mode of facts that do not say their own.
    public var mode: Mode
    /// The facts, all of which must hold.
    public var facts: [Fact]
}

/// A foreseen mistake.
public struct Mistake: Sendable, Equatable {
    /// The name, unique in its step.
    public var id: String
    /// The facts that give it away.
    public var when: [Fact]
    /// What the learner is told.
    public var say: LocalizedText
    /// A transcript that leads there from the start of the step.
    public var attempt: Transcript
    /// Where it is written.
    public var place: SourcePlace
}

/// What is typed to get somewhere.
public struct Transcript: Sendable, Hashable {
    /// A line at the prompt, with the lines that are then typed into the terminal of what it started.
    public struct Command: Sendable, Hashable {
        /// The line at the prompt.
        public var line: String
        /// The lines typed into the running command's terminal, in order.
        public var input: [String]

        /// Makes a command.
        public init(_ line: String, input: [String] = []) {
            self.line = line
            self.input = input
        }
    }

    /// The commands, in order.
    public var commands: [Command]

    /// Makes a transcript.
    public init(_ commands: [Command] = []) { self.commands = commands }

    /// Reads the form of the content files: a line is typed at the prompt; one that begins with `>` is typed into the
    /// terminal of the command before it. Empty lines do not count.
    /// - Returns: nil where the first line is input.
    public init?(parsing text: String) {
        commands = []
        for line in text.split(separator: "\n").map({ $0.trimmed }) where !line.isEmpty {
            if line.hasPrefix(">") {
                guard !commands.isEmpty else { return nil }
                commands[commands.count - 1].input.append(String(line.dropFirst()).trimmed)
            } else {
                commands.append(Command(line))
            }
        }
    }

    /// The lines as a learner reads them: `docker …`, and `> …` for what is typed inside.
    public var lines: [String] { commands.flatMap { [$0.line] + $0.input.map { "> " + $0 } } }
}

/// What is shown once a step is solved.
public struct Explanation: Sendable, Equatable {
    /// A picture of something that is really there.
    public struct Picture: Sendable, Hashable {
        /// What is drawn.
        public enum Kind: String, Sendable, CaseIterable {
            /// The layers of an image or a container.
            case layers
            /// The changes of a container.
            case changes
            /// The names of an image.
            case names
            /// The life of a container.
            case container
        }

        /// What is drawn.
        public var kind: Kind
        /// The image or container.
        public var object: String

        /// Makes a picture.
        public init(kind: Kind, object: String) {
            self.kind = kind
            self.object = object
        }
    }

    /// A sentence or two that say what just happened.
    public var say: LocalizedText?
    /// A passage of the exercise's lesson.
    public var passage: String?
    /// Pictures.
    public var pictures: [Picture]
}

/// One thing to do in order to go back to the start of a step.
public enum ResetAction: Sendable, Hashable {
    /// Remove a container, running or not; nothing where there is none.
    case removeContainer(String)
    /// Remove all containers made from an image.
    case removeContainersOf(image: String)
    /// Remove a name of an image (and the image, with its last name).
    case removeImage(String)
    /// Remove a tag from the registry.
    case removeFromRegistry(String)
    /// Forget the credentials of a registry; nil for `docker.io`.
    case logOut(registry: String?)
    /// Run a docker command, without the word `docker`.
    case docker([String])
}

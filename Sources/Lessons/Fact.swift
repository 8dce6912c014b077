public import Diagnostics
public import Engine

/// A question about what Docker's own inspection documents say.
public struct Fact: Sendable, Equatable {
    /// What the question is about.
    public var subject: Subject
    /// When it counts, where that differs from its check's mode.
    public var mode: Check.Mode?
    /// What to say when it has become true; generated where nil.
    public var now: LocalizedText?
    /// What to say while it is missing; generated where nil.
    public var missing: LocalizedText?
    /// Where it is written.
    public var place: SourcePlace

    /// Makes a fact.
    public init(
        _ subject: Subject, mode: Check.Mode? = nil, now: LocalizedText? = nil, missing: LocalizedText? = nil,
        place: SourcePlace = SourcePlace(file: "", line: 0)
    ) {
        self.subject = subject
        self.mode = mode
        self.now = now
        self.missing = missing
        self.place = place
    }

    /// What a fact is about.
    public indirect enum Subject: Sendable, Equatable {
        /// A container exists (`*`: any) and its document is as described.
        case container(String, where: [Condition])
        /// An image exists (`*`: any) and its document is as described.
        case image(String, where: [Condition])
        /// A container (`*`: any) has changed a path.
        case changed(container: String, path: String, kind: FileChange.Kind?)
        /// An image has a file; with a layer, in that layer.
        case file(image: String, path: String, layer: Layer?)
        /// A registry has a tag; with `sameAs`, for the same image as the one of that name here.
        case registry(repository: String, tag: String, sameAs: String?)
        /// Somebody is logged in at a registry (nil: `docker.io`).
        case login(user: String, registry: String?)
        /// Something is not there; in a check, something that was seen before.
        case no(Subject)
        /// The last command line, its exit status and the kind of error it ended with; only in a mistake.
        case command(matches: String?, exit: Matcher?, error: Matcher?)
    }

    /// A layer of an image.
    public enum Layer: Sendable, Hashable {
        /// The topmost.
        case top
        /// The lowest.
        case base
        /// Counted from the base, which is 0.
        case index(Int)
    }
}

/// What a value of a document must be.
public struct Condition: Sendable, Equatable {
    /// The dotted path of the value (`State.Status`).
    public var path: String
    /// What it must be.
    public var matcher: Matcher

    /// Makes a condition.
    public init(_ path: String, _ matcher: Matcher) {
        self.path = path
        self.matcher = matcher
    }
}

/// How a value is compared.
public indirect enum Matcher: Sendable, Equatable {
    /// It is exactly this.
    case equals(JSONValue)
    /// One of these holds.
    case oneOf([Matcher])
    /// It is a number not below `min` and not above `max`.
    case range(min: Double?, max: Double?)
    /// A regular expression is found in it; in a list, in its items joined by spaces.
    case matches(String)
    /// Its number of items (or of keys) is as described; a missing value and `null` have none.
    case count(Matcher)
    /// It is the ID of the image of this name.
    case image(String)
    /// It is the ID of the container of this name.
    case container(String)
    /// This does not hold.
    case not(Matcher)
    /// An item of the list is as described.
    case any(Matcher)
}

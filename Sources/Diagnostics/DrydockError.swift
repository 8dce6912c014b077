/// The one error shape of Drydock: what was attempted and what happened (in Docker's words where Docker has them),
/// why, and what to do next.
///
/// Every public function of every room throws this type. `message` is what `docker` would print after its prefix;
/// `reason` and `remedy` are Drydock's own and are printed below it.
public struct DrydockError: Error, Sendable, Equatable {
    /// A kind of error that a caller can act on. New kinds can be added without breaking a `switch`.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The name of the kind, stable across releases.
        public let rawValue: String

        /// Makes a kind from its name.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The object asked for does not exist.
        public static let notFound = Code(rawValue: "not-found")
        /// The request contradicts the present state: a name that is taken, an image in use.
        public static let conflict = Code(rawValue: "conflict")
        /// The request itself is malformed: a bad reference, an unknown flag.
        public static let invalidArgument = Code(rawValue: "invalid-argument")
        /// Credentials are missing or wrong.
        public static let unauthorized = Code(rawValue: "unauthorized")
        /// The credentials are good but do not allow this.
        public static let denied = Code(rawValue: "denied")
        /// A server or a helper cannot be reached.
        public static let unavailable = Code(rawValue: "unavailable")
        /// The server asks its clients to slow down.
        public static let tooManyRequests = Code(rawValue: "too-many-requests")
        /// Bytes do not have the digest, the size or the form that they were promised to have.
        public static let corrupt = Code(rawValue: "corrupt")
        /// A disk, a limit or a table is full.
        public static let exhausted = Code(rawValue: "exhausted")
        /// This machine cannot do it (a missing kernel feature, a missing program).
        public static let unsupported = Code(rawValue: "unsupported")
        /// A system call failed.
        public static let system = Code(rawValue: "system")
        /// The operation was interrupted or cancelled.
        public static let cancelled = Code(rawValue: "cancelled")
        /// The user asked three times for the end of what does not end, and went.
        public static let interrupted = Code(rawValue: "interrupted")
        /// Nobody looks after the container any more: its monitor was killed.
        public static let unattended = Code(rawValue: "unattended")
        /// A defect in Drydock itself.
        public static let `internal` = Code(rawValue: "internal")
    }

    /// The kind of error.
    public var code: Code
    /// What was attempted and what happened: one line, Docker's words where Docker has them.
    public var message: String
    /// Why it happened, where that is known and not already in `message`.
    public var reason: String?
    /// What to do next.
    public var remedy: String?
    /// The operation that failed, for errors that come from a plan or from a system call (`mount overlay on /…`).
    public var operation: String?
    /// The number of the system error, where a system call failed.
    public var errno: Int32?
    /// The exit status that the `docker` command must end with; 1 unless Docker has a special one (125, 126, 127).
    public var exitStatus: Int32

    /// Makes an error; see the properties for the meaning of each part.
    public init(
        _ code: Code, _ message: String, reason: String? = nil, remedy: String? = nil, operation: String? = nil,
        errno: Int32? = nil, exitStatus: Int32 = 1
    ) {
        self.code = code
        self.message = message
        self.reason = reason
        self.remedy = remedy
        self.operation = operation
        self.errno = errno
        self.exitStatus = exitStatus
    }

    /// The same error with another exit status.
    public func exiting(_ status: Int32) -> DrydockError {
        var copy = self
        copy.exitStatus = status
        return copy
    }
}

extension DrydockError: CustomStringConvertible {
    /// The message, with the reason in parentheses.
    public var description: String {
        guard let reason else { return message }
        return "\(message) (\(reason))"
    }
}

import Diagnostics

/// A command line that is not the table's.
struct WrongUsage: Sendable {
    /// Docker's message.
    var message: String
    /// The path whose help says more; empty for `docker` itself.
    var path: [String]
    /// The usage line; empty where Docker prints none.
    var synopsis: String
    /// The first word of the last line: `Run` or `See`.
    var hint = "Run"
    /// The status to end with.
    var status: Int32
    /// What Drydock knows more.
    var reason: String?
    /// What was probably meant.
    var remedy: String?
}

/// Why a command ends early, and how that is printed.
enum Failure: Error, Sendable {
    /// The engine refused: `Error response from daemon: …`.
    case daemon(DrydockError)
    /// The command line itself refused: the message as it is.
    case client(DrydockError)
    /// The usage is wrong: the message, the usage line and where to find help.
    case usage(WrongUsage)
    /// Everything has been printed already.
    case printed(Int32)

    /// A message of the command line's own.
    static func message(_ text: String, status: Int32 = 1) -> Failure {
        .client(DrydockError(.invalidArgument, text, exitStatus: status))
    }

    /// The error inside, where there is one.
    var error: DrydockError? {
        switch self {
        case .daemon(let error), .client(let error): error
        case .usage, .printed: nil
        }
    }

    /// The same failure with another status to end with; the status of a wrong usage stays.
    func exiting(_ status: Int32) -> Failure {
        switch self {
        case .daemon(let error): .daemon(error.exiting(status))
        case .client(let error): .client(error.exiting(status))
        case .usage, .printed: self
        }
    }

    /// The line that Docker prints for it.
    var line: String {
        switch self {
        case .daemon(let error):
            error.message.hasPrefix("OCI runtime ") ? error.message : "Error response from daemon: \(error.message)"
        case .client(let error): error.message
        case .usage(let usage): usage.message
        case .printed: ""
        }
    }

    /// The status to end with.
    var status: Int32 {
        switch self {
        case .daemon(let error), .client(let error): error.code == .cancelled ? 130 : error.exitStatus
        case .usage(let usage): usage.status
        case .printed(let status): status
        }
    }
}

/// Calls the engine; what it throws is the daemon's answer.
func daemon<Value>(_ body: () throws(DrydockError) -> Value) throws(Failure) -> Value {
    do { return try body() } catch { throw .daemon(error) }
}

/// Calls the engine; what it throws is the daemon's answer.
func daemon<Value>(_ body: () async throws(DrydockError) -> Value) async throws(Failure) -> Value {
    do { return try await body() } catch { throw .daemon(error) }
}

/// Reads a value on the command line's side; what it throws is printed as it is.
func client<Value>(_ body: () throws(DrydockError) -> Value) throws(Failure) -> Value {
    do { return try body() } catch { throw .client(error) }
}

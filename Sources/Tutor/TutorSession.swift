/// The prompt: one learner, one terminal, from the greeting to `quit`.
///
/// Not safe for use by several threads; it owns the terminal while it runs.
public final class TutorSession {
    private let configuration: TutorConfiguration

    /// Makes a session on this process's standard streams.
    public init(_ configuration: TutorConfiguration) {
        self.configuration = configuration
    }

    /// Runs until the learner quits.
    ///
    /// Blocks the calling thread, which must not be one of the cooperative pool.
    /// - Returns: the exit status of the process.
    public func run() -> Int32 { 0 }
}

public import Diagnostics

/// What the engine and the tutor need of the practice hub; the hub itself is composed in by the executable.
public protocol PracticeHub: Sendable {
    /// The hub's address, `http://127.0.0.1:PORT`, once something serves it. Starts it where nothing does.
    /// - Throws: code `.unavailable` where it cannot be started.
    func ensureRunning() throws(DrydockError) -> String

    /// Whether an account of that name exists.
    func hasAccount(_ name: String) throws(DrydockError) -> Bool

    /// Makes an account.
    /// - Throws: code `.conflict` where the name is taken, `.invalidArgument` where name or password are not allowed.
    func createAccount(_ name: String, password: String) throws(DrydockError)

    /// Takes a tag away; what it pointed at stays where something else names it. Nothing happens where there is none.
    /// - Parameter reference: a name on `docker.io` with its tag, as a user types it: `ada/nodejs:1.0`.
    func removeTag(_ reference: String) throws(DrydockError)

    /// Keeps the hub from ending while the value that is returned lives.
    func lease() throws(DrydockError) -> any Sendable

    /// Makes the course images and packages that are not there yet; instant where nothing is missing.
    func prepare(_ span: Span) async throws(DrydockError)
}

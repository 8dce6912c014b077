public import Diagnostics
public import Engine
public import OCI

/// What an evaluation can look at. A real one asks the engine (`EngineObservation`); tests use their own.
///
/// Nothing here changes anything. Objects are named as a user names them.
public protocol Observation: Sendable {
    /// The document of `docker container inspect`, or nil where there is none.
    func container(_ name: String) throws(DrydockError) -> JSONValue?
    /// The document of `docker image inspect`, or nil where there is none.
    func image(_ name: String) throws(DrydockError) -> JSONValue?
    /// The documents of all containers, running or not.
    func containers() throws(DrydockError) -> [JSONValue]
    /// The documents of all images.
    func images() throws(DrydockError) -> [JSONValue]
    /// The last documents of containers that have been removed since, newest first, as far as they were kept.
    func removedContainers() throws(DrydockError) -> [JSONValue]
    /// What a container has changed, or nil where there is no such container.
    func changes(of container: String) throws(DrydockError) -> [FileChange]?
    /// The layers of an image that hold a path, top first; nil where there is no such image.
    func versions(of path: String, in image: String) throws(DrydockError) -> [PathVersion]?
    /// Who is logged in at a registry (nil: `docker.io`), or nil for nobody.
    func loggedIn(at registry: String?) throws(DrydockError) -> String?
    /// What a registry has under a name, or nil where it has nothing.
    /// - Throws: `.unavailable` where it does not answer within a second.
    func registry(_ reference: Reference) async throws(DrydockError) -> RegistryManifest?
}

/// A command that was typed at the prompt, and how it ended.
public struct CommandRecord: Sendable, Hashable {
    /// The line.
    public var line: String
    /// Its exit status.
    public var status: Int32
    /// The kind of error that a docker command in it ended with (`not-found`, `unavailable`), where there was one.
    public var error: String?

    /// Makes a record.
    public init(line: String, status: Int32, error: String? = nil) {
        self.error = error
        self.line = line
        self.status = status
    }
}

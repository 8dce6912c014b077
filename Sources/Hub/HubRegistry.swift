public import Diagnostics
public import OCI
public import SystemPackage

/// An account of the hub, without its password.
public struct HubAccount: Sendable, Equatable {
    /// The user name, which is also the name of the user's namespace.
    public var name: String
    /// When it was made, in RFC 3339.
    public var created: String
}

/// The hub's data: repositories, blobs and accounts, on disk in one directory.
///
/// Several processes may use one directory at once. All methods block on the disk and are meant for threads that may.
public final class HubRegistry: Sendable {
    /// The directory.
    public let data: FilePath

    /// Opens a directory, and makes it where there is none.
    /// - Throws: `.system` or `.exhausted` where that fails.
    public init(data: FilePath) throws(DrydockError) { self.data = data }

    /// Where packages are served from: `packages/` within the data directory, at `/alpine/…`.
    public var packages: FilePath { data.appending("packages") }

    // MARK: Accounts

    /// Makes an account.
    /// - Throws: `.conflict` where the name is taken; `.invalidArgument` where the name is not 2 to 30 characters of `a-z`,
    ///   `0-9`, `_`, `-`, or is reserved (`library`), or the password is empty.
    public func createAccount(_ name: String, password: String) throws(DrydockError) { throw unfinished() }

    /// Changes a password.
    /// - Throws: `.notFound` where there is no such account.
    public func setPassword(_ password: String, of name: String) throws(DrydockError) { throw unfinished() }

    /// All accounts, by name.
    public func accounts() throws(DrydockError) -> [HubAccount] { throw unfinished() }

    /// Whether an account has this password. Takes some 50 ms on purpose.
    public func verify(_ name: String, password: String) throws(DrydockError) -> Bool { throw unfinished() }

    // MARK: Images put in by this machine

    /// Whether a tag exists.
    public func hasTag(_ tag: String, of repository: String) throws(DrydockError) -> Bool { throw unfinished() }

    /// Puts a blob into the hub from memory.
    /// - Returns: its digest.
    public func importBlob(_ bytes: [UInt8], to repository: String) throws(DrydockError) -> Digest {
        throw unfinished()
    }

    /// Puts a blob into the hub from a file, hashed on the way.
    /// - Returns: its digest and its size in bytes.
    public func importBlob(
        file: FilePath, to repository: String
    ) throws(DrydockError) -> (digest: Digest, size: Int64) { throw unfinished() }

    /// Puts a manifest or an index into the hub and lets tags point at it, as the hub's owner.
    /// - Throws: `.invalidArgument` where something that it names is not in the repository.
    /// - Returns: its digest.
    public func importManifest(
        _ bytes: [UInt8], mediaType: MediaType, to repository: String, tags: [String]
    ) throws(DrydockError) -> Digest { throw unfinished() }

    /// Says what a repository is, for `docker search`.
    public func describe(_ repository: String, _ description: String, stars: Int = 0) throws(DrydockError) {
        throw unfinished()
    }

    private func unfinished() -> DrydockError { DrydockError(.internal, "not there yet") }
}

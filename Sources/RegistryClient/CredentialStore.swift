public import Diagnostics
public import SystemPackage

/// What a user proves who he is with.
public struct Credentials: Sendable, Hashable {
    /// The user name.
    public var username: String
    /// The password, or an access token.
    public var password: String

    /// Makes credentials.
    public init(username: String, password: String) {
        self.username = username
        self.password = password
    }
}

/// The credentials in a Docker `config.json`: `auths` with base64, and the helper programs named by `credsStore` and
/// `credHelpers` (docker-credential-helpers protocol).
public struct CredentialStore: Sendable {
    /// The file; it need not exist.
    public let file: FilePath
    /// The directories where `docker-credential-…` programs are looked for.
    public var programPath: [FilePath]

    /// Makes a store over a file.
    /// - Parameter programPath: the directories of `PATH`.
    public init(file: FilePath, programPath: [FilePath] = []) {
        self.file = file
        self.programPath = programPath
    }
}

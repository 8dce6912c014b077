public import Diagnostics
public import OCI

/// One line of `docker search`.
public struct RegistrySearchResult: Sendable, Equatable {
    /// The repository as a user types it: `alpine`, `me/nodejs`.
    public var name: String
    /// What it is, one line.
    public var description: String
    /// How many users starred it.
    public var stars: Int
    /// Whether it is one of the registry's own (`library/`).
    public var official: Bool
    /// Whether it was built automatically.
    public var automated: Bool
}

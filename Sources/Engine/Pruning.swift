public import Diagnostics

/// An engine that has networks of its own to remove.
public protocol NetworkPruning: Sendable {
    /// Removes the networks that no container uses. - Returns: their names.
    func pruneNetworks(matching filters: Filters) throws(DrydockError) -> [String]
}

/// An engine that has volumes to remove.
public protocol VolumePruning: Sendable {
    /// Removes the anonymous volumes (`all`: the named ones too) that no container uses. - Returns: their names.
    func pruneVolumes(all: Bool, matching filters: Filters) throws(DrydockError) -> PruneReport<String>
}

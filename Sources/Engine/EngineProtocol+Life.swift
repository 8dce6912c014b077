public import Diagnostics

/// What Docker's container commands ask of an engine besides making, starting and removing.
public protocol LifeCycleOperations: Sendable {
    /// Hands out events until `until`, or until `emit` returns false.
    func events(_ request: EventsRequest, _ emit: (JSONValue) -> Bool) throws(DrydockError)
}

extension LifeCycleOperations {
    /// An engine that keeps no events has none.
    public func events(_ request: EventsRequest, _ emit: (JSONValue) -> Bool) throws(DrydockError) {}
}

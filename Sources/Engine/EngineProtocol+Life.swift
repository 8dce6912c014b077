public import Diagnostics

/// What Docker's container commands ask of an engine besides making, starting and removing.
public protocol LifeCycleOperations: Sendable {
    /// Stops a container where it runs, and starts it.
    func restart(_ name: String, timeout: Int?, signal: String?, _ span: Span) throws(DrydockError)
    /// Freezes all processes of a container.
    func pause(_ name: String) throws(DrydockError)
    /// Lets the processes of a container go on.
    func unpause(_ name: String) throws(DrydockError)
    /// Removes a link between containers; there are none, so it says so as Docker does.
    func removeLink(_ name: String) throws(DrydockError)
    /// Changes limits and the restart policy. - Returns: warnings.
    func update(_ name: String, _ request: UpdateRequest) throws(DrydockError) -> [String]
    /// The processes of a container, as `ps` shows them with these arguments.
    func top(_ name: String, arguments: [String]) throws(DrydockError) -> ProcessTable
    /// What containers use now; those that have gone are left out. - Parameter all: also those that do not run.
    func usage(_ names: [String], all: Bool) throws(DrydockError) -> [UsageSample]
    /// Hands out events until `until`, or until `emit` returns false.
    func events(_ request: EventsRequest, _ emit: (JSONValue) -> Bool) throws(DrydockError)
    /// What a path in a container is. - Throws: `.notFound` with Docker's words.
    func pathStatus(_ name: String, _ path: String) throws(DrydockError) -> PathStatus
    /// Hands out what is at a path in a container as a tar archive.
    /// - Parameter base: the name that it has there; nil for the last part of the path.
    func archive(
        _ name: String, _ path: String, as base: String?, _ emit: ([UInt8]) throws(DrydockError) -> Void
    ) throws(DrydockError)
    /// Unpacks a tar archive in a directory of a container.
    /// - Parameters:
    ///   - archive: the descriptor from which the archive is read.
    ///   - chowns: whether what is unpacked belongs to the container's user.
    func extract(_ name: String, _ path: String, from archive: Int32, chowns: Bool) throws(DrydockError)
}

extension LifeCycleOperations {
    private var absent: DrydockError { DrydockError(.unsupported, "this engine does not do that") }

    /// An engine that says nothing else refuses.
    public func restart(_ name: String, timeout: Int?, signal: String?, _ span: Span) throws(DrydockError) {
        throw absent
    }
    /// An engine that says nothing else refuses.
    public func pause(_ name: String) throws(DrydockError) { throw absent }
    /// An engine that says nothing else refuses.
    public func unpause(_ name: String) throws(DrydockError) { throw absent }
    /// An engine that says nothing else refuses.
    public func removeLink(_ name: String) throws(DrydockError) { throw absent }
    /// An engine that says nothing else refuses.
    public func update(_ name: String, _ request: UpdateRequest) throws(DrydockError) -> [String] { throw absent }
    /// An engine that says nothing else refuses.
    public func top(_ name: String, arguments: [String]) throws(DrydockError) -> ProcessTable { throw absent }
    /// An engine that says nothing else refuses.
    public func usage(_ names: [String], all: Bool) throws(DrydockError) -> [UsageSample] { throw absent }
    /// An engine that keeps no events has none.
    public func events(_ request: EventsRequest, _ emit: (JSONValue) -> Bool) throws(DrydockError) {}
    /// An engine that says nothing else refuses.
    public func pathStatus(_ name: String, _ path: String) throws(DrydockError) -> PathStatus { throw absent }
    /// An engine that says nothing else refuses.
    public func archive(
        _ name: String, _ path: String, as base: String?, _ emit: ([UInt8]) throws(DrydockError) -> Void
    ) throws(DrydockError) { throw absent }
    /// An engine that says nothing else refuses.
    public func extract(_ name: String, _ path: String, from archive: Int32, chowns: Bool) throws(DrydockError) {
        throw absent
    }
}

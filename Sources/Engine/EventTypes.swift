/// What `docker events` asks for.
public struct EventsRequest: Sendable {
    /// Only what happened at this time or later: nanoseconds since 1970; nil for what happens from now on.
    public var since: Int64?
    /// Stop at this time: nanoseconds since 1970; nil goes on until the caller stops.
    public var until: Int64?
    /// `type`, `event`, `container`, `image`, `label`, `network`, `volume`, `scope`, `daemon`.
    public var filters: Filters = [:]

    /// Makes a request for everything from now on.
    public init() {}
}

/// The kinds of objects that events are about.
public enum EventType: String, Sendable {
    /// A container.
    case container
    /// An image.
    case image
    /// A network.
    case network
    /// A volume.
    case volume
    /// The build cache.
    case builder
}

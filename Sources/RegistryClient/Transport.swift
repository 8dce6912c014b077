import AsyncHTTPClient

/// The connections.
final class Transport: Sendable {
    init(settings: RegistrySettings) {}
    func shutdown() async {}
}

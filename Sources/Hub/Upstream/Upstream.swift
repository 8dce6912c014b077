import Diagnostics
import HTTPTypes
import OCI
import RegistryClient
import Synchronization
import SystemPackage

/// A registry that the hub stands in for: `docker.io`, whose repositories have no prefix here, or another one, whose
/// repositories begin with its name (`quay.io/coreos/etcd`).
final class Upstream: Sendable {
    private struct State {
        var deadUntil: ContinuousClock.Instant?
        var limitedUntil: ContinuousClock.Instant?
        var unknown: [String: ContinuousClock.Instant] = [:]
    }

    let name: String
    /// What its repositories begin with here: the name without a port.
    let prefix: String
    let client: RegistryClient
    private let state = Mutex(State())
    /// How long something that was not found, or an upstream that did not answer, is not asked for again.
    private static let memory = Duration.seconds(300)

    /// - Parameters:
    ///   - name: `docker.io`, `quay.io`.
    ///   - address: where it is, `https://quay.io`.
    init(name: String, address: String, credentials: CredentialStore, patience: Duration) {
        self.name = name
        prefix = Reference.hubName(ofRegistry: name) + "/"
        var settings = RegistrySettings(credentials: credentials, dockerHub: { () throws(DrydockError) in address })
        settings.connectTimeout = patience
        settings.retry.attempts = 2
        settings.retry.longestPause = .seconds(1)
        settings.userAgent = "drydock-hub"
        client = RegistryClient(settings)
    }

    /// What people call it.
    var title: String { name == Reference.defaultRegistry ? "the real Docker Hub" : name }

    /// The repository's name there.
    func remote(_ repository: String) -> String {
        name == Reference.defaultRegistry ? repository : String(repository.dropFirst(prefix.count))
    }

    /// What to ask the client for. It knows this registry by the name of the default one.
    func reference(_ repository: String, tag: String? = nil, digest: Digest? = nil) -> Reference {
        Reference(
            unchecked: Reference.defaultRegistry, repository: remote(repository), tag: tag, digest: digest)
    }

    /// Why something is not asked for just now; nil where it may be.
    func refusal(_ key: String) -> UpstreamFailure? {
        let now = ContinuousClock.now
        return state.withLock { state in
            if let until = state.limitedUntil, until > now {
                return .limited(title: title, seconds: Int((until - now) / .seconds(1)) + 1)
            }
            if let until = state.deadUntil, until > now { return .unreachable(title: title) }
            if let until = state.unknown[key], until > now { return .unknown(title: title) }
            return nil
        }
    }

    /// Remembers what a failure says about the next request.
    func note(_ error: DrydockError, _ key: String) -> UpstreamFailure {
        state.withLock { state in
            switch error.code {
            case .unavailable:
                state.deadUntil = ContinuousClock.now + Self.memory
                return .unreachable(title: title)
            case .tooManyRequests:
                let seconds = Self.wait(error) ?? 60
                state.limitedUntil = ContinuousClock.now + .seconds(seconds)
                return .limited(title: title, seconds: seconds)
            case .notFound, .denied, .unauthorized:
                if state.unknown.count > 10_000 { state.unknown = [:] }
                state.unknown[key] = ContinuousClock.now + Self.memory
                return .unknown(title: title)
            default: return .other(error)
            }
        }
    }

    /// The seconds that a registry asks to wait, where the error's reason says them.
    private static func wait(_ error: DrydockError) -> Int? {
        guard let reason = error.reason, let at = reason.firstRange(of: "asks to wait ") else { return nil }
        return Int(reason[at.upperBound...].prefix { $0.isNumber }).map { min(max($0, 1), 86_400) }
    }
}

/// Why an upstream does not give something.
enum UpstreamFailure: Error, Sendable {
    case unreachable(title: String)
    case unknown(title: String)
    case limited(title: String, seconds: Int)
    case none(reason: String)
    case other(DrydockError)

    /// What a person is told.
    var reason: String {
        switch self {
        case .unreachable(let title): "not found, and \(title) cannot be reached from here"
        case .unknown(let title): "\(title) does not have it either"
        case .limited(let title, let seconds):
            "\(title) limits how often it is asked; it asks to wait \(seconds) seconds"
        case .none(let reason): reason
        case .other(let error): error.description
        }
    }

    /// The answer to who asked, where it is not only that something is missing.
    var refusal: HubRefusal? {
        switch self {
        case .limited(_, let seconds):
            var refusal = HubRefusal(.tooManyRequests, "TOOMANYREQUESTS", reason)
            refusal.headers[.retryAfter] = "\(seconds)"
            return refusal
        case .other(let error):
            // What an upstream does wrong is not the hub's own failure.
            return HubRefusal(.badGateway, "UNAVAILABLE", error.message, detail: error.reason)
        default: return nil
        }
    }
}

/// When a container is started again after its program has ended (`--restart`).
public struct RestartPolicy: Sendable, Equatable {
    /// The policies, as Docker names them.
    public enum Name: String, Sendable, CaseIterable {
        /// Never.
        case no
        /// Whenever it ends, and when the machine starts.
        case always
        /// When it fails.
        case onFailure = "on-failure"
        /// As `always`, but a container that was stopped stays so when the machine starts.
        case unlessStopped = "unless-stopped"
    }

    /// The policy.
    public var name: Name
    /// How often at most, for `on-failure`; 0 is without end.
    public var retries: Int

    /// Makes a policy.
    public init(_ name: Name = .no, retries: Int = 0) {
        self.name = name
        self.retries = retries
    }

    /// Whether a program that ended by itself is started again.
    /// - Parameter count: how often it has been started again since somebody started it.
    public func restarts(after code: Int32, count: Int) -> Bool {
        switch name {
        case .no: false
        case .always, .unlessStopped: true
        case .onFailure: code != 0 && (retries == 0 || count < retries)
        }
    }
}

/// How long a container waits before it is started again: 100 ms, twice as long each time, a minute at most; from the
/// beginning when the program ran for ten seconds (the restart manager of Docker's engine).
public struct RestartBackOff: Sendable, Equatable {
    private var last: Int64 = 0

    /// Nothing has been waited for yet.
    public init() {}

    /// Nanoseconds to wait now.
    /// - Parameter ran: how long the program ran: nanoseconds.
    public mutating func next(ran: Int64) -> Int64 {
        if ran >= 10_000_000_000 { last = 0 }
        last = last == 0 ? 100_000_000 : min(last * 2, 60_000_000_000)
        return last
    }
}

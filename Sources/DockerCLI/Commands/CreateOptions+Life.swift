import Diagnostics
import Engine
import OCI

extension Flags {
    /// What `create` and `run` have for the life of a container.
    static let life = [
        Flag("health-cmd", nil, .string, "Command to run to check health"),
        Flag("health-interval", nil, .duration, "Time between running the check (ms|s|m|h)", shown: "0s"),
        Flag("health-retries", nil, .int, "Consecutive failures needed to report unhealthy"),
        Flag(
            "health-start-interval", nil, .duration,
            "Time between running the check during the start period (ms|s|m|h)", shown: "0s"),
        Flag(
            "health-start-period", nil, .duration,
            "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)",
            shown: "0s"),
        Flag("health-timeout", nil, .duration, "Maximum time to allow one check to run (ms|s|m|h)", shown: "0s"),
        Flag(
            "log-driver", nil, .string, "Logging driver for the container", values: ["json-file", "local", "none"]),
        Flag("log-opt", nil, .list, "Log driver options"),
        Flag("no-healthcheck", "Disable any container-specified HEALTHCHECK"),
        Flag(
            "restart", nil, .string, "Restart policy to apply when a container exits", preset: "no",
            values: ["no", "always", "on-failure", "unless-stopped"]),
    ]
}

extension CreateOptions {
    /// Reads the flags above into a request.
    func readLife(into request: inout CreateRequest) throws(Failure) {
        request.restart = try Self.restart(invocation.string("restart") ?? "")
        if request.autoRemove, request.restart.name != "no" {
            throw .message("conflicting options: cannot specify both --restart and --rm")
        }
        request.healthcheck = try healthcheck()
        request.logging.driver = invocation.string("log-driver").flatMap { $0.isEmpty ? nil : $0 } ?? "json-file"
        for option in invocation.list("log-opt") {
            let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            request.logging.options[parts[0]] = parts.count > 1 ? parts[1] : ""
        }
        if request.logging.driver == "none", !request.logging.options.isEmpty {
            throw .message("invalid logging opts for driver none")
        }
    }

    /// `no`, `always`, `unless-stopped`, `on-failure[:COUNT]`; what is none of these is the engine's to refuse.
    static func restart(_ text: String) throws(Failure) -> RestartSetting {
        guard !text.isEmpty else { return RestartSetting() }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2, parts[0].isEmpty {
            throw .message("invalid restart policy format: no policy provided before colon")
        }
        guard parts.count == 2, !parts[1].isEmpty else { return RestartSetting(parts[0]) }
        guard let count = Int(parts[1]) else {
            throw .message("invalid restart policy format: maximum retry count must be an integer")
        }
        return RestartSetting(parts[0], maximumRetryCount: count)
    }

    private func healthcheck() throws(Failure) -> HealthCheck? {
        var check = HealthCheck()
        if let command = invocation.string("health-cmd"), !command.isEmpty { check.test = ["CMD-SHELL", command] }
        check.interval = invocation.nanoseconds("health-interval")
        check.timeout = invocation.nanoseconds("health-timeout")
        check.startPeriod = invocation.nanoseconds("health-start-period")
        check.startInterval = invocation.nanoseconds("health-start-interval")
        check.retries = invocation.int("health-retries") ?? 0
        let isAsked = check != HealthCheck()
        if invocation.bool("no-healthcheck") {
            if isAsked { throw .message("--no-healthcheck conflicts with --health-* options") }
            return HealthCheck(test: ["NONE"])
        }
        let values = [
            ("interval", check.interval), ("timeout", check.timeout), ("retries", Int64(check.retries)),
            ("start-period", check.startPeriod), ("start-interval", check.startInterval),
        ]
        for (name, value) in values where value < 0 { throw .message("--health-\(name) cannot be negative") }
        return isAsked ? check : nil
    }
}

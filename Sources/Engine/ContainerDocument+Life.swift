import Diagnostics
import Linux
import OCI
import Runtime
import SystemPackage

extension ContainerDocument {
    /// When it is started again.
    var restart: RestartSetting {
        let policy = json.at("HostConfig.RestartPolicy")
        return RestartSetting(
            policy?["Name"]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? "no",
            maximumRetryCount: Int(policy?["MaximumRetryCount"]?.int ?? 0))
    }

    /// How what it writes is kept.
    var logging: LogSetting {
        let log = json.at("HostConfig.LogConfig")
        var options: [String: String] = [:]
        for (key, value) in log?["Config"]?.pairs ?? [] { options[key] = value.string }
        return LogSetting(driver: log?["Type"]?.string ?? "json-file", options: options)
    }

    static func restartPolicy(_ setting: RestartSetting) -> JSONValue {
        [
            "Name": .string(setting.name.isEmpty ? "no" : setting.name),
            "MaximumRetryCount": .int(Int64(setting.maximumRetryCount)),
        ]
    }

    static func logConfig(_ setting: LogSetting) -> JSONValue {
        [
            "Type": .string(setting.driver),
            "Config": .object(
                setting.options.sorted { $0.key < $1.key }.map { (key: $0.key, value: .string($0.value)) }),
        ]
    }

    /// The command of the health check: nil where there is none.
    func healthCommand(shell: [String]) -> [String]? {
        guard let check = config.healthcheck, check.isOn else { return nil }
        switch check.test.first {
        case "CMD": return Array(check.test.dropFirst())
        case "CMD-SHELL": return shell + [check.test.dropFirst().joined(separator: " ")]
        default: return nil
        }
    }
}

extension RestartSetting {
    /// - Throws: Docker's words for what is no policy.
    func checked() throws(DrydockError) -> RestartPolicy {
        guard let known = RestartPolicy.Name(rawValue: name.isEmpty ? "no" : name) else {
            throw DrydockError(
                .invalidArgument,
                "invalid restart policy: unknown policy '\(name)'; use one of 'no', 'always', 'on-failure', or "
                    + "'unless-stopped'", exitStatus: 125)
        }
        if known != .onFailure, maximumRetryCount != 0 {
            var message = "invalid restart policy: maximum retry count can only be used with 'on-failure'"
            if maximumRetryCount < 0 { message += " and cannot be negative" }
            throw DrydockError(.invalidArgument, message, exitStatus: 125)
        }
        if maximumRetryCount < 0 {
            throw DrydockError(
                .invalidArgument, "invalid restart policy: maximum retry count cannot be negative", exitStatus: 125)
        }
        return RestartPolicy(known, retries: maximumRetryCount)
    }
}

extension LogSetting {
    private static let common: Set<String> = ["max-size", "max-file", "compress", "mode", "max-buffer-size"]
    private static let jsonFile: Set<String> = ["labels", "labels-regex", "env", "env-regex", "tag"]

    /// How the monitor is to keep the log.
    /// - Throws: Docker's words for a driver or an option that there is not.
    func checked(_ config: ContainerConfig) throws(DrydockError) -> LogSettings {
        var settings = LogSettings()
        func refused(_ message: String, _ remedy: String? = nil) -> DrydockError {
            DrydockError(.invalidArgument, message, remedy: remedy, exitStatus: 125)
        }
        switch driver {
        case "none":
            settings.kept = false
            return settings
        case "json-file": break
        case "local":
            settings.maximumSize = 20_000_000
            settings.maximumFiles = 5
            settings.compresses = true
        default:
            throw refused(
                "logger: no log driver named '\(driver)' is registered",
                "The drivers here are json-file, local and none.")
        }
        let known = driver == "json-file" ? Self.common.union(Self.jsonFile) : Self.common
        for name in options.keys.sorted() where !known.contains(name) {
            throw refused("unknown log opt '\(name)' for \(driver) log driver")
        }
        if let text = options["max-size"] {
            if text == "-1" {
                settings.maximumSize = nil
            } else {
                guard let size = ByteCount.read(text), size > 0 else { throw refused("invalid size: '\(text)'") }
                settings.maximumSize = size
            }
        }
        if let text = options["max-file"] {
            guard let count = Int(text) else {
                throw refused("strconv.Atoi: parsing \"\(text)\": invalid syntax")
            }
            guard count >= 1 else { throw refused("max-file cannot be less than 1") }
            settings.maximumFiles = count
        }
        if let text = options["compress"] {
            guard let wanted = ["true": true, "1": true, "false": false, "0": false][text.lowercased()] else {
                throw refused("strconv.ParseBool: parsing \"\(text)\": invalid syntax")
            }
            if wanted, driver == "json-file", settings.maximumSize == nil || settings.maximumFiles < 2 {
                throw refused("compress cannot be true when max-file is less than 2 or max-size is not set")
            }
            settings.compresses = wanted
        }
        settings.attributes = attributes(config)
        return settings
    }

    private func attributes(_ config: ContainerConfig) -> [String: String] {
        var result: [String: String] = [:]
        func names(_ option: String) -> [String] {
            (options[option] ?? "").split(separator: ",").map(String.init)
        }
        for name in names("labels") { if let value = config.labels[name] { result[name] = value } }
        for entry in config.env {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if parts.count == 2, names("env").contains(parts[0]) { result[parts[0]] = parts[1] }
        }
        return result
    }
}

import Diagnostics

/// Docker's templates see typed values: a list that is not there prints as `[]` and has no items, though the document
/// says `null`.
enum DocumentDefaults {
    private static let lists: Set<String> = [
        "Binds", "BlkioDeviceReadBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteBps", "BlkioDeviceWriteIOps",
        "BlkioWeightDevice", "CapAdd", "CapDrop", "Cmd", "DeviceCgroupRules", "DeviceRequests", "Devices", "Dns",
        "DnsOptions", "DnsSearch", "Entrypoint", "Env", "ExecIDs", "ExtraHosts", "GroupAdd", "Layers", "Links",
        "MaskedPaths", "Mounts", "OnBuild", "ReadonlyPaths", "RepoDigests", "RepoTags", "SecurityOpt", "Shell",
        "Ulimits", "VolumesFrom", "Aliases", "DNSNames", "SecondaryIPAddresses", "SecondaryIPv6Addresses",
    ]
    private static let maps: Set<String> = [
        "Labels", "Volumes", "ExposedPorts", "Ports", "PortBindings", "Annotations", "Options", "Sysctls", "Tmpfs",
        "StorageOpt", "DriverOpts", "Networks",
    ]

    /// Objects whose values say nothing: Go prints each as `{}`.
    private static let sets: Set<String> = ["Volumes", "ExposedPorts"]
    /// What Docker leaves out of JSON where it is empty, by the object that has it.
    private static let missing: [String: [(key: String, value: JSONValue)]] = [
        "": [("SizeRw", nil), ("SizeRootFs", nil), ("ImageManifestDescriptor", nil)],
        "Config": [
            ("ExposedPorts", [:]), ("Healthcheck", nil), ("ArgsEscaped", false), ("NetworkDisabled", false),
            ("MacAddress", ""), ("StopSignal", ""), ("StopTimeout", nil), ("Shell", []),
        ],
        "HostConfig": [
            ("Annotations", [:]), ("StorageOpt", [:]), ("Tmpfs", [:]), ("Sysctls", [:]), ("Mounts", []), ("Init", nil),
        ],
        "State": [("Health", nil)],
        "Healthcheck": [
            ("Test", []), ("Interval", "0s"), ("Timeout", "0s"), ("StartPeriod", "0s"), ("StartInterval", "0s"),
            ("Retries", 0),
        ],
    ]
    /// Fields whose name in Go is not their name in JSON.
    private static let otherNames: [String: [(go: String, json: String)]] = [
        "": [("ID", "Id")],
        "HostConfig": [
            ("CPUShares", "CpuShares"), ("NanoCPUs", "NanoCpus"), ("CPUPeriod", "CpuPeriod"), ("CPUQuota", "CpuQuota"),
            ("CPURealtimePeriod", "CpuRealtimePeriod"), ("CPURealtimeRuntime", "CpuRealtimeRuntime"),
            ("CPUCount", "CpuCount"), ("CPUPercent", "CpuPercent"), ("DNS", "Dns"), ("DNSOptions", "DnsOptions"),
            ("DNSSearch", "DnsSearch"),
        ],
    ]

    /// A field that JSON leaves out, or has under another name, of the object that a document has under `parent`; the
    /// document itself is the object of no name.
    static func field(_ name: String, of object: JSONValue, _ parent: String) -> JSONValue? {
        if let other = otherNames[parent]?.first(where: { $0.go == name }) { return object[other.json] }
        return missing[parent]?.first { $0.key == name }?.value
    }

    /// Times of a health check, in nanoseconds.
    private static let times: Set<String> = ["Interval", "Timeout", "StartPeriod", "StartInterval"]

    /// Nanoseconds as Go prints a duration: `1m30s`, `1.5s`, `200ms`.
    static func duration(_ nanoseconds: Int64) -> String {
        guard nanoseconds != 0 else { return "0s" }
        func decimal(_ value: Int64, _ unit: Int64) -> String {
            let digits = String(unit + value % unit).dropFirst()
            let kept = String(digits.reversed().drop { $0 == "0" }.reversed())
            return "\(value / unit)" + (kept.isEmpty ? "" : ".\(kept)")
        }
        let sign = nanoseconds < 0 ? "-" : ""
        let time = abs(max(nanoseconds, -Int64.max))
        switch time {
        case ..<1_000: return "\(sign)\(time)ns"
        case ..<1_000_000: return sign + decimal(time, 1_000) + "µs"
        case ..<1_000_000_000: return sign + decimal(time, 1_000_000) + "ms"
        default:
            let (hours, minutes) = (time / 3_600_000_000_000, time / 60_000_000_000 % 60)
            let seconds = decimal(time % 60_000_000_000, 1_000_000_000) + "s"
            return sign + (hours > 0 ? "\(hours)h\(minutes)m" : minutes > 0 ? "\(minutes)m" : "") + seconds
        }
    }

    /// The document with such values in place of null.
    static func filled(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let pairs):
            .object(
                pairs.map { key, value in
                    if case .null = value {
                        if lists.contains(key) { return (key, .array([])) }
                        if maps.contains(key) { return (key, .object([])) }
                    }
                    if sets.contains(key), let pairs = value.pairs {
                        return (key, .object(pairs.map { ($0.key, $0.value.pairs?.isEmpty == true ? "{}" : $0.value) }))
                    }
                    if times.contains(key), let time = value.int { return (key, .string(duration(time))) }
                    return (key, filled(GoStructs.completed(value)))
                })
        case .array(let items): .array(items.map { filled(GoStructs.completed($0)) })
        default: value
        }
    }
}

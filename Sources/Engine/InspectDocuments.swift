import Diagnostics

/// The documents of `docker inspect` with all of Docker's fields in Docker's order (Engine API 1.50): what this engine
/// has no value for gets the value that Docker writes where nothing was asked for.
enum InspectDocuments {
    private typealias Fields = [(key: String, value: JSONValue)]

    /// A container's document; fields that Docker does not have stay, behind the others.
    static func container(_ document: JSONValue) -> JSONValue {
        var result = ordered(document, containerOrder.map { ($0, nil) }, onlyExisting: true)
        result = result.setting("HostConfig", ordered(document["HostConfig"] ?? .object([]), hostConfig))
        result = result.setting(
            "Config", ordered(document["Config"] ?? .object([]), configOrder.map { ($0, nil) }, onlyExisting: true))
        var settings = ordered(document["NetworkSettings"] ?? .object([]), networkSettings)
        let networks = (settings["Networks"]?.pairs ?? []).map { (key: $0.key, value: ordered($0.value, endpoint)) }
        settings = settings.setting("Networks", .object(networks))
        if let id = document["Id"]?.string, let data = document.at("GraphDriver.Data"), data["ID"] == nil,
            let pairs = data.pairs
        {
            let named: Fields = [("ID", .string(id))]
            result = result.setting(
                "GraphDriver", (document["GraphDriver"] ?? .object([])).setting("Data", .object(named + pairs)))
        }
        return result.setting("NetworkSettings", settings)
    }

    /// The configuration in an image's document: fields by name, as Docker's daemon merges them.
    static func imageConfig(_ config: JSONValue, raw: JSONValue?) -> JSONValue {
        var pairs = config.pairs ?? []
        if let check = raw?["Healthcheck"], check != .null, config["Healthcheck"] == nil {
            pairs.append(("Healthcheck", check))
        }
        return .object(pairs.sorted { $0.key < $1.key })
    }

    private static func ordered(
        _ value: JSONValue, _ fields: Fields, onlyExisting: Bool = false
    ) -> JSONValue {
        var rest = value.pairs ?? []
        var result: Fields = []
        for (key, preset) in fields {
            if let place = rest.firstIndex(where: { $0.key == key }) {
                result.append(rest.remove(at: place))
            } else if !onlyExisting {
                result.append((key, preset))
            }
        }
        return .object(result + rest)
    }

    private static let containerOrder = [
        "Id", "Created", "Path", "Args", "State", "Image", "ResolvConfPath", "HostnamePath", "HostsPath", "LogPath",
        "Name", "RestartCount", "Driver", "Platform", "MountLabel", "ProcessLabel", "AppArmorProfile", "ExecIDs",
        "HostConfig", "GraphDriver", "SizeRw", "SizeRootFs", "Mounts", "Config", "NetworkSettings",
    ]

    private static let configOrder = [
        "Hostname", "Domainname", "User", "AttachStdin", "AttachStdout", "AttachStderr", "ExposedPorts", "Tty",
        "OpenStdin", "StdinOnce", "Env", "Cmd", "Healthcheck", "ArgsEscaped", "Image", "Volumes", "WorkingDir",
        "Entrypoint", "NetworkDisabled", "OnBuild", "Labels", "StopSignal", "StopTimeout", "Shell",
    ]

    private static let hostConfig: Fields = [
        ("Binds", nil), ("ContainerIDFile", ""), ("LogConfig", ["Type": "json-file", "Config": [:]]),
        ("NetworkMode", "bridge"), ("PortBindings", [:]), ("RestartPolicy", ["Name": "no", "MaximumRetryCount": 0]),
        ("AutoRemove", false), ("VolumeDriver", ""), ("VolumesFrom", nil), ("ConsoleSize", [0, 0]), ("CapAdd", nil),
        ("CapDrop", nil), ("CgroupnsMode", "private"), ("Dns", []), ("DnsOptions", []), ("DnsSearch", []),
        ("ExtraHosts", nil), ("GroupAdd", nil), ("IpcMode", "private"), ("Cgroup", ""), ("Links", nil),
        ("OomScoreAdj", 0), ("PidMode", ""), ("Privileged", false), ("PublishAllPorts", false),
        ("ReadonlyRootfs", false), ("SecurityOpt", nil), ("UTSMode", ""), ("UsernsMode", ""),
        ("ShmSize", 67_108_864), ("Runtime", "drydock"), ("Isolation", ""), ("CpuShares", 0), ("Memory", 0),
        ("NanoCpus", 0), ("CgroupParent", ""), ("BlkioWeight", 0), ("BlkioWeightDevice", []),
        ("BlkioDeviceReadBps", []), ("BlkioDeviceWriteBps", []), ("BlkioDeviceReadIOps", []),
        ("BlkioDeviceWriteIOps", []), ("CpuPeriod", 0), ("CpuQuota", 0), ("CpuRealtimePeriod", 0),
        ("CpuRealtimeRuntime", 0), ("CpusetCpus", ""), ("CpusetMems", ""), ("Devices", []),
        ("DeviceCgroupRules", nil), ("DeviceRequests", nil), ("MemoryReservation", 0), ("MemorySwap", 0),
        ("MemorySwappiness", nil), ("OomKillDisable", nil), ("PidsLimit", nil), ("Ulimits", []), ("CpuCount", 0),
        ("CpuPercent", 0), ("IOMaximumIOps", 0), ("IOMaximumBandwidth", 0), ("MaskedPaths", nil),
        ("ReadonlyPaths", nil),
    ]

    private static let networkSettings: Fields = [
        ("Bridge", ""), ("SandboxID", ""), ("SandboxKey", ""), ("Ports", [:]), ("HairpinMode", false),
        ("LinkLocalIPv6Address", ""), ("LinkLocalIPv6PrefixLen", 0), ("SecondaryIPAddresses", nil),
        ("SecondaryIPv6Addresses", nil), ("EndpointID", ""), ("Gateway", ""), ("GlobalIPv6Address", ""),
        ("GlobalIPv6PrefixLen", 0), ("IPAddress", ""), ("IPPrefixLen", 0), ("IPv6Gateway", ""), ("MacAddress", ""),
        ("Networks", [:]),
    ]

    private static let endpoint: Fields = [
        ("IPAMConfig", nil), ("Links", nil), ("Aliases", nil), ("MacAddress", ""), ("DriverOpts", nil),
        ("GwPriority", 0), ("NetworkID", ""), ("EndpointID", ""), ("Gateway", ""), ("IPAddress", ""),
        ("IPPrefixLen", 0), ("IPv6Gateway", ""), ("GlobalIPv6Address", ""), ("GlobalIPv6PrefixLen", 0),
        ("DNSNames", nil),
    ]
}

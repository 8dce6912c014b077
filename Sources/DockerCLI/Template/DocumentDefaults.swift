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
                    return (key, filled(value))
                })
        case .array(let items): .array(items.map(filled))
        default: value
        }
    }
}

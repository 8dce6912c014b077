import Diagnostics
import ImageStore
import OCI
import Runtime

/// The document of a container as the store keeps it: what `docker container inspect` prints, without what changes
/// while it runs (`State`, the addresses in `NetworkSettings`).
struct ContainerDocument: Sendable {
    var json: JSONValue

    init(json: JSONValue) { self.json = json }

    /// Where the files of a container are.
    struct Places: Sendable {
        var directory: String
        var log: String
        var driver: String
        var lowers: [String]
        var upper: String
        var work: String

        var graphData: JSONValue {
            if driver == StorageDriver.vfs.rawValue { return ["dir": .string(upper)] }
            return [
                "LowerDir": .string(lowers.joined(separator: ":")), "MergedDir": .string(directory + "/merged"),
                "UpperDir": .string(upper), "WorkDir": .string(work),
            ]
        }
    }

    /// How the container gets its root.
    var driver: StorageDriver { json["Driver"]?.string.flatMap { StorageDriver(name: $0) } ?? .overlay }

    /// Makes the document of a new container.
    init(
        id: String, name: String, created: Timestamp, image: Digest, imageConfig: ImageConfig, request: CreateRequest,
        program: Program, mounts: [ResolvedMount], places: Places
    ) {
        var config = imageConfig.config
        config.user = request.user ?? config.user
        config.workingDir = request.workingDir ?? config.workingDir
        config.env = program.env
        config.labels.merge(request.labels) { _, new in new }
        if let entrypoint = request.entrypoint {
            config.entrypoint = entrypoint.isEmpty ? nil : [entrypoint]
            config.cmd = request.command.isEmpty ? nil : request.command
        } else if !request.command.isEmpty {
            config.cmd = request.command
        }
        if let check = request.healthcheck {
            config.healthcheck = config.healthcheck.map(check.completed) ?? check
        }
        // Ranges may name all ports that there are.
        var exposed = Set(config.exposedPorts)
        for key in request.ports.map({ "\($0.containerPort)/\($0.transport)" }) + request.isolation.exposed
        where exposed.insert(key).inserted {
            config.exposedPorts.append(key)
        }
        json = [
            "Id": .string(id), "Created": .string(created.description),
            "Path": .string(program.argv.first ?? ""), "Args": .strings(program.argv.dropFirst()),
            "Image": .string(image.description),
            "ResolvConfPath": .string(places.directory + "/resolv.conf"),
            "HostnamePath": .string(places.directory + "/hostname"),
            "HostsPath": .string(places.directory + "/hosts"), "LogPath": .string(places.log),
            "Name": .string("/" + name), "RestartCount": 0, "Driver": .string(places.driver), "Platform": "linux",
            "MountLabel": "", "ProcessLabel": "", "AppArmorProfile": "", "ExecIDs": nil,
            "HostConfig": request.isolation.hostConfig.reduce(Self.hostConfig(request, mounts: mounts)) {
                $0.setting($1.key, $1.value)
            },
            "GraphDriver": ["Data": places.graphData, "Name": .string(places.driver)],
            "Mounts": .array(mounts.map(\.json)),
            "Config": Self.config(config, id: id, request: request),
            "NetworkSettings": Self.networkSettings(request),
        ]
    }

    /// The program, its arguments and its environment, worked out from image and request.
    struct Program: Sendable {
        var argv: [String]
        var env: [String]

        /// - Throws: `no command specified` (exit status 125, as `docker run` ends).
        init(request: CreateRequest, image: ContainerConfig) throws(DrydockError) {
            if let entrypoint = request.entrypoint {
                argv = (entrypoint.isEmpty ? [] : [entrypoint]) + request.command
            } else {
                argv = (image.entrypoint ?? []) + (request.command.isEmpty ? image.cmd ?? [] : request.command)
            }
            guard !argv.isEmpty else {
                throw DrydockError(
                    .invalidArgument, "no command specified",
                    remedy: "Name a program after the image: docker run IMAGE COMMAND.", exitStatus: 125)
            }
            env = image.env
            for entry in request.env {
                let key = String(entry.prefix { $0 != "=" })
                guard entry.contains("=") else {
                    env.removeAll { $0.hasPrefix(key + "=") || $0 == key }
                    env.append(key)
                    continue
                }
                ConfigChanges.set(key, String(entry.dropFirst(key.count + 1)), in: &env)
            }
            if !env.contains(where: { $0.hasPrefix("PATH=") }) {
                env.insert("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", at: 0)
            }
        }
    }

    // MARK: What the engine asks of it

    var id: String { json["Id"]?.string ?? "" }
    var name: String { String((json["Name"]?.string ?? "/").dropFirst()) }
    var argv: [String] { [json["Path"]?.string ?? ""] + (json["Args"]?.array ?? []).compactMap(\.string) }
    var config: ContainerConfig { ContainerConfig(json["Config"] ?? .object([])) }
    var hostname: String { json.at("Config.Hostname")?.string ?? "" }
    var tty: Bool { json.at("Config.Tty")?.bool ?? false }
    var openStdin: Bool { json.at("Config.OpenStdin")?.bool ?? false }
    var autoRemove: Bool { json.at("HostConfig.AutoRemove")?.bool ?? false }
    var privileged: Bool { json.at("HostConfig.Privileged")?.bool ?? false }
    var readOnlyRootfs: Bool { json.at("HostConfig.ReadonlyRootfs")?.bool ?? false }
    var networkMode: String { json.at("HostConfig.NetworkMode")?.string ?? "default" }
    var imageName: String { json.at("Config.Image")?.string ?? "" }
    var stopTimeout: Int? { json.at("Config.StopTimeout")?.int.map(Int.init) }
    func strings(_ path: String) -> [String] { (json.at(path)?.array ?? []).compactMap(\.string) }

    var mounts: [ResolvedMount] { (json["Mounts"]?.array ?? []).compactMap(ResolvedMount.init(json:)) }

    var ports: [CreateRequest.Port] {
        (json.at("HostConfig.PortBindings")?.pairs ?? []).flatMap { key, bindings in
            let parts = key.split(separator: "/")
            guard let first = parts.first, let number = UInt16(first) else { return [CreateRequest.Port]() }
            return (bindings.array ?? []).map {
                let ends = ($0["HostPort"]?.string ?? "").split(separator: "-").compactMap { UInt16($0) }
                return CreateRequest.Port(
                    hostAddress: $0["HostIp"]?.string ?? "", hostPort: ends.first ?? 0, lastHostPort: ends.last,
                    containerPort: number, transport: parts.count > 1 ? String(parts[1]) : "tcp")
            }
        }
    }

    mutating func set(name: String) { json = json.setting("Name", .string("/" + name)) }

    // MARK: Parts

    private static func config(_ config: ContainerConfig, id: String, request: CreateRequest) -> JSONValue {
        let attach: (String) -> JSONValue = { .bool(request.attach.contains($0)) }
        var pairs: [(key: String, value: JSONValue)] = [
            ("Hostname", .string(request.hostname ?? String(id.prefix(12)))),
            ("Domainname", .string(request.isolation.domainname)),
            ("User", .string(config.user)), ("AttachStdin", attach("stdin")), ("AttachStdout", attach("stdout")),
            ("AttachStderr", attach("stderr")),
        ]
        let rest = config.json(empty: true)
        if let ports = rest["ExposedPorts"] { pairs.append(("ExposedPorts", ports)) }
        pairs += [
            ("Tty", .bool(request.tty)), ("OpenStdin", .bool(request.openStdin)),
            ("StdinOnce", .bool(request.openStdin && request.attach.contains("stdin"))),
        ]
        for key in ["Env", "Cmd"] { pairs.append((key, rest[key] ?? nil)) }
        if let check = config.healthcheck { pairs.append(("Healthcheck", check.json)) }
        pairs.append(("Image", .string(request.image)))
        for key in ["Volumes", "WorkingDir", "Entrypoint", "OnBuild"] { pairs.append((key, rest[key] ?? nil)) }
        pairs.append(("Labels", rest["Labels"] ?? .object([])))
        if let signal = request.stopSignal ?? config.stopSignal { pairs.append(("StopSignal", .string(signal))) }
        if !request.isolation.macAddress.isEmpty { pairs.append(("MacAddress", .string(request.isolation.macAddress))) }
        if let timeout = request.stopTimeout { pairs.append(("StopTimeout", .int(Int64(timeout)))) }
        return .object(pairs)
    }

    private static func hostConfig(_ request: CreateRequest, mounts: [ResolvedMount]) -> JSONValue {
        let binds = mounts.filter { !$0.isVolume || $0.isNamed }.map { mount in
            "\(mount.name ?? mount.source):\(mount.target)"
                + (mount.mode.isEmpty ? mount.readOnly ? ":ro" : "" : ":\(mount.mode)")
        }
        return [
            "Binds": binds.isEmpty ? nil : .strings(binds), "ContainerIDFile": "",
            "LogConfig": logConfig(request.logging), "NetworkMode": .string(request.network),
            "PortBindings": portBindings(request.ports),
            "RestartPolicy": restartPolicy(request.restart), "AutoRemove": .bool(request.autoRemove),
            "VolumeDriver": "", "VolumesFrom": nil, "ConsoleSize": [0, 0],
            "CapAdd": request.capAdd.isEmpty ? nil : .strings(request.capAdd),
            "CapDrop": request.capDrop.isEmpty ? nil : .strings(request.capDrop),
            "CgroupnsMode": "private", "Dns": .strings(request.dns), "DnsOptions": [], "DnsSearch": [],
            "ExtraHosts": request.extraHosts.isEmpty ? nil : .strings(request.extraHosts), "GroupAdd": nil,
            "IpcMode": "private", "Cgroup": "", "Links": nil, "OomScoreAdj": 0, "PidMode": "",
            "Privileged": .bool(request.privileged), "PublishAllPorts": .bool(request.publishAll),
            "ReadonlyRootfs": .bool(request.readOnlyRootfs), "SecurityOpt": nil,
            "Tmpfs": request.tmpfs.isEmpty
                ? nil
                : .object(request.tmpfs.sorted { $0.key < $1.key }.map { (key: $0.key, value: .string($0.value)) }),
            "UTSMode": "", "UsernsMode": "", "ShmSize": 67_108_864, "Runtime": "drydock",
            "Init": .bool(request.initProcess), "CpuShares": 0, "Memory": 0, "NanoCpus": 0, "CgroupParent": "",
            "PidsLimit": nil, "MaskedPaths": .strings(DefaultPaths.masked),
            "ReadonlyPaths": .strings(DefaultPaths.readOnly),
        ]
    }

    /// As Docker keeps it: nothing where any port will do, `8000`, or `8000-8010` where one of them will.
    private static func hostPort(_ port: CreateRequest.Port) -> String {
        if port.lastHostPort != port.hostPort { return "\(port.hostPort)-\(port.lastHostPort)" }
        return port.hostPort == 0 ? "" : String(port.hostPort)
    }

    static func portBindings(_ ports: [CreateRequest.Port]) -> JSONValue {
        var places: [String: Int] = [:]
        var result: [(key: String, value: [JSONValue])] = []
        for port in ports {
            let key = "\(port.containerPort)/\(port.transport)"
            let binding: JSONValue = [
                "HostIp": .string(port.hostAddress), "HostPort": .string(hostPort(port)),
            ]
            if let place = places[key] {
                result[place].value.append(binding)
            } else {
                places[key] = result.count
                result.append((key, [binding]))
            }
        }
        return .object(result.map { (key: $0.key, value: .array($0.value)) })
    }

    private static func networkSettings(_ request: CreateRequest) -> JSONValue {
        let name = request.network == "default" ? "bridge" : request.network
        let unconnected: JSONValue = ["Gateway": "", "IPAddress": "", "IPPrefixLen": 0, "MacAddress": ""]
        return [
            "Bridge": "", "SandboxID": "", "SandboxKey": "", "Ports": [:], "Gateway": "", "IPAddress": "",
            "IPPrefixLen": 0, "MacAddress": "",
            "Networks": .object([(key: name, value: unconnected)]),
        ]
    }
}

/// A mount with everything decided.
struct ResolvedMount: Sendable, Hashable {
    /// `bind` or `volume`
    var isVolume: Bool
    /// The volume's name, where it is one.
    var name: String?
    /// Whether the user chose that name.
    var isNamed: Bool
    var source: String
    var target: String
    var readOnly: Bool
    var nonRecursive = false
    var propagation = "rprivate"
    /// As it was written, `ro,z`.
    var mode = ""

    init(isVolume: Bool, name: String?, isNamed: Bool, source: String, target: String, readOnly: Bool) {
        self.isVolume = isVolume
        self.name = name
        self.isNamed = isNamed
        self.source = source
        self.target = target
        self.readOnly = readOnly
    }

    init?(json: JSONValue) {
        guard let source = json["Source"]?.string, let target = json["Destination"]?.string else { return nil }
        let name = json["Name"]?.string
        self.init(
            isVolume: json["Type"]?.string == "volume", name: name, isNamed: (name?.count ?? 64) != 64, source: source,
            target: target,
            readOnly: json["RW"]?.bool == false)
        nonRecursive = json["NonRecursive"]?.bool ?? false
        if let propagation = json["Propagation"]?.string, !propagation.isEmpty { self.propagation = propagation }
    }

    var json: JSONValue {
        var pairs: [(key: String, value: JSONValue)] = [("Type", isVolume ? "volume" : "bind")]
        if let name { pairs.append(("Name", .string(name))) }
        pairs += [("Source", .string(source)), ("Destination", .string(target))]
        if isVolume { pairs.append(("Driver", "local")) }
        let plain = readOnly ? "ro" : isVolume ? "z" : ""
        pairs += [("Mode", .string(mode.isEmpty ? plain : mode)), ("RW", .bool(!readOnly))]
        pairs.append(("Propagation", isVolume ? "" : .string(propagation)))
        if nonRecursive { pairs.append(("NonRecursive", true)) }
        return .object(pairs)
    }
}

/// The paths of `/proc` and `/sys` that a container must not see or change, as Docker has them.
enum DefaultPaths {
    static let masked = SystemPaths.masked
    static let readOnly = SystemPaths.readOnly
}

extension JSONValue {
    static func strings(_ items: some Sequence<String>) -> JSONValue { .array(items.map(JSONValue.string)) }
}

extension ContainerDocument {
    /// The key under which the last failed start is kept; it is never shown.
    static var failureKey: String { "StartFailure" }

    /// Why the last start failed, where it did.
    var failure: (code: Int32, message: String)? {
        guard let failure = json[Self.failureKey] else { return nil }
        return (Int32(failure["ExitCode"]?.int ?? 128), failure["Error"]?.string ?? "")
    }
}

public import Diagnostics
import Glibc
import ImageStore
import Linux
import OCI
import RegistryClient
import Runtime
import SystemPackage

extension Engine {
    /// The version of Docker whose command language this is; images made here say so, as Docker's do.
    static var dockerVersion: String { "28.2.2" }
    /// The version of the Engine API that the documents follow.
    static var apiVersion: String { "1.50" }
    /// Drydock's own version.
    public static var drydockVersion: String { "0.1.0" }

    /// See `EngineOperations`.
    public func version() -> JSONValue {
        let machine = Machine()
        let common: [(key: String, value: JSONValue)] = [
            ("Platform", ["Name": .string("Drydock \(Self.drydockVersion)")]), ("Version", .string(Self.dockerVersion)),
            ("ApiVersion", .string(Self.apiVersion)),
        ]
        let system: [(key: String, value: JSONValue)] = [
            ("Os", "linux"), ("Arch", .string(Platform.current.architecture)),
        ]
        return [
            "Client": .object(
                common + [
                    ("DefaultAPIVersion", .string(Self.apiVersion)), ("GitCommit", "drydock"), ("GoVersion", "none"),
                ] + system + [("BuildTime", ""), ("Context", "default")]),
            "Server": .object(
                common + [("MinAPIVersion", "1.24"), ("GitCommit", "drydock"), ("GoVersion", "none")] + system + [
                    ("KernelVersion", .string(machine.kernel)), ("Experimental", false), ("BuildTime", ""),
                    (
                        "Components",
                        [
                            [
                                "Name": "drydock", "Version": .string(Self.drydockVersion),
                                "Details": ["Role": "engine, runtime and registry in one program"],
                            ]
                        ]
                    ),
                ]),
        ]
    }

    /// See `EngineOperations`.
    public func info() throws(DrydockError) -> JSONValue {
        let machine = Machine()
        let registries = try registryConfiguration()
        let storage = try storageDriver()
        var running: Int64 = 0
        let containers = try store.containers()
        var paused: Int64 = 0
        for record in containers {
            let state = try? runtime.state(record.id)
            guard state?.isRunning == true else { continue }
            if state?.running?.paused == true { paused += 1 } else { running += 1 }
        }
        let images = try store.images(intermediate: true)
        return [
            "ID": .string(Digest.sha256(home.path.string.utf8).short),
            "Containers": .int(Int64(containers.count)), "ContainersRunning": .int(running),
            "ContainersPaused": .int(paused),
            "ContainersStopped": .int(Int64(containers.count) - running - paused), "Images": .int(Int64(images.count)),
            "Driver": .string(storage.driver.rawValue),
            "DriverStatus": [
                ["Supports d_type", "true"], ["userxattr", .string(machine.isRoot ? "false" : "true")],
                ["Why", .string(storage.reason)],
            ],
            "Plugins": [
                "Volume": ["local"], "Network": ["bridge", "host", "null"], "Authorization": nil,
                "Log": ["json-file", "local"],
            ],
            "MemoryLimit": true, "SwapLimit": false, "PidsLimit": true, "IPv4Forwarding": .bool(machine.forwards),
            "Debug": false, "NFd": 0, "NGoroutines": 0, "SystemTime": .string(Timestamp.now.description),
            "LoggingDriver": "json-file", "CgroupDriver": "cgroupfs",
            "CgroupVersion": .string(machine.cgroupVersion), "NEventsListener": 0,
            "KernelVersion": .string(machine.kernel), "OperatingSystem": .string(machine.distribution),
            "OSVersion": .string(machine.distributionVersion), "OSType": "linux",
            "Architecture": .string(machine.architecture), "IndexServerAddress": "https://index.docker.io/v1/",
            "RegistryConfig": registries.document,
            "NCPU": .int(Int64(machine.processors)), "MemTotal": .int(machine.memory),
            "GenericResources": nil, "DockerRootDir": .string(home.path.string),
            "HttpProxy": .string(registries.proxies.http.map(ProxySettings.masked) ?? ""),
            "HttpsProxy": .string(registries.proxies.https.map(ProxySettings.masked) ?? ""),
            "NoProxy": .string(registries.proxies.exceptions), "Name": .string(machine.name), "Labels": [],
            "ExperimentalBuild": false,
            "ServerVersion": .string("\(Self.drydockVersion) (Drydock, speaks Docker \(Self.dockerVersion))"),
            "Runtimes": ["drydock": ["path": "drydock-monitor"]], "DefaultRuntime": "drydock",
            "Swarm": ["LocalNodeState": "inactive"], "LiveRestoreEnabled": true, "Isolation": "",
            "InitBinary": "",
            "SecurityOptions": .strings(
                ["name=seccomp,profile=builtin"] + (machine.isRoot ? [] : ["name=rootless"]) + ["name=cgroupns"]),
            "Warnings": nil, "ClientInfo": ["Version": .string(Self.dockerVersion), "Context": "default"],
        ]
    }

    /// Starts what is to run again after the machine was restarted, as Docker's daemon does when it starts: `always`,
    /// `unless-stopped` where nobody had stopped it, `on-failure` where it failed.
    /// - Returns: the names of those that were started, and why others were not.
    public func startAgain() throws(DrydockError) -> (started: [String], failed: [(name: String, error: DrydockError)])
    {
        try recover()
        var started: [String] = []
        var failed: [(name: String, error: DrydockError)] = []
        for record in try store.containers().reversed() {
            guard case .exited(let info) = try runtime.state(record.id),
                let policy = try? document(of: record).restart.checked()
            else { continue }
            let wanted =
                switch policy.name {
                case .no: false
                case .always: true
                case .unlessStopped: !info.stopped
                case .onFailure: !info.stopped && policy.restarts(after: info.code, count: info.restarts)
                }
            guard wanted else { continue }
            do throws(DrydockError) {
                _ = try start(record.id, attach: nil, Span.none)
                started.append(record.name)
            } catch {
                failed.append((record.name, error))
            }
        }
        return (started, failed)
    }
}

/// What is known of the machine, from the kernel and `/etc/os-release`.
private struct Machine {
    let kernel: String
    let architecture: String
    let name: String
    let processors: Int
    let memory: Int64
    let isRoot = getuid() == 0
    let distribution: String
    let distributionVersion: String

    init() {
        var uts = utsname()
        uname(&uts)
        func text<T>(_ field: T) -> String {
            withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        kernel = text(uts.release)
        architecture = text(uts.machine)
        name = text(uts.nodename)
        processors = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        memory = Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(sysconf(Int32(_SC_PAGESIZE)))
        var release: [String: String] = [:]
        for line in String(decoding: (try? Files.read("/etc/os-release")) ?? [], as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { release[String(parts[0])] = parts[1].filter { $0 != "\"" } }
        }
        distribution = release["PRETTY_NAME"] ?? "Linux"
        distributionVersion = release["VERSION_ID"] ?? ""
    }

    var cgroupVersion: String { Files.exists("/sys/fs/cgroup/cgroup.controllers") ? "2" : "1" }
    var forwards: Bool { Files.line("/proc/sys/net/ipv4/ip_forward") == "1" }
}

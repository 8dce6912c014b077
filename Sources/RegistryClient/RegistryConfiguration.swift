public import Diagnostics
import Linux
import OCI
public import SystemPackage

/// What Docker's `daemon.json` says about registries: `registry-mirrors`, `insecure-registries`, `proxies`,
/// `max-concurrent-downloads`, `max-concurrent-uploads`, `max-download-attempts`.
public struct RegistryConfiguration: Sendable, Hashable {
    /// Base URLs that are asked before `docker.io` when something of it is pulled, in this order.
    public var mirrors: [String] = []
    /// Registries (`host`, `host:port`, or a network: `10.0.0.0/8`) whose certificate need not be right, and that may
    /// be spoken to over plain HTTP. Loopback addresses always are.
    public var insecureRegistries: [String] = []
    /// The proxies: the environment's where the file names none.
    public var proxies = ProxySettings.environment
    /// How many layers of one image are fetched at the same time.
    public var parallelDownloads = 3
    /// How many layers of one image are sent at the same time.
    public var parallelUploads = 5
    /// How often a download is tried.
    public var downloadAttempts = 5

    /// Docker's defaults, and the environment's proxies.
    public init() {}

    /// What `docker info` says of registries.
    public var document: JSONValue {
        let networks = ["::1/128", "127.0.0.0/8"] + insecureRegistries.filter { $0.contains("/") }
        let mirrors = mirrors.map { $0.hasSuffix("/") ? $0 : $0 + "/" }
        func index(_ name: String, _ mirrors: [String], secure: Bool) -> JSONValue {
            [
                "Name": .string(name), "Mirrors": .array(mirrors.map(JSONValue.string)), "Secure": .bool(secure),
                "Official": .bool(name == Reference.defaultRegistry),
            ]
        }
        var indexes = [(key: Reference.defaultRegistry, value: index(Reference.defaultRegistry, mirrors, secure: true))]
        for registry in insecureRegistries where !registry.contains("/") {
            indexes.append((key: registry, value: index(registry, [], secure: false)))
        }
        return [
            "InsecureRegistryCIDRs": .array(networks.map(JSONValue.string)), "IndexConfigs": .object(indexes),
            "Mirrors": mirrors.isEmpty ? nil : .array(mirrors.map(JSONValue.string)),
        ]
    }

    /// Reads a `daemon.json`; where there is none, everything is as usual. Keys that are not about registries are left
    /// alone.
    /// - Throws: `.invalidArgument` for what Docker's daemon would refuse to start with.
    public static func read(_ file: FilePath) throws(DrydockError) -> RegistryConfiguration {
        var configuration = RegistryConfiguration()
        guard let bytes = try Files.readIfPresent(file), !bytes.isEmpty else { return configuration }
        func refused(_ why: String) -> DrydockError {
            DrydockError(
                .invalidArgument, "unable to configure the Docker daemon with file \(file): \(why)",
                remedy: "Mend the file, or remove it.")
        }
        let json: JSONValue
        do throws(DrydockError) {
            json = try JSONValue(parsing: bytes)
        } catch {
            throw refused("invalid JSON: \(error.reason ?? error.message)")
        }
        func texts(_ key: String) throws(DrydockError) -> [String]? {
            guard let value = json[key] else { return nil }
            guard let array = value.array, case let texts = array.compactMap(\.string), texts.count == array.count
            else { throw refused("\"\(key)\" is not a list of texts") }
            return texts
        }
        func number(_ key: String, _ place: WritableKeyPath<RegistryConfiguration, Int>) throws(DrydockError) {
            guard let value = json[key] else { return }
            guard let number = value.int, (1...100).contains(number) else {
                throw refused("invalid \(key.replacing("-", with: " ")): \(value.compact)")
            }
            configuration[keyPath: place] = Int(number)
        }
        configuration.mirrors = try texts("registry-mirrors") ?? []
        for mirror in configuration.mirrors {
            guard let address = WebAddress(mirror), !address.target.contains("?") else {
                throw refused("invalid mirror: \"\(mirror)\" is not an http:// or https:// address")
            }
        }
        configuration.insecureRegistries = try texts("insecure-registries") ?? []
        for registry in configuration.insecureRegistries where registry.contains("://") {
            throw refused("insecure registry \(registry) should not contain '://'")
        }
        try number("max-concurrent-downloads", \.parallelDownloads)
        try number("max-concurrent-uploads", \.parallelUploads)
        try number("max-download-attempts", \.downloadAttempts)
        if let proxies = json["proxies"] {
            configuration.proxies.http = proxies["http-proxy"]?.string ?? configuration.proxies.http
            configuration.proxies.https = proxies["https-proxy"]?.string ?? configuration.proxies.https
            configuration.proxies.exceptions = proxies["no-proxy"]?.string ?? configuration.proxies.exceptions
        }
        return configuration
    }

    /// Whether a registry's certificate need not be right.
    func isInsecure(_ registry: String) -> Bool {
        let host = RegistryEndpoint.hostname(of: registry)
        let ip = Network.address(host)
        return insecureRegistries.contains { entry in
            if entry == registry || entry == host { return true }
            guard let ip, let network = Network(entry) else { return false }
            return network.contains(ip)
        }
    }
}

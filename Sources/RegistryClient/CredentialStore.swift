public import Diagnostics
import Linux
import OCI
public import SystemPackage

/// What a user proves who he is with.
public struct Credentials: Sendable, Hashable {
    /// The user name.
    public var username: String
    /// The password, or an access token.
    public var password: String

    /// Makes credentials.
    public init(username: String, password: String) {
        self.username = username
        self.password = password
    }
}

/// The credentials in a Docker `config.json`: `auths` with base64, and the helper programs named by `credsStore` and
/// `credHelpers` (docker-credential-helpers protocol).
///
/// All methods block: on the file, and on helper programs.
public struct CredentialStore: Sendable {
    /// The file; it need not exist.
    public let file: FilePath
    /// The directories where `docker-credential-…` programs are looked for; where empty, those of this process's `PATH`.
    public var programPath: [FilePath]

    /// Makes a store over a file.
    public init(file: FilePath, programPath: [FilePath] = []) {
        self.file = file
        self.programPath = programPath
    }

    /// The key that Docker uses for `docker.io`.
    public static let dockerHubKey = "https://index.docker.io/v1/"

    /// What is known for a registry (`docker.io`, `localhost:5000`), or nil.
    /// - Throws: `.corrupt` where the file is not what it should be, `.system` where a helper fails.
    public func credentials(for registry: String) throws(DrydockError) -> Credentials? {
        let config = try read()
        if let helper = helper(for: registry, in: config) {
            return try ask(helper, about: Self.key(of: registry))
        }
        guard let entry = Self.entry(for: registry, in: config)?.value else { return nil }
        if let token = entry["identitytoken"]?.string, !token.isEmpty {
            return Credentials(username: "<token>", password: token)
        }
        if let encoded = entry["auth"]?.string, !encoded.isEmpty {
            guard let bytes = Base64.decode(encoded), let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else {
                throw broken("the entry for \(registry) is not base64 of user:password")
            }
            // Docker pads passwords with zero bytes at times.
            let password = bytes[(colon + 1)...].prefix { $0 != 0 }
            return Credentials(
                username: String(decoding: bytes[..<colon], as: UTF8.self),
                password: String(decoding: password, as: UTF8.self))
        }
        guard let name = entry["username"]?.string, let password = entry["password"]?.string else { return nil }
        return Credentials(username: name, password: password)
    }

    /// Whether a helper program keeps the credentials for a registry.
    public func hasHelper(for registry: String) throws(DrydockError) -> Bool {
        helper(for: registry, in: try read()) != nil
    }

    /// Keeps credentials for a registry, in the file (readable by its owner only) or with the helper that it names.
    /// - Throws: `.system` where that fails.
    public func store(_ credentials: Credentials, for registry: String) throws(DrydockError) {
        let config = try read()
        let key = Self.key(of: registry)
        if let helper = helper(for: registry, in: config) {
            let message: JSONValue = [
                "ServerURL": .string(key), "Username": .string(credentials.username),
                "Secret": .string(credentials.password),
            ]
            _ = try run(helper, "store", input: message.compact)
            // The file says that there is a login, and nothing else of it, as Docker's client has it.
            try change { config in
                var auths = (config["auths"]?.pairs ?? []).filter { $0.key != key }
                auths.append((key: key, value: .object([])))
                return config.setting("auths", .object(auths))
            }
            return
        }
        let auth = Base64.encode("\(credentials.username):\(credentials.password)".utf8)
        try change { config in
            var auths = (config["auths"]?.pairs ?? []).filter { Self.registry(ofKey: $0.key) != registry }
            auths.append((key: key, value: ["auth": .string(auth)]))
            return config.setting("auths", .object(auths))
        }
    }

    /// Forgets the credentials for a registry.
    /// - Returns: whether there were any.
    public func erase(_ registry: String) throws(DrydockError) -> Bool {
        let config = try read()
        if let helper = helper(for: registry, in: config) {
            let key = Self.key(of: registry)
            let isKnown = try ask(helper, about: key) != nil
            let listed = (config["auths"]?.pairs ?? []).map(\.key).filter { Self.registry(ofKey: $0) == registry }
            for name in (isKnown ? [key] : []) + listed.filter({ $0 != key }) {
                _ = try run(helper, "erase", input: name)
            }
            if !listed.isEmpty {
                try change { config in
                    let auths = (config["auths"]?.pairs ?? []).filter { !listed.contains($0.key) }
                    return config.setting("auths", .object(auths))
                }
            }
            return isKnown || !listed.isEmpty
        }
        guard Self.entry(for: registry, in: config) != nil else { return false }
        try change { config in
            let auths = (config["auths"]?.pairs ?? []).filter { Self.registry(ofKey: $0.key) != registry }
            return config.setting("auths", .object(auths))
        }
        return true
    }

    // MARK: The file

    private func read() throws(DrydockError) -> JSONValue {
        guard let bytes = try Files.readIfPresent(file), !bytes.isEmpty else { return .object([]) }
        do throws(DrydockError) {
            let json = try JSONValue(parsing: bytes)
            guard json.pairs != nil else { throw broken("it is not an object") }
            return json
        } catch {
            throw broken(error.message)
        }
    }

    private func broken(_ reason: String) -> DrydockError {
        DrydockError(
            .corrupt, "error loading config file: \(file): invalid JSON", reason: reason,
            remedy: "Repair the file or remove it; 'docker login' writes a new one.")
    }

    private func change(_ edit: (JSONValue) -> JSONValue) throws(DrydockError) {
        try Files.makeDirectories(file.removingLastComponent(), mode: 0o700)
        let lock = try FileLock(FilePath(file.string + ".lock"))
        defer { lock.unlock() }
        let changed = edit(try read())
        try AtomicFile.write((changed.pretty(indent: 8) + "\n").utf8, to: file, mode: [.ownerReadWrite])
    }

    private static func key(of registry: String) -> String {
        registry == Reference.defaultRegistry ? dockerHubKey : registry
    }

    /// The registry that a key of `auths` means: host and port, with Docker's names for its hub.
    private static func registry(ofKey key: String) -> String {
        var text = key[...]
        if let mark = text.firstRange(of: "://") { text = text[mark.upperBound...] }
        if let slash = text.firstIndex(of: "/") { text = text[..<slash] }
        switch text {
        case "index.docker.io", "registry-1.docker.io", "docker.io": return Reference.defaultRegistry
        default: return String(text)
        }
    }

    private static func entry(for registry: String, in config: JSONValue) -> (key: String, value: JSONValue)? {
        let auths = config["auths"]?.pairs ?? []
        return auths.first { $0.key == key(of: registry) } ?? auths.first { self.registry(ofKey: $0.key) == registry }
    }

    // MARK: Helper programs

    private func helper(for registry: String, in config: JSONValue) -> String? {
        let own = config["credHelpers"]?.pairs?.first { Self.registry(ofKey: $0.key) == registry }?.value.string
        guard let name = own ?? config["credsStore"]?.string, !name.isEmpty else { return nil }
        return "docker-credential-" + name
    }

    private func ask(_ helper: String, about key: String) throws(DrydockError) -> Credentials? {
        let answer: String
        do {
            answer = try run(helper, "get", input: key)
        } catch {
            guard error.reason?.contains("credentials not found") == true else { throw error }
            return nil
        }
        guard let json = try? JSONValue(parsing: answer), let name = json["Username"]?.string,
            let secret = json["Secret"]?.string
        else { return nil }
        return secret.isEmpty ? nil : Credentials(username: name, password: secret)
    }

    private func run(_ helper: String, _ verb: String, input: String) throws(DrydockError) -> String {
        let places = programPath.map { $0.appending(helper) }.filter { Files.isExecutable($0) }
        guard !helper.contains("/"),
            let program = programPath.isEmpty ? ChildProcess.find(helper) : places.first?.string
        else {
            throw DrydockError(
                .unavailable,
                "error getting credentials - err: exec: \"\(helper)\": executable file not found in $PATH",
                reason: "\(file) names a credential helper that is not installed",
                remedy: "Install \(helper), or remove credsStore and credHelpers from the file.")
        }
        let output = try ChildProcess.run(program, [helper, verb], input: Array(input.utf8))
        let text = output.text.trimmingSpaces()
        guard output.status == 0 else {
            throw DrydockError(
                .system, "error getting credentials - err: exit status \(output.status), out: `\(text)`",
                reason: "\(helper) said: \(text)")
        }
        return text
    }
}

extension JSONValue {
    /// The object with a key set to a value, in the key's old place where it had one.
    func setting(_ key: String, _ value: JSONValue) -> JSONValue {
        var pairs = self.pairs ?? []
        if let place = pairs.firstIndex(where: { $0.key == key }) {
            pairs[place].value = value
        } else {
            pairs.append((key: key, value: value))
        }
        return .object(pairs)
    }
}

import Diagnostics
import Engine

/// Reads the flags that `create` and `run` share.
struct CreateOptions {
    let invocation: Invocation
    let context: CommandContext

    /// The request that the flags and the arguments make.
    func request() throws(Failure) -> CreateRequest {
        let image = invocation.arguments.first ?? ""
        // A whole identifier is no name.
        let isIdentifier = image.utf8.count == 64 && image.allSatisfy { $0.isHexDigit && !$0.isUppercase }
        if !isIdentifier { _ = try invocation.reference(image) }
        var request = CreateRequest(image: image)
        request.command = Array(invocation.arguments.dropFirst())
        request.name = invocation.string("name").flatMap { $0.isEmpty ? nil : $0 }
        request.entrypoint = invocation.string("entrypoint")
        request.env = try environment()
        request.workingDir = invocation.string("workdir")
        request.user = invocation.string("user")
        request.hostname = invocation.string("hostname")
        request.labels = try labels()
        request.tty = invocation.bool("tty")
        request.openStdin = invocation.bool("interactive")
        request.attach = attachments()
        request.autoRemove = invocation.bool("rm")
        request.publishAll = invocation.bool("publish-all")
        request.network = invocation.string("network") ?? "default"
        request.extraHosts = invocation.list("add-host").compactMap {
            FlagChecks.extraHostParts($0).map { "\($0.name):\($0.address)" }
        }
        request.dns = invocation.list("dns")
        request.capAdd = invocation.list("cap-add")
        request.capDrop = invocation.list("cap-drop")
        request.privileged = invocation.bool("privileged")
        request.readOnlyRootfs = invocation.bool("read-only")
        request.initProcess = invocation.bool("init")
        request.stopSignal = invocation.string("stop-signal")
        request.stopTimeout = invocation.int("stop-timeout")
        request.platform = try invocation.platform()
        let pull = invocation.string("pull") ?? "missing"
        guard let policy = CreateRequest.PullPolicy(rawValue: pull) else {
            throw .message("invalid pull option: '\(pull)': must be one of \"always\", \"missing\" or \"never\"")
        }
        request.pull = policy
        try isolate(&request)
        for specification in invocation.list("publish") {
            request.ports += try PortSpecification.read(specification)
        }
        // The same words twice ask for one mount.
        var seen: Set<String> = []
        for specification in invocation.list("volume") where seen.insert(specification).inserted {
            request.mounts.append(try MountSpecification.volume(specification, context))
        }
        for specification in invocation.list("tmpfs") {
            let (target, options) = try MountSpecification.tmpfs(specification)
            request.tmpfs[target] = options
        }
        for specification in invocation.list("mount") {
            switch try MountSpecification.mount(specification, context) {
            case .mount(let mount): request.mounts.append(mount)
            case .tmpfs(let target, let options): request.tmpfs[target] = options
            }
        }
        try readLife(into: &request)
        return request
    }

    private func attachments() -> Set<String> {
        let asked = invocation.list("attach").map { $0.lowercased() }
        if !asked.isEmpty { return Set(asked) }
        return invocation.bool("interactive") ? ["stdin", "stdout", "stderr"] : ["stdout", "stderr"]
    }

    private func environment() throws(Failure) -> [String] {
        try CreateOptions.environment(invocation, context)
    }

    /// The environment of `--env-file` and `-e`: files first, and a name alone takes the value that it has here.
    static func environment(_ invocation: Invocation, _ context: CommandContext) throws(Failure) -> [String] {
        var result: [String] = []
        for file in invocation.list("env-file") {
            for line in try context.lines(of: file) {
                let entry = String(line.drop { $0.isWhitespace })
                if entry.isEmpty || entry.hasPrefix("#") { continue }
                let name = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)[0]
                if name.isEmpty { throw .message("no variable name on line '\(entry)'") }
                if name.contains(where: \.isWhitespace) {
                    throw .message("poorly formatted environment: variable '\(name)' contains whitespaces")
                }
                if let resolved = resolved(entry, context) { result.append(resolved) }
            }
        }
        for entry in invocation.list("env") {
            // A name that is not here takes away what the image has.
            result.append(resolved(entry, context) ?? entry)
        }
        return result
    }

    private static func resolved(_ entry: String, _ context: CommandContext) -> String? {
        if entry.contains("=") { return entry }
        return context.environment[entry].map { "\(entry)=\($0)" }
    }

    private func labels() throws(Failure) -> [String: String] {
        var labels: [String: String] = [:]
        var entries: [String] = []
        for file in invocation.list("label-file") {
            for line in try context.lines(of: file) {
                let entry = String(line.drop { $0.isWhitespace })
                if !entry.isEmpty, !entry.hasPrefix("#") { entries.append(entry) }
            }
        }
        for entry in entries + invocation.list("label") {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            labels[parts[0]] = parts.count > 1 ? parts[1] : ""
        }
        return labels
    }
}

/// Reads `-v` and `--mount`.
enum MountSpecification {
    /// What a `--mount` asks for.
    enum Kind {
        case mount(CreateRequest.Mount)
        case tmpfs(String, String)
    }

    /// Docker's client passes these on, and its daemon refuses them.
    private static func refused(_ message: String) -> Failure {
        .daemon(DrydockError(.invalidArgument, message))
    }

    /// `--tmpfs TARGET[:OPTIONS]`
    static func tmpfs(_ text: String) throws(Failure) -> (target: String, options: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let target = parts.first ?? ""
        guard target.hasPrefix("/") else {
            throw refused("invalid mount path: '\(target)' mount path must be absolute")
        }
        guard target.contains(where: { $0 != "/" }) else {
            throw refused("invalid specification: destination can't be '/'")
        }
        return (target, parts.count > 1 ? parts[1] : "")
    }

    /// `-v [SOURCE:]TARGET[:OPTIONS]`
    static func volume(_ text: String, _ context: CommandContext) throws(Failure) -> CreateRequest.Mount {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        func wrong() -> Failure { refused("invalid volume specification: '\(text)'") }
        guard (1...3).contains(parts.count), !parts.contains("") else { throw wrong() }
        if parts.count == 1 {
            try checkTarget(parts[0], text)
            return CreateRequest.Mount(source: nil, target: parts[0])
        }
        try checkTarget(parts[1], text)
        var (readOnly, propagation) = (false, "")
        for option in parts.count == 3 ? parts[2].split(separator: ",").map(String.init) : [] {
            switch option {
            case "ro", "readonly": readOnly = true
            case "private", "rprivate", "shared", "rshared", "slave", "rslave": propagation = option
            case "rw", "z", "Z", "nocopy", "cached", "delegated", "consistent": continue
            default: throw refused("invalid mode: \(parts[2])")
            }
        }
        var mount = CreateRequest.Mount(source: try source(parts[0], context), target: parts[1], readOnly: readOnly)
        guard propagation.isEmpty || mount.source?.hasPrefix("/") == true else {
            throw refused(
                "invalid volume specification: '\(text)': invalid mount config for type \"volume\": field BindOptions "
                    + "must not be specified")
        }
        mount.propagation = propagation
        mount.mode = parts.count == 3 ? parts[2] : ""
        return mount
    }

    private static func checkTarget(_ target: String, _ text: String) throws(Failure) {
        let kind = text.hasPrefix("/") && target != text ? "bind" : "volume"
        guard target.hasPrefix("/") else {
            throw refused(
                "invalid volume specification: '\(text)': invalid mount config for type "
                    + "\"\(kind)\": invalid mount path: "
                    + "'\(target)' mount path must be absolute")
        }
        if target == "/" {
            throw refused("invalid volume specification: '\(text)': destination can't be '/'")
        }
    }

    private static func source(_ text: String, _ context: CommandContext) throws(Failure) -> String {
        if text.hasPrefix("/") || text.hasPrefix(".") { return context.absolute(text) }
        try checkVolumeName(text)
        return text
    }

    private static func checkVolumeName(_ text: String) throws(Failure) {
        let isName = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_.-".contains($0)) }
        guard isName, text.count > 1, text.first.map({ $0.isLetter || $0.isNumber }) == true else {
            throw refused(
                "create \(text): \"\(text)\" includes invalid characters for a local volume name, only "
                    + "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use "
                    + "absolute path")
        }
    }

    /// What is wrong with a `--mount`, in the words of Docker's client.
    private static func wrong(_ text: String, _ why: String) -> Failure {
        .message("invalid argument \"\(text)\" for \"--mount\" flag: \(why)", status: 125)
    }

    /// `--mount type=bind,source=…,target=…[,readonly]`
    static func mount(_ text: String, _ context: CommandContext) throws(Failure) -> Kind {
        var type = "volume"
        var mount = CreateRequest.Mount(source: nil, target: "")
        mount.makesSource = false
        var options: [String] = []
        for field in text.split(separator: ",") {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let value = parts.count > 1 ? parts[1] : nil
            let key = parts[0].lowercased()
            if ["readonly", "ro", "bind-nonrecursive", "volume-nocopy"].contains(key) {
                guard let truth = FlagParser.truth(value ?? "true") else {
                    throw wrong(text, "invalid value for \(key): \(value ?? "")")
                }
                if key == "bind-nonrecursive" { mount.nonRecursive = truth }
                if key == "readonly" || key == "ro" { mount.readOnly = truth }
                continue
            }
            guard let value else { throw wrong(text, "invalid field '\(field)' must be a key=value pair") }
            switch key {
            case "type": type = value.lowercased()
            case "source", "src": mount.source = value
            case "target", "dst", "destination": mount.target = value
            case "bind-propagation": mount.propagation = value.lowercased()
            case "bind-recursive": mount.nonRecursive = value == "disabled"
            case "consistency", "volume-driver", "volume-opt", "volume-label", "volume-subpath": break
            case "tmpfs-size":
                guard let size = Quantity.bytes(value) else {
                    throw wrong(text, "invalid value for tmpfs-size: \(value)")
                }
                options.append("size=\(size)")
            case "tmpfs-mode":
                guard UInt32(value, radix: 8) != nil else {
                    throw wrong(text, "invalid value for tmpfs-mode: \(value)")
                }
                options.append("mode=\(value)")
            default: throw wrong(text, "unexpected key '\(parts[0])' in '\(field)'")
            }
        }
        guard !mount.target.isEmpty else { throw wrong(text, "target is required") }
        switch type {
        case "tmpfs":
            if mount.readOnly { options.append("ro") }
            return .tmpfs(mount.target, options.joined(separator: ","))
        case "bind":
            guard let source = mount.source else {
                throw refused("invalid mount config for type \"bind\": field Source must not be empty")
            }
            guard ["", "private", "rprivate", "shared", "rshared", "slave", "rslave"].contains(mount.propagation) else {
                throw refused("invalid mount config for type \"bind\": invalid propagation mode: \(mount.propagation)")
            }
            mount.source = context.absolute(source)
            return .mount(mount)
        case "volume":
            if let source = mount.source, !source.isEmpty { try checkVolumeName(source) }
            return .mount(mount)
        default: throw refused("invalid mount config for type \"\(type)\": mount type unknown")
        }
    }
}

public import Diagnostics
import Glibc
import ImageStore
import Linux
import OCI
import Runtime
import SystemPackage

extension Engine {
    /// See `EngineOperations`.
    public func create(_ request: CreateRequest, _ span: Span) throws(DrydockError) -> CreatedContainer {
        let work = span.begin("container.create", TraceFact("image", .text(request.image)))
        do {
            let created = try make(request)
            work.end(TraceFact("id", .text(String(created.id.prefix(12)))), TraceFact("name", .text(created.name)))
            return created
        } catch {
            work.fail(error)
            throw error
        }
    }

    private func make(_ request: CreateRequest) throws(DrydockError) -> CreatedContainer {
        if let name = request.name, !ContainerNames.isValid(name) {
            throw DrydockError(
                .invalidArgument,
                "Invalid container name (\(name)), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", exitStatus: 125)
        }
        if let directory = request.workingDir, !directory.isEmpty, !directory.hasPrefix("/") {
            throw DrydockError(
                .invalidArgument,
                "the working directory '\(directory)' is invalid, it needs to be an absolute path", exitStatus: 125)
        }
        if let signal = request.stopSignal, !signal.isEmpty, Signal.number(signal) == nil {
            throw Self.invalidSignal(signal).exiting(125)
        }
        let image = try image(for: request)
        let config: ImageConfig
        if let known = preparation.config(image.id) { config = known } else { config = try store.config(of: image.id) }
        if let wanted = request.platform, !config.platform.runs(as: wanted) {
            throw DrydockError(
                .notFound,
                "image with reference \(request.image) was found but its platform (\(config.platform)) does not match the "
                    + "specified platform (\(wanted))",
                remedy: "docker pull --platform \(wanted) \(request.image) gets the other one, where there is one",
                exitStatus: 125)
        }
        let program = try ContainerDocument.Program(request: request, image: config.config)
        var warnings: [String] = []
        if !config.platform.matches(.current), request.platform == nil {
            warnings.append(
                "The requested image's platform (\(config.platform)) does not match the detected host platform "
                    + "(\(Platform.current)) and no specific platform was requested")
        }
        try checkNetwork(request.network)
        if let port = request.ports.first(where: { $0.transport == "sctp" }) {
            throw DrydockError(
                .unsupported, "publishing SCTP port \(port.containerPort) is not supported",
                remedy: "publish TCP or UDP ports", exitStatus: 125)
        }
        if let port = request.ports.first(where: { $0.hostAddress.contains(":") }) {
            throw DrydockError(
                .unsupported,
                "publishing port \(port.containerPort) on the IPv6 address \(port.hostAddress) is not supported",
                remedy: "name an IPv4 address of this machine, or none", exitStatus: 125)
        }
        _ = try request.restart.checked()
        _ = try request.logging.checked(config.config)
        try Self.check(request.healthcheck)
        warnings += try request.isolation.validate(request)
        let driver = try storageDriver().driver
        let isLikely = request.startsNow && driver == .overlay
        let reserved = isLikely ? preparation.takeID(image.id, autoRemove: request.autoRemove) : nil
        let id = reserved ?? Self.newID()
        let directory = runtime.directory(id)
        let mounts = try resolveMounts(request, image: config.config)
        var full = request
        full.network = try sharing(request.network)
        full.isolation.pidMode = try sharing(request.isolation.pidMode)
        full.isolation.ipcMode = try sharing(request.isolation.ipcMode)
        if request.publishAll {
            full.ports += Self.exposed(config.config.exposedPorts + request.isolation.exposed, besides: request.ports)
        }
        let lowers = try store.layerMounts(for: image.id)
        let places = ContainerDocument.Places(
            directory: directory.string, log: runtime.logPath(id).string,
            driver: driver.rawValue, lowers: lowers.map(\.string), upper: upper(id).string,
            work: self.work(id).string)
        let created = Timestamp.now
        do {
            if reserved == nil || !runtime.takeDirectoryAhead(id) { try prepareRoot(id, driver, lowers: lowers) }
        } catch {
            try? runtime.remove(id)
            throw error.exiting(125)
        }
        for attempt in 0... {
            let name = request.name ?? ContainerNames.random(attempt: attempt)
            let document = ContainerDocument(
                id: id, name: name, created: created, image: image.id, imageConfig: config, request: full,
                program: program, mounts: mounts, places: places)
            let record = ContainerRecord(
                id: id, name: name, image: image.id, chain: image.chain.last,
                created: created.seconds * 1_000_000_000 + Int64(created.nanoseconds),
                document: document.json.compact)
            do {
                // One that removes itself has nothing to come back to after a power failure, as with Docker.
                try store.add(record, durably: !request.autoRemove)
                self.record("create", record, document)
                if request.startsNow { preparation.made(.init(record: record, document: document, lowers: lowers)) }
                return CreatedContainer(id: id, name: name, warnings: warnings)
            } catch  where error.code == .conflict && request.name == nil && attempt < 100 {
                continue
            } catch  where error.code == .conflict && attempt == 0 && freeName(name) {
                continue
            } catch {
                try? runtime.remove(id)
                var refused = error.exiting(125)
                if refused.code == .conflict, refused.remedy == nil {
                    refused.remedy = "Choose another name, or remove the other container: docker rm \(name)"
                }
                throw refused
            }
        }
        throw DrydockError(.internal, "no container name is free")
    }

    private func image(for request: CreateRequest) throws(DrydockError) -> ImageRecord {
        do {
            return try store.image(request.image)
        } catch  where error.code == .notFound {
            throw error.exiting(125)
        }
    }

    private static func check(_ health: HealthCheck?) throws(DrydockError) {
        guard let health else { return }
        let spans = [
            ("Interval", health.interval), ("Timeout", health.timeout), ("StartPeriod", health.startPeriod),
            ("StartInterval", health.startInterval),
        ]
        for (name, value) in spans where value != 0 && value < 1_000_000 {
            throw DrydockError(
                .invalidArgument, "\(name) in Healthcheck cannot be less than 1ms", exitStatus: 125)
        }
        if health.retries < 0 {
            throw DrydockError(
                .invalidArgument, "Retries in Healthcheck cannot be negative", exitStatus: 125)
        }
    }

    /// The other container of a mode such as `container:NAME` by its ID, as Docker keeps it.
    private func sharing(_ mode: String) throws(DrydockError) -> String {
        guard mode.hasPrefix("container:") else { return mode }
        do throws(DrydockError) {
            return "container:" + (try store.container(String(mode.dropFirst(10))).id)
        } catch {
            throw error.exiting(125)
        }
    }

    private func checkNetwork(_ network: String) throws(DrydockError) {
        if ["default", "bridge", "none", "host"].contains(network) { return }
        if network.hasPrefix("container:") || network == "container" { return }
        throw DrydockError(
            .notFound, "network \(network) not found",
            remedy: "The networks here are bridge, host and none.", exitStatus: 125)
    }

    /// 64 random hexadecimal digits; never a number alone, so that a short form is not mistaken for one.
    static func newID() -> String {
        while true {
            let digits = (0..<32).map { _ in UInt8.random(in: .min ... .max) }.map { byte in
                let text = String(byte, radix: 16)
                return text.count == 1 ? "0" + text : text
            }
            let id = digits.joined()
            if UInt64(id.prefix(12)) == nil { return id }
        }
    }

    /// The ports of `-P`: what the image and `--expose` name, besides what `-p` publishes.
    private static func exposed(_ keys: [String], besides ports: [CreateRequest.Port]) -> [CreateRequest.Port] {
        var seen = Set(ports.map { "\($0.containerPort)/\($0.transport)" })
        return keys.compactMap { text in
            let parts = text.split(separator: "/")
            let transport = parts.count > 1 ? String(parts[1]) : "tcp"
            guard let number = parts.first.flatMap({ UInt16($0) }), seen.insert("\(number)/\(transport)").inserted
            else {
                return nil
            }
            return CreateRequest.Port(hostPort: 0, containerPort: number, transport: transport)
        }
    }

    // MARK: Mounts

    private func resolveMounts(
        _ request: CreateRequest, image: OCI.ContainerConfig
    ) throws(DrydockError) -> [ResolvedMount] {
        var result: [ResolvedMount] = []
        for var mount in request.mounts {
            mount.target = Self.clean(mount.target)
            guard mount.target.hasPrefix("/"), mount.target != "/" else {
                let why = mount.target == "/" ? "destination can't be '/'" : "mount path must be absolute"
                throw DrydockError(
                    .invalidArgument,
                    "invalid mount config for type \"bind\": invalid mount path: '\(mount.target)' \(why)",
                    exitStatus: 125)
            }
            guard !result.contains(where: { $0.target == mount.target }), request.tmpfs[mount.target] == nil else {
                throw DrydockError(.invalidArgument, "Duplicate mount point: \(mount.target)", exitStatus: 125)
            }
            if let source = mount.source, source.hasPrefix("/") {
                // Docker's -v makes a directory of the host that is missing.
                if !Files.exists(FilePath(source)) {
                    guard mount.makesSource else {
                        throw DrydockError(
                            .invalidArgument,
                            "invalid mount config for type \"bind\": bind source path does not exist: \(source)",
                            remedy: "Make it first, or use -v, which makes a directory.", exitStatus: 125)
                    }
                    try Files.makeDirectories(FilePath(source))
                }
                var resolved = ResolvedMount(
                    isVolume: false, name: nil, isNamed: false, source: source, target: mount.target,
                    readOnly: mount.readOnly)
                resolved.nonRecursive = mount.nonRecursive
                resolved.mode = mount.mode
                if !mount.propagation.isEmpty { resolved.propagation = mount.propagation }
                result.append(resolved)
            } else {
                var resolved = try volume(mount.source, at: mount.target, readOnly: mount.readOnly)
                resolved.mode = mount.mode
                result.append(resolved)
            }
        }
        for target in image.volumes.map(Self.clean)
        where !result.contains(where: { $0.target == target }) && request.tmpfs[target] == nil {
            result.append(try volume(nil, at: target, readOnly: false))
        }
        return result
    }

    /// A path without `.`, `..` and slashes that mean nothing.
    private static func clean(_ path: String) -> String { FilePath(path).lexicallyNormalized().string }

    private func volume(
        _ name: String?, at target: String, readOnly: Bool
    ) throws(DrydockError) -> ResolvedMount {
        if let name, !ContainerNames.isValid(name) {
            throw DrydockError(
                .invalidArgument,
                "create \(name): \"\(name)\" includes invalid characters for a local volume name, only "
                    + "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path",
                exitStatus: 125)
        }
        let named = name ?? Self.newID()
        let data = home.path.appending("volumes").appending(named).appending("_data")
        // Only its owner goes through the directory of them all, as for containers.
        try Files.makeDirectories(home.path.appending("volumes"), mode: 0o700)
        try Files.makeDirectories(data)
        return ResolvedMount(
            isVolume: true, name: named, isNamed: name != nil, source: data.string, target: target,
            readOnly: readOnly)
    }
}

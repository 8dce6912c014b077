import Diagnostics
import OCI

/// Applies the instructions of `docker commit -c` and `docker import -c` to a configuration (Docker's reference,
/// "commit --change"; Docker takes HEALTHCHECK and STOPSIGNAL too).
struct ConfigChanges {
    private var config: ContainerConfig
    private var hasCommand = false

    /// - Parameter lines: one instruction each, or several, one a line.
    /// - Throws: code `.invalidArgument` in Docker's words; the configuration is as it was.
    static func apply(_ lines: [String], to config: inout ContainerConfig) throws(DrydockError) {
        var changes = ConfigChanges(config: config)
        for line in instructions(lines) { try changes.apply(line) }
        // What leaves no program at all keeps the one that was there.
        if changes.config.entrypoint == nil {
            if changes.config.cmd?.isEmpty ?? true { changes.config.cmd = config.cmd }
            changes.config.entrypoint = config.entrypoint
        }
        config = changes.config
    }

    private init(config: ContainerConfig) { self.config = config }

    /// The instructions without comments and empty lines, continued lines put together.
    private static func instructions(_ lines: [String]) -> [String] {
        var result: [String] = []
        var open = ""
        for text in lines.flatMap({ $0.split(separator: "\n", omittingEmptySubsequences: false) }) {
            let line = String(text).trimmingSpaces
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasSuffix("\\") {
                open += line.dropLast()
            } else {
                result.append((open + line).trimmingSpaces)
                open = ""
            }
        }
        return open.trimmingSpaces.isEmpty ? result : result + [open.trimmingSpaces]
    }

    private mutating func apply(_ instruction: String) throws(DrydockError) {
        let word = String(instruction.prefix { !$0.isWhitespace })
        let rest = String(instruction.dropFirst(word.count)).trimmingSpaces
        let name = word.uppercased()
        switch name {
        case "CMD":
            config.cmd = try program(rest)
            hasCommand = true
        case "ENTRYPOINT":
            let entry = try program(rest)
            config.entrypoint = entry.isEmpty ? nil : entry
            // A command for another entry point means nothing to this one.
            if !hasCommand { config.cmd = nil }
        case "HEALTHCHECK": config.healthcheck = try healthCheck(rest)
        case "ENV": for (key, value) in try pairs(rest, of: name) { Self.set(key, value, in: &config.env) }
        case "LABEL": for (key, value) in try pairs(rest, of: name) { config.labels[key] = value }
        case "EXPOSE": try expose(rest)
        case "VOLUME": try addVolumes(rest)
        case "USER": config.user = try single(rest, of: name)
        case "WORKDIR":
            let path = try single(rest, of: name)
            config.workingDir = path.hasPrefix("/") ? path : Self.joined(config.workingDir, path)
        case "STOPSIGNAL":
            let signal = try single(rest, of: name)
            guard Signal.number(signal) != nil else { throw invalid("invalid signal: \(signal)") }
            config.stopSignal = signal
        case "ONBUILD": try addTrigger(rest)
        default: throw invalid("\(word) is not a valid change command")
        }
    }

    /// Applies `NAME=VALUE`, or `NAME`, which takes the variable away.
    static func apply(_ entry: String, to env: inout [String]) {
        let key = String(entry.prefix { $0 != "=" })
        if entry.contains("=") {
            set(key, String(entry.dropFirst(key.count + 1)), in: &env)
        } else {
            env.removeAll { $0.hasPrefix(key + "=") }
        }
    }

    /// Sets a variable of an environment list, in place where it is there already.
    static func set(_ key: String, _ value: String, in env: inout [String]) {
        let entry = "\(key)=\(value)"
        if let index = env.firstIndex(where: { $0.hasPrefix(key + "=") }) {
            env[index] = entry
        } else {
            env.append(entry)
        }
    }

    private func invalid(_ message: String) -> DrydockError { DrydockError(.invalidArgument, message) }

    private func expanded(_ text: String) throws(DrydockError) -> String {
        let env = config.env
        return try ShellWords(value: { name in
            env.last { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
        }).expanded(text)
    }

    private func single(_ text: String, of name: String) throws(DrydockError) -> String {
        guard !text.isEmpty else { throw invalid("\(name) requires exactly one argument") }
        return try expanded(text)
    }

    /// Joins a path to a directory as Go's `filepath.Join` does, from the root.
    private static func joined(_ directory: String, _ path: String) -> String {
        var parts: [Substring] = []
        for part in (directory + "/" + path).split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// A JSON list of strings; nil where the text is no JSON list.
    private func list(_ text: String) throws(DrydockError) -> [String]? {
        guard text.hasPrefix("["), let items = try? JSONValue(parsing: text).array else { return nil }
        guard items.allSatisfy({ $0.string != nil }) else {
            throw invalid("when using JSON array syntax, arrays must be comprised of strings only")
        }
        return items.compactMap(\.string)
    }

    /// The exec form (`["a", "b"]`) as it is, the shell form through the image's shell.
    private func program(_ text: String) throws(DrydockError) -> [String] {
        if let list = try list(text) { return list }
        return (config.shell ?? ["/bin/sh", "-c"]) + (text.isEmpty ? [] : [text])
    }

    private func pairs(_ text: String, of name: String) throws(DrydockError) -> [(String, String)] {
        let words = ShellWords.split(text)
        guard let first = words.first else { throw invalid("\(name) requires at least one argument") }
        guard first.contains("=") else {
            let value = String(text.dropFirst(first.count)).trimmingSpaces
            guard !value.isEmpty else { throw invalid("\(name) must have two arguments") }
            return [(try expanded(first), try expanded(value))]
        }
        var result: [(String, String)] = []
        for word in words {
            guard let equals = word.firstIndex(of: "=") else {
                throw invalid("Syntax error - can't find = in \"\(word)\". Must be of the form: name=value")
            }
            guard equals != word.startIndex else { throw invalid("\(name) names can not be blank") }
            result.append(
                (try expanded(String(word[..<equals])), try expanded(String(word[word.index(after: equals)...]))))
        }
        return result
    }

    private mutating func expose(_ text: String) throws(DrydockError) {
        guard !text.isEmpty else { throw invalid("EXPOSE requires at least one argument") }
        for word in text.split(whereSeparator: \.isWhitespace) {
            for port in ShellWords.split(try expanded(String(word))) {
                let parts = port.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
                let proto = parts.count > 1 ? parts[1].lowercased() : "tcp"
                guard ["tcp", "udp", "sctp"].contains(proto) else { throw invalid("invalid proto: \(proto)") }
                let ends = parts[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
                guard let low = UInt16(ends[0]), let high = UInt16(ends[ends.count - 1]), low <= high else {
                    throw invalid("invalid containerPort: \(parts[0])")
                }
                for number in low...high where !config.exposedPorts.contains("\(number)/\(proto)") {
                    config.exposedPorts.append("\(number)/\(proto)")
                }
            }
        }
    }

    private mutating func addVolumes(_ text: String) throws(DrydockError) {
        let paths = try list(text) ?? text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard !paths.isEmpty else { throw invalid("VOLUME requires at least one argument") }
        for path in paths {
            let path = try expanded(path).trimmingSpaces
            guard !path.isEmpty else { throw invalid("VOLUME specified can not be an empty string") }
            if !config.volumes.contains(path) { config.volumes.append(path) }
        }
    }

    private mutating func addTrigger(_ text: String) throws(DrydockError) {
        guard !text.isEmpty else { throw invalid("ONBUILD requires at least one argument") }
        switch text.prefix(while: { !$0.isWhitespace }).uppercased() {
        case "ONBUILD": throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
        case "FROM": throw invalid("FROM isn't allowed as an ONBUILD trigger")
        case "MAINTAINER": throw invalid("MAINTAINER isn't allowed as an ONBUILD trigger")
        default: config.onBuild.append(text)
        }
    }
}

extension ConfigChanges {
    /// `[--interval=… --timeout=… --start-period=… --start-interval=… --retries=…] CMD …`, or `NONE`.
    private func healthCheck(_ text: String) throws(DrydockError) -> HealthCheck {
        var check = HealthCheck()
        var rest = text
        while rest.hasPrefix("--") {
            let flag = String(rest.prefix { !$0.isWhitespace })
            rest = String(rest.dropFirst(flag.count)).trimmingSpaces
            let parts = flag.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? String(parts[1]) : ""
            switch parts[0] {
            case "interval": check.interval = try span(value, "interval")
            case "timeout": check.timeout = try span(value, "timeout")
            case "start-period": check.startPeriod = try span(value, "start-period")
            case "start-interval": check.startInterval = try span(value, "start-interval")
            case "retries":
                guard let retries = Int32(value) else {
                    throw invalid("strconv.ParseInt: parsing \"\(value)\": invalid syntax")
                }
                guard retries >= 0 else { throw invalid("--retries cannot be negative (\(retries))") }
                check.retries = Int(retries)
            default: throw invalid("unknown flag: --\(parts[0])")
            }
        }
        guard !rest.isEmpty else { throw invalid("HEALTHCHECK requires at least one argument") }
        let kind = rest.prefix { !$0.isWhitespace }.uppercased()
        let command = String(rest.dropFirst(kind.count)).trimmingSpaces
        switch kind {
        case "NONE":
            guard command.isEmpty else { throw invalid("HEALTHCHECK NONE takes no arguments") }
            return HealthCheck(test: ["NONE"])
        case "CMD":
            let words = try list(command)
            guard !(words?.isEmpty ?? command.isEmpty) else { throw invalid("Missing command after HEALTHCHECK CMD") }
            check.test = words.map { ["CMD"] + $0 } ?? ["CMD-SHELL", command]
            return check
        default: throw invalid("Unknown type \"\(kind)\" in HEALTHCHECK (try CMD)")
        }
    }

    /// A time in nanoseconds; 0 is Docker's default.
    private func span(_ text: String, _ flag: String) throws(DrydockError) -> Int64 {
        guard let seconds = HumanUnits.seconds(ofGoDuration: text), abs(seconds) < 9e9 else {
            throw invalid("time: invalid duration \"\(text)\"")
        }
        guard seconds == 0 || seconds >= 0.001 else {
            throw invalid("Interval \"\(flag)\" cannot be less than 1ms")
        }
        return Int64((seconds * 1e9).rounded())
    }
}

extension String {
    var trimmingSpaces: String {
        var view = self[...]
        while let first = view.first, first.isWhitespace { view.removeFirst() }
        while let last = view.last, last.isWhitespace { view.removeLast() }
        return String(view)
    }
}

import Diagnostics
import OCI

/// Applies the instructions of `docker commit -c` to a configuration (Docker's reference, "commit --change": CMD,
/// ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, USER, VOLUME, WORKDIR).
enum ConfigChanges {
    static func apply(_ instruction: String, to config: inout ContainerConfig) throws(DrydockError) {
        let trimmed = instruction.trimmingSpaces
        let word = trimmed.prefix { !$0.isWhitespace }
        let rest = String(trimmed.dropFirst(word.count)).trimmingSpaces
        guard !rest.isEmpty else {
            throw DrydockError(
                .invalidArgument, "dockerfile parse error line 1: \(word.uppercased()) requires arguments")
        }
        switch word.uppercased() {
        case "CMD": config.cmd = try program(rest)
        case "ENTRYPOINT": config.entrypoint = try program(rest)
        case "USER": config.user = rest
        case "WORKDIR":
            config.workingDir =
                rest.hasPrefix("/") || config.workingDir.isEmpty ? absolute(rest) : config.workingDir + "/" + rest
        case "ENV": for (key, value) in try pairs(rest, instruction: "ENV") { set(key, value, in: &config.env) }
        case "LABEL": for (key, value) in try pairs(rest, instruction: "LABEL") { config.labels[key] = value }
        case "EXPOSE":
            for port in words(rest) {
                let full = port.contains("/") ? port : port + "/tcp"
                guard let number = UInt16(full.prefix { $0 != "/" }), number > 0 else {
                    throw DrydockError(.invalidArgument, "invalid containerPort: \(port)")
                }
                if !config.exposedPorts.contains(full) { config.exposedPorts.append(full) }
            }
        case "VOLUME":
            for path in rest.hasPrefix("[") ? try program(rest) : words(rest) where !config.volumes.contains(path) {
                config.volumes.append(path)
            }
        case "ONBUILD": config.onBuild.append(rest)
        default:
            throw DrydockError(.invalidArgument, "\(word.uppercased()) is not a valid change command")
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

    private static func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "/" + path }

    /// The exec form (`["a", "b"]`) as it is, the shell form through `/bin/sh -c`.
    private static func program(_ text: String) throws(DrydockError) -> [String] {
        if text.hasPrefix("["), let list = try? JSONValue(parsing: text).array, list.allSatisfy({ $0.string != nil }) {
            return list.compactMap(\.string)
        }
        return ["/bin/sh", "-c", text]
    }

    private static func pairs(_ text: String, instruction: String) throws(DrydockError) -> [(String, String)] {
        let parts = words(text)
        guard let first = parts.first else { return [] }
        if !first.contains("=") {
            let value = String(text.dropFirst(first.count)).trimmingSpaces
            guard !value.isEmpty else {
                throw DrydockError(.invalidArgument, "\(instruction) must have two arguments")
            }
            return [(first, value)]
        }
        var result: [(String, String)] = []
        for part in parts {
            guard let equals = part.firstIndex(of: "="), equals != part.startIndex else {
                throw DrydockError(
                    .invalidArgument, "Syntax error - can't find = in \"\(part)\". Must be of the form: name=value")
            }
            result.append((String(part[..<equals]), String(part[part.index(after: equals)...])))
        }
        return result
    }

    /// Splits at spaces outside quotes; quotes are removed, a backslash keeps the next character.
    private static func words(_ text: String) -> [String] {
        var result: [String] = []
        var current = ""
        var inWord = false
        var quote: Character?
        var escaped = false
        for character in text {
            if escaped {
                current.append(character)
                escaped = false
            } else if character == "\\", quote != "'" {
                escaped = true
                inWord = true
            } else if let open = quote {
                if character == open { quote = nil } else { current.append(character) }
            } else if character == "\"" || character == "'" {
                quote = character
                inWord = true
            } else if character.isWhitespace {
                if inWord { result.append(current) }
                current = ""
                inWord = false
            } else {
                current.append(character)
                inWord = true
            }
        }
        if inWord { result.append(current) }
        return result
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

public import Diagnostics
import Glibc

/// A program that a bundle wants run at a moment of its container's life (OCI runtime specification, "POSIX-platform
/// Hooks").
public struct RuntimeHook: Sendable, Equatable {
    /// The program, an absolute path.
    public var path: String
    /// Its arguments, its name first; the path where empty.
    public var arguments: [String]
    /// Its environment; that of the runtime where the configuration names none.
    public var environment: [String]
    /// Seconds that it may take; nil for ever.
    public var timeout: Int64?

    /// Reads a hook of a `config.json`.
    public init(_ json: JSONValue) {
        path = json["path"]?.string ?? ""
        arguments = (json["args"]?.array ?? []).compactMap(\.string)
        environment = json["env"]?.array.map { $0.compactMap(\.string) } ?? Self.inherited
        timeout = json["timeout"]?.int
    }

    private static var inherited: [String] {
        var result: [String] = []
        var pointer = environ
        while let entry = pointer.pointee {
            result.append(String(cString: entry))
            pointer += 1
        }
        return result
    }

    /// The hook as a `config.json` has it.
    public var json: JSONValue {
        var pairs: [(key: String, value: JSONValue)] = [
            ("path", .string(path)), ("args", .array(arguments.map(JSONValue.string))),
            ("env", .array(environment.map(JSONValue.string))),
        ]
        if let timeout { pairs.append(("timeout", .int(timeout))) }
        return .object(pairs)
    }
}

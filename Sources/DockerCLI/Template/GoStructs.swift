import Diagnostics

/// Small structs of Docker's documents that are often printed whole: Go prints them as `{a b}`, and not as a map.
enum GoStructs {
    /// Their fields in Go's order, and the one that they are known by.
    private static let structs: [(known: String, fields: [String])] = [
        ("HostPort", ["HostIp", "HostPort"]), ("MaximumRetryCount", ["Name", "MaximumRetryCount"]),
        ("Propagation", ["Type", "Name", "Source", "Destination", "Driver", "Mode", "RW", "Propagation"]),
        ("PathInContainer", ["PathOnHost", "PathInContainer", "CgroupPermissions"]),
    ]

    /// Whether Go prints an object as a struct.
    static func contains(_ value: JSONValue) -> Bool { fields(of: value) != nil }

    /// A struct with all its fields, in their order: text that is not in a document is empty.
    static func completed(_ value: JSONValue) -> JSONValue {
        guard let fields = fields(of: value) else { return value }
        return .object(fields.map { ($0, value[$0] ?? .string("")) })
    }

    private static func fields(of value: JSONValue) -> [String]? {
        guard let pairs = value.pairs, pairs.count <= 8 else { return nil }
        return structs.first { known, fields in
            pairs.contains { $0.key == known } && pairs.allSatisfy { fields.contains($0.key) }
        }?.fields
    }
}

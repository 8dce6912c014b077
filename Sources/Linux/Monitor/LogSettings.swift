import Diagnostics

/// How what a container writes is kept (`--log-driver`, `--log-opt`).
public struct LogSettings: Sendable, Equatable {
    /// Whether it is kept at all: not with the driver `none`.
    public var kept = true
    /// A file that is longer is put away: bytes; nil for never.
    public var maximumSize: Int64?
    /// How many files there are at most.
    public var maximumFiles = 1
    /// Whether files that were put away are compressed.
    public var compresses = false
    /// What `docker logs --details` shows, as a JSON object of texts.
    public var attributes: [String: String] = [:]

    /// One file without a limit.
    public init() {}

    init(_ json: JSONValue) {
        kept = json["kept"]?.bool ?? true
        maximumSize = json["size"]?.int
        maximumFiles = Int(json["files"]?.int ?? 1)
        compresses = json["compresses"]?.bool ?? false
        for (key, value) in json["attributes"]?.pairs ?? [] { attributes[key] = value.string }
    }

    var json: JSONValue {
        [
            "kept": .bool(kept), "size": maximumSize.map(JSONValue.int) ?? .null, "files": .int(Int64(maximumFiles)),
            "compresses": .bool(compresses),
            "attributes": .object(
                attributes.sorted { $0.key < $1.key }.map { (key: $0.key, value: .string($0.value)) }),
        ]
    }
}

import Diagnostics
import Engine
import OCI

/// `docker manifest inspect`.
enum ManifestCommands {
    static func inspect(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        guard invocation.arguments.count == 1 else {
            throw .message("No such manifest: \(invocation.arguments[1]) (lists made here are not kept by Drydock)")
        }
        let reference = try invocation.reference(invocation.arguments[0]).withDefaultTag
        let engine = try context.open()
        let found: RemoteManifest
        do throws(DrydockError) {
            found = try await engine.remoteManifest(
                reference, insecure: invocation.bool("insecure"), invocation.span)
        } catch {
            throw .client(error)
        }
        context.output.line(text(found, isVerbose: invocation.bool("verbose")))
        return 0
    }

    /// As Docker prints it: a manifest byte for byte but indented, a list with what it keeps of its entries.
    static func text(_ found: RemoteManifest, isVerbose: Bool) -> String {
        if isVerbose {
            let json =
                found.images.map { JSONValue.array($0.map { verbose($0, of: found.reference) }) }
                ?? verbose(found, of: found.reference)
            return indented(Array(json.compact.utf8))
        }
        guard let images = found.images else { return indented(found.bytes) }
        let isOCI = images.first?.descriptor.mediaType == .ociManifest
        let list: JSONValue = [
            "schemaVersion": 2, "mediaType": .string((isOCI ? MediaType.ociIndex : .dockerList).rawValue),
            "manifests": .array(images.map { entry($0.descriptor, sizeFirst: true) }),
        ]
        return list.pretty(indent: 3)
    }

    private static func entry(_ descriptor: Descriptor, sizeFirst: Bool) -> JSONValue {
        let size: (key: String, value: JSONValue) = ("size", .int(descriptor.size))
        let digest: (key: String, value: JSONValue) = ("digest", .string(descriptor.digest.description))
        var pairs: [(key: String, value: JSONValue)] = [("mediaType", .string(descriptor.mediaType.rawValue))]
        pairs += sizeFirst ? [size, digest] : [digest, size]
        if let platform = descriptor.platform {
            var parts: [(key: String, value: JSONValue)] = [
                ("architecture", .string(platform.architecture)), ("os", .string(platform.os)),
            ]
            if let variant = platform.variant { parts.append(("variant", .string(variant))) }
            pairs.append(("platform", .object(parts)))
        }
        return .object(pairs)
    }

    private static func verbose(_ found: RemoteManifest, of asked: Reference) -> JSONValue {
        // Docker keeps the tag beside the digest here.
        let name = found.reference.digest.map { "\(asked.description)@\($0)" } ?? found.reference.description
        let key = found.descriptor.mediaType == .ociManifest ? "OCIManifest" : "SchemaV2Manifest"
        return .object([
            (key: "Ref", value: .string(name)),
            (key: "Descriptor", value: entry(found.descriptor, sizeFirst: false)),
            (key: "Raw", value: .string(base64(found.bytes))),
            (key: key, value: (try? JSONValue(parsing: found.bytes)) ?? .null),
        ])
    }

    /// JSON with a line for each value, indented by tabs; nothing else of it changes.
    static func indented(_ bytes: [UInt8]) -> String {
        var result: [UInt8] = []
        var depth = 0
        var isText = false
        var isEscaped = false
        var isOpen = false
        func newLine() {
            result.append(UInt8(ascii: "\n"))
            result.append(contentsOf: [UInt8](repeating: UInt8(ascii: "\t"), count: max(0, depth)))
        }
        for byte in bytes {
            if isText {
                result.append(byte)
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isText = false
                }
                continue
            }
            if [0x20, 0x09, 0x0a, 0x0d].contains(byte) { continue }
            let closes = byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]")
            if isOpen, !closes {
                depth += 1
                newLine()
            }
            if closes, !isOpen {
                depth -= 1
                newLine()
            }
            isOpen = byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[")
            result.append(byte)
            switch byte {
            case UInt8(ascii: "\""): isText = true
            case UInt8(ascii: ","): newLine()
            case UInt8(ascii: ":"): result.append(0x20)
            default: break
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var result: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for place in 0..<4 {
                let digit = alphabet[Int(bits >> UInt32(18 - 6 * place) & 63)]
                result.append(place <= group.count ? digit : UInt8(ascii: "="))
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

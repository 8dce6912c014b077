public import Diagnostics

/// The platform that an image is for (OCI image-spec, image-index.md, "platform").
public struct Platform: Hashable, Sendable {
    /// The operating system: `linux`.
    public var os: String
    /// The processor: `amd64`, `arm64`.
    public var architecture: String
    /// The variant of the processor: `v7`, `v8`.
    public var variant: String?

    /// Makes a platform.
    public init(os: String, architecture: String, variant: String? = nil) {
        self.os = os
        self.architecture = architecture
        self.variant = variant
    }

    /// Reads `linux/amd64` or `linux/arm/v7`, or an architecture or an operating system alone, with Docker's aliases
    /// (`x86_64`, `aarch64`).
    /// - Throws: code `.invalidArgument` where the text has another form.
    public init(parsing text: String) throws(DrydockError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { $0.lowercased() }
        guard (1...3).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else {
            throw DrydockError(
                .invalidArgument, "\"\(text)\": unknown operating system or architecture: invalid argument")
        }
        let isSystem = parts.count == 1 && Self.systems.contains(parts[0])
        let os = parts.count > 1 || isSystem ? parts[0] : Self.current.os
        var architecture = parts.count > 1 ? parts[1] : isSystem ? Self.current.architecture : parts[0]
        var variant = parts.count == 3 ? parts[2] : nil
        switch architecture {
        case "x86_64", "x86-64": architecture = "amd64"
        case "aarch64": architecture = "arm64"
        case "armhf": (architecture, variant) = ("arm", "v7")
        case "armel": (architecture, variant) = ("arm", "v6")
        case "i386", "i686": architecture = "386"
        default: break
        }
        // One word alone must be known for what it is (containerd's `platforms.Parse`).
        guard parts.count > 1 || isSystem || Self.architectures.contains(architecture) else {
            throw DrydockError(
                .invalidArgument, "\"\(text)\": unknown operating system or architecture: invalid argument")
        }
        self.init(os: os, architecture: architecture, variant: variant)
    }

    /// Go's names of operating systems and of processors.
    private static let systems: Set<String> = [
        "aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "ios", "js", "linux", "netbsd", "openbsd",
        "plan9", "solaris", "wasip1", "windows",
    ]
    private static let architectures: Set<String> = [
        "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le",
        "riscv64", "s390x", "wasm",
    ]

    /// The platform of this program.
    public static var current: Platform {
        #if arch(x86_64)
            Platform(os: "linux", architecture: "amd64")
        #elseif arch(arm64)
            Platform(os: "linux", architecture: "arm64", variant: "v8")
        #else
            Platform(os: "linux", architecture: "unknown")
        #endif
    }

    /// Whether an image for `self` is one for `other`: a missing variant stands for the usual one (`v8` of `arm64`,
    /// `v7` of `arm`).
    public func matches(_ other: Platform) -> Bool {
        func usual(_ platform: Platform) -> String? {
            switch platform.architecture {
            case "arm64": platform.variant ?? "v8"
            case "arm": platform.variant ?? "v7"
            default: platform.variant
            }
        }
        return os == other.os && architecture == other.architecture && usual(self) == usual(other)
    }

    /// Whether an image for this platform is what was asked for: it, or an older variant, or one that names no variant.
    public func runs(as wanted: Platform) -> Bool {
        if os == wanted.os, architecture == wanted.architecture, variant == nil { return true }
        return wanted.compatible.contains { matches($0) }
    }

    /// The platforms whose images run on this one, the best first: this one, then older variants of the same processor,
    /// then the processors that it runs as well (containerd's order).
    public var compatible: [Platform] {
        func older(_ architecture: String, _ variants: [String?]) -> [Platform] {
            variants.map { Platform(os: os, architecture: architecture, variant: $0) }
        }
        let arms: [String?] = ["v8", "v7", "v6", "v5"]
        switch architecture {
        case "amd64":
            let level = variant.flatMap { Int($0.dropFirst()) } ?? 1
            let levels: [String?] = stride(from: level, to: 1, by: -1).map { "v\($0)" } + [nil]
            return older("amd64", levels) + older("386", [nil])
        case "arm64":
            return [self] + (variant == nil || variant == "v8" ? [] : older("arm64", ["v8"])) + older("arm", arms)
        case "arm":
            let from = arms.firstIndex(of: variant ?? "v7") ?? 1
            return older("arm", Array(arms[from...]))
        default: return [self]
        }
    }

    init(_ json: JSONValue) {
        self.init(
            os: json["os"]?.string ?? "", architecture: json["architecture"]?.string ?? "",
            variant: json["variant"]?.string)
    }

    var json: JSONValue {
        var pairs: [(key: String, value: JSONValue)] = [("architecture", .string(architecture)), ("os", .string(os))]
        if let variant { pairs.append(("variant", .string(variant))) }
        return .object(pairs)
    }
}

extension Platform: CustomStringConvertible {
    /// `linux/amd64`, `linux/arm/v7`
    public var description: String { "\(os)/\(architecture)" + (variant.map { "/" + $0 } ?? "") }
}

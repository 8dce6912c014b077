import CSeccomp
public import Diagnostics
import Glibc
import Linux
public import SystemPackage

/// Makes the kernel's form of a profile (`struct sock_filter` instructions), by libseccomp, and keeps it for the next
/// time: making Docker's default filter takes longer than all the rest of a container's start.
public struct SeccompCompiler: Sendable {
    /// Where filters are kept.
    private let cache: FilePath

    /// A compiler that keeps what it makes in a directory.
    public init(cache: FilePath) { self.cache = cache }

    /// The filter of a profile for a container with some capabilities.
    /// - Throws: code `.invalidArgument` for a rule that libseccomp refuses; `.unsupported` where the kernel has no
    ///   filters.
    public func filter(_ profile: SeccompProfile, _ capabilities: CapabilitySet) throws(DrydockError) -> [UInt8] {
        try filter(key: Self.key(profile), capabilities) { profile }
    }

    /// Docker's own filter.
    public func dockerFilter(_ capabilities: CapabilitySet) throws(DrydockError) -> [UInt8] {
        try filter(key: "docker-\(SeccompProfile.dockerVersion)", capabilities) { .docker }
    }

    private func filter(
        key: String, _ capabilities: CapabilitySet, _ profile: () -> SeccompProfile
    ) throws(DrydockError) -> [UInt8] {
        let release = Files.line("/proc/sys/kernel/osrelease") ?? ""
        let kernel = String(release.prefix { $0.isNumber || $0 == "." })
        let bits = String(capabilities.bits, radix: 16)
        let file = cache.appending("\(key)-\(bits)-\(kernel)-\(SeccompProfile.goArchitecture).bpf")
        if let kept = try? Files.read(file), !kept.isEmpty, kept.count % 8 == 0 { return kept }
        let numbers = kernel.split(separator: ".").compactMap { Int($0) }
        let made = try compile(profile(), capabilities, (numbers.first ?? 5, numbers.dropFirst().first ?? 0))
        // Without a place to keep it, it is made again the next time.
        try? Files.makeDirectories(cache, mode: 0o700)
        try? AtomicFile.write(made, to: file, durable: false)
        return made
    }

    /// FNV-1a of the profile's whole content.
    private static func key(_ profile: SeccompProfile) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        var other: UInt64 = 0x9e37_79b9_7f4a_7c15
        for byte in String(describing: profile).utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
            other = (other &+ UInt64(byte)) &* 0xff51_afd7_ed55_8ccd
        }
        return String(hash, radix: 16) + String(other, radix: 16)
    }

    private func compile(
        _ profile: SeccompProfile, _ capabilities: CapabilitySet, _ kernel: (Int, Int)
    ) throws(DrydockError) -> [UInt8] {
        func failed(_ what: String, _ result: Int32) -> DrydockError {
            DrydockError(
                .invalidArgument, "seccomp: \(what): \(SystemError.text(-result))", errno: -result, exitStatus: 125)
        }
        guard let context = seccomp_init(Self.action(profile.defaultAction)) else {
            throw DrydockError(.unsupported, "seccomp: the default action is not supported", exitStatus: 125)
        }
        defer { seccomp_release(context) }
        for name in profile.architectures where name != SeccompProfile.nativeArchitecture {
            let short = name.hasPrefix("SCMP_ARCH_") ? String(name.dropFirst(10)).lowercased() : name
            let token = seccomp_arch_resolve_name(short)
            guard token != 0 else {
                throw DrydockError(.invalidArgument, "invalid seccomp architecture: \(name)", exitStatus: 125)
            }
            let result = seccomp_arch_add(context, token)
            if result != 0 && result != -EEXIST { throw failed("add architecture \(name)", result) }
        }
        // A binary tree: the kernel compares a dozen numbers at most, not three hundred.
        seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2)
        seccomp_attr_set(context, SCMP_FLTATR_CTL_NNP, 0)
        var last: Int32 = 0
        for rule in profile.rules(for: capabilities, kernel: kernel) {
            for name in rule.names {
                let number = seccomp_syscall_resolve_name(name)
                // A name that this library does not know, and calls of other processors (below zero).
                guard number != Int32(__NR_SCMP_ERROR) else { continue }
                last = max(last, number)
                guard rule.action != profile.defaultAction else { continue }
                try add(rule, number, name, to: context, failed)
            }
        }
        let file = try MemoryFile.make("seccomp", [])
        let result = seccomp_export_bpf(context, file.number)
        guard result == 0 else { throw failed("export the filter", result) }
        let filter = try MemoryFile.content(file)
        guard profile.defaultAction.name == "SCMP_ACT_ERRNO" || profile.defaultAction.name.hasPrefix("SCMP_ACT_KILL")
        else { return filter }
        return Self.newerCalls(above: last) + filter
    }

    private func add(
        _ rule: SeccompProfile.Rule, _ number: Int32, _ name: String, to context: UnsafeMutableRawPointer,
        _ failed: (String, Int32) -> DrydockError
    ) throws(DrydockError) {
        let arguments = rule.arguments.map {
            scmp_arg_cmp(
                arg: $0.index, op: Self.comparison($0.comparison), datum_a: $0.value,
                datum_b: $0.second)
        }
        // libseccomp joins comparisons of different arguments by "and"; several of one argument are meant as "or".
        let indices = Set(arguments.map(\.arg))
        let groups = indices.count == arguments.count ? [arguments] : arguments.map { [$0] }
        for group in groups {
            let result = seccomp_rule_add_array(
                context, Self.action(rule.action), number, UInt32(group.count), group)
            if result != 0 && result != -EEXIST && result != -EDOM { throw failed("add a rule for \(name)", result) }
        }
    }

    /// Calls that are newer than all that the profile knows do not exist for the container (ENOSYS, as runc has it): a
    /// program then takes an older one, where "not permitted" would make it fail.
    private static func newerCalls(above last: Int32) -> [UInt8] {
        #if arch(x86_64)
            let architecture: UInt32 = 0xc000_003e
        #elseif arch(arm64)
            let architecture: UInt32 = 0xc000_00b7
        #else
            let architecture: UInt32 = 0
        #endif
        func instruction(_ code: UInt16, _ yes: UInt8, _ no: UInt8, _ k: UInt32) -> [UInt8] {
            [UInt8(truncatingIfNeeded: code), UInt8(code >> 8), yes, no]
                + withUnsafeBytes(of: k.littleEndian) { Array($0) }
        }
        // Numbers of x32 have bit 30 set; they are left to the filter itself.
        return instruction(0x20, 0, 0, 4)
            + instruction(0x15, 0, 4, architecture)
            + instruction(0x20, 0, 0, 0)
            + instruction(0x25, 0, 2, UInt32(bitPattern: max(last, 334)))
            + instruction(0x35, 1, 0, 0x4000_0000)
            + instruction(0x06, 0, 0, 0x0005_0000 | UInt32(ENOSYS))
    }

    private static func action(_ action: SeccompProfile.Action) -> UInt32 {
        switch action.name {
        case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD": 0
        case "SCMP_ACT_KILL_PROCESS": 0x8000_0000
        case "SCMP_ACT_TRAP": 0x0003_0000
        case "SCMP_ACT_TRACE": 0x7ff0_0000 | UInt32(action.errno)
        case "SCMP_ACT_LOG": 0x7ffc_0000
        case "SCMP_ACT_ALLOW": 0x7fff_0000
        case "SCMP_ACT_NOTIFY": 0x7fc0_0000
        default: 0x0005_0000 | UInt32(action.errno)
        }
    }

    private static func comparison(_ name: String) -> scmp_compare {
        switch name {
        case "SCMP_CMP_NE": SCMP_CMP_NE
        case "SCMP_CMP_LT": SCMP_CMP_LT
        case "SCMP_CMP_LE": SCMP_CMP_LE
        case "SCMP_CMP_GE": SCMP_CMP_GE
        case "SCMP_CMP_GT": SCMP_CMP_GT
        case "SCMP_CMP_MASKED_EQ": SCMP_CMP_MASKED_EQ
        default: SCMP_CMP_EQ
        }
    }
}

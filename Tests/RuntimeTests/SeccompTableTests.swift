import CSeccomp
import Diagnostics
import Glibc
import Linux
import SystemPackage
import Testing

@testable import Runtime

/// What a filter says to a call of this machine's processor: the kernel's interpreter, in a few lines.
func verdict(_ filter: [UInt8], _ number: UInt32, _ arguments: [UInt64] = []) throws -> UInt32 {
    #if arch(x86_64)
        let architecture: UInt32 = 0xc000_003e
    #else
        let architecture: UInt32 = 0xc000_00b7
    #endif
    var data = [UInt32](repeating: 0, count: 16)
    (data[0], data[1]) = (number, architecture)
    for (index, value) in arguments.enumerated() {
        data[4 + 2 * index] = UInt32(truncatingIfNeeded: value)
        data[5 + 2 * index] = UInt32(value >> 32)
    }
    var (accumulator, place) = (UInt32(0), 0)
    for _ in 0..<4096 {
        let (code, yes, no, k) = filter.withUnsafeBytes { area in
            (
                area.loadUnaligned(fromByteOffset: place * 8, as: UInt16.self), Int(area[place * 8 + 2]),
                Int(area[place * 8 + 3]), area.loadUnaligned(fromByteOffset: place * 8 + 4, as: UInt32.self)
            )
        }
        place += 1
        switch code {
        case 0x20: accumulator = data[Int(k) / 4]
        case 0x54: accumulator &= k
        case 0x05: place += Int(k)
        case 0x15: place += accumulator == k ? yes : no
        case 0x25: place += accumulator > k ? yes : no
        case 0x35: place += accumulator >= k ? yes : no
        case 0x06: return k
        default: throw DrydockError(.internal, "instruction \(code)")
        }
    }
    throw DrydockError(.internal, "no end")
}

/// Every system call that libseccomp knows, with every capability, against what Docker's documentation and its published
/// profile leave out: the calls below are refused, everything else is allowed.
@Suite("The default filter, call by call")
struct SeccompTableTests {
    /// What no container may call without more rights, and what none may call at all.
    private static let refused = words(
        """
        _sysctl acct add_key afs_syscall bpf clock_settime clone3 create_module delete_module fanotify_init
        finit_module fsconfig fsmount fsopen fspick get_kernel_syms get_mempolicy getpmsg init_module io_uring_enter
        io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie mbind
        migrate_pages mount mount_setattr move_mount move_pages nfsservctl open_by_handle_at open_tree perf_event_open
        pidfd_getfd pivot_root process_madvise putpmsg query_module quotactl quotactl_fd reboot request_key security
        set_mempolicy set_mempolicy_home_node setdomainname sethostname setns settimeofday swapoff swapon sysfs syslog
        tuxcall umount umount2 unshare uselib userfaultfd ustat vhangup vserver
        """)

    /// What comes with a capability.
    private static let granted: [String: Set<String>] = [
        "CAP_BPF": ["bpf"], "CAP_DAC_READ_SEARCH": ["open_by_handle_at"], "CAP_PERFMON": ["perf_event_open"],
        "CAP_SYSLOG": ["syslog"], "CAP_SYS_BOOT": ["reboot"], "CAP_SYS_CHROOT": ["chroot"],
        "CAP_SYS_MODULE": ["delete_module", "finit_module", "init_module"], "CAP_SYS_PACCT": ["acct"],
        "CAP_SYS_NICE": ["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"],
        "CAP_SYS_PTRACE": ["kcmp", "pidfd_getfd", "process_madvise"], "CAP_SYS_RAWIO": ["ioperm", "iopl"],
        "CAP_SYS_TIME": ["clock_settime", "settimeofday"], "CAP_SYS_TTY_CONFIG": ["vhangup"],
        "CAP_SYS_ADMIN": words(
            """
            bpf clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree
            perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare
            """),
    ]

    private static func words(_ text: String) -> Set<String> {
        Set(text.split(whereSeparator: \.isWhitespace).map(String.init))
    }

    /// The calls of this machine's processor that the profile could know: newer ones do not exist for a container.
    private var calls: [(number: UInt32, name: String)] {
        (0...456).compactMap { number in
            guard let text = seccomp_syscall_resolve_num_arch(UInt32(SCMP_ARCH_NATIVE), Int32(number)) else {
                return nil
            }
            defer { free(text) }
            return (UInt32(number), String(cString: text))
        }
    }

    private func filter(_ names: [String]) throws -> [UInt8] {
        let directory = FilePath("/tmp/drydock-seccomp-\(UInt64.random(in: 0 ... .max))")
        defer { try? Files.removeTree(directory) }
        let capabilities = try #require(CapabilitySet(names: names))
        return try SeccompCompiler(cache: directory).dockerFilter(capabilities)
    }

    @Test("Each call is answered as Docker's profile answers it, with no, one and all capabilities")
    func table() throws {
        let known = calls
        try #require(known.count > 250)
        for names in [[]] + CapabilitySet.all.names.map({ [$0] }) + [CapabilitySet.all.names] {
            let filter = try filter(names)
            let more = names.reduce(into: Set<String>()) { $0.formUnion(Self.granted[$1] ?? []) }
            for (number, name) in known {
                let isRefused = (Self.refused.contains(name) || name == "chroot") && !more.contains(name)
                let expected: UInt32 = !isRefused ? 0x7fff_0000 : name == "clone3" ? 0x0005_0026 : 0x0005_0001
                let answer = try verdict(filter, number)
                #expect(answer == expected, "\(name) with \(names.count == 1 ? names[0] : "\(names.count)")")
            }
        }
    }

    @Test("Calls with arguments: no new namespaces, no talk to the hypervisor, only harmless personalities")
    func arguments() throws {
        let numbers = Dictionary(calls.map { ($0.name, $0.number) }, uniquingKeysWith: { first, _ in first })
        let plain = try filter(["CAP_CHOWN"])
        let administrator = try filter(["CAP_SYS_ADMIN"])
        let clone = try #require(numbers["clone"])
        // CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, each alone and with a thread's flags.
        for flag: UInt64 in [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
            for more: UInt64 in [0, 0x11, 0x3d_0f00] {
                #expect(try verdict(plain, clone, [flag | more]) == 0x0005_0001, "\(flag | more)")
                #expect(try verdict(administrator, clone, [flag | more]) == 0x7fff_0000)
            }
        }
        for flags: UInt64 in [0, 0x11, 0x3d_0f00, 0x80, 0x1000] {
            #expect(try verdict(plain, clone, [flags]) == 0x7fff_0000, "\(flags)")
        }
        let socket = try #require(numbers["socket"])
        for family: UInt64 in 0...45 {
            #expect(try verdict(plain, socket, [family]) == (family == 40 ? 0x0005_0001 : 0x7fff_0000), "\(family)")
        }
        let personality = try #require(numbers["personality"])
        let harmless: Set<UInt64> = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff]
        for persona in harmless.union([1, 4, 0x10, 0x4_0000, 0x800_0000, 1 << 40]) {
            let expected: UInt32 = harmless.contains(persona) ? 0x7fff_0000 : 0x0005_0001
            #expect(try verdict(plain, personality, [persona]) == expected, "\(persona)")
        }
    }
}

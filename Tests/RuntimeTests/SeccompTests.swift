import Diagnostics
import Glibc
import Linux
import SystemPackage
import Testing

@testable import Runtime

@Suite("Filters of system calls")
struct SeccompTests {
    private func compiler() throws -> (SeccompCompiler, FilePath) {
        let directory = FilePath("/tmp/drydock-seccomp-\(UInt64.random(in: 0 ... .max))")
        return (SeccompCompiler(cache: directory), directory)
    }

    private let allow: UInt32 = 0x7fff_0000
    private let refused: UInt32 = 0x0005_0001
    private let missing: UInt32 = 0x0005_0026

    @Test("Docker's filter allows what its list names, by capability, and refuses the rest")
    func docker() throws {
        let (compiler, directory) = try compiler()
        defer { try? Files.removeTree(directory) }
        let plain = try compiler.dockerFilter(.docker)
        let administrator = try compiler.dockerFilter(.all)
        func number(_ name: String) throws -> UInt32 { try #require(SystemCalls.numbers[name]) }
        for name in ["read", "openat", "execve", "chroot", "ptrace", "statx"] {
            #expect(try verdict(plain, number(name)) == allow, "\(name)")
        }
        for name in [
            "mount", "unshare", "setns", "keyctl", "bpf", "kexec_load", "io_uring_setup", "userfaultfd", "swapon",
        ] {
            #expect(try verdict(plain, number(name)) == refused, "\(name)")
        }
        #expect(try verdict(administrator, number("mount")) == allow)
        #expect(try verdict(administrator, number("keyctl")) == refused)
        #expect(try verdict(plain, number("clone3")) == missing)
        #expect(try verdict(plain, number("clone"), [0x11]) == allow)
        #expect(try verdict(plain, number("clone"), [0x1000_0000]) == refused)
        #expect(try verdict(plain, number("socket"), [2]) == allow)
        #expect(try verdict(plain, number("socket"), [40]) == refused)
        #expect(try verdict(plain, number("personality"), [8]) == allow)
        #expect(try verdict(plain, number("personality"), [1]) == refused)
        #expect(try verdict(plain, 4000) == missing)
    }

    @Test("A filter is made once and read the next time")
    func cache() throws {
        let (compiler, directory) = try compiler()
        defer { try? Files.removeTree(directory) }
        let first = try compiler.dockerFilter(.docker)
        let names = try Files.names(in: directory)
        #expect(names.count == 1)
        let kept = directory.appending(names.first ?? "")
        #expect(try Files.read(kept) == first)
        try Files.write([1, 2, 3, 4, 5, 6, 7, 8], toFile: kept)
        #expect(try compiler.dockerFilter(.docker).prefix(8) == [1, 2, 3, 4, 5, 6, 7, 8])
    }

    @Test("A profile of one's own is followed: actions, errors, arguments, conditions")
    func own() throws {
        let (compiler, directory) = try compiler()
        defer { try? Files.removeTree(directory) }
        let text = """
            {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
              {"names": ["mkdir", "mkdirat", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
              {"name": "chdir", "action": "SCMP_ACT_KILL_PROCESS", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
              {"names": ["dup3"], "action": "SCMP_ACT_ERRNO",
               "args": [{"index": 2, "value": 524288, "valueTwo": 524288, "op": "SCMP_CMP_MASKED_EQ"}]},
              {"names": ["uname"], "action": "SCMP_ACT_ERRNO", "includes": {"minKernel": "99.0"}}]}
            """
        let profile = try SeccompProfile(try JSONValue(parsing: Array(text.utf8)))
        let filter = try compiler.filter(profile, .docker)
        func number(_ name: String) throws -> UInt32 { try #require(SystemCalls.numbers[name]) }
        #expect(try verdict(filter, number("mkdirat")) == 0x0005_000d)
        #expect(try verdict(filter, number("chdir")) == allow)
        #expect(try verdict(filter, number("dup3"), [0, 0, 524_288]) == refused)
        #expect(try verdict(filter, number("dup3"), [0, 0, 0]) == allow)
        #expect(try verdict(filter, number("uname")) == allow)
        #expect(try verdict(try compiler.filter(profile, .all), number("chdir")) == 0x8000_0000)
    }

    @Test("What is no profile is refused", arguments: ["[]", "{}", #"{"defaultAction": "SCMP_ACT_MAYBE"}"#])
    func wrong(text: String) throws {
        #expect(throws: DrydockError.self) { try SeccompProfile(try JSONValue(parsing: Array(text.utf8))) }
    }
}

/// Numbers of calls that the tests ask about.
private enum SystemCalls {
    #if arch(x86_64)
        static let numbers: [String: UInt32] = [
            "read": 0, "openat": 257, "execve": 59, "chroot": 161, "ptrace": 101, "statx": 332, "mount": 165,
            "unshare": 272, "setns": 308, "keyctl": 250, "bpf": 321, "kexec_load": 246, "io_uring_setup": 425,
            "userfaultfd": 323, "swapon": 167, "clone3": 435, "clone": 56, "socket": 41, "personality": 135,
            "mkdirat": 258, "chdir": 80, "dup3": 292, "uname": 63,
        ]
    #else
        static let numbers: [String: UInt32] = [
            "read": 63, "openat": 56, "execve": 221, "chroot": 51, "ptrace": 117, "statx": 291, "mount": 40,
            "unshare": 97, "setns": 268, "keyctl": 219, "bpf": 280, "kexec_load": 104, "io_uring_setup": 425,
            "userfaultfd": 282, "swapon": 224, "clone3": 435, "clone": 220, "socket": 198, "personality": 92,
            "mkdirat": 34, "chdir": 49, "dup3": 24, "uname": 160,
        ]
    #endif
}
